"""Matthews correlation of predictions and references, as GLUE scores CoLA."""

import datasets
import evaluate

from mtkd.metrics.by_example import of_one_run

_LABEL = datasets.Value("int64")


class MatthewsCorrelation(evaluate.Metric):
    """See the definition beside it."""

    def _info(self):
        return evaluate.MetricInfo(
            description="Correlation of predictions and references, -1 to 1.",
            citation="",
            inputs_description="predictions, references: class indices.",
            features=datasets.Features({"predictions": _LABEL, "references": _LABEL}),
        )

    def _compute(self, predictions, references):
        return of_one_run("matthews_correlation", predictions, references)
