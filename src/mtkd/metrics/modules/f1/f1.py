"""Binary F1 of the positive class, which is class index 1 (as GLUE scores MRPC and QQP)."""

import datasets
import evaluate

from mtkd.metrics.by_example import of_one_run

_LABEL = datasets.Value("int64")


class F1(evaluate.Metric):
    """See the definition beside it."""

    def _info(self):
        return evaluate.MetricInfo(
            description="Harmonic mean of precision and recall of class index 1, as a fraction.",
            citation="",
            inputs_description="predictions, references: class indices, 0 or 1.",
            features=datasets.Features({"predictions": _LABEL, "references": _LABEL}),
        )

    def _compute(self, predictions, references):
        return of_one_run("f1", predictions, references)
