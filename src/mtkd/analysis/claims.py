"""The claims of a study: comparisons of arms with their intervals, verdicts and plain sentences.

A task's primary claims are one family, its other ones another: Holm's correction is over each. No
sentence is written by hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from mtkd.analysis.constant import constant_name, constant_scores
from mtkd.analysis.measures.scores_per_example import improving, joined, outcome_step
from mtkd.analysis.sentences import sentence
from mtkd.analysis.statistics.paired import (
    MINIMUM_DRAWS,
    Difference,
    bootstrap_interval,
    drawn_difference,
    seeds_needed,
    unknown_difference,
)
from mtkd.analysis.statistics.verdicts import (
    Finding,
    findings,
    has_assay_sensitivity,
    without_assay_sensitivity,
    without_skill,
)
from mtkd.config.schema import PRIMARY_CLAIMS
from mtkd.metrics.by_example import Contributions
from mtkd.metrics.names import declared
from mtkd.records.examples import Examples
from mtkd.study.arms import (
    FAMILIES,
    has_hard_labels,
    is_distilled,
    is_out_of_fold,
    is_plain_average,
    is_plain_single,
)

# Kinds of claims. The first three are primary: the questions that a study is run for.
DISTILLATION, PRACTICE, SOFT_LABELS = PRIMARY = PRIMARY_CLAIMS
SEVERAL = "several teachers"
MEAN_SINGLE = "strategy v mean single-teacher arm"
OTHER_FUSION = "strategy v average"
CONTROL = "strategy v control"
OUT_OF_FOLD = "in-sample v out-of-fold"

COLUMNS = [
    "task",
    "claim",
    "primary",
    "a",
    "b",
    "metric",
    "split",
    "draws",
    "seeds",
    "n",
    "clusters",
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
    "assay_low",
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
    seeds: list[str]


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
    name: str,
    scores: Sequence[Contributions],
    selection: np.ndarray,
    n: int,
    arms: Sequence[dict],
    seeds: list[str],
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
    return Side(name, value, pseudovalues, *settings, n, seeds)


class Plan(NamedTuple):
    """A comparison to be made: the kind of claim, and each side's name and arms; best of n."""

    claim: str
    a: tuple[str, list[int]]
    b: tuple[str, list[int]]
    n: int


def planned(arms: Sequence[dict], teachers: Mapping[str, float] | None = None) -> list[Plan]:
    """What is to be claimed of some arms, by their numbers.

    Sides of several arms are of those that have seeds; an arm without any keeps its own claims.
    ``teachers`` has the score of each on selection, of which greater is better. An arm of hard
    labels that is there beside its own soft labels is compared with these (and is a control where
    it is said to be one), and else has no part. Nor has one of out-of-fold logits that is there
    beside the same of in-sample ones, unless these are a control.
    """
    none, single, multi, controls = sides_of(arms)

    def own(i: int) -> tuple[str, list[int]]:
        return arms[i]["name"], [i]

    def several(name: str, members: list[int]) -> tuple[str, list[int]]:
        return name, [i for i in members if arms[i]["seeds"]] or members

    hardened, crossfitted = _hardened(arms), _crossfitted(arms)
    found = []
    if none and single + multi:
        of = ("mean of single-teacher arms", single) if single else ("mean of all arms", multi)
        every = several(f"distillation, {of[0]}", of[1])
        found.append(Plan(DISTILLATION, every, own(none[0]), 1))
    found += [
        Plan(PRACTICE, own(i), (f"{arms[j]['name']}, the best teacher on selection", [j]), 1)
        for i, j in _practice(arms, teachers or {})
    ]
    found += [Plan(SOFT_LABELS, own(i), own(j), 1) for i, j in hardened]
    if single and multi:
        families = [several("multi-teacher", multi), several("single-teacher", single)]
        n = min(len(members) for _, members in families)
        sides = [
            (f"best of {n} {name} arms on selection" if n > 1 else f"one {name} arm", members)
            for name, members in families
        ]
        found.append(Plan(SEVERAL, *sides, n))
        mean = several("mean single-teacher arm", single)
        found += [Plan(MEAN_SINGLE, own(i), mean, 1) for i in multi]
    found += [
        Plan(OTHER_FUSION, own(i), own(j), 1)
        for j in multi
        for i in multi
        if is_plain_average(arms[j])
        and not is_plain_average(arms[i])
        and arms[i]["teachers"] == arms[j]["teachers"]
    ]
    found += [
        Plan(CONTROL, own(i), own(j), 1)
        for j in controls
        for i in single + multi
        if arms[i]["teachers"] == arms[j]["teachers"]
        and not {(i, j), (j, i)} & {*hardened, *crossfitted}
    ]
    if none and single + multi:
        bare = [j for j in controls if not is_distilled(arms[j]["teachers"])]
        found += [Plan(CONTROL, every, own(j), 1) for j in bare]
    found += [Plan(OUT_OF_FOLD, own(i), own(j), 1) for i, j in crossfitted]
    return found


