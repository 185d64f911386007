"""Claims with their intervals against the margin: all of a study's, and several teachers or one."""

from __future__ import annotations

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mtkd.figures.style import (
    BASELINE_LINE,
    RC,
    VERDICT_COLOURS,
    legend_below,
    new_figure,
    note,
    sketch,
)
from mtkd.metrics.names import metric_title
from mtkd.study.view import (
    StudyView,
    claimed_tasks,
    improvement_text,
    over_draws,
    seeds_text,
    settings_text,
)

# Times the margin: a wider interval runs out of the frame instead of squeezing the others.
FRAME = 3.0
# Beside an interval there is room for so much.
SHORT_VERDICTS = {"no assay sensitivity": "insensitive"}


@rc_context(RC)
def claims_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """A panel per task: every claim's effect and interval, coloured by verdict."""
    claims, tasks = tables["claims"], claimed_tasks(study)
    # With less room the caption and the legend leave none to a panel of few claims.
    most = max(3, *(len(rows) for _, rows in claims.groupby("task")), 0)
    figure = new_figure(
        1.5 + len(tasks) * (0.55 + 0.17 * most),
        f"{study['suite']}/{study['study']}: what can be claimed",
        "Difference of the primary metric on the report split in points, with its 95 % interval "
        "over seeds and examples (crossed variance components), cut at the frame (arrow); shaded: "
        f"the margin of ±{study['margin']:g} within which arms count as equivalent; no skill: "
        "neither side beats a constant answer; no assay sensitivity: alike, where distillation was "
        "not shown to gain more than the margin (insensitive); verdicts corrected for "
        "a task's primary claims (bold) and for its others (Holm); "
        f"{seeds_text(study)}; {settings_text(study)}{improvement_text(study)}.",
    )
    axes = figure.subplots(len(tasks), 1, squeeze=False)[:, 0]
    for axis, task in zip(axes, tasks, strict=True):
        rows = claims[claims.task == task].reset_index(drop=True)
        _forest(axis, rows, [f"{_short(r.a)} − {_short(r.b)}" for r in rows.itertuples()], study)
        for label, primary in zip(axis.get_yticklabels(), rows.primary, strict=False):
            label.set_fontweight("bold" if primary else "normal")
        axis.set_title(_title(task, rows, study), loc="left")
    axes[-1].set_xlabel("difference (points)")
    _legend(figure)
    return figure


@rc_context(RC)
def advantage_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """One row per task: best of n multi-teacher arms minus best of n single-teacher arms."""
    rows = tables["claims"][tables["claims"].claim == "several teachers"].reset_index(drop=True)
    figure = new_figure(
        1.75 + 0.3 * max(len(rows), 1),
        f"{study['suite']}/{study['study']}: several teachers against one",
        "Best of n multi-teacher arms minus best of n single-teacher arms, n equal in both "
        "families, arms chosen on selection by the other seeds; primary metric on the report split "
        "in points, 95 % interval over seeds and examples, cut at the frame (arrow); shaded: "
        f"the margin of ±{study['margin']:g}; {seeds_text(study)}; {settings_text(study)}"
        f"{improvement_text(study)}.",
    )
    axis = figure.subplots()
    names = [
        f"{r.task} ({metric_title(r.metric)}), n={r.n:,}, best of {r.n_a_candidates}"
        for r in rows.itertuples()
    ]
    _forest(axis, rows, names, study)
    axis.set_xlabel("difference (points)")
    _legend(figure)
    return figure


def _forest(axis: Axes, rows: pd.DataFrame, names: list[str], study: StudyView) -> None:
    margin = study["margin"]
    edge = FRAME * margin
    axis.axvspan(-margin, margin, color="0.92", zorder=0, linewidth=0)
    axis.axvline(0, **BASELINE_LINE)
    if not names:
        note(axis, 0.5, -0.5, "no runs")
    for y, row in enumerate(rows.itertuples()):
        colour = VERDICT_COLOURS[row.verdict]
        if not row.seeds:
            note(axis, 0.5, y, "no seed finished on both sides")
            continue
        low, high = max(row.low, -edge), min(row.high, edge)
        axis.plot([low, high], [y, y], color=colour, linewidth=1.3, solid_capstyle="butt")
        for end, cut, arrow in ((low, row.low < -edge, "<"), (high, row.high > edge, ">")):
            if cut:
                axis.plot(end, y, marker=arrow, color=colour, markersize=4, clip_on=False)
        if abs(row.effect) <= edge:
            axis.plot(row.effect, y, marker="o", color=colour, markersize=4)
        effect = f"{row.effect:+.2f}".replace("-", "−")
        verdict = SHORT_VERDICTS.get(row.verdict, row.verdict)
        axis.text(1.03, y, f"{effect}  {verdict}", color=colour, fontsize=7,
                  va="center", transform=axis.get_yaxis_transform())  # fmt: skip
    axis.set_xlim(-edge, edge)
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)


def _short(name: str) -> str:
    """A side's name without what the caption says of all of them."""
    for long, short in ((", mean of all arms", ""), (", mean of single-teacher arms", ""),
                        ("multi-teacher arms", "multi"),
                        ("single-teacher arms", "single"), (" on selection", ""),
                        ("-teacher arm", ""),
                        (", the best teacher", " (best teacher)"),
                        ("no distillation", "none")):  # fmt: skip
        name = name.replace(long, short)
    return name


def _title(task: str, rows: pd.DataFrame, study: StudyView) -> str:
    n = f", n={rows.n.iloc[0]:,}" if len(rows) else ": no runs"
    of = over_draws(study, task) if task in study.get("draws", {}) else study
    return f"{task} ({metric_title(of['metrics'][task])}){n}"


def _legend(figure: Figure) -> None:
    handles = [
        sketch(verdict, color=colour, marker="o", markersize=4)
        for verdict, colour in VERDICT_COLOURS.items()
    ]
    legend_below(figure, handles, 4)
