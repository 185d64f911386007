"""What the rules of evidence forbid in reported tables: one small check a rule.

Each check computes from the tables and yields (where, what): one line with the numbers.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterator
from itertools import combinations, groupby
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mtkd.analysis.claims import DISTILLATION, PRIMARY
from mtkd.analysis.published.derived import DEFINITIONS, ROUNDING, gaps_by_task
from mtkd.analysis.published.reported import ADVANTAGE, AVERAGE, DISTILLED, POOLS, Reported
from mtkd.analysis.statistics.chance import (
    PRINTED,
    are_counts,
    chance_of_counts,
    expected_maximum,
    expected_range,
    score_sd,
)
from mtkd.analysis.statistics.paired import MINIMUM_SEEDS
from mtkd.config.values import NOT_APPLICABLE
from mtkd.metrics.names import PERCENT, declared
from mtkd.study.view import seed_count

Found = Iterator[tuple[str, str]]

NO_VERDICT = ("no verdict", "undecidable", "no skill", "no assay sensitivity")
# Beyond this many standard deviations, or below this probability, chance is no explanation.
BEYOND_CHANCE = 5.0
CHANCE = 1e-3


class Flag(NamedTuple):
    """What is wrong and where, with its numbers, and the rule of evidence that it breaks."""

    rule: str
    where: str
    what: str
    evidence: str


def flags(reported: Reported) -> list[Flag]:
    """All that the rules object to in what a study reports, in the order of RULES."""
    return [
        Flag(name, where, what, evidence)
        for name, (check, evidence) in RULES.items()
        for where, what in check(reported)
    ]


def render_flags(found: list[Flag]) -> str:
    """Flags as text for a terminal, each with the rule of evidence that it breaks."""
    lines = [f"{len(found)} flag{'' if len(found) == 1 else 's'}"]
    for (rule, evidence), alike in groupby(found, key=lambda flag: (flag.rule, flag.evidence)):
        lines.append(f"\n{rule}: {evidence}")
        for flag in alike:
            text = f"{flag.where}: {flag.what}"
            lines += textwrap.wrap(text, 100, initial_indent="- ", subsequent_indent="  ")
    return "\n".join(lines)


def stated_setting(reported: Reported) -> Found:
    """Cells of the main table that the sweep has at another T and alpha than the stated ones."""
    actual = settings_behind(reported)
    if len(actual):
        lines = []
        for row in actual.itertuples():
            value, at_stated = (_entry(number, row.metric) for number in (row.value, row.at_stated))
            stated = "not in the sweep" if math.isnan(row.at_stated) else at_stated
            found = " or ".join(f"T={T}, alpha={alpha}" for T, alpha in row.settings)
            lines.append(
                f"{row.method} on {row.task} is {value}, the sweep's value at {found}; "
                f"the stated T={row.T}, alpha={row.alpha} has {stated}"
            )
        shared = set.intersection(*map(set, actual.settings))
        common = " or ".join(f"T={T}, alpha={alpha}" for T, alpha in sorted(shared))
        yield "main table", "; ".join(lines) + (f"; all agree on {common}" if common else "")
    for claim, sides in _plain_sides(reported):
        for side, row in sides.items():
            setting = (getattr(claim, f"T_{side}"), getattr(claim, f"alpha_{side}"))
            if "chosen" not in setting and setting != (row["T"], row.alpha):
                yield (
                    _place(claim),
                    f"compares {row.method} at T={setting[0]}, alpha={setting[1]}; the main table "
                    f"has it at T={row['T']}, alpha={row.alpha}",
                )


def named_metric(reported: Reported) -> Found:
    """Tables and claims that name no metric."""
    tables = {"main table": reported.values, "sweep": reported.sweep, "claims": reported.claims}
    for name, table in tables.items():
        tasks = table[(table.metric == "") & (table.task != AVERAGE)].task.unique()
        if len(tasks):
            yield name, f"names no metric for {', '.join(tasks)}"


def one_metric(reported: Reported) -> Found:
    """Tasks whose tables are in different metrics, by their names or by their values."""
    main = reported.values.groupby("task").metric.first().drop(AVERAGE, errors="ignore")
    for task, metric in main.items():
        swept = reported.sweep[reported.sweep.task == task]
        for other in sorted(set(swept.metric) - {metric, ""}):
            yield f"{task}, sweep", f"is in {other}, the main table in {metric}"
        if (swept.metric == "").any():
            yield from _metric_by_values(reported, task, metric, swept)
    for claim in reported.claims.itertuples():
        if claim.task in main.index and claim.metric not in (main[claim.task], ""):
            yield _place(claim), f"is in {claim.metric}, the main table in {main[claim.task]}"


def _metric_by_values(reported: Reported, task: str, metric: str, swept: pd.DataFrame) -> Found:
    """What the values of a sweep without named metric say of it."""
    rows = reported.tasks[task]["rows"]
    printed = reported.values[reported.values.task == task].value
    accuracies = are_counts(swept.value, rows).all()
    if metric != "accuracy" and accuracies and chance_of_counts(swept.value, rows) < CHANCE:
        best = swept.value.max()
        yield (
            f"{task}, sweep",
            f"all {len(swept)} values are accuracies, k/{rows} ({best:.2f} = "
            f"{round(best * rows / 100)}/{rows}), and so are {are_counts(printed, rows).sum()} of "
            f"{len(printed)} in the main table, which is in {metric}",
        )
        return
    for row in _in_both(reported, task):
        sd = math.sqrt(2) * score_sd(row.swept, rows)
        deviations = abs(row.swept - row.value) / sd if sd else 0
        if declared(metric).unit == PERCENT and deviations > BEYOND_CHANCE:
            yield (
                f"{task}, sweep",
                f"{row.method} at T={row.T}, alpha={row.alpha} is {row.swept:.2f} in the sweep and "
                f"{row.value:.2f} in the main table, which is in {metric}: {deviations:.0f} "
                f"standard deviations of two accuracies on {rows:,} examples apart",
            )


def reproduced(reported: Reported) -> Found:
    """Averages and effects that do not follow from the main table's values."""
    wide = reported.of_type(*reported.values.type.unique())
    if AVERAGE in wide:
        for method, row in wide.iterrows():
            mean = row.drop(AVERAGE).mean()
            if abs(mean - row[AVERAGE]) > ROUNDING:
                yield "main table", f"{method} has AVG {row[AVERAGE]:.2f}, the mean is {mean:.2f}"
    signs, points = reported.signs, reported.points
    for claim, sides in _plain_sides(reported):
        if len(sides) == 2 and all(row.seeds == claim.seeds for row in sides.values()):
            effect = sides["a"].value - sides["b"].value
            effect *= signs[claim.task] * points[claim.task]
            if abs(effect - claim.effect) > ROUNDING:
                yield (
                    _place(claim),
                    f"says {claim.effect:+.2f} points; the main table has {effect:+.2f}",
                )


