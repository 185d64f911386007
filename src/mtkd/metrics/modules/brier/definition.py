"""Brier score: the squared error of the probabilities, summed over classes; less is better.

0 to 2, in Brier's own (1950) convention, as in ``quality.csv``: for two classes twice what
scikit-learn's ``brier_score_loss`` gives by default.
"""

import numpy as np

GREATER_IS_BETTER = False
UNIT = "0 to 2"
TAKES = "probabilities"


def by_example(probabilities, labels):
    """Each example's squared error [S, N]."""
    error = probabilities - np.eye(probabilities.shape[-1])[labels]
    return (error**2).sum(axis=-1)
