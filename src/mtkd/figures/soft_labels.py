"""Soft labels: how sure the teachers are, how students follow them, how near people they are."""

from __future__ import annotations

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from mtkd.figures.style import (
    BASELINE_LINE,
    FAMILY_MARKERS,
    RC,
    TEACHER_COLOURS,
    arms_legend,
    colour,
    legend_below,
    new_figure,
    note,
    panels,
    sketch,
)
from mtkd.metrics.names import declared, metric_label
from mtkd.study.arms import is_distilled
from mtkd.study.view import StudyView, arm_name, seeds_text, settings_text, teacher_names

# Inside of markers on transfer texts: neither filled, as on train, nor open, as on report.
UNLABELLED = "0.8"


@rc_context(RC)
def confidence_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """A panel per task: mean largest probability of each teacher, by split and temperature."""
    table = tables["confidence"]
    names = teacher_names(study)
    figure = new_figure(
        1.1 + (0.55 + 0.2 * len(names)) * -(-len(study["tasks"]) // 2),
        f"{study['suite']}/{study['study']}: how sure the teachers are",
        "Mean of the largest probability at T=1 and at the temperatures that students are trained "
        "with, on the train split, which students see, on its transfer texts without a label, if "
        "there are some, and on the report split; n: examples. "
        f"Teacher {'seeds' if len(study['teacher_seeds']) > 1 else 'seed'} "
        f"{', '.join(study['teacher_seeds'])}.",
    )
    temperatures = list(dict.fromkeys(["1", *study["T"]]))
    shades = {T: 1 - 0.6 * i / max(len(temperatures) - 1, 1) for i, T in enumerate(temperatures)}
    for number, (axis, task) in enumerate(
        zip(panels(figure, len(study["tasks"])), study["tasks"], strict=True)
    ):
        here, report = table[table.task == task], study["report_splits"][task][0]
        for y, teacher in enumerate(names):
            ink = TEACHER_COLOURS[y % len(TEACHER_COLOURS)]
            for T in temperatures:
                of = here[(here.teacher == teacher) & (here["T"].astype(str) == T)]
                for split in ("train", "transfer", *study["report_splits"][task]):
                    face = {"train": ink, "transfer": UNLABELLED}.get(split, "white")
                    value = of[of.split == split].max_probability
                    axis.plot(100 * value, [y] * len(value), marker="o", markersize=5.5, color=ink,
                              alpha=shades[T], markerfacecolor=face, linestyle="")  # fmt: skip
            if teacher not in set(here.teacher):
                note(axis, 0.5, y, "no runs")
        axis.set_yticks(range(len(names)), names if number % 2 == 0 else [""] * len(names))
        axis.set_ylim(len(names) - 0.4, -0.6)
        axis.tick_params(axis="y", length=0)
        axis.set_xlim(right=101)
        sizes = here.drop_duplicates("split").set_index("split").n
        seen = [f"{sizes[split]:,}" for split in ("train", "transfer") if split in sizes] or ["0"]
        counts = [f"{' + '.join(seen)} train", f"{sizes.get(report, 0):,} {report}"]
        axis.set_title(f"{task}, n={', '.join(counts)}", loc="left")
        axis.set_xlabel("mean largest probability (%)")
    handles = [sketch(f"T={T}", color="black", marker="o", linestyle="", alpha=shades[T])
               for T in temperatures]  # fmt: skip
    handles += [
        sketch("train", color="black", marker="o", linestyle=""),
        sketch("report", color="black", marker="o", linestyle="", markerfacecolor="white"),
    ]
    if (table.split == "transfer").any():
        handles.insert(
            -1,
            sketch("transfer", color="black", marker="o", linestyle="", markerfacecolor=UNLABELLED),
        )
    legend_below(figure, handles, len(handles))
    return figure


@rc_context(RC)
def fidelity_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """A panel per task: how often students predict what their soft labels do, train and report."""
    table = tables["fidelity"]
    arms = [arm for arm in study["arms"] if is_distilled(arm["teachers"])]
    figure = new_figure(
        1.1 + (0.55 + 0.17 * len(arms)) * -(-len(study["tasks"]) // 2),
        f"{study['suite']}/{study['study']}: how closely students follow their soft labels",
        "Share of examples on which the student's class is that of its soft labels: filled on a "
        "sample of the train split, grey on its transfer texts, if there are some, open on the "
        "report split; at the right the mean KL(soft labels "
        f"‖ student) on report at the T of training; mean over {seeds_text(study)}; "
        f"{settings_text(study)}.",
    )
    for number, (axis, task) in enumerate(
        zip(panels(figure, len(study["tasks"])), study["tasks"], strict=True)
    ):
        here = table[table.task == task]
        for y, arm in enumerate(arms):
            own = here[(here.strategy == arm["strategy"]) & (here.teachers == arm["teachers"])]
            where = own.split.where(own.split.isin(["train", "transfer"]), "report")
            own = own.groupby(where)[["agreement", "kl"]].mean()
            if own.empty:
                note(axis, 0.5, y, "no runs")
                continue
            ink = colour(arm, study)
            axis.plot(100 * own.agreement, [y] * len(own), color=ink, linewidth=0.8)
            style = {"marker": FAMILY_MARKERS[arm["family"]], "color": ink, "markersize": 5}
            for split, face in (("train", ink), ("transfer", UNLABELLED), ("report", "white")):
                if split in own.index:
                    axis.plot(100 * own.agreement[split], y, **style, markerfacecolor=face)
            axis.text(1.01, y, f"{own.kl.get('report', float('nan')):.3f}", fontsize=7, va="center",
                      transform=axis.get_yaxis_transform())  # fmt: skip
        names = [arm_name(arm, study) for arm in arms]
        axis.set_yticks(range(len(names)), names if number % 2 == 0 else [""] * len(names))
        axis.set_ylim(len(arms) - 0.4, -0.6)
        axis.tick_params(axis="y", length=0)
        n = here[~here.split.isin(["train", "transfer"])].drop_duplicates("split").n.sum()
        axis.set_title(f"{task}, n={n:,}", loc="left")
        axis.set_title("KL", loc="right", fontsize=7)
        axis.set_xlabel("same class as the soft labels (%)")
    return figure


@rc_context(RC)
def human_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """A panel per task and report split: soft labels' distance from people, students' scores."""
    human, quality = tables["human"], tables["quality"]
    keys = list(human[["task", "split"]].drop_duplicates().itertuples(index=False))
    figure = new_figure(
        1.2 + 2.2 * -(-max(len(keys), 1) // 2),
        f"{study['suite']}/{study['study']}: do soft labels nearer to people teach better?",
        "Each arm's soft labels at the T that its students were trained with: mean KL(raters' "
        "shares ‖ soft labels) on the report split, against the primary metric of the students; "
        "dotted: the undistilled student; bars: standard deviation over seeds; "
        f"{seeds_text(study)}; {settings_text(study)}.",
    )
    for axis, (task, split) in zip(panels(figure, len(keys)), keys, strict=True):
        here = human[(human.task == task) & (human.split == split)]
        scores = quality[(quality.task == task) & (quality.split == split)]
        students = scores[scores.kind == "student"].set_index("name")
        scale = declared(study["metrics"][task]).scale
        soft = here[here.kind == "soft labels"].set_index("name")
        for arm in study["arms"]:
            name = arm_name(arm, study)
            if name not in students.index:
                continue
            score, sd = scale * students.score[name], scale * students.sd.fillna(0)[name]
            if arm["family"] == "undistilled":
                axis.axhline(score, **BASELINE_LINE)
            elif name in soft.index:
                axis.errorbar(soft.kl[name], score, sd, marker=FAMILY_MARKERS[arm["family"]],
                              markersize=5, elinewidth=0.8, color=colour(arm, study))  # fmt: skip
        axis.set_title(f"{task} {split}, n={here.n.iloc[0]:,}", loc="left")
        axis.set_xlabel("KL from people (nats)")
        axis.set_ylabel(f"student's {metric_label(study['metrics'][task])}")
    arms_legend(figure, [arm for arm in study["arms"] if is_distilled(arm["teachers"])], study)
    return figure
