"""Accuracy: the share of predictions that equal their reference."""

import evaluate

from mtkd.metrics.defined import info, of_one_run


class Accuracy(evaluate.Metric):
    """See the definition beside it."""

    def _info(self):
        return info("accuracy", "Share of predictions that equal their reference, as a fraction.")

    def _compute(self, predictions, references):
        return of_one_run("accuracy", predictions, references)
