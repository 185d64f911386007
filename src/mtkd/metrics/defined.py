"""What an ``evaluate.Metric`` module needs whose numbers are those of the definition beside it."""

from __future__ import annotations

import datasets
import evaluate
import numpy as np

from mtkd.metrics.by_example import metric_values
from mtkd.metrics.names import declared


def info(metric: str, description: str) -> evaluate.MetricInfo:
    """What the module's ``_info`` returns: the description, and the features that it takes."""
    label = datasets.Value("int64")
    takes = declared(metric).takes
    probabilities = datasets.Sequence(datasets.Value("float64"))
    given = probabilities if takes == "probabilities" else label
    return evaluate.MetricInfo(
        description=description,
        citation="",
        inputs_description=f"predictions: {takes}; references: class indices.",
        features=datasets.Features({"predictions": given, "references": label}),
    )


def of_one_run(metric: str, outputs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """What the module's ``_compute`` returns: the metric of one run, by name.

    Outputs [N] or [N, C], labels [N]; the number of classes is what they show of it.
    """
    outputs, labels = np.asarray(outputs)[None], np.asarray(labels)
    classes = max(outputs.max(initial=1), labels.max(initial=1)) + 1
    if declared(metric).takes == "probabilities":
        classes = outputs.shape[-1]
    return {metric: float(metric_values(outputs, labels, metric, int(classes))[0])}