def one_definition(reported: Reported) -> Found:
    """Advantages that no single definition gives."""
    stated = reported.claims[reported.claims.claim == ADVANTAGE].set_index("task").effect
    if stated.empty:
        return
    known = {name: advantage(reported) for name, advantage in DEFINITIONS.items()}
    agree = {
        name: [task for task in stated.index if abs(stated[task] - gains[task]) <= ROUNDING]
        for name, gains in known.items()
    }
    if all(len(tasks) < len(stated) for tasks in agree.values()):
        lines = [
            f"{', '.join(f'{task} {stated[task]:+.2f}' for task in tasks) or 'none'} by "
            f"'{name}', whose AVG is {known[name][AVERAGE]:+.2f}"
            for name, tasks in agree.items()
        ]
        yield ADVANTAGE, "; ".join(lines)


def equal_candidates(reported: Reported) -> Found:
    """Best-of-n against best-of-m."""
    unequal = reported.claims[reported.claims.n_a_candidates != reported.claims.n_b_candidates]
    for (claim, n, m), rows in unequal.groupby(["claim", "n_a_candidates", "n_b_candidates"]):
        ahead = expected_maximum(n) - expected_maximum(m)
        yield (
            f"{claim} on {', '.join(rows.task)}",
            f"the best of {n} against the best of {m}: chance alone puts it {ahead:+.2f} standard "
            "deviations of one score ahead",
        )


def preference_in_cells(reported: Reported) -> Found:
    """A T that a method is said to prefer, which is not where its best cells are."""
    for preference in reported.preferences:
        best = reported.sweep[(reported.sweep.method == preference["method"]) & reported.sweep.best]
        elsewhere = best[best["T"] != preference["T"]]
        if len(elsewhere):
            mean = best["T"].astype(float).mean()
            yield (
                f"{preference['method']}, said to prefer T={preference['T']}",
                f"its best cells on {', '.join(best.task)} are at T = {', '.join(best['T'])} "
                f"(mean {mean:g})",
            )


