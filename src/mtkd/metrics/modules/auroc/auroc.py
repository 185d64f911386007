"""Area under the ROC curve of the probability of class index 1."""

import datasets
import evaluate

from mtkd.metrics.by_example import of_one_run


class Auroc(evaluate.Metric):
    """See the definition beside it."""

    def _info(self):
        return evaluate.MetricInfo(
            description="Probability of a greater score in class 1 than in class 0, a fraction.",
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
        return of_one_run("auroc", predictions, references)