def sides_of(arms: Sequence[dict]) -> tuple[list[int], list[int], list[int], list[int]]:
    """Numbers of the undistilled arms, those of one teacher, of several, and the controls.

    One of hard labels, or of out-of-fold logits, that is there beside the same of soft labels, or
    of in-sample logits that are no control, is on no side: it is a question of its own.
    """
    none, single, multi, controls = (
        [i for i, arm in enumerate(arms) if arm["family"] == family] for family in FAMILIES
    )
    apart = {j for _, j in _hardened(arms)}
    apart |= {j for i, j in _crossfitted(arms) if i not in controls}
    single, multi = ([i for i in of if i not in apart] for of in (single, multi))
    return none, single, multi, controls


def _hardened(arms: Sequence[dict]) -> list[tuple[int, int]]:
    """Plain single-teacher and average arms, each with an arm of its own labels made hard."""
    return [
        (i, j)
        for i, soft in enumerate(arms)
        for j, hard in enumerate(arms)
        if (is_plain_single(soft["strategy"]) or is_plain_average(soft))
        and has_hard_labels(hard)
        and not is_out_of_fold(hard)
        and (soft["fusion"], soft["teachers"]) == (hard["fusion"], hard["teachers"])
    ]


def _crossfitted(arms: Sequence[dict]) -> list[tuple[int, int]]:
    """Arms of in-sample logits, each with one that differs in these being out of fold alone."""
    return [
        (i, j)
        for i, plain in enumerate(arms)
        for j, other in enumerate(arms)
        if is_out_of_fold(other)
        and plain["strategy"] in other["in_sample"]
        and plain["teachers"] == other["teachers"]
    ]


def _practice(arms: Sequence[dict], teachers: Mapping[str, float]) -> list[tuple[int, int]]:
    """Each plain average, with the student of that teacher of it which is best on selection.

    Not of an average whose teachers are some of another one's, nor where that student is missing.
    """
    averages = {
        i: arm["teachers"].split("+") for i, arm in enumerate(arms) if is_plain_average(arm)
    }
    students = {
        arm["teachers"]: i for i, arm in enumerate(arms) if is_plain_single(arm["strategy"])
    }
    found = []
    for i, members in averages.items():
        part = any(set(members) < set(others) for others in averages.values())
        if part or not teachers.keys() >= set(members):
            continue
        # The first on ties: the suite's order.
        best = max(members, key=lambda name: round(teachers[name], 12))
        if best in students:
            found.append((i, students[best]))
    return found


def teacher_scores(examples: Examples) -> dict[str, float]:
    """Each teacher's primary metric on selection, its seeds' mean, of which greater is better.

    It is what the teachers themselves were scored with, before there was any student.
    """
    record = examples.record
    sign = declared(record["metrics"][0]).sign
    pairs = zip(record["teachers"], record["teacher_scores"], strict=True)
    return {name: sign * float(np.mean(scores)) for name, scores in pairs}


def comparisons(examples: Examples) -> list[tuple[str, Side, Side]]:
    """What is claimed of a task: (kind of claim, side a, side b).

    Each is over the seeds that all arms of its two sides finished, which may be none.
    """
    finished = examples.record["arms"]
    arms = [*finished, *examples.record["lost"]]
    report, selected = (arm_scores(examples, role) for role in ("report", "selection"))
    examples_n = sum(len(examples.labels[split]) for split in examples.report_splits)
    result = []
    for plan in planned(arms, teacher_scores(examples)):
        members = plan.a[1] + plan.b[1]
        seeds = shared_seeds([arms[i] for i in members])
        sides = []
        for name, side in (plan.a, plan.b):
            some = [arms[i] for i in side]
            if not seeds:
                T, alpha = ("chosen" if len(side) > 1 else some[0][key] for key in ("T", "alpha"))
                empty = np.empty(0), np.empty((0, examples_n))
                sides.append(Side(name, *empty, T, alpha, plan.n, seeds))
                continue
            scores = [at_seeds(report[i], arms[i], seeds) for i in side]
            selection = [at_seeds(selected[i], arms[i], seeds).value for i in side]
            chosen = np.stack(selection, axis=1)
            sides.append(best_of(name, scores, chosen, plan.n, some, seeds))
        result.append((plan.claim, *sides))
    return result


