"""What trained students add to the framework's claims: attenuation, log-loss, gain and diversity.

The pools themselves, without students: ``mtkd.framework.pooling``. All on the report split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import log_softmax, softmax

from mtkd.analysis.claims import arm_scores, at_seeds, shared_seeds
from mtkd.analysis.measures.diversity import generalised_jsd
from mtkd.analysis.statistics.paired import MINIMUM_SEEDS, crossed_difference
from mtkd.framework.claims import (
    COLUMNS,
    FAILS,
    HOLDS,
    INTERVAL,
    ROUNDING,
    UNDECIDABLE,
    below,
    claim_row,
)
from mtkd.records.examples import Examples
from mtkd.study.arms import is_plain_average, is_plain_single

Pools = Mapping[str, Mapping[str, Any]]

ATTENUATION_COLUMNS = ["task", "dissenter", "operator", "arm", "T", "alpha", "weight", "seeds", "n"]
ATTENUATION_COLUMNS += ["soft_mass", "mass", "mass_low", "mass_high"]
ATTENUATION_COLUMNS += ["bound", "excess", "low", "high", "share_over"]
DIVERSITY_COLUMNS = ["task", "arm", "teachers", "members", "diversity", "gain", "seeds", "n"]
PERMUTATIONS = 9999
VERDICTS = {"better": HOLDS, "worse": FAILS, "equivalent": FAILS}


def attenuation_students(examples: Examples, pools: Pools) -> pd.DataFrame:
    """A wrong class's mass in soft labels and in students, by dissenter, operator and its weight.

    The dissenter is each teacher whose weight arms sweep, in turn. The class, by example: the wrong
    one to which the dissenting teacher gives least beside what some other teacher gives it, at the
    arm's T. ``soft_mass``, ``mass`` and ``bound`` are means over examples (and seeds) of the soft
    labels' mass, of the students' at T, and of the framework's bound
    (1 - w) max_j p_j(i) + w p_k(i); ``excess`` is mass less bound with its interval over seeds and
    examples, ``share_over`` the share of a student's examples above the bound. The arm of the
    dissenting teacher alone is every operator's end of the sweep, w = 1.
    """
    record = examples.record
    rows = []
    for point in _sweep(examples, pools):
        arm = record["arms"][point.arm]
        mass, soft, bound = _masses(examples, point)
        clusters = examples.clusters_of(examples.report_splits)
        excess = crossed_difference(mass - bound, clusters=clusters)
        own = crossed_difference(mass, clusters=clusters)
        row = {"task": record["task"], "dissenter": point.teacher, "operator": point.operator}
        row |= {"arm": arm["name"], "T": arm["T"], "alpha": arm["alpha"], "weight": point.weight}
        row |= {"seeds": excess.seeds, "n": excess.examples, "soft_mass": soft.mean()}
        row |= {"mass": own.estimate, "mass_low": own.low, "mass_high": own.high}
        row |= {"bound": bound.mean(), "excess": excess.estimate}
        row |= {"low": excess.low, "high": excess.high}
        rows.append(row | {"share_over": (mass - bound > ROUNDING).mean()})
    table = pd.DataFrame(rows, columns=ATTENUATION_COLUMNS)
    order = {name: place for place, name in enumerate(dict.fromkeys(table.dissenter))}
    return table.sort_values(
        ["dissenter", "operator", "weight"],
        kind="stable",
        ignore_index=True,
        key=lambda column: column.map(order) if column.name == "dissenter" else column,
    )


def diversity_gains(examples: Examples) -> pd.DataFrame:
    """Each average arm's gain over its own teachers' single arms, in points, and their diversity.

    ``diversity`` is the generalised Jensen-Shannon divergence of the arm's teachers at T = 1 on
    selection, in nats; ``members`` how many they are. Arms without a shared seed have no row.
    """
    record = examples.record
    arms, scores = record["arms"], arm_scores(examples, "report")
    single = {a["teachers"]: i for i, a in enumerate(arms) if is_plain_single(a["strategy"])}
    rows = []
    for number, arm in enumerate(arms):
        teachers = arm["teachers"].split("+")
        if not is_plain_average(arm) or not all(name in single for name in teachers):
            continue
        members = [single[name] for name in teachers]
        seeds = shared_seeds([arms[i] for i in (number, *members)])
        if not seeds:
            continue
        own = at_seeds(scores[number], arm, seeds).value
        alone = np.mean([at_seeds(scores[i], arms[i], seeds).value for i in members], axis=0)
        places = [record["teachers"].index(name) for name in teachers]
        p = softmax(examples.teachers["selection"][places, 0].astype(float), axis=-1)
        row = {"task": record["task"], "arm": arm["name"], "teachers": arm["teachers"]}
        row |= {"members": len(teachers)}
        row["diversity"] = generalised_jsd(p, np.full(len(teachers), 1 / len(teachers)))
        row["gain"] = 100 * float((own - alone).mean())
        n = sum(len(examples.labels[split]) for split in examples.report_splits)
        rows.append(row | {"seeds": len(seeds), "n": n})
    return pd.DataFrame(rows, columns=DIVERSITY_COLUMNS)


def student_claims(
    tasks: Sequence[Examples], pools: Pools, gains: pd.DataFrame, claims: pd.DataFrame
) -> pd.DataFrame:
    """Rows of the framework's claims that take students, with the columns of the others.

    ``gains`` is ``diversity_gains`` of all tasks; ``claims`` the study's table of claims, of which
    the learned gate against the average is what it has of data-driven weights.
    """
    rows = []
    for examples in tasks:
        own = [*_learns_rows(examples, pools), *_log_loss_rows(examples, pools)]
        own += _gate_rows(claims[claims.task == examples.record["task"]])
        rows += [{"task": examples.record["task"]} | row for row in own]
    rows.append({"task": "all"} | _diversity_row(gains))
    return pd.DataFrame(rows, columns=COLUMNS)


class Point(NamedTuple):
    """One point of a sweep: an arm, by its number, and the dissenting teacher's weight in it."""

    teacher: str
    arm: int
    operator: str
    weight: float
    members: list[int]  # the places of the pooled teachers among the study's


