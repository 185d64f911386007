"""Macro-averaged F1: the plain mean of the classes' F1 scores."""

import datasets
import evaluate

from mtkd.metrics.by_example import of_one_run

_LABEL = datasets.Value("int64")


class MacroF1(evaluate.Metric):
    """See the definition beside it."""

    def _info(self):
        return evaluate.MetricInfo(
            description="Mean of the classes' F1 scores, as a fraction.",
            citation="",
            inputs_description="predictions, references: class indices.",
            features=datasets.Features({"predictions": _LABEL, "references": _LABEL}),
        )

    def _compute(self, predictions, references):
        return of_one_run("macro_f1", predictions, references)
