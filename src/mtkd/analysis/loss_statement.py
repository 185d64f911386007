"""What one student is worth on report, and what was lost on the way from its teachers to it.

Of one cell, which is to be taken away, where tables are of arms: intervals are over examples, and
say nothing of other seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import softmax

from mtkd.analysis.measures.calibration import ece_parts
from mtkd.analysis.measures.fidelity import fidelity
from mtkd.analysis.measures.scores_per_example import joined
from mtkd.analysis.statistics.paired import crossed_difference
from mtkd.metrics.by_example import Contributions, contributions, taken

SCORE_COLUMNS = ["split", "metric", "value", "low", "high", "n"]
COLUMNS = ["measure", "of", "value", "against", "reference", "difference", "low", "high", "n"]
CALIBRATION, AGREEMENT = "calibration error", "agreement with its teachers"
INHERITED, WORST = "errors inherited", "worst class"
TEACHERS, UNDISTILLED = "its teachers, fused", "the undistilled student of its seed"
# By split logits [N, C], or labels [N], in one order of examples.
BySplit = Mapping[str, np.ndarray]
# Parts [N] of the examples of one split: of logits, labels, and the fused teachers' logits.
Parts = Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]


class Answers(NamedTuple):
    """What a student, its fused teachers (at T = 1) and the undistilled student say, by split.

    On selection and every report split. None where a student has no teachers, or there is no
    undistilled one to compare it with.
    """

    labels: BySplit
    student: BySplit
    teachers: BySplit | None
    undistilled: BySplit | None
    clusters: BySplit  # [N, 1 or 2], where examples come in clusters
    # [N] which rows a teacher answered, where not all: on the others what is fused is no answer.
    answered: BySplit = MappingProxyType({})


def scores_table(
    logits: BySplit, labels: BySplit, metrics: Sequence[str], clusters: BySplit
) -> pd.DataFrame:
    """Every metric of one model on every split, in its own unit, with its 95 % interval."""
    rows = []
    for split, of_split in logits.items():
        for metric in metrics:
            outputs = taken(of_split[None], metric)
            found = contributions(outputs, labels[split], metric, of_split.shape[1])
            interval = crossed_difference(
                found.pseudovalues, float(found.value[0]), clusters=clusters.get(split)
            )
            values = interval.estimate, interval.low, interval.high, interval.examples
            rows.append([split, metric, *values])
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


def loss_statement(answers: Answers, classes: Sequence[str]) -> pd.DataFrame:
    """Four numbers of a student, fractions, each against a reference on the same examples.

    - calibration error (``ece``) against the fused teachers';
    - agreement: the share of examples on which its label is that of its fused teachers, against
      the undistilled student's;
    - errors inherited: the share on which both are wrong, with one label, against the same of the
      undistilled student, which never saw the teachers;
    - worst class: recall of the class that lost most of its teachers' on selection, against the
      teachers' (of a student without teachers, the class of the least recall there).

    Columns COLUMNS: ``difference`` is value less reference, with its 95 % interval, paired over
    examples; ``of`` is the class. Without a reference ``low`` and ``high`` are those of the value
    itself, and of what does not apply both are NaN. Several report splits count alike. All four
    are of the examples that a teacher answered.
    """
    rows = [_row(answers, CALIBRATION, _calibration, TEACHERS)]
    if answers.teachers is not None:
        rows.append(_row(answers, AGREEMENT, _agreement, UNDISTILLED))
        rows.append(_row(answers, INHERITED, _inherited, UNDISTILLED))
    else:
        empty = dict.fromkeys(COLUMNS, math.nan)
        rows += [{**empty, "measure": name, "of": "", "against": "", "n": 0}
                 for name in (AGREEMENT, INHERITED)]  # fmt: skip
    worst = _worst_class(answers, len(classes))
    row = _row(answers, WORST, _right, TEACHERS, worst)
    return pd.DataFrame([*rows, {**row, "of": classes[worst]}], columns=COLUMNS)


def _calibration(logits: np.ndarray, labels: np.ndarray, _: np.ndarray | None) -> np.ndarray:
    return ece_parts(logits, labels)


def _agreement(logits: np.ndarray, _: np.ndarray, teachers: np.ndarray | None) -> np.ndarray:
    return fidelity(logits, softmax(teachers.astype(np.float64), axis=-1), 1.0).agreement


def _inherited(logits: np.ndarray, labels: np.ndarray, teachers: np.ndarray | None) -> np.ndarray:
    taught = teachers.argmax(axis=-1)
    return (taught != labels) & (logits.argmax(axis=-1) == taught)


def _right(logits: np.ndarray, labels: np.ndarray, _: np.ndarray | None) -> np.ndarray:
    return logits.argmax(axis=-1) == labels


def _row(
    answers: Answers, measure: str, parts: Parts, against: str, only: int | None = None
) -> dict[str, object]:
    """A measure on report, of the examples that a teacher answered, or of one class's of them."""
    splits = [split for split in answers.student if split != "selection"]
    rows = {split: _answered(answers, split) for split in splits}
    if only is not None:
        rows = {split: rows[split] & (answers.labels[split] == only) for split in splits}
    numbers = [int(rows[split].sum()) for split in splits]

    def of(model: BySplit) -> Contributions:
        found = []
        for split in splits:
            own = rows[split]
            teachers = answers.teachers[split][own] if answers.teachers is not None else None
            values = parts(model[split][own], answers.labels[split][own], teachers)
            values = values.astype(float)[None]
            found.append(Contributions(values.mean(axis=1), values))
        return joined(found)

    reference = answers.teachers if against == TEACHERS else answers.undistilled
    row = {"measure": measure, "of": "", "against": against if reference is not None else ""}
    row |= dict.fromkeys(["value", "reference", "difference", "low", "high"], math.nan)
    row["n"] = sum(numbers)
    if not all(numbers):
        return row
    student = of(answers.student)
    row["value"] = float(student.value.mean())
    compared = student
    if reference is not None:
        other = of(reference)
        row["reference"] = float(other.value.mean())
        row["difference"] = row["value"] - row["reference"]
        compared = Contributions(
            student.value - other.value, student.pseudovalues - other.pseudovalues
        )
    clusters = None
    if all(split in answers.clusters for split in splits):
        clusters = np.concatenate([answers.clusters[split][rows[split]] for split in splits])
    if row["n"] < 2 or (clusters is not None and len(np.unique(clusters)) < 2):
        return row
    found = crossed_difference(
        compared.pseudovalues, float(compared.value.mean()), clusters=clusters
    )
    low, high = found.low, found.high
    if reference is None:
        low, high = max(low, 0.0), min(high, 1.0)
    return {**row, "low": low, "high": high}


def _answered(answers: Answers, split: str) -> np.ndarray:
    """Which rows [N] of a split a teacher answered."""
    every = np.ones(len(answers.labels[split]), bool)
    return answers.answered.get(split, every)


def _worst_class(answers: Answers, classes: int) -> int:
    """The class whose recall on selection is farthest below the teachers', or the least.

    It is the least where teachers answered nothing there.
    """
    rows = _answered(answers, "selection")
    compared = answers.teachers is not None and rows.any()
    rows = rows if compared else np.ones(len(rows), bool)
    labels = answers.labels["selection"][rows]

    def recall(model: BySplit) -> np.ndarray:
        right = model["selection"][rows].argmax(axis=-1) == labels
        times = np.bincount(labels, minlength=classes)
        with np.errstate(invalid="ignore"):
            return np.bincount(labels, weights=right, minlength=classes) / times

    lost = recall(answers.student)
    if compared:
        lost = lost - recall(answers.teachers)
    return int(np.nanargmin(lost.round(12)))
