"""The master table: each method on each task's report splits, T and alpha chosen on selection.

``study`` is ``mtkd.study.settings.table_settings``: tasks, arms, primary metrics, report splits.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mtkd.config.values import NOT_APPLICABLE
from mtkd.errors import InputError
from mtkd.metrics.names import PERCENT, declared, metric_title, on_one_scale
from mtkd.study.arms import is_plain_single

Study = Mapping[str, Any]

ARM = ["task", "strategy", "teachers"]
CELL = [*ARM, "T", "alpha"]
# The axes that tell a method's runs from those of other methods, by kind.
IDENTITY = {
    "reference": ["kind"],
    "constant": ["kind"],
    "teacher": ["kind", "teacher"],
    "student": ["kind", "strategy", "teachers"],
}
REFERENCE = "Reference: TF-IDF"
CONSTANT = "Reference: constant"
# Beside a score that is no better than the constant answer's, and what it means.
MARK = "†"
# What a method's name begins with, and its type, by the family of its arm.
TYPES = {
    "undistilled": ("Student", "baseline"),
    "single": ("Distill", "single"),
    "several": ("Multi", "multi"),
    "control": ("Control", "control"),
}
STRATEGY_NAMES = {"none": "no distillation", "gating": "learned gating"}


def arm_name(arm: Mapping[str, str], study: Study) -> str:
    """Short name of an arm: a single teacher's, or the strategy's.

    The teachers are added where two arms of the study share the strategy.
    """
    strategy, teachers = arm["strategy"], arm["teachers"]
    if is_plain_single(strategy):
        return teachers
    alike = [other for other in study["arms"] if other["strategy"] == strategy]
    return STRATEGY_NAMES.get(strategy, strategy) + (f" ({teachers})" if len(alike) > 1 else "")


def teacher_names(study: Study) -> list[str]:
    """The study's teachers, in the order in which its arms name them."""
    labels = [arm["teachers"] for arm in study["arms"] if arm["family"] != "undistilled"]
    return list(dict.fromkeys(teacher for label in labels for teacher in label.split("+")))


def methods(study: Study) -> pd.DataFrame:
    """Rows of the master table in order: method, type, and the axes that pick out its runs."""
    rows = [
        {"method": CONSTANT, "type": "constant", "kind": "constant"},
        {"method": REFERENCE, "type": "reference", "kind": "reference"},
    ]
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


def column_title(study: Study, task: str, split: str) -> str:
    """A task's column with its metric; the split is named where the task has several."""
    several = len(study["report_splits"][task]) > 1
    name = f"{task} {split}" if several else task
    return f"{name} ({metric_title(study['metrics'][task])})"


def sign_of(metrics: pd.Series) -> pd.Series:
    """1, or -1 where less of a metric is better, for each of some metrics' names."""
    return metrics.map({name: declared(name).sign for name in metrics.unique()}).astype(float)


def mark_meaning(study: Study) -> str:
    """What MARK says in a study's tables."""
    return (
        f"no better than the constant answer ({constant_meaning(study)}): the 95 % interval of the "
        "difference, over seeds and examples, does not lie above 0"
    )


def constant_meaning(study: Study) -> str:
    """What the constant answer is, under a study's metrics."""
    shares = any(declared(name).takes == "probabilities" for name in study["metrics"].values())
    given = "; under a metric of probabilities, the shares of the labels in train" * shares
    return f"the class that answers train best, given to all{given}"


def unit_text(study: Study, tasks: Sequence[str] = ()) -> str:
    """In which units the primary metrics of some tasks, or all, are shown, for captions."""
    units = [declared(study["metrics"][task]).unit for task in tasks or study["tasks"]]
    return "in percent" if set(units) == {PERCENT} else "in percent or the unit beside the metric"


def arrow_text(study: Study, tasks: Sequence[str] = ()) -> str:
    """What captions add where less of a task's metric is better; else nothing."""
    metrics = [study["metrics"][task] for task in tasks or study["tasks"]]
    less = any(not declared(name).greater_is_better for name in metrics)
    return "; ↓: less is better" if less else ""


def improvement_text(study: Study, tasks: Sequence[str] = ()) -> str:
    """What captions add on differences where less of a task's metric is better; else nothing."""
    metrics = dict.fromkeys(study["metrics"][task] for task in tasks or study["tasks"])
    less = [name for name in metrics if not declared(name).greater_is_better]
    if not less:
        return ""
    return f"; differences of {', '.join(less)} are improvements: above 0, less of it"