def preference_beyond_noise(reported: Reported) -> Found:
    """A preferred T read off a grid no wider than equal settings would make it."""
    for preference in reported.preferences:
        own = reported.sweep[reported.sweep.method == preference["method"]]
        for task, grid in own.groupby("task", sort=False):
            # What chance does to a score is known of accuracies, and of what is much like them.
            if len(grid) < 2 or declared(grid.metric.iloc[0]).unit != PERCENT:
                continue
            mean, rows = grid.value.mean(), reported.tasks[task]["rows"]
            sd = score_sd(mean, rows) / math.sqrt(grid.seeds.min())
            spread, expected = grid.value.max() - grid.value.min(), sd * expected_range(len(grid))
            if spread <= expected:
                yield (
                    f"{preference['method']} on {task}, said to prefer T={preference['T']}",
                    f"the grid spans {spread:.2f} points; {len(grid)} independent draws of one and "
                    f"the same {mean:.1f} % on {rows:,} examples span {expected:.2f} on average "
                    "(an upper bound: cells share their examples)",
                )


def measured_where_used(reported: Reported) -> Found:
    """Tasks whose teachers' confidence is not measured at each T, on a split, that students saw."""
    if reported.confidence is None:
        return
    soft = pd.concat([reported.values["T"], reported.sweep["T"]])
    used = sorted(set(soft) - {NOT_APPLICABLE}, key=float)
    trained_on = reported.splits["trained_on"]
    seen = reported.confidence[reported.confidence.split.isin(trained_on)]
    at = {task: set(rows["T"]) for task, rows in seen.groupby("task")}
    tasks = [task for task in reported.values.task.unique() if task != AVERAGE]
    lacking = [task for task in tasks if not set(used) <= at.get(task, set())]
    if not lacking:
        return
    measured = reported.confidence[reported.confidence.task.isin(lacking)]
    places = [
        f"at T={', '.join(rows['T'].unique())} on {split}"
        for split, rows in measured.groupby("split", sort=False)
    ]
    what = (
        f"measured {' and '.join(places) or 'nowhere'}; students saw {' and '.join(trained_on)} "
        f"logits at T = {', '.join(used)}"
    )
    softened = []
    for row in measured[measured.task.isin(list(reported.tasks))].itertuples():
        classes, p = reported.tasks[row.task]["classes"], row.max_probability
        labels = [f"{softened_label(p, float(t) / float(row.T), classes):.2f}" for t in used]
        softened.append(f"{row.task}'s {p:.3f} is {'/'.join(labels)}")
    if softened:
        what += f", where a label of {'; '.join(softened)}"
    some = f" on {', '.join(lacking)}" if len(lacking) < len(tasks) else ""
    yield f"teachers' confidence{some}", what


def named_pool(reported: Reported) -> Found:
    """Fusion strategies whose operation is another pool than the one named, or has no name."""
    for strategy, stated in reported.fusion.items():
        pool = POOLS.get(stated["operation"])
        if pool and stated["pool"] == pool:
            continue
        called = f"called {stated['pool']}" if stated["pool"] else "which is not said"
        what = f"is the {stated['operation']}, the {pool} pool, {called}"
        if pool is None:
            what = f"is neither the {' nor the '.join(POOLS)} of its teachers, {called}"
        if reported.teacher_confidence is not None:
            p = reported.teacher_confidence.max_probability.to_numpy()
            geometric = 1 / (1 + math.exp(-np.log(p / (1 - p)).mean()))
            what += (
                f": binary labels of {', '.join(f'{label:.3f}' for label in p)} pool to "
                f"{geometric:.4f} log-linearly, {p.mean():.4f} linearly"
            )
        yield f"strategy '{strategy}'", what


def failure_partition(reported: Reported) -> Found:
    """Categories of errors that overlap, or whose counts do not add up to the errors."""
    shared = [
        f"{one} and {other} share {'+'.join(region for region in regions if region in others)}"
        for (one, regions), (other, others) in combinations(reported.failures.items(), 2)
        if set(regions) & set(others)
    ]
    if shared:
        held = ", ".join(f"{name} = {'+'.join(held)}" for name, held in reported.failures.items())
        yield "failure categories", f"{held}: {'; '.join(shared)}"
    if reported.failure_shares is None:
        return
    for (task, split, arm), rows in reported.failure_shares.groupby(
        ["task", "split", "arm"], sort=False
    ):
        if rows.errors.any() and not math.isclose(rows.share.sum(), 1, abs_tol=1e-6):
            yield (
                f"failure categories of {arm} on {task} {split}",
                f"{', '.join(rows.category)} hold {100 * rows.share.sum():.1f} % of the errors",
            )


