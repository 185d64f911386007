"""Score against what it costs to run: which models no faster one beats."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from mtkd.analysis.master import methods, report_values
from mtkd.figures.style import (
    MARKERS,
    RC,
    STRATEGY_COLOURS,
    colour,
    legend_below,
    new_figure,
    panels,
    sketch,
)
from mtkd.metrics.names import declared, metric_label, metric_title
from mtkd.study.arms import is_plain_average
from mtkd.study.view import StudyView, arm_name, seeds_text, settings_text

# References have no colour of their own: a grey and a marker each.
REFERENCE_MARKERS = ("P", "*", "v", "<")
ENSEMBLE = "h"
# A form that answers as its model does, and so has its scores, and one that does not and has none:
# a study scores cells.
ONNX, INT8 = "onnx", "int8"
HOLLOW = (
    "Hollow: the student in ONNX Runtime (float32), which answers as it does and has its scores. "
)
UNSCORED = "Its form of eight bits answers otherwise: the study has no score of it to show here. "


@rc_context(RC)
def costs_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """A panel per task: each method's score against the median time of one example, one thread."""
    costs = tables["costs"]
    one = costs[costs.threads == costs.threads.min()]
    forms = set(one.form)
    one = one[one.form != INT8]
    values = report_values(tables["runs"], study)
    points = _points(values, tables, study)
    rows = values.drop_duplicates(["task", "split"]).groupby("task").rows.sum()
    tasks = [task for task in study["tasks"] if task in set(one.task)]
    figure = new_figure(
        1.6 + 2.3 * -(-max(len(tasks), 1) // 2),
        f"{study['suite']}/{study['study']}: score against what it costs to run",
        "Primary metric on the report split, mean over seeds, against the time that one example "
        f"takes from text to logits: the median on {_where(one)} with one thread (a logarithmic "
        "scale), of a machine and of what it did beside. Arms of one student cost the same; "
        f"controls are left out. {HOLLOW * (ONNX in forms)}{UNSCORED * (INT8 in forms)}"
        "Grey line: what no faster one beats, by these means alone. "
        f"{seeds_text(study)}; {settings_text(study)}.",
    )
    measured = set(map(tuple, one[["kind", "name"]].drop_duplicates().values))
    timed = [key in measured for key in zip(points.cost_kind, points.cost_name, strict=True)]
    points = points[np.array(timed, dtype=bool)]
    looks = _looks(study, points)
    for axis, task in zip(panels(figure, len(tasks)), tasks, strict=True):
        metric = study["metrics"][task]
        scale = declared(metric).scale
        of_task = points[points.task == task]
        cost = one[one.task == task].set_index(["kind", "name", "form"]).latency_ms
        found = [
            (cost[key], scale * row.value, row.method, "none" if key[2] == ONNX else "full")
            for row in of_task.itertuples()
            for key in cost.index
            if key[:2] == (row.cost_kind, row.cost_name)
        ]
        for x, y, method, filled in found:
            axis.plot([x], [y], linestyle="", fillstyle=filled, **looks[method])
        frontier = _frontier([(x, y) for x, y, *_ in found], declared(metric).sign)
        axis.plot(*np.array(frontier).reshape(-1, 2).T, color="0.75", linewidth=0.9, zorder=0,
                  drawstyle="steps-post")  # fmt: skip
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_title(f"{task} ({metric_title(metric)}), n={rows[task]:,.0f}", loc="left")
        axis.set_xlabel("one example (ms)")
        axis.set_ylabel(metric_label(metric))
    legend_below(figure, [sketch(name, linestyle="", **look) for name, look in looks.items()])
    return figure


def _where(costs: pd.DataFrame) -> str:
    """The machine of a table, and how busy it was."""
    named = costs.processor.where(costs.device == "cpu", costs.device)
    busy = [
        f"{name} ({load:.1f} processes at work on {cores} cores in the minute before)"
        for name, load, cores in zip(named, costs.load, costs.cores, strict=True)
    ]
    return ", ".join(dict.fromkeys(busy)) or "no machine"


def _points(
    values: pd.DataFrame, tables: dict[str, pd.DataFrame], study: StudyView
) -> pd.DataFrame:
    """Methods and fused teachers with their scores, and the kind and name that their costs have."""
    # Of several report splits and seeds, the mean.
    means = values.groupby(["task", "method"], sort=False).value.mean()
    found = []
    for method in methods(study).itertuples():
        if method.type in ("constant", "control"):
            continue
        name = study["student"] if method.kind == "student" else method.teacher
        for task in study["tasks"]:
            if (task, method.method) in means.index:
                value = means[task, method.method]
                found.append((task, method.method, value, method.kind, name.partition("@")[0]))
    quality = tables["quality"]
    for name in dict.fromkeys(tables["costs"].query("kind == 'ensemble'").name):
        # Fused as an arm has it that learns from all of them: the average, where there is one.
        arms = [arm for arm in study["arms"] if arm["teachers"] == name]
        arms.sort(key=is_plain_average, reverse=True)
        for arm in arms[:1]:
            fused = quality[(quality.kind == "fused") & (quality.name == arm_name(arm, study))]
            for task, value in fused.groupby("task", sort=False).score.mean().items():
                found.append((task, f"Ensemble: {arm_name(arm, study)}", value, "ensemble", name))
    return pd.DataFrame(found, columns=["task", "method", "value", "cost_kind", "cost_name"])


def _frontier(points: list[tuple[float, float]], sign: int) -> list[tuple[float, float]]:
    """Those that are better than all that cost no more, by cost, with the last drawn on."""
    kept: list[tuple[float, float]] = []
    for x, y in sorted(points, key=lambda point: (point[0], -sign * point[1])):
        if not kept or sign * y > sign * kept[-1][1]:
            kept.append((x, y))
    return [*kept, (max(x for x, _ in points), kept[-1][1])] if kept else []


def _looks(study: StudyView, points: pd.DataFrame) -> dict[str, dict]:
    """Colour and marker of each method that is shown."""
    shown = set(points.method)
    looks: dict[str, dict] = {}
    references = 0
    for method in methods(study).itertuples():
        if method.method not in shown:
            continue
        if method.kind == "reference":
            face, marker = "#4D4D4D", REFERENCE_MARKERS[references % len(REFERENCE_MARKERS)]
            references += 1
        else:
            axes = {"strategy": method.strategy, "teachers": method.teachers}
            face, marker = colour(axes | {"teacher": method.teacher}, study), MARKERS[method.type]
        looks[method.method] = {"color": face, "marker": marker, "markersize": 5}
    for name in shown - set(looks):
        looks[name] = {"color": STRATEGY_COLOURS["average"], "marker": ENSEMBLE, "markersize": 6}
    return looks
