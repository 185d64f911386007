"""Mean recall of the classes that occur, scikit-learn's ``balanced_accuracy_score``."""

import numpy as np


def of_counts(counts):
    """Balanced accuracy [...] from counts [..., label, prediction]; 0 of no examples."""
    hits, of_class = np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1)
    recalls = np.divide(hits, of_class, out=np.zeros(of_class.shape), where=of_class > 0)
    return recalls.sum(axis=-1) / np.maximum((of_class > 0).sum(axis=-1), 1)
