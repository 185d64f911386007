"""Area under the ROC curve of the probability of class index 1."""

import evaluate

from mtkd.metrics.defined import info, of_one_run


class Auroc(evaluate.Metric):
    """See the definition beside it."""

    def _info(self):
        return info("auroc", "Probability of a greater score in class 1 than in 0, a fraction.")

    def _compute(self, predictions, references):
        return of_one_run("auroc", predictions, references)
