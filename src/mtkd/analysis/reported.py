"""What a study reports, ours or a published one, in one form: values, sweep, claims, statements.

``mtkd.analysis.flags`` checks it. Values, effects and gaps are in percent and points, T and alpha
canonical text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import yaml

from mtkd.analysis.master import Study, grid_table, master_table, methods, report_values
from mtkd.config.values import NOT_APPLICABLE, canonical_number
from mtkd.errors import InputError

AVERAGE = "AVG"
DISTILLED = ("single", "multi")
# The published kind of claim: the best of all multi-teacher arms less the best of all single ones.
ADVANTAGE = "multi-teacher advantage"

CELL = ["task", "method", "T", "alpha"]
VALUE_COLUMNS = [*CELL, "type", "metric", "seeds", "value"]
SWEEP_COLUMNS = [*CELL, "metric", "seeds", "value", "best"]
GAP_COLUMNS = ["task", "reference", "distilled", "value"]


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
    of a method for a T; ``fusion`` strategies with operation and pool; ``failures``, categories of
    errors with the regions of a partition that they hold.
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

    def of_type(self, *types: str) -> pd.DataFrame:
        """Values [method, task] of some types of methods; AVG is a task here."""
        own = self.values[self.values.type.isin(types)]
        wide = own.pivot(index="method", columns="task", values="value")
        return wide.reindex(index=own.method.unique(), columns=self.values.task.unique())

    def baseline(self) -> pd.Series:
        """The undistilled student's values by task."""
        return self.of_type("baseline").iloc[0]


def read_published(folder: Path) -> Reported:
    """Read a published study's tables and statements, described in its README.

    The study's default T and alpha are taken to be behind every distilled row, and its claims to
    compare the best of all arms of each type. Raises InputError naming a file that is missing or
    malformed.
    """
    stated = _read(folder / "study.yaml", lambda path: yaml.safe_load(path.read_text("utf-8")))
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
    runs: pd.DataFrame, study: Study, claims: pd.DataFrame, gaps: pd.DataFrame
) -> Reported:
    """Our own study as it is reported: its master table, grids, gaps by task, and claims.

    ``runs``, ``claims`` and ``gaps`` are the tables of those names, ``study`` is
    ``mtkd.study.settings.table_settings``. What our tables do not state (confidence, failures,
    preferences) stays empty.
    """
    values = report_values(runs, study)
    axes = ["task", "method", "type", "T", "alpha"]
    per_seed = values.groupby([*axes, "seed"], dropna=False, sort=False).value.mean()
    means = per_seed.groupby(axes, dropna=False, sort=False).agg(value="mean", seeds="count")
    means = means.reset_index()
    means = means.assign(value=100 * means.value, metric=means.task.map(study["metrics"]))
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
    grid = grid_table(runs[runs.task.isin(study["tasks"])])
    sweep = pd.DataFrame(
        {
            **{name: grid[name] for name in ("task", "T", "alpha", "seeds")},
            "method": [names[key] for key in zip(grid.strategy, grid.teachers, strict=True)],
            "metric": grid.task.map(study["metrics"]),
            "value": 100 * grid["mean"],
            "best": grid.chosen,
        }
    )
    gaps = gaps[gaps.gap.astype(bool) & (gaps.against == "teacher")]
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
                "distilled": [names[key] for key in zip(gaps.strategy, gaps.teachers, strict=True)],
                "value": 100 * gaps.fraction,
            }
        ),
        splits={
            "trained_on": ["train"],
            "chosen_on": ["selection"],
            "reported_on": list(runs[runs.role == "report"].split.unique()),
        },
    )


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
