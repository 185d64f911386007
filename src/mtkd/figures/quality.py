"""Calibration of teachers, fusions and students, and each soft label's ceiling for its student."""

from __future__ import annotations

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from mtkd.figures.style import (
    FAMILY_MARKERS,
    RC,
    arms_legend,
    colour,
    legend_below,
    new_figure,
    note,
    panels,
    sketch,
)
from mtkd.metrics.names import declared, metric_label
from mtkd.study.arms import is_distilled, is_plain_average
from mtkd.study.view import StudyView, arm_name, seeds_text, settings_text


@rc_context(RC)
def reliability_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """A panel per task and report split: accuracy against confidence."""
    table, quality = tables["reliability"], tables["quality"]
    keys = list(table[["task", "split"]].drop_duplicates().itertuples(index=False))
    figure = new_figure(
        1.2 + 2.4 * -(-max(len(keys), 1) // 2),
        f"{study['suite']}/{study['study']}: are the probabilities what they say?",
        "Reliability on the report split in 15 bins of the largest probability (those with 20 or "
        "more predictions): dashed teachers, solid students of the same colour, dash-dotted the "
        f"fused teacher; below the diagonal: too sure; {seeds_text(study)}; "
        f"{settings_text(study)}.",
    )
    arms = {arm_name(arm, study): arm for arm in study["arms"]}
    shown = [
        name
        for name, arm in arms.items()
        if arm["family"] in ("undistilled", "single") or is_plain_average(arm)
    ]
    lines = {"teacher": (0, (4, 2)), "student": "solid", "fused": (0, (4, 1.5, 1, 1.5))}
    for axis, (task, split) in zip(panels(figure, len(keys)), keys, strict=True):
        here = table[(table.task == task) & (table.split == split) & (table.n >= 20)]
        axis.plot([0, 100], [0, 100], color="0.7", linewidth=0.8)
        for (kind, name), curve in here.groupby(["kind", "name"], sort=False):
            if name in shown:
                axis.plot(100 * curve.confidence, 100 * curve.accuracy, linestyle=lines[kind],
                          linewidth=1.1, color=colour(arms[name], study))  # fmt: skip
        if here.empty:
            note(axis, 0.5, 50, "no bin of 20")
        low = 100 * here.confidence.min() - 2 if len(here) else 0
        axis.set_xlim(low, 101)
        # Of a fixed number: with the room, ticks at the edge would come and go.
        axis.locator_params(axis="x", nbins=5)
        axis.set_ylim(min(low - 10, 100 * here.accuracy.min() - 2) if len(here) else -2, 101)
        n = quality[(quality.task == task) & (quality.split == split)].n.iloc[0]
        axis.set_title(f"{task} {split}, n={n:,}", loc="left")
        axis.set_xlabel("confidence (%)")
        axis.set_ylabel("accuracy (%)")
    handles = [sketch(name, color=colour(arms[name], study)) for name in shown]
    legend_below(figure, handles, 5)
    return figure


@rc_context(RC)
def ceilings_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """A panel per task and report split: the (fused) teacher's score against its student's."""
    table = tables["quality"]
    keys = list(table[["task", "split"]].drop_duplicates().itertuples(index=False))
    figure = new_figure(
        1.2 + 2.2 * -(-max(len(keys), 1) // 2),
        f"{study['suite']}/{study['study']}: does the better teacher make the better student?",
        "Primary metric on the report split of what an arm learns from (one teacher, or the fused "
        "teacher) against that of its students; bars: standard deviation over seeds; dotted: the "
        "undistilled student; oracle: accuracy of always asking a right teacher where there is "
        f"one; {seeds_text(study)}; {settings_text(study)}.",
    )
    for axis, (task, split) in zip(panels(figure, len(keys)), keys, strict=True):
        here = table[(table.task == task) & (table.split == split)]
        metric = study["metrics"][task]
        scale = declared(metric).scale
        of = {kind: rows.set_index("name") for kind, rows in here.groupby("kind")}
        for arm in study["arms"]:
            name = arm_name(arm, study)
            if "student" not in of or name not in of["student"].index:
                continue
            student = of["student"].loc[name]
            sd = 0 if pd.isna(student.sd) else scale * student.sd
            if arm["family"] == "undistilled":
                axis.axhline(
                    scale * student.score, color="0.3", linewidth=0.8, linestyle=(0, (1, 1.5))
                )
                continue
            if not is_distilled(arm["teachers"]):
                continue  # a control without a teacher, which it could be held against
            several = "+" in arm["teachers"]
            teacher = of["fused"].loc[name] if several else of["teacher"].loc[arm["teachers"]]
            axis.errorbar(scale * teacher.score, scale * student.score, sd, markersize=5,
                          marker=FAMILY_MARKERS[arm["family"]], elinewidth=0.8,
                          color=colour(arm, study))  # fmt: skip
        oracle = 100 * of["oracle"].accuracy.iloc[0]
        n = here.n.iloc[0]
        axis.set_title(f"{task} {split}, n={n:,}, oracle {oracle:.1f} %", loc="left")
        axis.set_xlabel(f"teacher's {metric_label(metric)}")
        axis.set_ylabel(f"student's {metric_label(metric)}")
    arms_legend(figure, [arm for arm in study["arms"] if is_distilled(arm["teachers"])], study)
    return figure
