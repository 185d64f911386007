"""F1 of class index 1, 2 TP / (2 TP + FP + FN); 0 where it neither occurs nor is predicted."""

import numpy as np

CLASSES = 2


def of_counts(right, true, given):
    """F1 [...] from counts of each class [..., C]: rightly predicted, labels, predictions."""
    found = true[..., 1] + given[..., 1]
    return np.divide(2 * right[..., 1], found, out=np.zeros(found.shape), where=found > 0)
