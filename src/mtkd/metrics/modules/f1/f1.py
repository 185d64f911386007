"""Binary F1 of the positive class, which is class index 1 (as GLUE scores MRPC and QQP)."""

import datasets
import evaluate
import numpy as np

_LABEL = datasets.Value("int64")


class F1(evaluate.Metric):
    """F1 of class index 1 as a fraction; 0 where that class neither occurs nor is predicted."""

    def _info(self):
        return evaluate.MetricInfo(
            description="Harmonic mean of precision and recall of class index 1, as a fraction.",
            citation="",
            inputs_description="predictions, references: class indices, 0 or 1.",
            features=datasets.Features({"predictions": _LABEL, "references": _LABEL}),
        )

    def _compute(self, predictions, references):
        predicted = np.equal(predictions, 1)
        true = np.equal(references, 1)
        found = predicted.sum() + true.sum()
        return {"f1": float(2 * (predicted & true).sum() / found) if found else 0.0}
