"""Accuracy: the share of predictions that equal their reference."""

import datasets
import evaluate
import numpy as np

_LABEL = datasets.Value("int64")


class Accuracy(evaluate.Metric):
    """Accuracy as a fraction."""

    def _info(self):
        return evaluate.MetricInfo(
            description="Share of predictions that equal their reference, as a fraction.",
            citation="",
            inputs_description="predictions, references: class indices.",
            features=datasets.Features({"predictions": _LABEL, "references": _LABEL}),
        )

    def _compute(self, predictions, references):
        return {"accuracy": float(np.mean(np.equal(predictions, references)))}
