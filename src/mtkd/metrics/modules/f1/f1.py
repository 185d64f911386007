"""Binary F1 of the positive class, which is class index 1 (as GLUE scores MRPC and QQP)."""

import evaluate

from mtkd.metrics.defined import info, of_one_run


class F1(evaluate.Metric):
    """See the definition beside it."""

    def _info(self):
        return info("f1", "Harmonic mean of precision and recall of class index 1, as a fraction.")

    def _compute(self, predictions, references):
        return of_one_run("f1", predictions, references)
