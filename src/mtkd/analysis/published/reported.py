"""What a study reports, ours or a published one, in one form: values, sweep, claims, statements.

``mtkd.analysis.published.flags`` checks it. Values are as tables show them, in percent or the
metric's unit, gaps in percent, effects in points of improvement, T and alpha canonical text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy.special import softmax

from mtkd.analysis.master import master_table, methods, report_values
from mtkd.analysis.measures.failures import REGIONS
from mtkd.analysis.selection import ARM, CELL, sign_of
from mtkd.config.values import NOT_APPLICABLE, canonical_number
from mtkd.config.written import LOADER
from mtkd.errors import InputError
from mtkd.metrics.names import declared
from mtkd.records.examples import Examples
from mtkd.study.view import StudyView

AVERAGE = "AVG"
DISTILLED = ("single", "multi")
# The published kind of claim: the best of all multi-teacher arms less the best of all single ones.
ADVANTAGE = "multi-teacher advantage"

VALUE_COLUMNS = ["task", "method", "T", "alpha", "type", "metric", "seeds", "value"]
SWEEP_COLUMNS = ["task", "method", "T", "alpha", "metric", "seeds", "value", "best"]
GAP_COLUMNS = ["task", "reference", "distilled", "value"]

# What an operation on teachers' soft labels is called.
POOLS = {"mean of logits": "log-linear", "mean of probabilities": "linear"}
# The pool that our own texts call a strategy: its name, or config/README.md and the report.
CALLED = {"average": "log-linear", "log-linear-pool": "log-linear", "linear-pool": "linear"}
# Soft labels are kept in float32; two pools that are nearer than this are one.
SAME_LABELS = 1e-5


@dataclass(frozen=True)
class Reported:
    """A study as it is reported.

    ``values``: the main table, one row per method and task, and per method with task ``AVG``; T and
    alpha are those said to be behind the row. ``sweep``: cells of T x alpha grids, whole or not;
    ``best`` marks those called best. ``claims``: columns as of ``claims.csv``. ``gaps``: fractions
    of the gap closed by ``distilled`` between the undistilled student and ``reference``.
    ``metric`` is empty where a table names none. The rest are statements: rows and classes by
    ``tasks``; ``splits`` that were trained_on, chosen_on, reported_on; ``confidence`` of teachers'
    labels by task with the T and the split where it was measured, and by teacher; ``preferences``
    of a method for a T; ``fusion`` strategies with operation (None: none of POOLS) and pool;
    ``failures``, categories of errors with the regions of a partition that they hold, and
    ``failure_shares``, each category's share of an arm's errors by task, split and arm; ``skill``,
    leads above the constant answer with their intervals, columns as of ``skill.csv``.
    """

    name: str
    values: pd.DataFrame
    sweep: pd.DataFrame
    claims: pd.DataFrame
    gaps: pd.DataFrame
    splits: Mapping[str, Sequence[str]]
    tasks: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    confidence: pd.DataFrame | None = None
    teacher_confidence: pd.DataFrame | None = None
    preferences: Sequence[Mapping[str, str]] = ()
    fusion: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    failures: Mapping[str, Sequence[str]] = field(default_factory=dict)
    failure_shares: pd.DataFrame | None = None
    skill: pd.DataFrame | None = None

    def of_type(self, *types: str) -> pd.DataFrame:
        """Values [method, task] of some types of methods; AVG is a task here."""
        own = self.values[self.values.type.isin(types)]
        wide = own.pivot(index="method", columns="task", values="value")
        return wide.reindex(index=own.method.unique(), columns=self.values.task.unique())

    @cached_property
    def signs(self) -> pd.Series:
        """By task 1, or -1 where less of its metric is better; AVG's is -1 where all tasks' are."""
        of_tasks = self.values[self.values.task != AVERAGE].drop_duplicates("task")
        signs = sign_of(of_tasks.set_index("task").metric)
        return pd.concat([signs, pd.Series({AVERAGE: signs.max() if len(signs) else 1})])

    @cached_property
    def points(self) -> pd.Series:
        """By task, points in one of its values' unit: 1 in percent, 100 in another unit."""
        of_tasks = self.values[self.values.task != AVERAGE].drop_duplicates("task")
        metrics = of_tasks.set_index("task").metric
        return metrics.map({name: 100 / declared(name).scale for name in metrics.unique()})

    @cached_property
    def baseline(self) -> pd.Series:
        """The undistilled student's values by task."""
        return self.of_type("baseline").iloc[0]


