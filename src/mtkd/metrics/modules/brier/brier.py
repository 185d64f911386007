"""Brier score: the mean squared error of the probabilities, over all classes."""

import datasets
import evaluate

from mtkd.metrics.by_example import of_one_run


class Brier(evaluate.Metric):
    """See the definition beside it."""

    def _info(self):
        return evaluate.MetricInfo(
            description="Mean squared error summed over classes, 0 to 2; less is better.",
            citation="",
            inputs_description="predictions: probabilities [C]; references: class indices.",
            features=datasets.Features(
                {
                    "predictions": datasets.Sequence(datasets.Value("float64")),
                    "references": datasets.Value("int64"),
                }
            ),
        )

    def _compute(self, predictions, references):
        return of_one_run("brier", predictions, references)