def _sweep(examples: Examples, pools: Pools) -> list[Point]:
    """The sweeps of each teacher's weight, and for each the arm of the teacher alone.

    A sweep is of one group of teachers, that of the first arm that weighs some, at one T: arms of
    one operator among which a teacher's weight varies and the others share the rest in one
    proportion. Where a teacher has sweeps of several proportions, the one of most weights counts.
    """
    record = examples.record
    weighed = {
        name: pool for name, pool in pools.items() if pool.get("weights") and not pool.get("T")
    }
    group = next((arm["teachers"] for arm in record["arms"] if arm["strategy"] in weighed), None)
    if group is None:
        return []
    names = group.split("+")
    members = [record["teachers"].index(name) for name in names]
    # Those of arms that were lost are part of a sweep, too.
    own = {name: pool for name, pool in weighed.items() if set(pool["weights"]) == set(names)}
    points: list[Point] = []
    for teacher in names:
        for operator in dict.fromkeys(pool["operator"] for pool in own.values()):
            weights = _swept(
                teacher, {name: of for name, of in own.items() if of["operator"] == operator}
            )
            points += [
                Point(teacher, number, operator, weights[arm["strategy"]], members)
                for number, arm in enumerate(record["arms"])
                if arm["teachers"] == group and arm["strategy"] in weights
            ]
            points += [
                Point(teacher, number, operator, 1.0, members)
                for number, arm in enumerate(record["arms"])
                if weights and is_plain_single(arm["strategy"]) and arm["teachers"] == teacher
            ]
    return points


