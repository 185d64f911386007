"""A metric of several runs at once, and what each example contributes to it.

Each metric's ``definition`` has one of

- ``by_example(outputs, labels)``: parts [S, N] whose mean over examples is the metric;
- ``of_counts(right, true, given)``: the metric [...] from how often each class [..., C] is
  predicted rightly, is the label, and is predicted;
- ``with_contributions(outputs, labels)``: values [S] and pseudovalues [S, N] of its own.

Outputs are what the metric takes: predictions [S, N], or probabilities [S, N, C]. A metric without
a definition is computed by its ``evaluate.Metric`` module, run by run.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from types import ModuleType
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from mtkd.errors import InputError
from mtkd.metrics.evaluated import computed
from mtkd.metrics.names import METRICS_FOLDER, check_metric, declared


class Contributions(NamedTuple):
    """A metric of S runs over the same N examples, in its own unit."""

    value: np.ndarray  # [S], the metric itself
    pseudovalues: np.ndarray  # [S, N], whose mean over examples estimates the metric


def taken(logits: np.ndarray, metric: str) -> np.ndarray:
    """What a metric takes of logits [..., C]: predictions [...], or probabilities [..., C].

    A prediction is the class of the largest logit, the first one on ties; probabilities are
    ``softmax(logits)`` (T = 1) in double precision.
    """
    if declared(metric).takes == "predictions":
        return np.asarray(logits).argmax(axis=-1)
    return softmax(np.asarray(logits, dtype=np.float64), axis=-1)


def metric_values(outputs: np.ndarray, labels: np.ndarray, metric: str, classes: int) -> np.ndarray:
    """The metric of each run [S], in its own unit (a fraction for ``%``), for labels [N].

    ``outputs`` are what the metric takes: predictions [S, N], class indices below ``classes``, or
    probabilities [S, N, classes]. NaN where the metric is undefined, as AUROC without two
    examples of each label. Raises ValueError on another metric, on outputs that do not fit.
    """
    outputs, labels = _checked(outputs, labels, metric, classes)
    match declared(metric).function:
        case "by_example":
            return _definition(metric).by_example(outputs, labels).mean(axis=1)
        case "of_counts":
            return _definition(metric).of_counts(*_counts(outputs, labels, classes))
        case "with_contributions":
            return _definition(metric).with_contributions(outputs, labels)[0]
    return np.array([computed(metric, run, labels) for run in outputs])


def contributions(
    outputs: np.ndarray, labels: np.ndarray, metric: str, classes: int
) -> Contributions:
    """A metric's values and, by example, their parts in it.

    Arguments and errors as of ``metric_values``; two examples at least. A mean over examples has
    its terms; other metrics of predictions have the pseudovalues of the jackknife, ``N * theta -
    (N - 1) * theta_without_i`` (Tukey 1958). They depend on the counts of pairs (label, prediction)
    alone, so the metric without an example takes one value for each pair and all pseudovalues cost
    one look-up each. The variance of their mean is the jackknife's estimate of that of the metric
    (Miller 1974, Biometrika 61(1)); their mean is the metric less its bias of order 1/N, so the
    metric reported stays ``value``. What else a metric contributes its definition says.
    """
    outputs, labels = _checked(outputs, labels, metric, classes)
    n = len(labels)
    if n < 2:
        raise ValueError(f"{n} examples: a jackknife needs two")
    function = declared(metric).function
    if function == "by_example":
        parts = _definition(metric).by_example(outputs, labels)
        return Contributions(parts.mean(axis=1), parts)
    if function == "with_contributions":
        return Contributions(*_definition(metric).with_contributions(outputs, labels))
    value = metric_values(outputs, labels, metric, classes)
    without = _without_one(outputs, labels, metric, classes)
    return Contributions(value, n * value[:, None] - (n - 1) * without)


def check_defined(metric: str, value: float, labels: np.ndarray, classes: int) -> None:
    """Raises InputError where labels [N] leave a metric without a value."""
    if not np.isfinite(value):
        raise InputError(
            f"metric {metric!r} has no value on these {len(labels)} examples, of which "
            f"{np.bincount(labels, minlength=classes).tolist()} have each label; use another "
            "metric, or a split with all labels"
        )


def _checked(
    outputs: np.ndarray, labels: np.ndarray, metric: str, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    check_metric(metric, classes)
    takes, outputs, labels = declared(metric).takes, np.asarray(outputs), np.asarray(labels)
    indices, wide = {"predictions": outputs, "labels": labels}, ()
    if takes == "probabilities":
        indices, wide = {"labels": labels}, (classes,)
    if outputs.shape[1:] != (*labels.shape, *wide) or labels.ndim != 1:
        raise ValueError(f"{takes} {outputs.shape} do not fit labels {labels.shape}")
    for name, found in indices.items():
        if found.size and (found.min() < 0 or found.max() >= classes):
            raise ValueError(f"{name} are not all class indices below {classes}")
    return outputs, labels


def _counts(
    predictions: np.ndarray, labels: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How often each class is predicted rightly, is the label, and is predicted; each [S, C]."""
    runs = np.arange(len(predictions))[:, None] * classes

    def count(found: np.ndarray) -> np.ndarray:
        number = np.bincount(found.ravel(), minlength=len(predictions) * classes)
        return number.reshape(-1, classes)

    right = count((runs + predictions)[predictions == labels])
    return right, count(runs + labels), count(runs + predictions)


def _without_one(
    predictions: np.ndarray, labels: np.ndarray, metric: str, classes: int
) -> np.ndarray:
    """The metric [S, N] without each example in turn, one value for each pair that occurs."""
    pairs, place = np.unique(labels * classes + predictions, return_inverse=True)
    place = place.reshape(predictions.shape)
    runs = np.arange(len(predictions))[:, None]
    if declared(metric).function is None:
        without = np.full((len(predictions), len(pairs)), np.nan)
        for run, number in np.unique(np.stack([runs + 0 * place, place]).reshape(2, -1), axis=1).T:
            kept = np.arange(len(labels)) != np.flatnonzero(place[run] == number)[0]
            without[run, number] = computed(metric, predictions[run, kept], labels[kept])
        return without[runs, place]
    right, true, given = (count[:, None] for count in _counts(predictions, labels, classes))
    of_label, of_prediction = np.eye(classes, dtype=int)[np.divmod(pairs, classes), :]
    # A pair that a run does not have is nobody's there: its value is not looked up.
    without = _definition(metric).of_counts(
        np.maximum(right - of_label * of_prediction, 0),
        np.maximum(true - of_label, 0),
        np.maximum(given - of_prediction, 0),
    )
    return without[runs, place]


@cache
def _definition(metric: str) -> ModuleType:
    path = METRICS_FOLDER / metric / "definition.py"
    spec = importlib.util.spec_from_file_location(f"mtkd_metric_definition_{metric}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
