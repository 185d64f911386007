"""Log-loss: the mean negative log-probability of the references."""

import datasets
import evaluate

from mtkd.metrics.by_example import of_one_run


class LogLoss(evaluate.Metric):
    """See the definition beside it."""

    def _info(self):
        return evaluate.MetricInfo(
            description="Mean negative log-probability in nats; less is better.",
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
        return of_one_run("log_loss", predictions, references)
