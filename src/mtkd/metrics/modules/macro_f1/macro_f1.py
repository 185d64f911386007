"""Macro-averaged F1: the plain mean of the classes' F1 scores."""

import datasets
import evaluate
import numpy as np

_LABEL = datasets.Value("int64")


class MacroF1(evaluate.Metric):
    """Mean F1, as a fraction, of the classes that occur or are predicted (scikit-learn's rule)."""

    def _info(self):
        return evaluate.MetricInfo(
            description="Mean of the classes' F1 scores, as a fraction.",
            citation="",
            inputs_description="predictions, references: class indices.",
            features=datasets.Features({"predictions": _LABEL, "references": _LABEL}),
        )

    def _compute(self, predictions, references):
        predicted = np.asarray(predictions)
        true = np.asarray(references)
        hits = np.bincount(true[predicted == true], minlength=max(predicted.max(), true.max()) + 1)
        found = np.bincount(predicted, minlength=len(hits)) + np.bincount(true, minlength=len(hits))
        return {"macro_f1": float(np.mean(2 * hits[found > 0] / found[found > 0]))}
