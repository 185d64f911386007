"""F1 of class index 1, 2 TP / (2 TP + FP + FN); 0 where it neither occurs nor is predicted."""

import numpy as np

CLASSES = 2


def of_counts(counts):
    """F1 [...] from counts [..., label, prediction]."""
    hits = counts[..., 1, 1]
    found = counts[..., 1, :].sum(axis=-1) + counts[..., :, 1].sum(axis=-1)
    return np.divide(2 * hits, found, out=np.zeros(found.shape), where=found > 0)
