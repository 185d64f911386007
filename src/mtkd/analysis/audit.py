"""The audit: from teachers' logits alone, before any student, whether several teachers can help.

It reads no report label. What it predicts is written down before students exist, and scored by the
report afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax

from mtkd.analysis.claims import MEAN_SINGLE
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
from mtkd.analysis.statistics.paired import crossed_difference
from mtkd.errors import InputError
from mtkd.fusion.strategies import entropy, score_weights
from mtkd.fusion.targets import Recipe, fused_logits
from mtkd.metrics.names import declared
from mtkd.study.arms import has_gate
from mtkd.tasks.label_map import best_order

# What a student inherits of its teachers' lead, before anything is measured here: the share of the
# gap that the published study's best student closed (28.3 %). Its interval takes none to all of it.
INHERITED = 0.283
PREDICTION_COLUMNS = ["task", "arm", "lead", "lead_low", "lead_high"]
PREDICTION_COLUMNS += ["inherited", "predicted", "predicted_low", "predicted_high", "expected"]


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
    logits: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    features: Sequence[np.ndarray],
) -> pd.DataFrame:
    """Each pair of teachers on selection: the measures of ``pairwise``, and CKA.

    Logits [K, R, N, C], the first teacher seed; features [N, H_k] of each teacher, its encoder's
    state that the classification head sees.
    """
    table = pairwise(logits[:, 0].argmax(axis=-1), labels)
    pairs = zip(table["first"], table["second"], strict=True)
    table["cka"] = [
        linear_cka(features[a].astype(float), features[b].astype(float)) for a, b in pairs
    ]
    table = table.assign(**{end: [names[k] for k in table[end]] for end in ("first", "second")})
    return table.assign(task=task)


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
    logits: np.ndarray,
    fused: Mapping[str, np.ndarray],
    labels: np.ndarray,
    names: Sequence[str],
    metric: str,
) -> pd.DataFrame:
    """Teachers, fusions and the oracle on selection: task, kind, name, score, accuracy, nll, ece.

    ``score`` is the primary metric. Weights were set on the same selection split, best-per-sample
    and average have nothing to set.
    """
    models = [("teacher", name, of) for name, of in zip(names, logits, strict=True)]
    models += [("fused", name, of) for name, of in fused.items()]
    rows = []
    for kind, name, of_seeds in models:
        predictions = of_seeds.argmax(axis=-1)
        row = {"task": task, "kind": kind, "name": name}
        row["score"] = declared(metric).sign * improving(of_seeds, labels, metric).value.mean()
        row["accuracy"] = (predictions == labels).mean()
        row["nll"] = np.mean([nll(one, labels) for one in of_seeds])
        row["ece"] = np.mean([ece(one, labels) for one in of_seeds])
        rows.append(row)
    best = np.mean([oracle(one.argmax(-1), labels).oracle for one in logits.swapaxes(0, 1)])
    rows.append({"task": task, "kind": "oracle", "name": "oracle of teachers", "accuracy": best})
    return pd.DataFrame(rows)


def summary_row(
    task: str,
    logits: np.ndarray,
    labels: np.ndarray,
    scores: Sequence[float],
    temperatures: Sequence[str],
    metric: str,
) -> dict[str, Any]:
    """A task in one row: how much the teachers differ, and how much room there is above the best.

    ``jsd`` in nats, with its greatest possible value ``jsd_most``; ``effective_teachers`` between 1
    and K; ``headroom`` is the oracle's accuracy above the best teacher's, in points;
    ``disagreement`` the share of examples on which not all teachers predict the same;
    ``brier_ambiguity`` and ``nll_ambiguity`` what the linear and the log-linear pool at T=1 gain
    over their mean member, exactly; ``weights_offset`` how far the weights of ``weighted``, from
    the teachers' ``scores`` [K], are from equal ones: max |w_k - 1/K|, NaN where scores of the
    ``metric`` cannot be weights: less is better, one is negative, all are 0.
    """
    first = logits[:, 0].astype(float)
    predictions = first.argmax(axis=-1)
    equal = np.full(len(first), 1 / len(first))
    row = {
        "task": task,
        "teachers": len(first),
        "n": len(labels),
        "disagreement": float((predictions != predictions[0]).any(axis=0).mean()),
        "effective_teachers": effective_teachers(predictions, labels),
        "headroom": 100 * oracle(predictions, labels).headroom,
        "brier_ambiguity": brier_ambiguity(softmax(first, axis=-1), labels, equal).ambiguity,
        "nll_ambiguity": nll_ambiguity(first, labels, equal).ambiguity,
        "weights_offset": _weights_offset(scores, metric),
        "jsd_most": float(np.log(min(len(first), first.shape[-1]))),
    }
    for T in ("1", *temperatures):
        row[f"jsd_T{T}"] = generalised_jsd(softmax(first / float(T), axis=-1), equal)
        row[f"entropy_T{T}"] = float(entropy(first / float(T)).mean())
    return row


def predictions_table(
    task: str,
    logits: np.ndarray,
    fused: Mapping[str, np.ndarray],
    labels: np.ndarray,
    metric: str,
    margin: float,
) -> pd.DataFrame:
    """What each arm of several teachers is predicted to gain over one teacher, in points.

    ``logits`` [K, R, N, C] are of the teachers that have a single-teacher arm, whose mean it is
    that the arms are compared with.

    Columns task, arm, lead, lead_low, lead_high, inherited, predicted, predicted_low,
    predicted_high and expected. ``lead`` is how much better the fused teacher scores on selection
    than the mean of the single teachers, with its 95 % interval; ``predicted`` is the share
    INHERITED of it (``inherited``). Its interval reaches from nothing inherited to all of it at the
    ends of the lead's. ``expected`` is ``helps``, ``hurts`` or ``no difference``, by whether
    ``predicted`` lies beyond the margin.
    """
    teachers = [improving(of, labels, metric) for of in logits]
    value = np.mean([one.value for one in teachers], axis=0)
    pseudovalues = np.mean([one.pseudovalues for one in teachers], axis=0)
    rows = []
    for name, of_seeds in fused.items():
        own = improving(of_seeds, labels, metric)
        lead = crossed_difference(
            100 * (own.pseudovalues - pseudovalues), 100 * float((own.value - value).mean())
        )
        predicted = INHERITED * lead.estimate
        row = {"task": task, "arm": name, "lead": lead.estimate}
        row |= {"lead_low": lead.low, "lead_high": lead.high}
        row |= {"inherited": INHERITED, "predicted": predicted}
        row |= {"predicted_low": min(lead.low, 0.0), "predicted_high": max(lead.high, 0.0)}
        helps = "helps" if predicted > margin else "hurts" if predicted < -margin else None
        rows.append(row | {"expected": helps or "no difference"})
    return pd.DataFrame(rows, columns=PREDICTION_COLUMNS)


def scored_predictions(predictions: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """The audit's predictions beside what came of them.

    Adds measured, low, high (the claim's effect and interval, points), verdict, ``inside`` (the
    measured effect lies in the predicted interval), ``same_sign``, and ``came_true``: the verdict
    is the expected one; empty where the study cannot tell (undecidable, no skill, no verdict).
    """
    measured = claims[claims.claim == MEAN_SINGLE]
    measured = measured.rename(columns={"a": "arm", "effect": "measured"})
    columns = ["task", "arm", "measured", "low", "high", "verdict"]
    table = predictions.merge(measured[columns], on=["task", "arm"], how="inner")
    table["inside"] = table.measured.between(table.predicted_low, table.predicted_high)
    table["same_sign"] = np.sign(table.measured) == np.sign(table.predicted)
    meant = {"better": "helps", "worse": "hurts", "equivalent": "no difference"}
    outcome = table.verdict.map(meant)
    table["came_true"] = (outcome == table.expected).where(outcome.notna()).astype("boolean")
    return table


def _weights_offset(scores: Sequence[float], metric: str) -> float:
    if not declared(metric).greater_is_better:
        return float("nan")
    try:
        return float(np.abs(score_weights(scores) - 1 / len(scores)).max())
    except InputError:
        return float("nan")