def separate_splits(reported: Reported) -> Found:
    """Splits on which something was chosen and reported."""
    claimed = {split for text in reported.claims.split for split in text.split(" and ")}
    shared = sorted(set(reported.splits["chosen_on"]) & {*reported.splits["reported_on"], *claimed})
    if not shared:
        return
    counted = []
    for task, about in reported.tasks.items():
        values = pd.concat(
            [table[table.task == task].value for table in (reported.values, reported.sweep)]
        )
        if chance_of_counts(values, rows := about["rows"]) < CHANCE:
            n = are_counts(values, rows).sum()
            counted.append(f"{task} {n} of {len(values)} values are k/{rows}")
    what = f"{', '.join(shared)}: chosen on and reported"
    yield "splits", f"{what} ({'; '.join(counted)})" if counted else what


def verdict_needs_seeds(reported: Reported) -> Found:
    """Verdicts from too few seeds, or without an interval."""
    claims = reported.claims[~reported.claims.verdict.isin(NO_VERDICT)]
    untested = claims[["low", "high"]].isna().any(axis=1)
    bad = claims[(claims.seeds < MINIMUM_SEEDS) | untested].assign(untested=untested)
    for (claim, seeds, untested), rows in bad.groupby(["claim", "seeds", "untested"]):
        test = "no interval" if untested else "an interval"
        stated = ", ".join(
            f"{row.task} {row.effect:+.2f} {row.verdict}" for row in rows.itertuples()
        )
        what = f"{stated}: {seed_count(seeds)} and {test}"
        means = reported.of_type(*DISTILLED).mean()
        halves = []
        for task in rows.task[(rows.metric == "accuracy") & rows.task.isin(list(reported.tasks))]:
            sd = math.sqrt(2) * score_sd(means[task], reported.tasks[task]["rows"])
            halves.append(f"{task} ±{1.96 * sd:.1f}")
        if halves:
            what += f" (by the examples alone, unpaired: {', '.join(halves)} points)"
        yield str(claim), what


def verdict_follows_interval(reported: Reported) -> Found:
    """Verdicts that their own interval contradicts."""
    for claim in reported.claims.itertuples():
        if (claim.verdict == "better" and claim.low <= 0) or (
            claim.verdict == "worse" and claim.high >= 0
        ):
            yield (
                _place(claim),
                f"{claim.effect:+.2f} ({claim.low:+.2f} to {claim.high:+.2f}) is called "
                f"{claim.verdict}",
            )


def above_constant(reported: Reported) -> Found:
    """Methods whose score one answer for all examples has too, and verdicts on two such sides."""
    for task, rows in reported.values[reported.values.task != AVERAGE].groupby("task", sort=False):
        constant = rows[rows.type == "constant"].value.max()
        no_better = reported.signs[task] * (rows.value - constant) <= 0
        below = rows[~rows.type.isin(["constant", "reference"]) & no_better]
        if len(below):
            stated = ", ".join(
                f"{row.method} {_entry(row.value, row.metric)}" for row in below.itertuples()
            )
            has = _entry(constant, rows.metric.iloc[0])
            yield task, f"{stated}: one answer for every example has {has}"
    if reported.skill is not None:
        uncertain = reported.skill[(reported.skill.lead > 0) & (reported.skill.low <= 0)]
        for (task, split), rows in uncertain.groupby(["task", "split"], sort=False):
            stated = ", ".join(
                f"{row.kind} {row.name} {row.lead:+.2f} ({row.low:+.2f} to {row.high:+.2f})"
                for row in rows.itertuples(index=False)
            )
            yield (
                f"{task}, {split}",
                f"{stated} points above one answer for every example: not by the whole interval",
            )
    for claim in reported.claims.itertuples():
        leads = [getattr(claim, f"low_{side}", math.nan) for side in "ab"]
        if claim.verdict in ("better", "worse", "equivalent") and all(low <= 0 for low in leads):
            yield _place(claim), f"is called {claim.verdict}, and neither has skill"


