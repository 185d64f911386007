"""The master comparison: every method on every task's report split."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mtkd.analysis.master import (
    REFERENCE,
    Study,
    column_title,
    methods,
    report_values,
    seeds_text,
    settings_text,
    summary,
)
from mtkd.figures.style import (
    BASELINE_LINE,
    MARKERS,
    RC,
    REFERENCE_LINE,
    colour,
    new_figure,
    sketch,
)

PANELS_PER_ROW = 2


@rc_context(RC)
def master_figure(runs: pd.DataFrame, study: Study) -> Figure:
    """One panel per task and report split: each method's mean and its seeds, in percent."""
    values = report_values(runs, study)
    means = summary(values)
    rows = methods(study)
    rows = rows[rows.type != "reference"].reset_index(drop=True)
    panels = [(task, split) for task in study["tasks"] for split in study["report_splits"][task]]
    lines = -(-len(panels) // PANELS_PER_ROW)
    figure = new_figure(
        1.0 + lines * (0.75 + 0.185 * len(rows)),
        f"{study['suite']}/{study['study']}: methods compared",
        f"Primary metric on the report split; {seeds_text(study)}; {settings_text(study)}; "
        "n: examples. The axes are cut: compare positions, not lengths.",
    )
    columns = min(PANELS_PER_ROW, len(panels))
    axes = figure.subplots(lines, columns, sharey=True, squeeze=False).flat
    for axis, panel in zip(axes, panels, strict=False):
        here = [table[(table.task == panel[0]) & (table.split == panel[1])]
                for table in (values, means)]
        _panel(axis, *here, rows, study)
        axis.set_xlabel(f"{study['metrics'][panel[0]]} (%)")
        n = here[0].rows.max() if len(here[0]) else 0
        axis.set_title(f"{column_title(study, *panel)}, n={n:,}", loc="left")
    for axis in axes:
        axis.set_axis_off()
    figure.legend(
        handles=[
            sketch("mean", color="black", marker="o", linestyle=""),
            sketch("one seed", color="black", marker="o", linestyle="", markersize=2.2, alpha=0.5),
            sketch(REFERENCE, **REFERENCE_LINE),
            sketch("mean without distillation", **BASELINE_LINE),
        ],
        loc="outside lower center",
        ncols=4,
        frameon=False,
    )
    return figure


def _panel(axis: Axes, values: pd.DataFrame, means: pd.DataFrame, rows, study: Study) -> None:
    mean_of = means.set_index("method")["mean"]
    types = dict(zip(rows.method, rows.type, strict=True))
    baseline = [method for method, type_ in types.items() if type_ == "baseline"]
    for method, line in [(REFERENCE, REFERENCE_LINE), *((m, BASELINE_LINE) for m in baseline)]:
        if method in mean_of.index:
            axis.axvline(100 * mean_of[method], zorder=0, **line)
    for y, row in rows.iterrows():
        if row.method not in mean_of.index:
            axis.text(0.5, y, "no runs", transform=axis.get_yaxis_transform(), ha="center",
                      va="center", fontsize=7, color="0.4")  # fmt: skip
            continue
        seeds = 100 * values[values.method == row.method].value.to_numpy()
        style = {"color": colour(row, study), "linestyle": ""}
        if len(seeds) > 1:
            below = y + 0.3 + 0 * seeds
            axis.plot(seeds, below, marker="o", markersize=2.2, alpha=0.6, **style)
        axis.plot(100 * mean_of[row.method], y, marker=MARKERS[row.type], markersize=4.5, **style)
    axis.set_yticks(np.arange(len(rows)), rows.method)
    axis.set_ylim(len(rows) - 0.3, -0.7)
    for y in np.flatnonzero(rows.type.to_numpy()[1:] != rows.type.to_numpy()[:-1]):
        axis.axhline(y + 0.58, color="0.85", linewidth=0.6, zorder=0)
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_locator(MaxNLocator(6))
    axis.margins(x=0.06)
