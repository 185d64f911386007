"""The master table: each method on each task's report splits, T and alpha chosen on selection.

``study`` is ``mtkd.study.settings.table_settings``: tasks, arms, primary metrics, report splits.
"""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd

from mtkd.analysis.selection import ARM, CELL, chosen_settings
from mtkd.config.values import CONSTANT as CONSTANT_ANSWER
from mtkd.config.values import NOT_APPLICABLE
from mtkd.errors import InputError
from mtkd.metrics.names import declared, on_one_scale
from mtkd.study.view import (
    MARK,
    StudyView,
    arm_name,
    arrow_text,
    column_title,
    mark_meaning,
    reference_method,
    reference_names,
    seeds_text,
    settings_text,
    teacher_names,
    unit_text,
)

# The axes that tell a method's runs from those of other methods, by kind.
IDENTITY = {
    "reference": ["kind", "teacher"],
    "constant": ["kind"],
    "teacher": ["kind", "teacher"],
    "student": ["kind", "strategy", "teachers"],
}
CONSTANT = reference_method(CONSTANT_ANSWER)
# What a method's name begins with, and its type, by the family of its arm.
TYPES = {
    "undistilled": ("Student", "baseline"),
    "single": ("Distill", "single"),
    "several": ("Multi", "multi"),
    "control": ("Control", "control"),
}


def methods(study: StudyView) -> pd.DataFrame:
    """Rows of the master table in order: method, type, and the axes that pick out its runs."""
    rows = [
        {"method": CONSTANT, "type": "constant", "kind": "constant"},
    ]
    for name in reference_names(study):
        row = {"method": reference_method(name), "type": "reference", "kind": "reference"}
        rows.append(row | {"teacher": name})
    for teacher in teacher_names(study):
        row = {"method": f"Teacher: {teacher}", "type": "teacher", "kind": "teacher"}
        rows.append(row | {"teacher": teacher})
    for arm in study["arms"]:
        prefix, type_ = TYPES[arm["family"]]
        row = {"method": f"{prefix}: {arm_name(arm, study)}", "type": type_, "kind": "student"}
        rows.append(row | {name: arm[name] for name in ("strategy", "teachers")})
    order = ["constant", "reference", "teacher", "baseline", "single", "multi", "control"]
    rows.sort(key=lambda row: order.index(row["type"]))
    return pd.DataFrame(rows, columns=["method", "type", "kind", "teacher", "strategy", "teachers"])


def report_values(runs: pd.DataFrame, study: StudyView) -> pd.DataFrame:
    """Every value behind the master table: primary metric, report splits, chosen T and alpha.

    Columns method, type, task, split, seed, value, rows, strategy, teachers, teacher, T, alpha;
    methods in the table's order. Raises InputError where one method has two runs of a seed.
    """
    report = runs[(runs.role == "report") & runs.primary & runs.task.isin(study["tasks"])]
    report = report.merge(chosen_settings(runs)[CELL].assign(chosen=True), on=CELL, how="left")
    report = report[report.chosen.notna() | (report.kind != "student")]
    named = methods(study)
    # Plain objects: pandas' strings take long to compare where there are few.
    known = {axis: report[axis].to_numpy(object) for axes in IDENTITY.values() for axis in axes}
    rows_of = []
    for method in named.itertuples():
        axes = IDENTITY[method.kind]
        own = np.logical_and.reduce([known[axis] == getattr(method, axis) for axis in axes])
        rows_of.append(np.flatnonzero(own))
    values = report.iloc[np.concatenate(rows_of)].reset_index(drop=True)
    for column in ("method", "type"):
        values[column] = named[column].repeat([*map(len, rows_of)]).to_numpy()
    values["seed"] = values.seed.fillna(NOT_APPLICABLE)
    identity = ["method", "task", "split", "seed"]
    twice = values[values.duplicated(identity)]
    if len(twice):
        method, task, _, seed = twice.iloc[0][identity]
        raise InputError(
            f"{method!r} has more than one run of seed {seed} on task {task!r}: records of several "
            "suites, students or studies were mixed; pass those of one study"
        )
    columns = ["method", "type", "task", "split", "seed", "value", "rows"]
    return values[[*columns, "strategy", "teachers", "teacher", "T", "alpha"]]


def summary(values: pd.DataFrame) -> pd.DataFrame:
    """Mean, sd (ddof=1, NaN with one seed) and seeds of report values by method, task, split."""
    groups = values.groupby(["method", "task", "split"], sort=False)
    return groups.value.agg(mean="mean", sd="std", seeds="count").reset_index()


