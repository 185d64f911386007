"""Matthews correlation of labels and predictions, -1 to 1, as GLUE scores CoLA.

For C classes it is Gorodkin's R_K (2004, Comput. Biol. Chem. 28(5-6)), scikit-learn's
``matthews_corrcoef``; 0 where all labels or all predictions are the same.
"""

import numpy as np

UNIT = "×100"


def of_counts(counts):
    """The correlation [...] from counts [..., label, prediction]."""
    counts = counts.astype(float)  # fourth powers of N overflow integers
    n = counts.sum(axis=(-2, -1))
    true, given = counts.sum(axis=-1), counts.sum(axis=-2)
    right = np.trace(counts, axis1=-2, axis2=-1)
    covariance = right * n - (true * given).sum(axis=-1)
    variances = (n**2 - (true**2).sum(axis=-1)) * (n**2 - (given**2).sum(axis=-1))
    known = variances > 0
    return np.divide(covariance, np.sqrt(variances), out=np.zeros(n.shape), where=known)
