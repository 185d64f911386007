"""Ranks of the arms, and how often a run gains how much."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib import rc_context
from matplotlib.figure import Figure

from mtkd.analysis.over_tasks import THRESHOLDS
from mtkd.figures.style import BASELINE_LINE, RC, colour, new_figure, note
from mtkd.metrics.names import metric_title
from mtkd.study.view import StudyView, arm_name, improvement_text, seeds_text, settings_text


@rc_context(RC)
def ranking_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """Arms by tasks: the rank of the mean, and the ranks in single seeds."""
    table = tables["ranking"]
    names = [arm_name(arm, study) for arm in study["arms"]]
    columns = [*study["tasks"], "all"]
    figure = new_figure(
        1.1 + 0.3 * len(names),
        f"{study['suite']}/{study['study']}: ranks of the arms",
        "Rank by the mean primary metric on the report split (1 is best), and below it the best "
        "and the worst rank in any single seed; all: rank of the mean rank, best and worst task; "
        f"the wider the range, the less a rank means; {seeds_text(study)}; {settings_text(study)}.",
    )
    ranks = table.pivot(index="arm", columns="task", values="rank").reindex(names, columns=columns)
    low, high = (
        table.pivot(index="arm", columns="task", values=f"rank_{end}").reindex(
            names, columns=columns
        )
        for end in ("low", "high")
    )
    labels = ranks.map(lambda rank: "" if pd.isna(rank) else f"{rank:g}")
    labels += low.map(lambda rank: "" if pd.isna(rank) else f"\n{rank:g}–") + high.map(
        lambda rank: "" if pd.isna(rank) else f"{rank:g}"
    )
    axis = figure.subplots()
    sns.heatmap(
        ranks,
        annot=labels,
        fmt="",
        cmap="cividis_r",
        vmin=1,
        vmax=len(names),
        linewidths=1,
        annot_kws={"fontsize": 7, "linespacing": 1.1},
        cbar_kws={"label": "rank (1 is best)"},
        ax=axis,
    )
    axis.collections[0].colorbar.ax.invert_yaxis()
    axis.set(xlabel="", ylabel="")
    titles = [f"{task}\n({metric_title(study['metrics'][task])})" for task in study["tasks"]]
    axis.set_xticklabels([*titles, "all"], rotation=0)
    axis.set_yticks(axis.get_yticks(), names, rotation=0)
    axis.tick_params(length=0)
    if table.empty:
        note(axis, 0.5, len(names) / 2, "no runs")
    return figure


@rc_context(RC)
def profiles_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """A line per arm: the share of runs that gain more than so many points."""
    table = tables["profiles"]
    figure = new_figure(
        2.7,
        f"{study['suite']}/{study['study']}: how often a run gains how much",
        "Share of all runs (every seed on every task) whose primary metric on the report split is "
        "more than so many points above the task's mean without distillation; "
        f"{seeds_text(study)}; {settings_text(study)}{improvement_text(study)}.",
    )
    axis = figure.subplots()
    colours = {arm_name(arm, study): colour(arm, study) for arm in study["arms"]}
    present = [name for name in colours if name in set(table.arm)]
    if present:
        sns.lineplot(
            table.assign(share=100 * table.share), x="gain", y="share", hue="arm",
            hue_order=present, palette=colours, drawstyle="steps-post", linewidth=1.2, ax=axis,
        )  # fmt: skip
        sns.move_legend(axis, "center left", bbox_to_anchor=(1, 0.5), title=None, frameon=False)
    else:
        axis.set(xlim=(THRESHOLDS[0], THRESHOLDS[-1]), ylim=(0, 100))
        known = any(arm["family"] == "undistilled" for arm in study["arms"])
        note(axis, 0.5, 50, "no runs" if known else "no undistilled arm to compare with")
    axis.axvline(0, **BASELINE_LINE)
    axis.set(xlabel="gain over no distillation (points)", ylabel="runs that gain more (%)")
    return figure