def master_table(
    runs: pd.DataFrame, study: StudyView, skill: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The study's main result in wide form, one row per method, in percent (or the metric's unit).

    Columns: ``method``, ``type``; for each task and report split ``{title} mean``, ``{title} sd``
    (sample standard deviation over seeds, empty with one seed) and ``{title} seeds``, where the
    title names task and metric, and ``{title} skill``, whether a teacher or an arm's students are
    better than the constant answer (``yes``, ``no``, empty where ``skill``, the table of
    ``mtkd.analysis.constant``, does not say); ``AVG mean``, ``AVG sd``, ``AVG seeds``; for each
    task the ``{task} T`` and ``{task} alpha`` chosen on selection.

    AVG is the mean over tasks, a task of several report splits counting once by their mean. It is
    taken for each seed and then averaged, so its sd is over seeds; it is empty unless every column
    has the same seeds, and where the tasks' metrics are not on one scale. Seeds are a teacher's own
    for teachers: with one fixed teacher seed their rows have one value, no sd, and say nothing
    about other trainings of that teacher.
    """
    values = report_values(runs, study)
    columns = [(task, split) for task in study["tasks"] for split in study["report_splits"][task]]
    wide = values.pivot(index=["method", "seed"], columns=["task", "split"], values="value")
    wide = wide.reindex(columns=pd.MultiIndex.from_tuples(columns, names=["task", "split"]))
    chosen = chosen_settings(runs).set_index(ARM)
    skilled = _skilled(skill)
    metrics = [study["metrics"][task] for task in study["tasks"]]
    rows = []
    for method in methods(study).itertuples():
        block = wide[wide.index.get_level_values("method") == method.method]
        row = {"method": method.method, "type": method.type}
        for column in columns:
            title = column_title(study, *column)
            row |= _summary(title, block[column].dropna(), study["metrics"][column[0]])
            row[f"{title} skill"] = skilled.get((*column, *_identity(method)), "")
        complete = block if not block.isna().any(axis=None) else block[:0]
        complete = complete if on_one_scale(metrics) else block[:0]
        row |= _summary("AVG", complete.T.groupby(level="task").mean().mean(), metrics[0])
        for task in study["tasks"]:
            key = (task, method.strategy, method.teachers)
            known = method.kind == "student" and key in chosen.index
            row |= {f"{task} {name}": chosen.at[key, name] if known else "" for name in CELL[3:]}
        rows.append(row)
    return pd.DataFrame(rows)


def _skilled(skill: pd.DataFrame | None) -> dict[tuple, str]:
    """``yes`` or ``no`` by task, split and ``_identity`` of a method."""
    if skill is None:
        return {}
    return {
        (row.task, row.split, row.kind, row.strategy, row.teachers): "yes" if row.skill else "no"
        for row in skill.itertuples()
    }


def _identity(method) -> tuple[str, str, str]:
    """Kind, strategy and teachers; of a teacher itself."""
    if method.kind == "teacher":
        return "teacher", "", method.teacher
    return method.kind, method.strategy, method.teachers


def _summary(title: str, values: pd.Series, metric: str) -> dict[str, float]:
    shown = declared(metric).scale * values
    return {
        f"{title} mean": shown.mean(),
        f"{title} sd": shown.std(ddof=1),
        f"{title} seeds": len(values),
    }


def render_master(master: pd.DataFrame, study: StudyView) -> str:
    """The master table as text for a terminal: mean ±sd (number of seeds), as metrics are shown."""
    titles = [name.removesuffix(" mean") for name in master.columns if name.endswith(" mean")]
    lines = [
        ["", *(title.partition(" (")[0] for title in titles)],
        ["Method", *("".join(title.partition("(")[1:]) for title in titles)],
    ]
    for _, row in master.iterrows():
        lines.append([row["method"], *(score_entry(row, title, study) for title in titles)])
    lines[2:] = zip(*map(_level, zip(*lines[2:], strict=True)), strict=True)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = []
    for first, *rest in lines:
        entries = [entry.rjust(width) for entry, width in zip(rest, widths[1:], strict=True)]
        text.append("  ".join([first.ljust(widths[0]), *entries]).rstrip())
    text.insert(2, "-" * max(map(len, text)))
    if any(MARK in line for line in text):
        text += ["", *textwrap.wrap(f"{MARK} {mark_meaning(study)}", 100)]
    return "\n".join(
        [
            f"{study['suite']}/{study['study']}: each task's primary metric {unit_text(study)} on "
            f"the report split, mean ±sd over seeds (number of seeds){arrow_text(study)}",
            f"{seeds_text(study)}; {settings_text(study)}",
            "",
            *text,
        ]
    )


def _level(column: tuple[str, ...]) -> list[str]:
    """A column's entries with a space where others have the mark: digits stay under digits."""
    if not any(entry.endswith(MARK) for entry in column):
        return list(column)
    return [entry if entry.endswith(MARK) else f"{entry} " for entry in column]


def score_entry(row: pd.Series, title: str, study: StudyView) -> str:
    """A cell of the master table as text: mean ±sd (number of seeds), or a dash without runs.

    MARK stands behind a method that is no better than the constant answer.
    """
    if not row[f"{title} seeds"]:
        return "-"
    sd, decimals = row[f"{title} sd"], declared(_metric_of(title, study)).decimals
    spread = "" if pd.isna(sd) else f" ±{sd:.{decimals}f}"
    mark = MARK if row.get(f"{title} skill") == "no" else ""
    return f"{row[f'{title} mean']:.{decimals}f}{spread} ({row[f'{title} seeds']}){mark}"


def _metric_of(title: str, study: StudyView) -> str:
    """The metric of a column; of AVG, which is of one scale, that of any task."""
    titles = {
        column_title(study, task, split): study["metrics"][task]
        for task in study["tasks"]
        for split in study["report_splits"][task]
    }
    return titles.get(title, study["metrics"][study["tasks"][0]])