def read_published(folder: Path) -> Reported:
    """Read a published study's tables and statements, described in its README.

    The study's default T and alpha are taken to be behind every distilled row, and its claims to
    compare the best of all arms of each type. Raises InputError naming a file that is missing or
    malformed.
    """
    stated = _read(
        folder / "study.yaml", lambda path: yaml.load(path.read_text("utf-8"), Loader=LOADER)
    )
    master, sweep, advantages, confidence, teachers = (
        _read(
            folder / f"{name}.csv", lambda path: pd.read_csv(path, dtype={"T": str, "alpha": str})
        )
        for name in ("master", "sweep", "advantages", "confidence", "teacher_confidence")
    )
    metrics, seeds, default = stated["metrics"], stated["seeds"], stated["default"]
    values = master.melt(["method", "type"], var_name="task")
    distilled = values.type.isin(DISTILLED)
    values = values.assign(
        metric=[metrics["master"].get(task, "") for task in values.task],
        seeds=seeds["master"],
        **{name: distilled.map({True: default[name], False: NOT_APPLICABLE}) for name in default},
    )
    candidates = master.type.value_counts()
    claims = advantages.assign(
        claim=ADVANTAGE,
        a="best multi-teacher arm",
        b="best single-teacher arm",
        metric=[metrics["master"].get(task, "") for task in advantages.task],
        split=" and ".join(stated["splits"]["reported_on"]),
        seeds=seeds["master"],
        n_a_candidates=candidates["multi"],
        n_b_candidates=candidates["single"],
        low=float("nan"),
        high=float("nan"),
        **{f"{name}_{side}": default[name] for side in "ab" for name in default},
    )
    sweep = sweep.assign(
        metric=[metrics["sweep"].get(task, "") for task in sweep.task],
        seeds=seeds["sweep"],
        best=sweep.best == "yes",
    )
    return Reported(
        name=stated["name"],
        values=values[VALUE_COLUMNS],
        sweep=sweep[SWEEP_COLUMNS],
        claims=claims,
        gaps=pd.DataFrame(stated["gaps"], columns=GAP_COLUMNS),
        splits=stated["splits"],
        tasks=stated["tasks"],
        confidence=confidence.assign(**stated["confidence"]),
        teacher_confidence=teachers,
        preferences=stated["preferences"],
        fusion=stated["fusion"],
        failures=stated["failures"],
    )


def reported_from_study(
    runs: pd.DataFrame,
    study: StudyView,
    tables: Mapping[str, pd.DataFrame],
    fusion: Mapping[str, Mapping[str, str | None]],
) -> Reported:
    """Our own study as it is reported: master table, grids, gaps by task, claims, and the rest.

    ``tables`` holds ``claims``, ``gap``, ``grid``, ``confidence``, ``failures`` and, where it was
    made, ``skill``; ``fusion`` is
    from ``fusion_of``, ``study`` is ``mtkd.study.settings.table_settings``. What our texts never
    state, that a method prefers a T, stays empty; the split of choice is that on which the grid's
    chosen cells are the best.
    """
    values = report_values(runs, study)
    axes = ["task", "method", "type", "T", "alpha"]
    per_seed = values.groupby([*axes, "seed"], dropna=False, sort=False).value.mean()
    means = per_seed.groupby(axes, dropna=False, sort=False).agg(value="mean", seeds="count")
    means = means.reset_index()
    scales = {task: declared(metric).scale for task, metric in study["metrics"].items()}
    means = means.assign(
        value=means.task.map(scales).astype(float) * means.value,
        metric=means.task.map(study["metrics"]),
    )
    master = master_table(runs, study)
    averages = pd.DataFrame(
        {
            "task": AVERAGE,
            "method": master.method,
            "type": master.type,
            "metric": "",
            "seeds": master["AVG seeds"],
            "value": master["AVG mean"],
        }
    ).dropna(subset="value")
    every = pd.concat([means, averages], ignore_index=True)
    every = every.assign(**{name: every[name].fillna(NOT_APPLICABLE) for name in ("T", "alpha")})

    names = methods(study).set_index(["strategy", "teachers"]).method

    def methods_of(table: pd.DataFrame) -> pd.Series:
        found = [names[key] for key in zip(table.strategy, table.teachers, strict=True)]
        return pd.Series(found, index=table.index, dtype="str")

    claims, gaps, grid, failures = (tables[n] for n in ("claims", "gap", "grid", "failures"))
    sweep = pd.DataFrame(
        {
            **{name: grid[name] for name in ("task", "T", "alpha", "seeds")},
            "method": methods_of(grid),
            "metric": grid.task.map(study["metrics"]),
            "value": grid.task.map(scales).astype(float) * grid["mean"],
            "best": grid.chosen,
        }
    )
    gaps = gaps[gaps.gap.astype(bool) & (gaps.against == "teacher")]
    partition = failures[failures.partition.astype(bool)]
    return Reported(
        name=f"{study['suite']}/{study['study']}",
        values=every[VALUE_COLUMNS],
        sweep=sweep[SWEEP_COLUMNS],
        claims=claims.assign(
            metric=claims.metric.fillna(""),
            **{
                name: claims[name].map(_axis_value) for name in ("T_a", "alpha_a", "T_b", "alpha_b")
            },
        ),
        gaps=pd.DataFrame(
            {
                "task": gaps.task,
                "reference": "Teacher: " + gaps.reference,
                "distilled": methods_of(gaps),
                "value": 100 * gaps.fraction,
            }
        ),
        splits={
            "trained_on": ["train"],
            "chosen_on": _chosen_on(runs, grid),
            "reported_on": list(runs[runs.role == "report"].split.unique()),
        },
        confidence=tables["confidence"],
        fusion=fusion,
        failures={
            row.category: [row.category] if row.category in REGIONS else row.meaning.split(" + ")
            for row in partition.drop_duplicates("category").itertuples()
        },
        failure_shares=partition,
        skill=tables.get("skill"),
    )


