"""What each example contributes to a task's scores: of logits, in the direction of improvement.

Contributions to a metric itself: ``mtkd.metrics.by_example``. Here those of its report splits are
joined, and turned so that greater is better whatever the metric: whoever compares arms compares
these, and turns back what is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mtkd.metrics.by_example import Contributions, contributions, taken
from mtkd.metrics.names import declared


def improving(logits: np.ndarray, labels: np.ndarray, metric: str) -> Contributions:
    """A metric of logits [S, N, C] and its examples' parts, times -1 where less is better."""
    found = contributions(taken(logits, metric), labels, metric, logits.shape[-1])
    if declared(metric).greater_is_better:
        return found
    return Contributions(-found.value, -found.pseudovalues)


def outcome_step(sides: Sequence[Contributions], metric: str) -> float:
    """What an example contributes at most more in one outcome than in another, over all sides.

    In the metric's own unit; 0 of metrics of probabilities, whose outcomes are many.
    """
    if declared(metric).takes != "predictions":
        return 0.0
    return max(float(np.ptp(side.pseudovalues, axis=-1).max()) for side in sides)


def joined(parts: Sequence[Contributions]) -> Contributions:
    """The task's contributions from those of its report splits [S, N_j]: one metric, all examples.

    The task's metric is the mean of its J splits' metrics, whatever their sizes. A split's
    deviations from its own mean are scaled by ``N / (J * N_j)`` and put around the mean of the
    splits, so the variance of the mean is ``sum(var_j / N_j) / J ** 2``: splits are strata, and
    what separates them is no variation among examples. Runs are in one order in all parts.
    """
    if len(parts) == 1:
        return parts[0]
    sizes = [part.pseudovalues.shape[1] for part in parts]
    means = [part.pseudovalues.mean(axis=1, keepdims=True) for part in parts]
    centre = np.mean(means, axis=0)
    around = [
        centre + sum(sizes) / (len(parts) * size) * (part.pseudovalues - mean)
        for part, size, mean in zip(parts, sizes, means, strict=True)
    ]
    return Contributions(np.mean([part.value for part in parts], axis=0), np.hstack(around))
