"""Matthews correlation of predictions and references, as GLUE scores CoLA."""

import evaluate

from mtkd.metrics.defined import info, of_one_run


class MatthewsCorrelation(evaluate.Metric):
    """See the definition beside it."""

    def _info(self):
        return info("matthews_correlation", "Correlation of predictions and references, -1 to 1.")

    def _compute(self, predictions, references):
        return of_one_run("matthews_correlation", predictions, references)
