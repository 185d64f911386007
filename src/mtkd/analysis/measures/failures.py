"""A student's errors by what the teachers said: a partition, and the published categories."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mtkd.analysis.measures.agreement import distinct_predictions

REGIONS = {
    "a": "all teachers wrong, unanimous",
    "b": "all teachers wrong, split",
    "c": "all teachers right",
    "d": "teachers mixed, a unique plurality right",
    "e": "teachers mixed, no unique plurality right",
}

# The published categories: 1 and 2 share out the errors, 3 overlaps both.
CATEGORIES = {"1": ("a", "b"), "2": ("c", "d", "e"), "3": ("b", "d", "e")}


class RegionErrors(NamedTuple):
    """Examples of a region, errors [S] of each student there, and errors per example of it [S].

    A region without examples has ``n`` 0, errors 0 and ``rate`` None.
    """

    n: int
    errors: np.ndarray
    rate: np.ndarray | None


def failure_regions(predictions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The key [N] in ``REGIONS`` of each example, whatever a student said of it.

    From K teachers' predictions [K, N] and gold labels [N]. One teacher makes regions a and c
    only; b takes three classes. A tie for most votes is e, also where gold is among the tied.
    """
    _check(predictions, labels)
    right = predictions == labels
    votes_for_gold = right.sum(axis=0)
    votes = (predictions[:, None] == predictions[None]).sum(axis=0)
    votes_against = np.where(right, 0, votes).max(axis=0)
    all_wrong = votes_for_gold == 0
    return np.select(
        [
            all_wrong & (distinct_predictions(predictions) == 1),
            all_wrong,
            votes_for_gold == len(predictions),
            votes_for_gold > votes_against,
        ],
        ["a", "b", "c", "d"],
        default="e",
    )


def errors_by_region(
    predictions: np.ndarray, labels: np.ndarray, region: np.ndarray
) -> dict[str, RegionErrors]:
    """Students' errors in each of ``REGIONS``: a partition, so that they sum to all errors.

    ``predictions`` [S, N] are the students' (one row a seed), ``labels`` [N] gold and ``region``
    [N] from ``failure_regions``. Refuses other shapes and names not in ``REGIONS``.
    """
    return {key: _errors(predictions, labels, region, (key,)) for key in REGIONS}


def errors_by_category(
    predictions: np.ndarray, labels: np.ndarray, region: np.ndarray
) -> dict[str, RegionErrors]:
    """Students' errors in each of the published ``CATEGORIES``; as ``errors_by_region``.

    1 (all teachers wrong) and 2 (at least one right) sum to the errors. 3 (teachers disagree) is
    counted again in them, so the three are no partition.
    """
    return {key: _errors(predictions, labels, region, keys) for key, keys in CATEGORIES.items()}


def _errors(
    predictions: np.ndarray, labels: np.ndarray, region: np.ndarray, keys: tuple[str, ...]
) -> RegionErrors:
    _check(predictions, labels)
    if region.shape != labels.shape or not np.isin(region, list(REGIONS)).all():
        raise ValueError(f"every example needs a region of {', '.join(REGIONS)}")
    inside = np.isin(region, keys)
    n = int(inside.sum())
    errors = (predictions != labels)[:, inside].sum(axis=1)
    return RegionErrors(n, errors, errors / n if n else None)


def _check(predictions: np.ndarray, labels: np.ndarray) -> None:
    if predictions.ndim != 2 or predictions.shape[1:] != labels.shape or not len(predictions):
        shapes = f"{predictions.shape} and {labels.shape}"
        raise ValueError(f"predictions and labels must be [rows, N] and [N], not {shapes}")
