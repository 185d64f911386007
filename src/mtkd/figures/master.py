"""The master comparison: every method on every task's report split."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mtkd.analysis.master import CONSTANT, methods, report_values, summary
from mtkd.figures.style import (
    BASELINE_LINE,
    CONSTANT_LINE,
    MARKERS,
    RC,
    REFERENCE_DASHES,
    REFERENCE_LINE,
    colour,
    legend_below,
    new_figure,
    note,
    sketch,
)
from mtkd.metrics.names import Declared, declared, metric_label
from mtkd.study.view import (
    StudyView,
    arrow_text,
    column_title,
    reference_method,
    reference_names,
    seed_count,
    seeds_text,
    settings_text,
)

PANELS_PER_ROW = 2
# Between the notes on references that are far away, in rows.
NOTE_ROWS = 0.75


@rc_context(RC)
def master_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """One panel per task and report split: each method's mean and its seeds."""
    values = report_values(tables["runs"], study)
    means = summary(values)
    rows = methods(study)
    rows = rows[~rows.type.isin(["constant", "reference"])].reset_index(drop=True)
    panels = [(task, split) for task in study["tasks"] for split in study["report_splits"][task]]
    lines = -(-len(panels) // PANELS_PER_ROW)
    figure = new_figure(
        1.0 + lines * (0.55 + 0.185 * (len(rows) + NOTE_ROWS * len(_lines(study)))),
        f"{study['suite']}/{study['study']}: methods compared",
        f"Primary metric on the report split; {seeds_text(study)}; {settings_text(study)}; "
        f"n: examples{arrow_text(study)}. The axes are cut: compare positions, not lengths.",
    )
    columns = min(PANELS_PER_ROW, len(panels))
    axes = list(figure.subplots(lines, columns, sharey=True, squeeze=False).flat)
    for axis, panel in zip(axes, panels, strict=False):
        here = [
            table[(table.task == panel[0]) & (table.split == panel[1])] for table in (values, means)
        ]
        shown = declared(study["metrics"][panel[0]])
        _panel(axis, *here, rows, study, shown)
        axis.set_xlabel(metric_label(study["metrics"][panel[0]]))
        n = here[0].rows.max() if len(here[0]) else 0
        axis.set_title(f"{column_title(study, *panel)}, n={n:,}", loc="left")
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    legend_below(
        figure,
        [
            sketch("mean", color="black", marker="o", linestyle=""),
            sketch("one seed", color="black", marker="o", linestyle="", markersize=2.2, alpha=0.5),
            *(sketch(method, **line) for method, line in _lines(study).items()),
            sketch("mean without distillation", **BASELINE_LINE),
        ],
        columns=5,
    )
    return figure


def _panel(
    axis: Axes, values: pd.DataFrame, means: pd.DataFrame, rows, study: StudyView, shown: Declared
) -> None:
    mean_of = shown.scale * means.set_index("method")["mean"]
    for y, row in rows.iterrows():
        if row.method not in mean_of.index:
            note(axis, 0.5, y, "no runs")
            continue
        seeds = shown.scale * values[values.method == row.method].value.to_numpy()
        style = {"color": colour(row, study), "linestyle": ""}
        if len(seeds) > 1:
            axis.plot(
                seeds, np.full(len(seeds), y + 0.3), marker="o", markersize=2.2, alpha=0.6, **style
            )
        axis.plot(mean_of[row.method], y, marker=MARKERS[row.type], markersize=4.5, **style)
        if row.kind == "student" and len(seeds) != len(study["seeds"]):
            note(axis, 0.98, y, seed_count(len(seeds)), "right")
        if row.type == "baseline":
            axis.axvline(mean_of[row.method], zorder=0, **BASELINE_LINE)
    axis.set_yticks(np.arange(len(rows)), rows.method)
    axis.set_ylim(len(rows) + NOTE_ROWS * len(_lines(study)) - 0.3, -0.7)
    for y in np.flatnonzero(rows.type.to_numpy()[1:] != rows.type.to_numpy()[:-1]):
        axis.axhline(y + 0.58, color="0.85", linewidth=0.6, zorder=0)
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axis.margins(x=0.06)
    limits = axis.get_xlim()
    for place, (method, line) in enumerate(_lines(study).items()):
        if method in mean_of.index:
            y = len(rows) + NOTE_ROWS * place - 0.1
            _reference(axis, method, mean_of[method], shown.decimals, line, limits, y)


def _lines(study: StudyView) -> dict[str, dict]:
    """How the line of each reference looks, by its method's name."""
    names = reference_names(study)
    styles = [
        REFERENCE_LINE | {"linestyle": REFERENCE_DASHES[n % len(REFERENCE_DASHES)]}
        for n in range(len(names))
    ]
    return dict(zip(map(reference_method, names), styles, strict=True)) | {CONSTANT: CONSTANT_LINE}


def _reference(
    axis: Axes,
    method: str,
    value: float,
    decimals: int,
    line: dict,
    limits: tuple[float, float],
    y: float,
) -> None:
    """A line, or a note at the frame where the line would squeeze everything else."""
    left, right = limits
    if left - 0.3 * (right - left) <= value <= right + 0.3 * (right - left):
        axis.axvline(value, zorder=0, **line)
        return
    text = f"{method.removeprefix('Reference: ')} {value:.{decimals}f}"
    if value < left:
        note(axis, 0.02, y, f"◂ {text}", "left")
    else:
        note(axis, 0.98, y, f"{text} ▸", "right")
