"""Simpson's paradox between two arms: the total says one thing, every region the opposite."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np

from mtkd.metrics.by_example import metric_values


class Reversal(NamedTuple):
    """Differences of a metric, first arm less second, in its own unit and direction.

    Regions are in sorted order.
    """

    overall: float
    by_region: dict[Hashable, float]  # NaN where an arm has no example, or no value
    first_shares: dict[Hashable, float]  # of the arm's examples
    second_shares: dict[Hashable, float]
    opposite: tuple[Hashable, ...]  # regions whose sign is opposite to that of the total
    reversed: bool  # all of them, and there are some


def reversal(
    first: np.ndarray,
    second: np.ndarray,
    labels: np.ndarray,
    first_regions: np.ndarray,
    second_regions: np.ndarray,
    metric: str,
    classes: int,
) -> Reversal:
    """Whether the total's sign is opposite to the sign in every region.

    What the metric takes of two arms over the same examples, predictions [S, N] or probabilities
    [S, N, C], means over runs; labels [N]; regions [N], as each arm divides the examples. Where
    both divide them alike and the metric is a mean over examples, the total is the mean of the
    regions' differences weighted with their shares, so some region always has its sign and no
    reversal can arise. It can where the regions are the arm's own (agreement of the arm's own
    teachers: the arms then weigh regions differently), and with a metric that is no mean, such as
    F1. Differences of exactly zero are opposite to nothing. Errors as of ``metric_values``.
    """
    first, second, labels = np.asarray(first), np.asarray(second), np.asarray(labels)
    of_first, of_second = np.asarray(first_regions), np.asarray(second_regions)

    def difference(in_first: np.ndarray, in_second: np.ndarray) -> float:
        if not (in_first.any() and in_second.any()):
            return float("nan")
        ours = metric_values(first[:, in_first], labels[in_first], metric, classes)
        theirs = metric_values(second[:, in_second], labels[in_second], metric, classes)
        return float(ours.mean() - theirs.mean())

    everywhere = np.ones(len(labels), dtype=bool)
    overall = difference(everywhere, everywhere)
    regions = np.union1d(of_first, of_second).tolist()
    by_region = {r: difference(of_first == r, of_second == r) for r in regions}
    opposite = tuple(region for region in regions if by_region[region] * overall < 0)
    return Reversal(
        overall,
        by_region,
        {region: float(np.mean(of_first == region)) for region in regions},
        {region: float(np.mean(of_second == region)) for region in regions},
        opposite,
        len(opposite) == len(regions),
    )
