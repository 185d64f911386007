"""What models cost to run, as people read it."""

from __future__ import annotations

import pandas as pd

from mtkd.analysis.sentences import listed
from mtkd.report.shown import Shown, frame, number, titled
from mtkd.study.view import StudyView, reference_names, teacher_names

KINDS = {
    "teacher": "Teacher",
    "ensemble": "Ensemble",
    "student": "Student",
    "reference": "Reference",
}

ONNX = (
    "Forms for ONNX Runtime, in float32 (onnx) and with weights of eight bits (int8), are of "
    "students alone: the same network, with the size of its file. "
)
ELSEWHERE = "What has a GPU is torch's alone; other forms ran on the processor. "
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
        "another. "
        + ONNX * ("onnx" in set(costs.form))
        + ELSEWHERE * (costs.device.nunique() > 1)
        + _without_a_row(costs, study),
    )


def _without_a_row(costs: pd.DataFrame, study: StudyView) -> str:
    """Which teachers, references and ONNX forms there is nothing to measure of, and why."""
    names = [name.partition("@")[0] for name in teacher_names(study)]
    teachers = [name for name in dict.fromkeys(names) if name not in set(costs.name)]
    said = [f"{name} (no model to run)" for name in teachers]
    said += ["the ensemble"] if teachers else []
    references = [name for name in reference_names(study) if name not in set(costs.name)]
    said += [f"{name} (a reference without features of words)" for name in references]
    said += _without_onnx(costs)
    return f"Without a row: {', '.join(said)}." if said else ""


def _without_onnx(costs: pd.DataFrame) -> list[str]:
    """Students without ONNX forms, with their tasks where these are not all of them."""
    students = costs[costs.kind == "student"]
    forms = students.groupby(["name", "task"], sort=False).form.agg(set)
    without = forms[["onnx" not in own for own in forms]].reset_index()
    missing = pd.isna(costs.onnxruntime.iloc[0])
    why = "the extra onnx is not installed" if missing else "the log of measure_costs says why"
    said = []
    for name, tasks in without.groupby("name", sort=False).task:
        where = "" if len(tasks) == costs.task.nunique() else f" on {listed(tasks.tolist())}"
        said.append(f"{name} for ONNX Runtime{where} ({why})")
    return said


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
