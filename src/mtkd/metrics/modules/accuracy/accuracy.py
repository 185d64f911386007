"""Accuracy: the share of predictions that equal their reference."""

import datasets
import evaluate

from mtkd.metrics.by_example import of_one_run

_LABEL = datasets.Value("int64")


class Accuracy(evaluate.Metric):
    """See the definition beside it."""

    def _info(self):
        return evaluate.MetricInfo(
            description="Share of predictions that equal their reference, as a fraction.",
            citation="",
            inputs_description="predictions, references: class indices.",
            features=datasets.Features({"predictions": _LABEL, "references": _LABEL}),
        )

    def _compute(self, predictions, references):
        return of_one_run("accuracy", predictions, references)