def margin_below_effect(reported: Reported) -> Found:
    """Margins of more than half of what distillation gains on a task, two distilled arms compared.

    What it gains is the mean of the single-teacher arms, or of all distilled ones, less the
    undistilled student.
    """
    if "margin" not in reported.claims or not (reported.values.type == "baseline").any():
        return
    between = reported.claims[reported.claims.claim != DISTILLATION]
    distilled = reported.of_type("single")
    distilled = distilled if len(distilled) else reported.of_type(*DISTILLED)
    gains = reported.signs * reported.points * (distilled.mean() - reported.baseline)
    for task, margin in between.groupby("task", sort=False).margin.max().items():
        gain = gains.get(task, math.nan)
        if margin > abs(gain) / 2:
            yield (
                str(task),
                f"distillation gains {gain:+.2f} points and the margin is {margin:g}: two students "
                "within it may be as far apart as one that was taught and one that was not",
            )


def sees_its_margin(reported: Reported) -> Found:
    """Primary claims left open that could not have seen a difference as large as their margin."""
    if not {"minimum_detectable", "margin", "seeds_needed"} <= set(reported.claims.columns):
        return
    claims = reported.claims[reported.claims.verdict == "undecidable"]
    claims = claims[claims.claim.isin(PRIMARY) & (claims.minimum_detectable > claims.margin)]
    for claim in claims.itertuples():
        needed, more = claim.seeds_needed, ""
        # Over draws it is not known.
        if not math.isnan(needed):
            number = f"{needed:.0f}" if math.isfinite(needed) else "no number of"
            more = f"; {number} seeds would"
        yield (
            _place(claim),
            f"the least that {seed_count(claim.seeds)} could have seen is "
            f"{claim.minimum_detectable:.2f} points, the margin {claim.margin:g}{more}",
        )


def gap_exists(reported: Reported) -> Found:
    """Gaps to a teacher that is no better than the undistilled student on a task they span."""
    if reported.gaps.empty:
        return
    teachers, none = reported.of_type("teacher"), reported.baseline
    for (task, reference), _ in reported.gaps.groupby(["task", "reference"], sort=False):
        spanned = none.index.drop(AVERAGE, errors="ignore") if task == AVERAGE else [task]
        for name in spanned:
            if reported.signs[name] * (teachers.at[reference, name] - none[name]) <= 0:
                metric = reported.values[reported.values.task == name].metric.iloc[0]
                has, student = (
                    _entry(number, metric) for number in (teachers.at[reference, name], none[name])
                )
                side = "below" if declared(metric).greater_is_better else "above"
                yield (
                    f"gap closed, {task}",
                    f"{reference} has {has} on {name}, {side} the "
                    f"undistilled student's {student}: there is no gap to close",
                )


def gaps_for_each_task(reported: Reported) -> Found:
    """Gaps closed on average alone, whose tasks differ."""
    for gap in reported.gaps[reported.gaps.task == AVERAGE].itertuples():
        closed = gaps_by_task(reported, gap.distilled)
        missing = closed.index.difference(reported.gaps.task, sort=False)
        if len(missing):
            tasks = ", ".join(
                f"{task} no gap" if math.isnan(value) else f"{task} {value:.1f} %"
                for task, value in closed.items()
            )
            yield (
                f"gap closed, {AVERAGE}",
                f"{gap.value:.0f} % for {gap.distilled} and no figure for {', '.join(missing)}; "
                f"of the gap to each task's best teacher it closes {tasks}",
            )


