"""The claims of a study: comparisons of arms with their intervals, verdicts and plain sentences.

A task's claims are one family: Holm's correction is over them. No sentence is written by hand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from mtkd.analysis.constant import constant_name, constant_scores, lead
from mtkd.analysis.measures.scores_per_example import improving, joined
from mtkd.analysis.statistics.paired import (
    bootstrap_interval,
    crossed_difference,
    seeds_needed,
    unknown_difference,
)
from mtkd.analysis.statistics.verdicts import findings, without_skill
from mtkd.metrics.by_example import Contributions
from mtkd.metrics.names import declared
from mtkd.records.examples import Examples
from mtkd.study.arms import FAMILIES, is_plain_average

COLUMNS = [
    "task",
    "claim",
    "a",
    "b",
    "metric",
    "split",
    "seeds",
    "n",
    "T_a",
    "alpha_a",
    "T_b",
    "alpha_b",
    "n_a_candidates",
    "n_b_candidates",
    "effect",
    "low",
    "high",
    "bootstrap_low",
    "bootstrap_high",
    "se",
    "df",
    "p_superiority",
    "p_equivalence",
    "margin",
    "minimum_detectable",
    "seeds_needed",
    "constant",
    "constant_value",
    "lead_a",
    "low_a",
    "high_a",
    "lead_b",
    "low_b",
    "high_b",
    "verdict",
    "note",
    "sentence",
]
BOOTSTRAP_SEED = 0


class Side(NamedTuple):
    """One side of a comparison: what it is called, its values [S, N], and what it was made of.

    Values are in the direction of improvement: negative where less of the metric is better.
    """

    name: str
    value: np.ndarray  # [S]
    pseudovalues: np.ndarray  # [S, N]
    T: str
    alpha: str
    candidates: int


def shared_seeds(arms: Sequence[dict]) -> list[str]:
    """Seeds that every one of some arms finished, in order."""
    return [s for s in arms[0]["seeds"] if all(s in arm["seeds"] for arm in arms)] if arms else []


def arm_scores(examples: Examples, role: str) -> list[Contributions]:
    """Each arm's score of each of its seeds on selection or report, and each example's part in it.

    ``role`` is ``selection`` or ``report``; a task of several report splits scores their mean.
    Greater is better, as of ``primary_scores``.
    """
    splits = examples.report_splits if role == "report" else [role]
    return [
        primary_scores(examples, {split: examples.students[split][number] for split in splits})
        for number in range(len(examples.record["arms"]))
    ]


def primary_scores(examples: Examples, logits: Mapping[str, np.ndarray]) -> Contributions:
    """The primary metric of logits [S, N, C] by split, the mean of several splits, by example.

    Times -1 where less of the metric is better: of these, greater is.
    """
    metric = examples.record["metrics"][0]
    return joined(
        [improving(of_split, examples.labels[split], metric) for split, of_split in logits.items()]
    )


def at_seeds(scores: Contributions, arm: dict, seeds: Sequence[str]) -> Contributions:
    """An arm's scores of some of its seeds, in their order."""
    rows = [arm["seeds"].index(seed) for seed in seeds]
    return Contributions(scores.value[rows], scores.pseudovalues[rows])


def choice_weights(selection: np.ndarray, n: int) -> np.ndarray:
    """How often each arm is the best of n, [S, A], given selection scores [S, A].

    For each seed the arm is chosen by its mean score over the *other* seeds (its own where there is
    one seed), in every subset of n arms; a row holds each arm's share of the subsets. Ties go to
    the earlier arm. With n = 1 every arm has the same share: nothing is chosen.
    """
    seeds, arms = selection.shape
    others = (selection.sum(axis=0) - selection) / (seeds - 1) if seeds > 1 else selection
    order = np.argsort(-others.round(12), axis=1, kind="stable")
    # The arm of rank r is chosen in those subsets that hold it and n - 1 worse ones.
    shares = [math.comb(arms - 1 - rank, n - 1) / math.comb(arms, n) for rank in range(arms)]
    weights = np.empty_like(others)
    np.put_along_axis(weights, order, np.broadcast_to(shares, others.shape), axis=1)
    return weights