def _swept(teacher: str, pools: Pools) -> dict[str, float]:
    """The strategies among which a teacher's weight is swept, with it; none if it is not."""
    by_proportion: dict[tuple, dict[str, float]] = {}
    for strategy, pool in pools.items():
        weight = pool["weights"][teacher]
        if weight < 1:
            others = sorted((name, w) for name, w in pool["weights"].items() if name != teacher)
            proportion = tuple(round(other / (1 - weight), 6) for _, other in others)
            by_proportion.setdefault(proportion, {})[strategy] = weight
    widest = max(by_proportion.values(), key=lambda found: len(set(found.values())), default={})
    return widest if len(set(widest.values())) > 1 else {}


def _masses(examples: Examples, point: Point) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mass of the chosen class [S, N]: the students' at T, their soft labels', and the bound."""
    record, arm = examples.record, examples.record["arms"][point.arm]
    k = point.members.index(record["teachers"].index(point.teacher))
    parts = []
    for split in examples.report_splits:
        gold = np.eye(len(record["labels"]), dtype=bool)[examples.labels[split]]
        T = float(arm["T"])
        students = softmax(examples.students[split][point.arm].astype(float) / T, axis=-1)
        soft = np.broadcast_to(examples.soft[split][point.arm], students.shape)
        of_split = []
        for place, seed in enumerate(arm["seeds"]):
            p = softmax(_teachers(examples, split, seed)[point.members] / T, axis=-1)
            others = np.delete(p, k, axis=0).max(axis=0)
            chosen = np.where(gold, -np.inf, others - p[k]).argmax(axis=-1)[:, None]

            def of(q: np.ndarray, chosen=chosen) -> np.ndarray:
                return np.take_along_axis(q, chosen, axis=-1)[:, 0]

            most = np.maximum(of(others), of(p[k]))
            bound = (1 - point.weight) * most + point.weight * of(p[k])
            of_split.append([of(students[place]), of(soft[place]), bound])
        parts.append(np.transpose(of_split, (1, 0, 2)))
    return tuple(np.concatenate(parts, axis=-1))


def _teachers(examples: Examples, split: str, seed: str) -> np.ndarray:
    """Teachers' logits [K, N, C] behind a student of a seed: of the same one, or the only one."""
    seeds = examples.record["teacher_seeds"]
    return examples.teachers[split][:, seeds.index(seed) if seed in seeds else 0].astype(float)


def _decided(verdict: str, seeds: int) -> tuple[str, str]:
    """Verdict and evidence, of seeds enough."""
    if seeds < MINIMUM_SEEDS:
        return UNDECIDABLE, f"{seeds} seed(s), {MINIMUM_SEEDS} needed"
    return verdict, INTERVAL


def _learns_rows(examples: Examples, pools: Pools) -> list[dict]:
    """From the least to the greatest weight of each dissenting teacher, by operator."""
    arms = examples.record["arms"]
    swept: dict[tuple[str, str], list[Point]] = {}
    for point in _sweep(examples, pools):
        swept.setdefault((point.teacher, point.operator), []).append(point)
    rows = []
    for (teacher, operator), points in swept.items():
        low, high = (most(points, key=lambda point: point.weight) for most in (min, max))
        seeds = shared_seeds([arms[low.arm], arms[high.arm]])
        if low.weight == high.weight or not seeds:
            continue
        masses = [
            _masses(examples, point)[0][[arms[point.arm]["seeds"].index(seed) for seed in seeds]]
            for point in (high, low)
        ]
        clusters = examples.clusters_of(examples.report_splits)
        change = crossed_difference(masses[0] - masses[1], clusters=clusters)
        rows.append(
            claim_row(
                "a student learns the attenuated mass",
                f"{operator}, w of {teacher} from {low.weight:g} to {high.weight:g}",
                *_decided(below(change.low, change.high, 0), len(seeds)),
                "change of the student's mean mass",
                change.estimate,
                change.low,
                change.high,
            )
        )
    for row in attenuation_students(examples, pools).itertuples():
        if 0 < row.weight < 1:
            rows.append(
                claim_row(
                    "a student keeps to the bound, on average",
                    f"{row.operator}, w of {row.dissenter}={row.weight:g}",
                    *_decided(below(row.low, row.high, 0), row.seeds),
                    "mean of the student's mass less the bound",
                    row.excess,
                    row.low,
                    row.high,
                )
            )
    return rows


