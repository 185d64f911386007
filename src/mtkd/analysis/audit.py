"""The audit: from teachers' logits alone, before any student, whether several teachers can help.

It reads no report label, and measures teachers where students learn from them (train, and the
transfer texts that nobody labelled) beside selection. What it predicts:
``mtkd.analysis.predicted``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import softmax

from mtkd.analysis.measures.calibration import ece, nll
from mtkd.analysis.measures.diversity import (
    brier_ambiguity,
    effective_teachers,
    generalised_jsd,
    linear_cka,
    nll_ambiguity,
    oracle,
    pairwise,
)
from mtkd.analysis.measures.scores_per_example import improving
from mtkd.errors import InputError
from mtkd.fusion.strategies import entropy, score_weights
from mtkd.fusion.targets import Recipe, fused_logits
from mtkd.metrics.names import declared
from mtkd.records.teachers import Teachers
from mtkd.study.arms import has_gate, is_out_of_fold
from mtkd.tasks.label_map import best_order


class Measured(NamedTuple):
    """Teachers on the rows of a split: logits [K, R, N, C], labels [N], -1 where there is none."""

    logits: np.ndarray
    labels: np.ndarray

    def labelled(self) -> Measured:
        """The rows that have a label."""
        known = self.labels >= 0
        return self if known.all() else Measured(self.logits[:, :, known], self.labels[known])


def measured_splits(
    logits: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray], transfer: np.ndarray
) -> dict[str, Measured]:
    """Teachers on train, transfer (if there is any) and selection, by name.

    ``transfer`` are the labels, kept apart, of train's rows without one, in their order: transfer
    texts, which teachers never saw. On the other rows of train teachers were trained.
    """
    supervised = labels["train"] >= 0
    found = {}
    if supervised.any():
        found["train"] = Measured(logits["train"][:, :, supervised], labels["train"][supervised])
    if not supervised.all():
        found["transfer"] = Measured(logits["train"][:, :, ~supervised], transfer)
    return {**found, "selection": Measured(logits["selection"], labels["selection"])}


class OutOfFold(NamedTuple):
    """Teachers on the labelled rows of train, by models that never saw the row."""

    split: str  # what tables call it
    names: list[str]  # of the teachers that are cross-fitted, of whom alone it is
    measured: Measured
    arms: list[Mapping]  # that learn from these logits


def out_of_fold(
    train: Teachers, labels: np.ndarray, arms: Sequence[Mapping], seeds: Sequence[str]
) -> list[OutOfFold]:
    """What arms learn from that are taught out-of-fold logits, for each number of folds.

    Labels [N] are train's, -1 where there is none. Raises InputError where logits are missing.
    """
    numbers = list(dict.fromkeys(arm["crossfit"] for arm in arms if is_out_of_fold(arm)))
    found = []
    for folds in numbers:
        own = [arm for arm in arms if arm.get("crossfit") == folds]
        names = list(dict.fromkeys(name for arm in own for name in arm["teachers"].split("+")))
        logits = [[train.of(name, seed, folds).logits for seed in seeds] for name in names]
        split = "train, out of fold" + (f" ({folds} folds)" if len(numbers) > 1 else "")
        measured = Measured(np.array(logits), labels).labelled()
        found.append(OutOfFold(split, names, measured, own))
    return found


def label_map_table(
    task: str, logits: np.ndarray, labels: np.ndarray, names: Sequence[str], classes: Sequence[str]
) -> pd.DataFrame:
    """Whether each teacher's outputs stand for the task's labels: logits [K, R, N, C], labels [N].

    Columns task, teacher, accuracy, best_order (the permutation of labels with the most right
    answers), best_accuracy, in_order. A permuted teacher is refused when its logits are cached;
    this shows by how much the check was passed.
    """
    rows = []
    for name, of_teacher in zip(names, logits, strict=True):
        order, best, accuracy = best_order(of_teacher[0], labels)
        row = {"task": task, "teacher": name, "accuracy": accuracy}
        row |= {"best_order": " ".join(classes[i] for i in order), "best_accuracy": best}
        rows.append(row | {"in_order": order == sorted(order)})
    return pd.DataFrame(rows)


def pairs_table(
    task: str,
    splits: Mapping[str, Measured],
    names: Sequence[str],
    features: Sequence[np.ndarray | None],
) -> pd.DataFrame:
    """Each pair of teachers on each split's labelled rows: the measures of ``pairwise``, and CKA.

    Of the first teacher seed; features [N, H_k] of each teacher on selection, its encoder's state
    that the classification head sees, None of one that has no encoder. A split without a label has
    no rows.
    """
    parts = []
    for split, measured in splits.items():
        known = measured.labelled()
        if not len(known.labels):
            continue
        table = pairwise(known.logits[:, 0].argmax(axis=-1), known.labels)
        pairs = zip(table["first"], table["second"], strict=True)
        table["cka"] = [
            linear_cka(features[a].astype(float), features[b].astype(float))
            if split == "selection" and features[a] is not None and features[b] is not None
            else None
            for a, b in pairs
        ]
        table = table.assign(**{end: [names[k] for k in table[end]] for end in ("first", "second")})
        parts.append(table.assign(task=task, split=split, n=len(known.labels)))
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def fusions(
    logits: np.ndarray,
    scores: Sequence[Sequence[float]],
    arms: Sequence[Mapping],
    names: list[str],
    recipes: Mapping[str, Recipe],
) -> dict[str, np.ndarray]:
    """Fused logits [R, N, C], at T = 1, of the arms that need no student, by arm name.

    A learned gate sees the undistilled student: it has none yet. Raises InputError for an arm
    whose teachers' scores give it no weights.
    """
    found = {}
    for arm in arms:
        if "+" not in arm["teachers"] or has_gate(arm):
            continue
        teachers, fusion = arm["teachers"].split("+"), recipes[arm["strategy"]]["fusion"]
        members = [names.index(name) for name in teachers]
        try:
            of_seeds = [
                fused_logits(
                    fusion,
                    teachers,
                    logits[members, seed],
                    1.0,
                    [scores[k][seed] for k in members],
                )
                for seed in range(logits.shape[1])
            ]
        except InputError as error:
            raise InputError(f"strategy {arm['strategy']!r}: {error}") from None
        found[arm["name"]] = np.stack(of_seeds)
    return found


def ceilings_table(
    task: str,
    split: str,
    measured: Measured,
    fused: Mapping[str, np.ndarray],
    names: Sequence[str],
    metric: str,
) -> pd.DataFrame:
    """Teachers, fusions and the oracle on a split's labelled rows, none without such rows.

    Columns task, split, n, kind, name, score (the primary metric), accuracy, nll, ece. Weights were
    set on selection, best-per-sample and average have nothing to set.
    """
    known = measured.labels >= 0
    labels, logits = measured.labels[known], measured.logits[:, :, known]
    if not len(labels):
        return pd.DataFrame()
    models = [("teacher", name, of) for name, of in zip(names, logits, strict=True)]
    models += [("fused", name, of[:, known]) for name, of in fused.items()]
    axes = {"task": task, "split": split, "n": len(labels)}
    rows = []
    for kind, name, of_seeds in models:
        predictions = of_seeds.argmax(axis=-1)
        row = {**axes, "kind": kind, "name": name}
        row["score"] = declared(metric).sign * improving(of_seeds, labels, metric).value.mean()
        row["accuracy"] = (predictions == labels).mean()
        row["nll"] = np.mean([nll(one, labels) for one in of_seeds])
        row["ece"] = np.mean([ece(one, labels) for one in of_seeds])
        rows.append(row)
    best = np.mean([oracle(one.argmax(-1), labels).oracle for one in logits.swapaxes(0, 1)])
    return pd.DataFrame(
        [*rows, {**axes, "kind": "oracle", "name": "oracle of teachers", "accuracy": best}]
    )


def summary_row(
    task: str,
    split: str,
    measured: Measured,
    scores: Sequence[float],
    temperatures: Sequence[str],
    metric: str,
) -> dict[str, Any]:
    """A split in one row: how much the teachers differ, and how much room is above the best.

    ``n`` rows, of which ``labelled`` have a label. Of all of them ``jsd`` in nats, with its
    greatest possible value ``jsd_most``, and ``disagreement``, the share on which not all teachers
    predict the same. Of the labelled ones, empty without any: ``accuracy``, the mean teacher's;
    ``effective_teachers`` between 1 and K; ``headroom``, the oracle's accuracy above the best
    teacher's, in points; ``brier_ambiguity`` and ``nll_ambiguity``, what the linear and the
    log-linear pool at T=1 gain over their mean member, exactly. ``weights_offset`` is how far the
    weights of ``weighted``, from the teachers' ``scores`` [K], are from equal ones:
    max |w_k - 1/K|, NaN where scores of the ``metric`` cannot be weights: less is better, one is
    negative, all are 0.
    """
    first = measured.logits[:, 0].astype(float)
    predictions = first.argmax(axis=-1)
    equal = np.full(len(first), 1 / len(first))
    known = measured.labelled()
    row = {
        "task": task,
        "split": split,
        "teachers": len(first),
        "n": len(measured.labels),
        "labelled": len(known.labels),
        "disagreement": float((predictions != predictions[0]).any(axis=0).mean()),
        "weights_offset": _weights_offset(scores, metric),
        "jsd_most": float(np.log(min(len(first), first.shape[-1]))),
    }
    if len(known.labels):
        row |= _by_labels(known.logits[:, 0].astype(float), known.labels, equal)
    for T in ("1", *temperatures):
        row[f"jsd_T{T}"] = generalised_jsd(softmax(first / float(T), axis=-1), equal)
        row[f"entropy_T{T}"] = float(entropy(first / float(T)).mean())
    return row


def _by_labels(logits: np.ndarray, labels: np.ndarray, equal: np.ndarray) -> dict[str, Any]:
    predictions = logits.argmax(axis=-1)
    return {
        "accuracy": float((predictions == labels).mean()),
        "effective_teachers": effective_teachers(predictions, labels),
        "headroom": 100 * oracle(predictions, labels).headroom,
        "brier_ambiguity": brier_ambiguity(softmax(logits, axis=-1), labels, equal).ambiguity,
        "nll_ambiguity": nll_ambiguity(logits, labels, equal).ambiguity,
    }


def _weights_offset(scores: Sequence[float], metric: str) -> float:
    if not declared(metric).greater_is_better:
        return float("nan")
    try:
        return float(np.abs(score_weights(scores) - 1 / len(scores)).max())
    except InputError:
        return float("nan")
