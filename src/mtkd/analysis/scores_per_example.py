"""What each example contributes to a metric, so that metrics that are no means have errors too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Contributions(NamedTuple):
    """A metric of S runs over the same N examples, as fractions."""

    value: np.ndarray  # [S], the metric itself
    pseudovalues: np.ndarray  # [S, N], whose mean over examples estimates the metric


def metric_values(
    predictions: np.ndarray, labels: np.ndarray, metric: str, classes: int
) -> np.ndarray:
    """The metric of each run [S], a fraction, from predictions [S, N] and labels [N].

    Both are class indices below ``classes``. The metrics are those of ``mtkd.metrics``:
    ``accuracy``; ``f1`` of class 1, 0 where that class neither occurs nor is predicted;
    ``macro_f1``, the mean over the classes that occur or are predicted. Raises ValueError on
    another metric and on shapes that do not fit.
    """
    if metric == "accuracy":
        return np.mean(_checked(predictions, labels) == labels, axis=1)
    return _f1(*_hits_and_found(_confusion(predictions, labels, classes)), metric)


def contributions(
    predictions: np.ndarray, labels: np.ndarray, metric: str, classes: int
) -> Contributions:
    """Jackknife pseudovalues of a metric: ``N * theta - (N - 1) * theta_without_i`` (Tukey 1958).

    Arguments and errors as of ``metric_values``; two examples at least. For accuracy the
    pseudovalues are correctness itself, 0 or 1. An F1 depends on the counts of pairs (label,
    prediction) alone, so the F1 without an example takes one value for each pair and all
    pseudovalues cost one look-up each. The variance of their mean is the jackknife's estimate of
    that of the metric (Miller 1974, Biometrika 61(1)); their mean is the metric less its bias of
    order 1/N, so the metric reported stays ``value``.
    """
    predictions = _checked(predictions, labels)
    n = len(labels)
    if n < 2:
        raise ValueError(f"{n} examples: a jackknife needs two")
    if metric == "accuracy":
        correct = (predictions == labels).astype(float)
        return Contributions(correct.mean(axis=1), correct)
    hits, found = _hits_and_found(_confusion(predictions, labels, classes))
    value = _f1(hits, found, metric)
    # One example less with label t and prediction p, for every pair: [S, t, p, class].
    of_label, of_prediction = np.eye(classes, dtype=int)[:, None], np.eye(classes, dtype=int)[None]
    without = _f1(
        hits[:, None, None] - of_label * of_prediction,
        found[:, None, None] - of_label - of_prediction,
        metric,
    )
    runs = np.arange(len(predictions))[:, None]
    pseudovalues = n * value[:, None] - (n - 1) * without[runs, labels, predictions]
    return Contributions(value, pseudovalues)


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


def _checked(predictions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    predictions = np.asarray(predictions)
    if predictions.ndim != 2 or predictions.shape[1:] != np.shape(labels):
        raise ValueError(f"predictions {predictions.shape} do not fit labels {np.shape(labels)}")
    return predictions


def _confusion(predictions: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Counts [S, label, prediction]."""
    predictions = _checked(predictions, labels)
    for name, indices in {"predictions": predictions, "labels": np.asarray(labels)}.items():
        if indices.min() < 0 or indices.max() >= classes:
            raise ValueError(f"{name} are not all class indices below {classes}")
    cells = (np.arange(len(predictions))[:, None] * classes + labels) * classes + predictions
    counts = np.bincount(cells.ravel(), minlength=len(predictions) * classes**2)
    return counts.reshape(-1, classes, classes)


def _hits_and_found(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By run and class [S, C]: true positives; how often it occurs plus how often predicted."""
    return np.diagonal(confusion, axis1=1, axis2=2), confusion.sum(axis=1) + confusion.sum(axis=2)


def _f1(hits: np.ndarray, found: np.ndarray, metric: str) -> np.ndarray:
    """F1 from counts whose last axis is the class, 2 TP / (2 TP + FP + FN)."""
    by_class = np.divide(2 * hits, found, out=np.zeros(found.shape), where=found > 0)
    if metric == "f1":
        return by_class[..., 1]
    if metric == "macro_f1":
        return by_class.sum(axis=-1) / np.maximum((found > 0).sum(axis=-1), 1)
    raise ValueError(f"unknown metric {metric!r}: expected accuracy, f1 or macro_f1")