def claims_table(examples: Examples, margin: float) -> pd.DataFrame:
    """A task's claims, one row each, with COLUMNS; effects and margin in points.

    A point is a hundredth of the primary metric's unit, a percentage point of one in percent. An
    effect is an improvement: a's metric less b's, or b's less a's where less is better.
    ``low`` and ``high`` are the crossed variance components' 95 % interval, ``bootstrap_*`` the
    percentile bootstrap's over seeds and examples, which stands beside it as a check. ``clusters``
    is how many they come in, as many as examples where the task names none. ``constant``
    is the best constant answer, ``constant_value`` its score as tables show it; ``lead_a``
    and ``lead_b`` are the points by which each side is above it, with their intervals.
    ``assay_low`` is the lower end of the task's distilled less undistilled, for assay sensitivity.
    """
    return _stated(examples.record["task"], [examples], margin)


def claims_over_draws(name: str, draws: Sequence[Examples], margin: float) -> pd.DataFrame:
    """The claims of a task of which there are several draws, over all of them: as a task's.

    An effect is the mean over draws, seeds those that finished in all. With fewer than
    MINIMUM_DRAWS intervals and verdicts are conditional on these draws, which ``note`` says; else
    draws are a random factor as well (``drawn_difference``), and ``seeds_needed`` is unknown.
    """
    return _stated(name, draws, margin)


class Compared(NamedTuple):
    """A comparison in each of D draws: the kind of claim and the sides."""

    claim: str
    a: list[Side]
    b: list[Side]

    @property
    def seeds(self) -> list[str]:
        """Those that finished on both sides in every draw."""
        return [s for s in self.a[0].seeds if all(s in side.seeds for side in self.a)]


def _compared(draws: Sequence[Examples]) -> list[Compared]:
    """The comparisons of all draws, which have the same arms."""

    def key(claim: str, a: Side, b: Side) -> tuple[str, ...]:
        # How many arms are left to choose from, and which teacher is best, is for a draw to say.
        if claim in (DISTILLATION, SEVERAL):
            return (claim,)
        return (claim, a.name) if claim == PRACTICE else (claim, a.name, b.name)

    found: dict[tuple[str, ...], list[tuple[str, Side, Side]]] = {}
    for examples in draws:
        for one in comparisons(examples):
            found.setdefault(key(*one), []).append(one)
    return [
        Compared(each[0][0], [a for _, a, _ in each], [b for _, _, b in each])
        for each in found.values()
        if len(each) == len(draws)
    ]


def _scores(sides: Sequence[Side], seeds: Sequence[str]) -> Contributions:
    """Values [D, S] and pseudovalues [D, S, N] of a side in each draw, of some seeds."""
    rows = [[side.seeds.index(seed) for seed in seeds] for side in sides]
    pairs = list(zip(sides, rows, strict=True))
    return Contributions(
        np.stack([side.value[own] for side, own in pairs]),
        np.stack([side.pseudovalues[own] for side, own in pairs]),
    )


