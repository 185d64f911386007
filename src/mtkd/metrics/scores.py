"""Scores of predictions, by the ``evaluate.Metric`` modules kept in the repository."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from mtkd.errors import InputError
from mtkd.metrics.names import METRICS_FOLDER, metric_names

if TYPE_CHECKING:
    import evaluate


def score(logits: np.ndarray, labels: np.ndarray, metrics: Sequence[str]) -> dict[str, float]:
    """Score logits [N, C] against labels [N] (class indices): metric name -> fraction.

    The prediction is the class of the largest logit, the first one on ties. Raises InputError on
    logits that are not finite or not [N, C >= 2], on labels that do not fit them, and on metrics
    that are unknown or do not fit C.
    """
    logits = np.asarray(logits)
    labels = np.asarray(labels)
    _check(logits, labels, metrics)
    predictions = logits.argmax(axis=1)
    scores = {}
    for name in metrics:
        scores |= _metric(name).compute(predictions=predictions, references=labels)
    return scores


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
        if name not in metric_names():
            raise InputError(f"unknown metric {name!r}; known: {', '.join(metric_names())}")
        if name == "f1" and classes != 2:
            raise InputError(f"metric 'f1' is for two classes, not {classes}; use 'macro_f1'")


@cache
def _metric(name: str) -> evaluate.Metric:
    """Load a metric module by path, without the network and without the user's cache folder.

    evaluate imports a copy of the module from its cache, by default in the home folder, which may
    be read-only or shared by many jobs. Here the copy lies in a folder of this process alone and
    goes away once imported; being a package of its own, it also leaves ``evaluate.load`` as it is
    for everybody else in the process.
    """
    _import_evaluate()
    from evaluate.loading import (
        evaluation_module_factory,
        import_main_class,
        init_dynamic_modules,
    )

    with TemporaryDirectory(prefix="mtkd-metric-") as folder:
        package = init_dynamic_modules(f"mtkd_metric_{name}", folder)
        try:
            module = evaluation_module_factory(
                str(METRICS_FOLDER / name), dynamic_modules_path=package
            )
            metric_class = import_main_class(module.module_path)
        finally:
            sys.path.remove(folder)
        return metric_class(keep_in_memory=True, cache_dir=folder, hash=module.hash)


def _import_evaluate() -> None:
    """Import evaluate without transformers.

    For its pipelines, unused here, evaluate imports transformers if it can, and with it torch:
    four fifths of the import's time in every scoring job. A ``None`` in ``sys.modules`` makes that
    optional import fail; it is taken back at once, so that a later import finds transformers.
    """
    if "transformers" in sys.modules:
        import evaluate

        return
    sys.modules["transformers"] = None
    try:
        import evaluate  # noqa: F401
    finally:
        del sys.modules["transformers"]
