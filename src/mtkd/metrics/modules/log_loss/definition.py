"""Log-loss in nats: the mean of ``-log p`` of the label's probability p; less is better.

As scikit-learn's ``log_loss``, p is clipped to [eps, 1 - eps] with eps = 2.2e-16, that of double
precision: no example contributes more than 36.04 nats.
"""

import numpy as np

GREATER_IS_BETTER = False
UNIT = "nats"
TAKES = "probabilities"


def by_example(probabilities, labels):
    """Each example's loss [S, N]."""
    eps = np.finfo(np.float64).eps
    p = probabilities[:, np.arange(len(labels)), labels]
    return -np.log(np.clip(p, eps, 1 - eps))
