"""What models cost to run, as people read it."""

from __future__ import annotations

import pandas as pd

from mtkd.report.shown import Shown, frame, number, titled
from mtkd.study.view import StudyView, reference_names, teacher_names

KINDS = {
    "teacher": "Teacher",
    "ensemble": "Ensemble",
    "student": "Student",
    "reference": "Reference",
}

CROWDED = "Just before, more was at work than there are cores: times may be of waiting, too. "


def costs_shown(costs: pd.DataFrame, study: StudyView) -> Shown:
    """A row for each form of each model on each task; times by the number of threads."""
    rows = []
    for (task, kind, name, form), found in costs.groupby(
        ["task", "kind", "name", "form"], sort=False
    ):
        one = found.iloc[0]
        row = {
            "task": task,
            "model": f"{KINDS[kind]}: {name}",
            "form": form,
            "parameters": f"{one.parameters:,}",
            "weights (MB)": _short(one.bytes / 1e6),
            "kFLOP a token": _short(one.operations_per_token / 1e3),
        }
        for timed in found.itertuples():
            threads = _threads(timed.threads)
            row[f"one example, {threads} (ms)"] = (
                f"{_short(timed.latency_ms)} ({_short(timed.latency_p95_ms)})"
            )
            row[f"examples a second, {threads}"] = f"{timed.examples_per_second:,.0f}"
        rows.append(row)
    crowded = bool((costs.load > costs.cores).any())
    return titled(
        "costs",
        f"{study['suite']}/{study['study']}: size and time of each model, {machine(costs)}.",
        frame(rows, list(rows[0])),
        ("task", "model", "form"),
        "Of a machine, and of what it did beside: to be compared within this table alone. "
        + CROWDED * crowded
        + "Weights without vocabularies; one token's floating-point operations, a multiplication "
        "and an addition being two; one example: median (95th percentile), from text to logits; "
        "examples a second: in batches of 32 texts of the report split, as they come. Models are "
        "measured untrained, which changes none of this. The ensemble are all teachers, one after "
        "another. " + _without_a_row(costs, study),
    )


def _without_a_row(costs: pd.DataFrame, study: StudyView) -> str:
    """Which teachers and references there is nothing to measure of."""
    names = [name.partition("@")[0] for name in teacher_names(study)]
    teachers = [name for name in dict.fromkeys(names) if name not in set(costs.name)]
    said = [f"{name} (no model to run)" for name in teachers]
    said += ["the ensemble"] if teachers else []
    references = [name for name in reference_names(study) if name not in set(costs.name)]
    said += [f"{name} (a reference without features of words)" for name in references]
    return f"Without a row: {', '.join(said)}." if said else ""


def machine(costs: pd.DataFrame) -> str:
    """Where, with what and when a table was measured."""
    one = costs.iloc[0]
    device = "" if one.device == "cpu" else f"{one.device}, "
    return (
        f"measured on {device}{one.processor}, torch {one.torch}, Transformers "
        f"{one.transformers}, {one.date}, with {number(one.load, 1)} processes at work on its "
        f"{one.cores} cores in the minute before"
    )


def _threads(number_of: int) -> str:
    return f"{number_of} thread{'s' if number_of > 1 else ''}"


def _short(value: float) -> str:
    """Three digits of a number, without a power of ten."""
    digits = max(0, 2 - len(f"{int(value)}") + (value >= 1)) if value >= 1 else 3
    return f"{value:,.{digits}f}"
