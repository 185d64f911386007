"""Where the teachers agree, and how accurate students are there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

REGIONS = ("all agree", "partial", "full disagreement")


class RegionAccuracy(NamedTuple):
    """One region: its examples, their share of all, and the accuracy [S] of each student there.

    An empty region has ``n`` 0, ``share`` 0 and ``accuracy`` None.
    """

    n: int
    share: float
    accuracy: np.ndarray | None


def distinct_predictions(predictions: np.ndarray) -> np.ndarray:
    """Number [N] of distinct classes that K teachers' predictions [K, N] name for each example."""
    if predictions.ndim != 2 or not len(predictions):
        raise ValueError(f"predictions must be [teachers, examples], not {predictions.shape}")
    return 1 + (np.diff(np.sort(predictions, axis=0), axis=0) != 0).sum(axis=0)


def regions(predictions: np.ndarray) -> np.ndarray:
    """The name [N] in ``REGIONS`` of each example, from K teachers' predictions [K, N].

    "all agree": one distinct prediction; "full disagreement": K distinct ones, which takes
    C >= K classes; "partial": anything between. One teacher always agrees. Two teachers that
    differ disagree fully: with K = 2 there is no partial region. Refuses predictions that are
    not [K, N] with K of at least 1.
    """
    distinct = distinct_predictions(predictions)
    # In this order, as one teacher's single prediction is both 1 and K.
    return np.select(
        [distinct == 1, distinct == len(predictions)],
        ["all agree", "full disagreement"],
        default="partial",
    )


def accuracy_by_region(
    predictions: np.ndarray, labels: np.ndarray, region: np.ndarray
) -> dict[str, RegionAccuracy]:
    """Students' accuracy by region, as fractions, every region in the order of ``REGIONS``.

    ``predictions`` [S, N] are the students' (one row a seed), ``labels`` [N] gold and ``region``
    [N] from ``regions``. Refuses other shapes, no examples, and names not in ``REGIONS``.
    """
    if predictions.ndim != 2 or not predictions.shape[1:] == labels.shape == region.shape:
        shapes = f"{predictions.shape}, {labels.shape}, {region.shape}"
        raise ValueError(f"predictions, labels and regions do not fit: {shapes}")
    if not len(region) or not np.isin(region, REGIONS).all():
        raise ValueError(f"every example needs a region of {REGIONS}, and there must be one")
    right = predictions == labels
    found = {}
    for name in REGIONS:
        inside = region == name
        accuracy = right[:, inside].mean(axis=1) if inside.any() else None
        found[name] = RegionAccuracy(int(inside.sum()), float(inside.mean()), accuracy)
    return found