def _stated(name: str, draws: Sequence[Examples], margin: float) -> pd.DataFrame:
    """The claims of one task, or of several draws of one, by COLUMNS."""
    examples, found = draws[0], _compared(draws)
    splits, primary = examples.record["report_splits"], examples.record["metrics"][0]
    metric = declared(primary)
    clusters = examples.clusters_of(splits)
    constants = [constant_scores(one, splits) for one in draws]
    constant = Contributions(
        np.stack([one.value for one in constants]),
        np.stack([one.pseudovalues for one in constants]),
    )

    def difference_of(one: Contributions, other: Contributions) -> Difference:
        estimate = 100 * float((one.value - other.value).mean())
        values = 100 * (one.pseudovalues - other.pseudovalues)
        found = drawn_difference(values, estimate, clusters)
        return found._replace(step=100 * outcome_step((one, other), primary))

    differences, bootstraps, leads = [], [], []
    for one in found:
        if not one.seeds:
            unknown = unknown_difference(one.a[0].pseudovalues.shape[1], clusters)
            differences.append(unknown)
            bootstraps.append((math.nan, math.nan))
            leads.append((unknown, unknown))
            continue
        a, b = (_scores(sides, one.seeds) for sides in (one.a, one.b))
        leads.append(tuple(difference_of(side, constant) for side in (a, b)))
        differences.append(difference_of(a, b))
        values = 100 * (a.pseudovalues - b.pseudovalues)
        # What is drawn anew: seeds, or draws where there are enough.
        values = values.mean(axis=0 if len(draws) < MINIMUM_DRAWS else 1)
        # The jackknife's mean is off by its bias correction; the check is centred on the estimate.
        low, high = bootstrap_interval(values, BOOTSTRAP_SEED, clusters=clusters)
        shift = differences[-1].estimate - values.mean()
        bootstraps.append((low + shift, high + shift))
    kinds = [one.claim for one in found]
    skilled = [any(side.low > 0 for side in sides) for sides in leads]
    verdicts, assay = judged(kinds, differences, skilled, margin)
    conditional = "the interval is conditional on these draws" * (1 < len(draws) < MINIMUM_DRAWS)
    answers = " or ".join(dict.fromkeys(constant_name(one) for one in draws))
    rows = []
    for one, difference, bootstrap, sides, verdict in zip(
        found, differences, bootstraps, leads, verdicts, strict=True
    ):
        needed = math.nan
        if len(draws) < MINIMUM_DRAWS:
            needed = seeds_needed(difference, margin, verdict.level)
        row = {
            "task": name,
            "claim": one.claim,
            "primary": one.claim in PRIMARY,
            "a": _name(one.a),
            "b": _name(one.b),
            "metric": examples.record["metrics"][0],
            "split": " and ".join(splits),
            "draws": len(draws),
            "seeds": difference.seeds,
            "n": difference.examples,
            "clusters": difference.clusters,
            "T_a": _setting(side.T for side in one.a),
            "alpha_a": _setting(side.alpha for side in one.a),
            "T_b": _setting(side.T for side in one.b),
            "alpha_b": _setting(side.alpha for side in one.b),
            "n_a_candidates": min(side.candidates for side in one.a),
            "n_b_candidates": min(side.candidates for side in one.b),
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
            "seeds_needed": needed,
            "constant": answers,
            "constant_value": metric.scale * metric.sign * float(constant.value.mean()),
            **{f"lead_{name}": side.estimate for name, side in zip("ab", sides, strict=True)},
            **{f"low_{name}": side.low for name, side in zip("ab", sides, strict=True)},
            **{f"high_{name}": side.high for name, side in zip("ab", sides, strict=True)},
            "assay_low": assay.low if assay else math.nan,
            "verdict": verdict.verdict,
            "note": "; ".join(filter(None, [verdict.note, conditional])),
        }
        rows.append(row | {"sentence": sentence(row)})
    return pd.DataFrame(rows, columns=COLUMNS)


def _name(sides: Sequence[Side]) -> str:
    """A side's name; of teachers that are the best of one draw each, that they are."""
    names = list(dict.fromkeys(side.name for side in sides))
    return names[0] if len(names) == 1 else f"{names[0].rpartition(', ')[2]} of each draw"


def _setting(values: Iterable[str]) -> str:
    """A T or an alpha that all have, or that it was chosen for each."""
    several = set(values)
    return several.pop() if len(several) == 1 else "chosen"


def judged(
    kinds: Sequence[str], differences: Sequence[Difference], skilled: Sequence[bool], margin: float
) -> tuple[list[Finding], Difference | None]:
    """The verdicts on a task's claims, and the difference that says whether it could tell at all.

    Primary claims are one of Holm's families, the others another. Where neither side of a claim has
    skill (``skilled``), it has no other verdict; where the study has no assay sensitivity, no two
    distilled arms are equivalent. Distilled against undistilled is the assay itself, so that its
    own equivalence has no such condition.
    """
    found: dict[int, Finding] = {}
    for primary in (True, False):
        family = [i for i, kind in enumerate(kinds) if (kind in PRIMARY) == primary]
        found |= zip(family, findings([differences[i] for i in family], margin), strict=True)
    assay = differences[kinds.index(DISTILLATION)] if DISTILLATION in kinds else None
    sensitive = has_assay_sensitivity(assay, margin)
    verdicts = []
    for i, kind in enumerate(kinds):
        verdict = found[i]
        if kind != DISTILLATION and not sensitive:
            verdict = without_assay_sensitivity(verdict)
        verdicts.append(verdict if skilled[i] else without_skill(verdict))
    return verdicts, assay
