"""The best constant answer, which any method has to beat before its score says anything.

A constant answer says the same of every example. The one that stands in tables is the best on the
train labels under the metric in question: what a model would learn that saw no text. The best one
on report itself would be chosen on what it is compared on. Under accuracy and macro-F1 it is the
majority class; under the F1 of class 1 it is class 1, however rare: it scores 2p / (1 + p) where
class 1 has the share p, and every other answer 0. Where the metric takes probabilities it is the
shares of the labels: no other constant has a smaller log-loss or Brier score on train.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtkd.analysis.measures.scores_per_example import improving, joined
from mtkd.analysis.statistics.paired import Difference, crossed_difference
from mtkd.metrics.by_example import Contributions, check_defined, metric_values, taken
from mtkd.metrics.names import declared
from mtkd.records.examples import Examples

COLUMNS = ["task", "split", "kind", "name", "strategy", "teachers", "metric", "constant"]
COLUMNS += ["constant_value", "value", "lead", "low", "high", "seeds", "n", "skill"]
# What the constant answer of probabilities is called, where others are called by their label.
SHARES = "shares of the labels"


def best_constant(labels: np.ndarray, metric: str, classes: int) -> int:
    """The class whose constant answer scores best on labels [N], the first on ties.

    For metrics of predictions. Errors as of ``metric_values``.
    """
    scores = [constant_value(given, labels, metric, classes) for given in range(classes)]
    return int(np.argmax(np.round(declared(metric).sign * np.array(scores), 12)))


def constant_value(given: int, labels: np.ndarray, metric: str, classes: int) -> float:
    """A metric of predictions, of answering class ``given`` to all of labels [N]."""
    answers = np.full((1, len(labels)), given)
    return float(metric_values(answers, labels, metric, classes)[0])


def constant_answer(train: np.ndarray, metric: str, names: list[str]) -> tuple[str, np.ndarray]:
    """The best constant answer on train labels [N]: its name and its logits [C].

    Its name is that of its label, or SHARES. Logits are those of a certain prediction of the label,
    or of the shares that the labels have in train. Rows without a label (-1) have no say.
    """
    train = train[train >= 0]
    if declared(metric).takes == "probabilities":
        shares = np.bincount(train, minlength=len(names)) / len(train)
        return SHARES, np.log(np.maximum(shares, np.finfo(np.float64).tiny))
    given = best_constant(train, metric, len(names))
    return names[given], np.eye(len(names))[given]


def answered(answer: np.ndarray, labels: np.ndarray, metric: str) -> float:
    """The metric, in its own unit, of giving a constant answer [C] to all of labels [N].

    Raises InputError where these labels leave it undefined.
    """
    logits = np.broadcast_to(answer, (1, len(labels), len(answer)))
    value = float(metric_values(taken(logits, metric), labels, metric, len(answer))[0])
    check_defined(metric, value, labels, len(answer))
    return value


def constant_name(examples: Examples) -> str:
    """What a task's best constant answer under its primary metric is called."""
    return _answer(examples)[0]


def constant_scores(examples: Examples, splits: list[str]) -> Contributions:
    """The constant answer's primary metric [1] and its examples' parts in it, over some splits.

    Times -1 where less is better, as of ``improving``.
    """
    _, answer = _answer(examples)
    return joined(
        [
            improving(
                np.broadcast_to(answer, (1, len(labels), len(answer))),
                labels,
                examples.record["metrics"][0],
            )
            for labels in (examples.labels[split] for split in splits)
        ]
    )


def lead(
    scores: Contributions, constant: Contributions, clusters: np.ndarray | None = None
) -> Difference:
    """Points by which S runs are better than the constant answer, with the interval of all claims.

    Both are in the direction of improvement; clusters as of ``crossed_difference``.

    One method has skill where the whole interval lies above 0; one that gives a single answer
    itself has none.
    """
    values = 100 * (scores.pseudovalues - constant.pseudovalues)
    estimate = 100 * float((scores.value - constant.value).mean())
    return crossed_difference(values, estimate, clusters=clusters)


def skill_table(examples: Examples) -> pd.DataFrame:
    """Each teacher, and each arm's students, against the constant answer, by report split.

    Columns COLUMNS: ``constant`` is the label that it gives, or SHARES, ``constant_value`` and
    ``value`` (mean over seeds) the primary metric in its own unit (fractions for those in percent);
    ``lead`` (points) by which it is better, with its interval ``low`` to ``high`` over seeds and
    examples; ``skill`` whether the interval lies above 0.
    """
    record, rows = examples.record, []
    metric, name = record["metrics"][0], constant_name(examples)
    sign = declared(metric).sign
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
            scores = improving(logits, gold, metric)
            found = lead(scores, constant, examples.clusters_of([split]))
            row = {"task": record["task"], "split": split, "kind": kind, "metric": metric}
            row |= {name: axes[name] for name in ("name", "strategy", "teachers")}
            row |= {"constant": name, "constant_value": sign * constant.value[0]}
            row |= {"value": sign * scores.value.mean()}
            row |= {"lead": found.estimate, "low": found.low, "high": found.high}
            row |= {"seeds": found.seeds, "n": found.examples, "skill": found.low > 0}
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _answer(examples: Examples) -> tuple[str, np.ndarray]:
    record = examples.record
    return constant_answer(examples.labels["train"], record["metrics"][0], record["labels"])
