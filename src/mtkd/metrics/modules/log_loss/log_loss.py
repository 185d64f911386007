"""Log-loss: the mean negative log-probability of the references."""

import evaluate

from mtkd.metrics.defined import info, of_one_run


class LogLoss(evaluate.Metric):
    """See the definition beside it."""

    def _info(self):
        return info("log_loss", "Mean negative log-probability in nats; less is better.")

    def _compute(self, predictions, references):
        return of_one_run("log_loss", predictions, references)
