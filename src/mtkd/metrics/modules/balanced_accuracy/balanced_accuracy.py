"""Balanced accuracy: the plain mean of the classes' recalls."""

import evaluate

from mtkd.metrics.defined import info, of_one_run


class BalancedAccuracy(evaluate.Metric):
    """See the definition beside it."""

    def _info(self):
        return info("balanced_accuracy", "Mean of the classes' recalls, as a fraction.")

    def _compute(self, predictions, references):
        return of_one_run("balanced_accuracy", predictions, references)
