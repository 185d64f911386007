"""T x alpha heatmaps of one task, a panel for each distilled arm."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mtkd.analysis.selection import grid_table
from mtkd.figures.style import RC, colour, new_figure
from mtkd.metrics.names import Declared, declared, metric_label
from mtkd.study.arms import is_distilled
from mtkd.study.view import StudyView, arm_name, arrow_text, seeds_text

PANELS_PER_ROW = 4


@rc_context(RC)
def heatmap_figure(tables: dict[str, pd.DataFrame], study: StudyView, task: str) -> Figure:
    """Mean and sd over seeds on report of every T and alpha; the cell chosen on selection framed.

    One colour scale for the task, brighter where it is better; panels in the order of the study's
    arms.
    """
    runs = tables["runs"]
    grid = grid_table(runs)
    grid = grid[(grid.task == task) & grid.teachers.map(is_distilled)]
    arms = [arm for arm in study["arms"] if is_distilled(arm["teachers"])]
    lines = -(-len(arms) // PANELS_PER_ROW)
    splits = study["report_splits"][task]
    n = runs[(runs.task == task) & (runs.role == "report")].groupby("split").rows.max()
    label, shown = metric_label(study["metrics"][task]), declared(study["metrics"][task])
    figure = new_figure(
        0.9 + lines * (0.55 + 0.36 * len(study["T"])),
        f"{study['suite']}/{study['study']}, {task}: {label} by T and alpha",
        f"{'Mean of the splits ' if len(splits) > 1 else 'Split '}{' and '.join(splits)}"
        f" (n={', '.join(f'{n.get(split, 0):,}' for split in splits)}); mean over "
        f"{seeds_text(study)}; after ± the standard deviation over seeds; "
        "framed: T and alpha chosen on the selection split; †: fewer seeds"
        + arrow_text(study, [task])
        + ", and brighter" * (not shown.greater_is_better),
    )
    columns = min(PANELS_PER_ROW, len(arms))
    axes = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    means = shown.scale * grid["mean"]
    limits = (means.min(), means.max()) if len(grid) else (0, 1)
    for axis, arm in zip(axes.flat, arms, strict=False):
        here = grid[(grid.strategy == arm["strategy"]) & (grid.teachers == arm["teachers"])]
        image = _panel(axis, here.set_index(["T", "alpha"]), study, limits, shown)
        axis.set_title(arm_name(arm, study), loc="left", fontsize=8)
        axis.spines["top"].set(visible=True, color=colour(arm, study), linewidth=3)
    for place, axis in enumerate(axes.flat):
        if place >= len(arms):
            axis.set_axis_off()
        elif place + columns >= len(arms):
            axis.set_xlabel("alpha")
            axis.tick_params(labelbottom=True)
    for axis in axes[:, 0]:
        axis.set_ylabel("T")
    figure.colorbar(image, ax=axes, label=label, fraction=0.03, aspect=30)
    return figure


def _panel(
    axis: Axes,
    cells: pd.DataFrame,
    study: StudyView,
    limits: tuple[float, float],
    shown: Declared,
):
    index = pd.MultiIndex.from_product([study["T"], study["alpha"]])
    shape = (len(study["T"]), len(study["alpha"]))
    cells = cells.reindex(index)
    means = shown.scale * cells["mean"].to_numpy(dtype=float).reshape(shape)
    colours = "cividis" if shown.greater_is_better else "cividis_r"
    image = axis.imshow(means, cmap=colours, vmin=limits[0], vmax=limits[1], aspect="auto")
    for (y, x), mean in np.ndenumerate(means):
        cell = cells.iloc[y * shape[1] + x]
        dark = shown.sign * (mean - (limits[0] + limits[1]) / 2) < 0
        label = _label(cell, len(study["seeds"]), shown)
        axis.text(x, y, label, ha="center", va="center", fontsize=7,
                  linespacing=1.1, color="white" if dark else "black")  # fmt: skip
        if cell.seeds > 0 and cell.chosen:
            for ink, width in (("white", 3.2), ("black", 1.4)):
                frame = Rectangle((x - 0.45, y - 0.44), 0.9, 0.88, fill=False)
                axis.add_patch(frame).set(edgecolor=ink, linewidth=width)
    axis.set_xticks(range(shape[1]), study["alpha"])
    axis.set_yticks(range(shape[0]), study["T"])
    axis.tick_params(length=0)
    return image


def _label(cell: pd.Series, seeds: int, shown: Declared) -> str:
    if pd.isna(cell["mean"]):
        return "no runs"
    mean, sd = (f"{shown.scale * cell[name]:.{shown.decimals}f}" for name in ("mean", "sd"))
    spread = "" if pd.isna(cell.sd) else f"\n±{sd}"
    return f"{mean}{'' if cell.seeds == seeds else '†'}{spread}"
