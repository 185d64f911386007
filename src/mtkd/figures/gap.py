"""The teacher-student gap: what share of it each distilled arm closes."""

from __future__ import annotations

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mtkd.figures.style import (
    BASELINE_LINE,
    FAMILY_MARKERS,
    RC,
    REFERENCE_LINE,
    colour,
    new_figure,
    note,
)
from mtkd.metrics.names import declared, metric_title
from mtkd.study.view import (
    StudyView,
    arm_name,
    improvement_text,
    seed_count,
    seeds_text,
    settings_text,
)

PANELS_PER_ROW = 2
# Percent of the gap; wider intervals run out of the frame instead of squeezing the points.
FRAME = (-100.0, 200.0)


@rc_context(RC)
def gap_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """A panel per task: percent of the gap closed, or where there is none the difference."""
    table = tables["gap"]
    table = table[table.against == "teacher"]
    arms = [arm for arm in study["arms"] if arm["family"] != "undistilled"]
    lines = -(-len(study["tasks"]) // PANELS_PER_ROW)
    n = table.drop_duplicates("task").set_index("task").n
    figure = new_figure(
        0.8 + lines * (0.8 + 0.22 * len(arms)),
        f"{study['suite']}/{study['study']}: share of the gap to the teacher closed",
        "(distilled − none) / (teacher − none) of the primary metric on the report split, the "
        f"teacher chosen on selection; bars: 95 % interval over seeds and examples, cut at the "
        f"frame; {seeds_text(study)}; {settings_text(study)}; n: examples. No gap: the interval of "
        "teacher − none, or of the teacher above a constant answer, does not lie above 0; the "
        f"difference in points is shown instead{improvement_text(study)}.",
    )
    columns = min(PANELS_PER_ROW, len(study["tasks"]))
    axes = list(figure.subplots(lines, columns, squeeze=False, sharey=True).flat)
    for axis, task in zip(axes, study["tasks"], strict=False):
        here = table[table.task == task]
        _panel(axis, here, arms, study)
        axis.set_title(_title(here, task, study, n.get(task, 0)), loc="left")
    for axis in axes[len(study["tasks"]) :]:
        axis.set_axis_off()
    return figure


def _title(rows: pd.DataFrame, task: str, study: StudyView, n: int) -> str:
    metric = declared(study["metrics"][task])
    title = f"{task} ({metric_title(study['metrics'][task])}), n={n:,}"
    if rows.empty:
        return title
    first = rows.iloc[0]
    none, reference = (
        f"{metric.scale * value:.{metric.decimals}f}"
        for value in (first.none_value, first.reference_value)
    )
    return f"{title}\nnone {none}, {first.reference} {reference}"


def _panel(axis: Axes, rows: pd.DataFrame, arms: list[dict], study: StudyView) -> None:
    """Points instead of percent of the gap when no arm of the task has one."""
    in_points = not rows.gap.any()
    names = (
        ("difference", "difference_low", "difference_high")
        if in_points
        else ("fraction", "low", "high")
    )
    rows = rows.set_index(["strategy", "teachers"])
    axis.axvline(0, **BASELINE_LINE)
    for y, arm in enumerate(arms):
        key = (arm["strategy"], arm["teachers"])
        if key not in rows.index:
            note(axis, 0.5, y, "no runs")
            continue
        row = rows.loc[key]
        if not row.gap and not in_points:
            note(axis, 0.5, y, f"no gap: {100 * row.difference:+.2f} points")
            continue
        value, low, high = (100 * row[name] for name in names)
        if not in_points:
            low, high = max(low, FRAME[0]), min(high, FRAME[1])
        style = {"color": colour(arm, study)}
        axis.plot([low, high], [y, y], linewidth=1.2, **style)
        marker = FAMILY_MARKERS[arm["family"]]
        axis.plot(value, y, marker=marker, markersize=4.5, **style)
        if row.seeds != len(study["seeds"]):
            note(axis, 0.98, y, seed_count(row.seeds), "right")
    axis.set_yticks(range(len(arms)), [arm_name(arm, study) for arm in arms])
    axis.set_ylim(len(arms) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    if in_points:
        axis.set_xlabel("no gap: difference to none (points)")
        axis.margins(x=0.08)
        return
    axis.axvline(100, **REFERENCE_LINE)
    axis.set_xlabel("gap closed (%); 0: none, 100: teacher")
    left, right = axis.get_xlim()
    axis.set_xlim(max(left, FRAME[0]), min(right, FRAME[1]))