def fusion_of(examples: Examples) -> dict[str, dict[str, str | None]]:
    """What the soft labels behind a task's arms of a named pool are, from the labels themselves.

    By arm and task: ``operation``, of POOLS, that gives the train sample's labels at the arm's T
    from its teachers' logits (None where neither does), and ``pool``, what we call the strategy.
    """
    record, found = examples.record, {}
    for arm, soft in zip(record["arms"], examples.soft["train"], strict=True):
        # A suite's own strategy has weights and temperatures, or a fusion by another name.
        if arm["strategy"] not in CALLED:
            continue
        members = [record["teachers"].index(name) for name in arm["teachers"].split("+")]
        # The first student's: its own seed's teachers, or those that all students share.
        own = (
            record["teacher_seeds"].index(arm["seeds"][0])
            if len(record["teacher_seeds"]) > 1
            else 0
        )
        # Where a teacher has no answer the others are pooled.
        known = np.ones(len(examples.sample), bool)
        if examples.answered is not None:
            known = examples.answered[examples.sample]
        if not known.any():
            continue
        rows, soft = examples.sample[known], soft[:, known]
        logits = examples.teachers["train"][members, own][:, rows].astype(np.float64)
        tempered = logits / float(arm["T"])
        pooled = {
            "mean of logits": softmax(tempered.mean(axis=0), axis=-1),
            "mean of probabilities": softmax(tempered, axis=-1).mean(axis=0),
        }
        near = [name for name, q in pooled.items() if np.allclose(q, soft[0], 0, SAME_LABELS)]
        called = CALLED[arm["strategy"]]
        # Teachers that say the same have one pool, whatever it is called.
        near.sort(key=lambda name: POOLS[name] != called)
        found[f"{arm['name']} on {record['task']}"] = {
            "operation": near[0] if near else None,
            "pool": called,
        }
    return found


def _chosen_on(runs: pd.DataFrame, grid: pd.DataFrame) -> list[str]:
    """Selection, and the report splits on which alone an arm's chosen cell is the best."""
    students = runs[(runs.kind == "student") & runs.primary]
    on_selection = _best_cells(students[students.split == "selection"])
    on_report = _best_cells(students[students.role == "report"])
    chosen = pd.MultiIndex.from_frame(grid[grid.chosen.astype(bool)][CELL])
    peeked = chosen[~chosen.isin(on_selection) & chosen.isin(on_report)].unique("task")
    report = runs[(runs.role == "report") & runs.task.isin(peeked)]
    return ["selection", *report.split.unique()]


def _best_cells(students: pd.DataFrame) -> pd.MultiIndex:
    """Each arm's cells with the best mean over seeds, among those that lost the fewest."""
    students = students.assign(value=sign_of(students.metric) * students.value)
    per_seed = students.groupby([*CELL, "seed"]).value.mean()
    means = per_seed.groupby(CELL).agg(mean="mean", seeds="count")
    whole = means[means.seeds == means.groupby(ARM).seeds.transform("max")]["mean"]
    return whole.index[whole >= whole.groupby(ARM).transform("max") - 1e-12]


def _axis_value(value: object) -> str:
    """T or alpha of a claim as canonical text; words, such as ``chosen``, as they are."""
    if pd.isna(value):
        return NOT_APPLICABLE
    try:
        return canonical_number(value)
    except ValueError:
        return str(value)


def _read(path: Path, read):
    try:
        return read(path)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
