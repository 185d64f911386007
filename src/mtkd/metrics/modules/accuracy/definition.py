"""Accuracy: the share of predictions that equal their label. Each example contributes 0 or 1."""


def by_example(predictions, labels):
    """Correctness [S, N]."""
    return (predictions == labels).astype(float)