def chosen_settings(runs: pd.DataFrame) -> pd.DataFrame:
    """The T and alpha of each task and arm: best mean score over seeds on the selection split.

    The best is the greatest, or the least of a metric of which less is better.

    Columns task, strategy, teachers, T, alpha, selection (mean), seeds. Candidates that lost
    seeds to divergence stand back behind those with more seeds; on ties the smaller T, then the
    smaller alpha is taken.
    """
    students = runs[(runs.kind == "student") & (runs.split == "selection") & runs.primary]
    means = students.groupby(CELL, sort=False).value.agg(selection="mean", seeds="count")
    means = means.reset_index()
    # Ties are common on small splits; rounding keeps the order of summation from breaking them.
    metrics = students.drop_duplicates("task").set_index("task").metric
    means["rank"] = sign_of(means.task.map(metrics)) * means.selection.round(12)
    means["T_number"] = pd.to_numeric(means["T"], errors="coerce")
    means["alpha_number"] = pd.to_numeric(means.alpha, errors="coerce")
    means = means.sort_values(
        ["seeds", "rank", "T_number", "alpha_number"], ascending=[False, False, True, True]
    )
    columns = [*CELL, "selection", "seeds"]
    return means.drop_duplicates(ARM)[columns].sort_index().reset_index(drop=True)


def grid_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Each student arm's T x alpha grid: task, strategy, teachers, T, alpha, scores, chosen.

    ``mean``, ``sd`` (ddof=1, NaN with one seed) and ``seeds`` are over seeds, of the primary
    metric's mean over the task's report splits; ``chosen`` marks the cell chosen on selection.
    """
    students = runs[(runs.kind == "student") & (runs.role == "report") & runs.primary]
    per_seed = students.groupby([*CELL, "seed"], sort=False).value.mean()
    grid = per_seed.groupby(CELL, sort=False).agg(mean="mean", sd="std", seeds="count")
    chosen = chosen_settings(runs)[CELL].assign(chosen=True)
    grid = grid.reset_index().merge(chosen, on=CELL, how="left")
    return grid.assign(chosen=grid.chosen.notna())


def report_values(runs: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Every value behind the master table: primary metric, report splits, chosen T and alpha.

    Columns method, type, task, split, seed, value, rows, strategy, teachers, teacher, T, alpha;
    methods in the table's order. Raises InputError where one method has two runs of a seed.
    """
    report = runs[(runs.role == "report") & runs.primary & runs.task.isin(study["tasks"])]
    report = report.merge(chosen_settings(runs)[CELL].assign(chosen=True), on=CELL, how="left")
    report = report[report.chosen.notna() | (report.kind != "student")]
    parts = []
    for method in methods(study).itertuples():
        axes = IDENTITY[method.kind]
        own = (report[axes] == [getattr(method, axis) for axis in axes]).all(axis=1)
        parts.append(report[own].assign(method=method.method, type=method.type))
    values = pd.concat(parts, ignore_index=True)
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
    runs: pd.DataFrame, study: Study, skill: pd.DataFrame | None = None
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


def settings_text(study: Study) -> str:
    """The study's T and alpha in words, for captions."""
    if not teacher_names(study):
        return "hard labels alone"
    if len(study["T"]) == len(study["alpha"]) == 1:
        return f"T={study['T'][0]}, alpha={study['alpha'][0]}"
    grid = f"T in {{{', '.join(study['T'])}}}, alpha in {{{', '.join(study['alpha'])}}}"
    return f"{grid}, chosen on selection per arm and task"


def seeds_text(study: Study) -> str:
    """The study's seeds in words, for captions."""
    seeds, teacher = study["seeds"], study["teacher_seed"]
    students = f"{seed_count(len(seeds), 'student ')} ({', '.join(seeds)})"
    if not teacher_names(study):
        return students
    teachers = "teachers trained per seed" if teacher == "paired" else f"teacher seed {teacher}"
    return f"{students}, {teachers}"


def seed_count(n: int, whose: str = "") -> str:
    """``1 seed``, ``3 student seeds``."""
    return f"{n} {whose}seed{'' if n == 1 else 's'}"


def render_master(master: pd.DataFrame, study: Study) -> str:
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


def score_entry(row: pd.Series, title: str, study: Study) -> str:
    """A cell of the master table as text: mean ±sd (number of seeds), or a dash without runs.

    MARK stands behind a method that is no better than the constant answer.
    """
    if not row[f"{title} seeds"]:
        return "-"
    sd, decimals = row[f"{title} sd"], declared(_metric_of(title, study)).decimals
    spread = "" if pd.isna(sd) else f" ±{sd:.{decimals}f}"
    mark = MARK if row.get(f"{title} skill") == "no" else ""
    return f"{row[f'{title} mean']:.{decimals}f}{spread} ({row[f'{title} seeds']}){mark}"


def _metric_of(title: str, study: Study) -> str:
    """The metric of a column; of AVG, which is of one scale, that of any task."""
    titles = {
        column_title(study, task, split): study["metrics"][task]
        for task in study["tasks"]
        for split in study["report_splits"][task]
    }
    return titles.get(title, study["metrics"][study["tasks"][0]])