def best_of(
    name: str, scores: Sequence[Contributions], selection: np.ndarray, n: int, arms: Sequence[dict]
) -> Side:
    """The best of n out of some arms, chosen on selection [S, A]; n = 1 is the arms' mean."""
    weights = choice_weights(selection, n)
    value = np.einsum("sa,as->s", weights, np.stack([score.value for score in scores]))
    pseudovalues = sum(
        weights[:, [number]] * score.pseudovalues for number, score in enumerate(scores)
    )
    settings = [
        values.pop() if len(values) == 1 else "chosen"
        for values in ({arm["T"] for arm in arms}, {arm["alpha"] for arm in arms})
    ]
    return Side(name, value, pseudovalues, *settings, n)


class Plan(NamedTuple):
    """A comparison to be made: the kind of claim, and each side's name and arms; best of n."""

    claim: str
    a: tuple[str, list[int]]
    b: tuple[str, list[int]]
    n: int


def planned(arms: Sequence[dict]) -> list[Plan]:
    """What is to be claimed of some arms, by their numbers.

    Sides of several arms are of those that have seeds; an arm without any keeps its own claims.
    """
    none, single, multi, controls = (
        [i for i, arm in enumerate(arms) if arm["family"] == family] for family in FAMILIES
    )

    def own(i: int) -> tuple[str, list[int]]:
        return arms[i]["name"], [i]

    def several(name: str, members: list[int]) -> tuple[str, list[int]]:
        return name, [i for i in members if arms[i]["seeds"]] or members

    found = []
    if none and single + multi:
        every = several("distillation, mean of all arms", single + multi)
        found.append(Plan("distillation", every, own(none[0]), 1))
    if single and multi:
        families = [several("multi-teacher", multi), several("single-teacher", single)]
        n = min(len(members) for _, members in families)
        sides = [
            (f"best of {n} {name} arms on selection" if n > 1 else f"one {name} arm", members)
            for name, members in families
        ]
        found.append(Plan("several teachers", *sides, n))
        lone = several("one teacher, mean of single-teacher arms", single)
        found += [Plan("strategy v one teacher", own(i), lone, 1) for i in multi]
    found += [
        Plan("strategy v average", own(i), own(j), 1)
        for j in multi
        for i in multi
        if is_plain_average(arms[j])
        and not is_plain_average(arms[i])
        and arms[i]["teachers"] == arms[j]["teachers"]
    ]
    found += [
        Plan("strategy v control", own(i), own(j), 1)
        for j in controls
        for i in single + multi
        if arms[i]["teachers"] == arms[j]["teachers"]
    ]
    return found


def comparisons(examples: Examples) -> list[tuple[str, Side, Side]]:
    """What is claimed of a task: (kind of claim, side a, side b).

    Each is over the seeds that all arms of its two sides finished, which may be none.
    """
    finished = examples.record["arms"]
    arms = [*finished, *examples.record["lost"]]
    report, selected = (arm_scores(examples, role) for role in ("report", "selection"))
    examples_n = sum(len(examples.labels[split]) for split in examples.report_splits)
    result = []
    for plan in planned(arms):
        members = plan.a[1] + plan.b[1]
        seeds = shared_seeds([arms[i] for i in members])
        sides = []
        for name, side in (plan.a, plan.b):
            some = [arms[i] for i in side]
            if not seeds:
                T, alpha = ("chosen" if len(side) > 1 else some[0][key] for key in ("T", "alpha"))
                empty = np.empty(0), np.empty((0, examples_n))
                sides.append(Side(name, *empty, T, alpha, plan.n))
                continue
            scores = [at_seeds(report[i], arms[i], seeds) for i in side]
            selection = [at_seeds(selected[i], arms[i], seeds).value for i in side]
            sides.append(best_of(name, scores, np.stack(selection, axis=1), plan.n, some))
        result.append((plan.claim, *sides))
    return result


