"""How good and how well calibrated teachers, their fusions and students are, on report."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtkd.analysis.measures.calibration import (
    RELIABILITY_COLUMNS,
    adaptive_ece,
    brier,
    ece,
    fit_temperature,
    nll,
    reliability,
)
from mtkd.analysis.measures.diversity import oracle
from mtkd.metrics.by_example import metric_values, taken
from mtkd.records.examples import Examples

MEASURES = ["nll", "brier", "ece", "adaptive_ece"]


def quality_table(examples: Examples) -> pd.DataFrame:
    """One row per model and report split: means over seeds, the standard deviation of ``score``.

    Columns task, kind (teacher, fused, student, oracle), name, split, metric, score (primary
    metric, in its own unit: a fraction for one in percent), sd, accuracy, nll (nats), brier, ece,
    adaptive_ece (fractions) of ``softmax(logits)``, the same after temperature scaling
    (``*_scaled``) with ``temperature`` fitted on selection (Guo et al. 2017), n, seeds. The oracle
    picks a right teacher whenever there is one: it bounds every selection of one teacher per
    example, and has a score alone; without teachers it has no row.
    """
    rows = []
    for split in examples.report_splits:
        labels = examples.labels[split]
        axes = {"task": examples.record["task"], "split": split, "n": len(labels)}
        axes["metric"] = examples.record["metrics"][0]
        on_selection = examples.models("selection")
        for model, tuned in zip(examples.models(split), on_selection, strict=True):
            pairs = zip(model.logits, tuned.logits, strict=True)
            of_seeds = pd.DataFrame([_measures(*pair, examples, split) for pair in pairs])
            sd = of_seeds.score.std(ddof=1) if len(of_seeds) > 1 else np.nan
            named = {"kind": model.kind, "name": model.name, "seeds": len(of_seeds), "sd": sd}
            rows.append({**axes, **named, **of_seeds.mean()})
        if not examples.record["teachers"]:
            continue
        of_seeds = examples.teachers[split].swapaxes(0, 1)
        share = float(np.mean([oracle(one.argmax(axis=-1), labels).oracle for one in of_seeds]))
        ceiling = {"kind": "oracle", "name": "oracle of teachers", "seeds": len(of_seeds)}
        score = share if axes["metric"] == "accuracy" else np.nan
        rows.append({**axes, **ceiling, "accuracy": share, "score": score})
    scaled = [f"{name}_scaled" for name in MEASURES]
    columns = ["task", "kind", "name", "split", "metric", "score", "sd", "accuracy", *MEASURES]
    return pd.DataFrame(rows, columns=[*columns, "temperature", *scaled, "n", "seeds"])


def reliability_table(examples: Examples) -> pd.DataFrame:
    """Reliability curves on report, all seeds together: columns task, kind, name, split and those
    of ``mtkd.analysis.measures.calibration.reliability``."""
    parts = [pd.DataFrame(columns=[*RELIABILITY_COLUMNS, "kind", "name", "split"])]
    for split in examples.report_splits:
        for model in examples.models(split):
            seeds, _, classes = model.logits.shape
            labels = np.tile(examples.labels[split], seeds)
            curve = reliability(model.logits.reshape(-1, classes), labels)
            parts.append(curve.assign(kind=model.kind, name=model.name, split=split))
    return pd.concat(parts, ignore_index=True).assign(task=examples.record["task"])


def _measures(
    logits: np.ndarray, on_selection: np.ndarray, examples: Examples, split: str
) -> dict[str, float]:
    labels = examples.labels[split]
    metric, classes = examples.record["metrics"][0], len(examples.record["labels"])
    predictions = logits.argmax(axis=-1)
    T = fit_temperature(on_selection, examples.labels["selection"])
    result = {
        "score": metric_values(taken(logits[None], metric), labels, metric, classes)[0],
        "accuracy": (predictions == labels).mean(),
        "temperature": T,
    }
    functions = dict(zip(MEASURES, (nll, brier, ece, adaptive_ece), strict=True))
    result |= {name: function(logits, labels) for name, function in functions.items()}
    return result | {f"{name}_scaled": f(logits / T, labels) for name, f in functions.items()}