RULES: dict[str, tuple[Callable[[Reported], Found], str]] = {
    "stated-setting": (
        stated_setting,
        "a number has the T and alpha that are said to be behind it",
    ),
    "named-metric": (named_metric, "every table names its metric"),
    "one-metric": (one_metric, "a task has the same metric everywhere"),
    "reproduced": (reproduced, "a figure follows from the tables"),
    "one-definition": (one_definition, "a quantity has one definition"),
    "equal-candidates": (equal_candidates, "best-of-n is never compared with best-of-m"),
    "preference-in-cells": (preference_in_cells, "a claim holds on every task that it is made of"),
    "preference-beyond-noise": (
        preference_beyond_noise,
        "a claim needs an effect that noise would not have made",
    ),
    "measured-where-used": (
        measured_where_used,
        "what explains students is measured on what students saw",
    ),
    "named-pool": (named_pool, "a mean of logits is a log-linear pool, and is called one"),
    "failure-partition": (failure_partition, "failures are a partition of the errors"),
    "separate-splits": (separate_splits, "nothing is chosen on the split that is reported"),
    "verdict-needs-seeds": (
        verdict_needs_seeds,
        f"no verdict without an interval, or with fewer than {MINIMUM_SEEDS} seeds",
    ),
    "verdict-follows-interval": (verdict_follows_interval, "a verdict follows from its interval"),
    "above-constant": (above_constant, "a method says something where it beats a constant answer"),
    "margin-below-effect": (
        margin_below_effect,
        "a margin is at most half of the effect that it is to be small beside",
    ),
    "sees-its-margin": (
        sees_its_margin,
        "a study takes the seeds and the examples that its question needs",
    ),
    "gap-exists": (gap_exists, "without a gap there is no fraction of it"),
    "gaps-for-each-task": (gaps_for_each_task, "an average stands beside what it averages"),
}


def settings_behind(reported: Reported) -> pd.DataFrame:
    """Main-table cells whose value the sweep has, and not at the T and alpha that are stated.

    Columns method, task, metric, value, T and alpha as stated, at_stated (the sweep's value there,
    NaN without one), settings: the (T, alpha) where the sweep's value is the same.
    """
    rows = []
    merged = reported.sweep.merge(
        reported.values, on=["task", "method"], suffixes=("", "_stated"), sort=False
    )
    cells: dict[tuple[str, str], list[list]] = {}
    stated = ["value_stated", "T_stated", "alpha_stated", "metric_stated"]
    names = ["task", "method", "value", "T", "alpha", *stated]
    for task, method, *cell in merged[names].itertuples(index=False, name=None):
        cells.setdefault((task, method), []).append(cell)
    for (task, method), sweep in cells.items():
        *_, value, T, alpha, metric = sweep[0]
        at_stated = next((v for v, t, a, *_ in sweep if t == T and a == alpha), math.nan)
        printed = PRINTED * declared(metric).scale / 100
        same = [(t, a) for v, t, a, *_ in sweep if abs(v - value) < printed]
        if same and not abs(at_stated - value) < printed:
            rows.append((method, task, metric, value, T, alpha, at_stated, same))
    columns = ["method", "task", "metric", "value", "T", "alpha", "at_stated", "settings"]
    return pd.DataFrame(rows, columns=columns)


def softened_label(p: float, T: float, classes: int) -> float:
    """The largest probability p of a label at T=1, at T; the other classes share the rest alike."""
    margin = math.log(p * (classes - 1) / (1 - p))
    return 1 / (1 + (classes - 1) * math.exp(-margin / T))


class InBoth(NamedTuple):
    """A method's value in the main table, and in the sweep at the setting behind it."""

    method: str
    T: str
    alpha: str
    value: float
    swept: float


def _in_both(reported: Reported, task: str) -> Iterator[InBoth]:
    """A task's methods that the sweep has at the T and alpha behind the main table.

    Those are the one setting that all main-table cells found in the sweep share, else the stated.
    """
    found = settings_behind(reported).settings
    shared = set.intersection(*map(set, found)) if len(found) else set()
    swept = reported.sweep.set_index(["task", "method", "T", "alpha"]).value
    for row in reported.values[reported.values.task == task].itertuples():
        T, alpha = shared.copy().pop() if len(shared) == 1 else (row.T, row.alpha)
        value = swept.get((task, row.method, T, alpha))
        if value is not None:
            yield InBoth(row.method, T, alpha, row.value, value)


def _plain_sides(reported: Reported) -> Iterator[tuple[Any, dict[str, pd.Series]]]:
    """Each claim with the main table's rows of those of its sides, a and b, that are one arm."""
    students = reported.values[reported.values.type.isin(["baseline", *DISTILLED])]
    arms = {(row.task, row.method.partition(": ")[2]): row for _, row in students.iterrows()}
    for claim in reported.claims.itertuples():
        sides = {side: arms.get((claim.task, getattr(claim, side))) for side in "ab"}
        yield claim, {side: row for side, row in sides.items() if row is not None}


def _entry(value: float, metric: str) -> str:
    """A value as tables print it."""
    return f"{value:.{declared(metric).decimals}f}"


def _place(claim: Any) -> str:
    return f"{claim.claim} on {claim.task}, {claim.a} against {claim.b}"
