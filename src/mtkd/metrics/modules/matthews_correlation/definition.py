"""Matthews correlation of labels and predictions, -1 to 1, as GLUE scores CoLA.

For C classes it is Gorodkin's R_K (2004, Comput. Biol. Chem. 28(5-6)), scikit-learn's
``matthews_corrcoef``; 0 where all labels or all predictions are the same.
"""

import numpy as np

UNIT = "×100"


def of_counts(right, true, given):
    """The correlation [...] from counts [..., C]: rightly predicted, labels, predictions."""
    # Fourth powers of N overflow integers.
    true, given = true.astype(float), given.astype(float)
    n = true.sum(axis=-1)
    covariance = right.sum(axis=-1) * n - (true * given).sum(axis=-1)
    variances = (n**2 - (true**2).sum(axis=-1)) * (n**2 - (given**2).sum(axis=-1))
    known = variances > 0
    return np.divide(covariance, np.sqrt(variances), out=np.zeros(n.shape), where=known)
