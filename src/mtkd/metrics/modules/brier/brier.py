"""Brier score: the mean squared error of the probabilities, over all classes."""

import evaluate

from mtkd.metrics.defined import info, of_one_run


class Brier(evaluate.Metric):
    """See the definition beside it."""

    def _info(self):
        return info("brier", "Mean squared error summed over classes, 0 to 2; less is better.")

    def _compute(self, predictions, references):
        return of_one_run("brier", predictions, references)
