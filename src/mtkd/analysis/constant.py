"""The best constant answer, which any method has to beat before its score says anything.

A constant answer says the same of every example. The one that stands in tables is the best on the
train labels under the metric in question: what a model would learn that saw no text. The best one
on report itself would be chosen on what it is compared on. Under accuracy and macro-F1 it is the
majority class; under the F1 of class 1 it is class 1, however rare: it scores 2p / (1 + p) where
class 1 has the share p, and every other answer 0.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtkd.analysis.paired import Difference, crossed_difference
from mtkd.analysis.scores_per_example import Contributions, contributions, joined, metric_values
from mtkd.records.examples import Examples

COLUMNS = ["task", "split", "kind", "name", "strategy", "teachers", "metric", "constant"]
COLUMNS += ["constant_value", "value", "lead", "low", "high", "seeds", "n", "skill"]


def best_constant(labels: np.ndarray, metric: str, classes: int) -> int:
    """The class whose constant answer scores best on labels [N], the first on ties.

    Errors as of ``metric_values``.
    """
    scores = [constant_value(given, labels, metric, classes) for given in range(classes)]
    return int(np.argmax(np.round(scores, 12)))


def constant_value(given: int, labels: np.ndarray, metric: str, classes: int) -> float:
    """The metric, a fraction, of answering class ``given`` to all of labels [N]."""
    return float(metric_values(_answers(given, labels), labels, metric, classes)[0])


def constant_class(examples: Examples) -> int:
    """The class of a task's best constant answer under its primary metric."""
    metric, classes = examples.record["metrics"][0], len(examples.record["labels"])
    return best_constant(examples.labels["train"], metric, classes)


def constant_scores(examples: Examples, splits: list[str]) -> Contributions:
    """The constant answer's primary metric [1] and its examples' parts in it, over some splits."""
    metric, classes = examples.record["metrics"][0], len(examples.record["labels"])
    given = constant_class(examples)
    return joined(
        [
            contributions(_answers(given, labels), labels, metric, classes)
            for labels in (examples.labels[split] for split in splits)
        ]
    )


def lead(scores: Contributions, constant: Contributions) -> Difference:
    """Points by which S runs are above the constant answer, with the interval of all claims.

    One method has skill where the whole interval lies above 0; one that gives a single answer
    itself has none.
    """
    values = 100 * (scores.pseudovalues - constant.pseudovalues)
    return crossed_difference(values, 100 * float((scores.value - constant.value).mean()))


def skill_table(examples: Examples) -> pd.DataFrame:
    """Each teacher, and each arm's students, against the constant answer, by report split.

    Columns COLUMNS: ``constant`` is the label that it gives, ``constant_value`` and ``value``
    (mean over seeds) the primary metric, fractions; ``lead`` (points) with its interval ``low`` to
    ``high`` over seeds and examples; ``skill`` whether the interval lies above 0.
    """
    record, rows = examples.record, []
    metric, labels = record["metrics"][0], record["labels"]
    teachers = [{"name": name, "strategy": "", "teachers": name} for name in record["teachers"]]
    for split in examples.report_splits:
        gold, constant = examples.labels[split], constant_scores(examples, [split])
        models = [
            ("teacher", *pair) for pair in zip(teachers, examples.teachers[split], strict=True)
        ]
        models += [
            ("student", *pair)
            for pair in zip(record["arms"], examples.students[split], strict=True)
        ]
        for kind, axes, logits in models:
            scores = contributions(logits.argmax(axis=-1), gold, metric, len(labels))
            found = lead(scores, constant)
            row = {"task": record["task"], "split": split, "kind": kind, "metric": metric}
            row |= {name: axes[name] for name in ("name", "strategy", "teachers")}
            row |= {"constant": labels[constant_class(examples)]}
            row |= {"constant_value": constant.value[0], "value": scores.value.mean()}
            row |= {"lead": found.estimate, "low": found.low, "high": found.high}
            row |= {"seeds": found.seeds, "n": found.examples, "skill": found.low > 0}
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _answers(given: int, labels: np.ndarray) -> np.ndarray:
    return np.full((1, len(labels)), given)
