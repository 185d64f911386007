"""Scores of predictions, by the ``evaluate.Metric`` modules kept in the repository."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mtkd.errors import InputError
from mtkd.metrics.by_example import check_defined, contributions, taken
from mtkd.metrics.evaluated import computed
from mtkd.metrics.names import check_metric


def score(logits: np.ndarray, labels: np.ndarray, metrics: Sequence[str]) -> dict[str, float]:
    """Score logits [N, C] against labels [N] (class indices): metric name -> value.

    Values are in the metric's own unit, fractions for those in percent. Raises InputError on logits
    that are not finite or not [N, C >= 2], on labels that do not fit them, on metrics that are
    unknown or do not fit C, and on those that these labels leave undefined.
    """
    logits = np.asarray(logits)
    labels = np.asarray(labels)
    _check(logits, labels, metrics)
    scores = {name: computed(name, taken(logits, name), labels) for name in metrics}
    for name, value in scores.items():
        check_defined(name, value, labels, logits.shape[1])
    return scores


def try_metric(labels: np.ndarray, classes: int, metric: str) -> None:
    """Score a model that says nothing, so that a teacher's metric fails before it is trained.

    Raises InputError as ``score`` does, and where the metric's contributions are none.
    """
    nothing = np.zeros((1, len(labels), classes))
    score(nothing[0], labels, [metric])
    if len(labels) < 2:
        return
    parts = contributions(taken(nothing, metric), labels, metric, classes).pseudovalues
    if np.shape(parts) != (1, len(labels)) or not np.isfinite(parts).all():
        raise InputError(
            f"metric {metric!r}: its contributions of one run over {len(labels)} examples have "
            f"shape {list(np.shape(parts))} or are not all numbers; mend its definition"
        )


def _check(logits: np.ndarray, labels: np.ndarray, metrics: Sequence[str]) -> None:
    if logits.ndim != 2 or logits.shape[1] < 2 or not len(logits):
        raise InputError(
            f"logits have shape {list(logits.shape)}: expected [N, C] with N >= 1 and C >= 2; "
            "predict again"
        )
    if labels.shape != logits.shape[:1]:
        raise InputError(
            f"labels have shape {list(labels.shape)} but logits {list(logits.shape)}: "
            "predictions and labels are not of the same split; predict again"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"labels are {labels.dtype}, expected class indices; prepare them again")
    not_finite = np.flatnonzero(~np.isfinite(logits).all(axis=1))
    if len(not_finite):
        raise InputError(
            f"logits of {len(not_finite)} of {len(logits)} examples are NaN or infinite, "
            f"the first at row {not_finite[0]}; train that model again"
        )
    classes = logits.shape[1]
    outside = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(outside):
        raise InputError(
            f"label {labels[outside[0]]} at row {outside[0]} is outside 0..{classes - 1}, the "
            "classes of the logits; compare the task's labels with the model's"
        )
    for name in metrics:
        try:
            check_metric(name, classes)
        except ValueError as error:
            raise InputError(str(error)) from None