def _log_loss_rows(examples: Examples, pools: Pools) -> list[dict]:
    """Students of equally weighted teachers against these teachers' mean log-loss, at T = 1."""
    record = examples.record
    rows = []
    for number, arm in enumerate(record["arms"]):
        equal = is_plain_average(arm) or (
            arm["strategy"] in pools and not pools[arm["strategy"]].get("weights")
        )
        if not equal:
            continue
        members = [record["teachers"].index(name) for name in arm["teachers"].split("+")]
        parts = []
        for split in examples.report_splits:
            gold = np.arange(len(examples.labels[split])), examples.labels[split]
            own = -log_softmax(examples.students[split][number].astype(float), axis=-1)
            of_split = []
            for place, seed in enumerate(arm["seeds"]):
                of_teachers = -log_softmax(_teachers(examples, split, seed)[members], axis=-1)
                of_split.append(own[place][gold] - of_teachers.mean(axis=0)[gold])
            parts.append(of_split)
        clusters = examples.clusters_of(examples.report_splits)
        excess = crossed_difference(np.concatenate(parts, axis=-1), clusters=clusters)
        rows.append(
            claim_row(
                "a student beats its average teacher",
                f"{arm['name']}, T={arm['T']}, alpha={arm['alpha']}",
                *_decided(below(excess.low, excess.high, 0), excess.seeds),
                "student's log-loss less its teachers' mean, nats",
                excess.estimate,
                excess.low,
                excess.high,
            )
        )
    return rows


def _gate_rows(claims: pd.DataFrame) -> list[dict]:
    """Weights made from data against equal ones: the gate against the average, as claimed."""
    of_strategy = claims[claims.claim == "strategy v average"]
    gate = of_strategy[of_strategy.a.str.startswith("learned gating")]
    return [
        claim_row(
            "data-driven weights help",
            f"{row.a} against {row.b}",
            VERDICTS.get(row.verdict, UNDECIDABLE),
            f"claims.csv: {row.verdict}",
            f"points of {row.metric}",
            row.effect,
            row.low,
            row.high,
        )
        for row in gate.itertuples()
    ]


def _diversity_row(gains: pd.DataFrame) -> dict:
    """Rank correlation within tasks of diversity and gain, beside permutations within tasks.

    Groups of teachers share teachers, seeds and examples: the permutations describe, and no verdict
    hangs on them.
    """
    claim, quantity = "more diverse teachers, more gain", "mean rank correlation within tasks"
    tasks = [of for _, of in gains.groupby("task", sort=False) if len(of) > 2]
    if not tasks:
        return claim_row(
            claim, "average arms", UNDECIDABLE, "fewer than three groups of teachers a task"
        )
    ranks = [(of.diversity.rank().to_numpy(), of.gain.rank().to_numpy()) for of in tasks]
    rng = np.random.default_rng(0)
    found = np.mean([_correlations(diversity, gain[None])[0] for diversity, gain in ranks])
    by_chance = np.mean(
        [
            _correlations(diversity, rng.permuted(np.tile(gain, (PERMUTATIONS, 1)), axis=1))
            for diversity, gain in ranks
        ],
        axis=0,
    )
    p = (1 + (np.abs(by_chance) >= abs(found) - 1e-12).sum()) / (1 + PERMUTATIONS)
    groups = sum(map(len, tasks))
    where = f"{groups} average arms on {len(tasks)} task{'s' if len(tasks) > 1 else ''}"
    why = f"descriptive p={p:.3f} over permutations of groups that share teachers and examples"
    return claim_row(claim, where, UNDECIDABLE, why, quantity, found)


def _correlations(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Pearson correlation of x [n] with each of rows [R, n]."""
    x, rows = x - x.mean(), rows - rows.mean(axis=1, keepdims=True)
    scale = np.sqrt((x**2).sum() * (rows**2).sum(axis=1))
    return rows @ x / np.where(scale > 0, scale, 1)
