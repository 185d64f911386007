"""Macro-averaged F1: the plain mean of the classes' F1 scores."""

import evaluate

from mtkd.metrics.defined import info, of_one_run


class MacroF1(evaluate.Metric):
    """See the definition beside it."""

    def _info(self):
        return info("macro_f1", "Mean of the classes' F1 scores, as a fraction.")

    def _compute(self, predictions, references):
        return of_one_run("macro_f1", predictions, references)