def claims_table(examples: Examples, margin: float) -> pd.DataFrame:
    """A task's claims, one row each, with COLUMNS; effects and margin in points.

    A point is a hundredth of the primary metric's unit, a percentage point of one in percent. An
    effect is an improvement: a's metric less b's, or b's less a's where less is better.
    ``low`` and ``high`` are the crossed variance components' 95 % interval, ``bootstrap_*`` the
    percentile bootstrap's over seeds and examples, which stands beside it as a check. ``constant``
    is the best constant answer, ``constant_value`` its score as tables show it; ``lead_a``
    and ``lead_b`` are the points by which each side is above it, with their intervals.
    """
    found, constant = comparisons(examples), constant_scores(examples, examples.report_splits)
    differences, bootstraps, leads = [], [], []
    for _, a, b in found:
        values = 100 * (a.pseudovalues - b.pseudovalues)
        if not len(values):
            differences.append(unknown_difference(values.shape[1]))
            bootstraps.append((math.nan, math.nan))
            leads.append((differences[-1], differences[-1]))
            continue
        scores = [Contributions(side.value, side.pseudovalues) for side in (a, b)]
        leads.append(tuple(lead(side, constant) for side in scores))
        estimate = 100 * float((a.value - b.value).mean())
        differences.append(crossed_difference(values, estimate))
        # The jackknife's mean is off by its bias correction; the check is centred on the estimate.
        low, high = bootstrap_interval(values, BOOTSTRAP_SEED)
        shift = estimate - values.mean()
        bootstraps.append((low + shift, high + shift))
    verdicts = [
        finding if any(side.low > 0 for side in sides) else without_skill(finding)
        for finding, sides in zip(findings(differences, margin), leads, strict=True)
    ]
    splits, metric = examples.record["report_splits"], declared(examples.record["metrics"][0])
    rows = []
    for (claim, a, b), difference, bootstrap, sides, verdict in zip(
        found, differences, bootstraps, leads, verdicts, strict=True
    ):
        row = {
            "task": examples.record["task"],
            "claim": claim,
            "a": a.name,
            "b": b.name,
            "metric": examples.record["metrics"][0],
            "split": " and ".join(splits),
            "seeds": difference.seeds,
            "n": difference.examples,
            "T_a": a.T,
            "alpha_a": a.alpha,
            "T_b": b.T,
            "alpha_b": b.alpha,
            "n_a_candidates": a.candidates,
            "n_b_candidates": b.candidates,
            "effect": difference.estimate,
            "low": difference.low,
            "high": difference.high,
            "bootstrap_low": bootstrap[0],
            "bootstrap_high": bootstrap[1],
            "se": difference.se,
            "df": difference.df,
            "p_superiority": verdict.superiority_p,
            "p_equivalence": verdict.equivalence_p,
            "margin": margin,
            "minimum_detectable": verdict.minimum_detectable_effect,
            "seeds_needed": seeds_needed(difference, margin, verdict.level),
            "constant": constant_name(examples),
            "constant_value": metric.scale * metric.sign * constant.value[0],
            **{f"lead_{name}": side.estimate for name, side in zip("ab", sides, strict=True)},
            **{f"low_{name}": side.low for name, side in zip("ab", sides, strict=True)},
            **{f"high_{name}": side.high for name, side in zip("ab", sides, strict=True)},
            "verdict": verdict.verdict,
            "note": verdict.note,
        }
        rows.append(row | {"sentence": sentence(row)})
    return pd.DataFrame(rows, columns=COLUMNS)


def sentence(row: dict) -> str:
    """A claim in plain words: what was compared, effect, interval, verdict."""
    if not row["seeds"]:
        return f"{row['task']}: {row['a']} against {row['b']}: no seed finished on both sides."
    points, less = f"points of {row['metric']}", ""
    if not declared(row["metric"]).greater_is_better:
        points, less = f"points of improvement in {row['metric']}", "less is better; "
    opening = (
        f"{row['task']}: {row['a']} against {row['b']}: {row['effect']:+.2f} {points} "
        f"({less}95 % interval {row['low']:+.2f} to {row['high']:+.2f}, "
        f"{row['seeds']} seed{'s' * (row['seeds'] > 1)}, {row['n']:,} examples)"
    )
    return f"{opening}: {_ending(row)}."


def _ending(row: dict) -> str:
    match row["verdict"]:
        case "equivalent":
            note = f" ({row['note']})" if row["note"] else ""
            return f"equivalent within {row['margin']:g} points{note}"
        case "undecidable":
            needed, margin = row["seeds_needed"], f"{row['margin']:g} points"
            if needed <= row["seeds"]:
                more = f"less than the margin of {margin}, which other effects would have shown"
            elif math.isfinite(needed):
                more = f"about {needed:.0f} seeds would show {margin}"
            else:
                more = f"no number of seeds would show {margin} on these examples"
            seen = f"{row['minimum_detectable']:.2f} points"
            return (
                f"undecidable; the least effect that this study could have seen is {seen}, {more}"
            )
        case "no skill":
            return (
                f"no skill: neither is better than {row['constant']!r} for every example, which "
                f"has {row['constant_value']:.{declared(row['metric']).decimals}f}"
            )
        case "no verdict":
            return "no verdict, which takes three seeds"
        case verdict:
            return verdict
