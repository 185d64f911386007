"""Students where teachers agree and where they do not, where people do, and whence errors come."""

from __future__ import annotations

from itertools import cycle

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from mtkd.analysis.measures.agreement import REGIONS
from mtkd.analysis.measures.failures import REGIONS as FAILURES
from mtkd.figures.style import (
    FAILURE_COLOURS,
    FAMILY_MARKERS,
    RC,
    REFERENCE_LINE,
    TEACHER_COLOURS,
    arms_legend,
    colour,
    legend_below,
    new_figure,
    panels,
    sketch,
)
from mtkd.study.view import StudyView, arm_name, seeds_text, settings_text, teacher_names


@rc_context(RC)
def agreement_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """A panel per task and report split: accuracy of every arm in each region."""
    table = tables["agreement"]
    keys = list(table[["task", "split"]].drop_duplicates().itertuples(index=False))
    figure = new_figure(
        1.15 + 1.9 * -(-max(len(keys), 1) // 2),
        f"{study['suite']}/{study['study']}: students by agreement of the teachers",
        "Accuracy on the report split where all teachers predict the same, where some do, and "
        "where each predicts another class; bars: standard deviation over seeds; under a region "
        f"its share of the n examples; {seeds_text(study)}; {settings_text(study)}.",
    )
    arms = study["arms"]
    for axis, (task, split) in zip(panels(figure, len(keys)), keys, strict=True):
        here = table[(table.task == task) & (table.split == split)]
        regions = [region for region in REGIONS if (here[here.region == region].n > 0).any()]
        width = 0.75 / max(len(arms), 1)
        for number, arm in enumerate(arms):
            own = here[(here.strategy == arm["strategy"]) & (here.teachers == arm["teachers"])]
            own = own.set_index("region").reindex(regions)
            x = [place + (number - (len(arms) - 1) / 2) * width for place in range(len(regions))]
            axis.errorbar(x, 100 * own.accuracy, 100 * own.sd.fillna(0), linestyle="",
                          marker=FAMILY_MARKERS[arm["family"]], markersize=4, elinewidth=0.8,
                          color=colour(arm, study))  # fmt: skip
        shares = here.drop_duplicates("region").set_index("region").share
        axis.set_xticks(range(len(regions)), [f"{r}\n{100 * shares[r]:.0f} %" for r in regions])
        n = here.drop_duplicates("region").n.sum()
        axis.set_title(f"{task} {split}, n={n:,}", loc="left")
        axis.set_ylabel("accuracy (%)")
        axis.tick_params(axis="x", length=0)
    arms_legend(figure, arms, study)
    return figure


@rc_context(RC)
def failures_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """A panel per task and report split: every arm's errors, divided by what the teachers did."""
    table = tables["failures"]
    table = table[table.partition.astype(bool)]
    keys = list(table[["task", "split"]].drop_duplicates().itertuples(index=False))
    figure = new_figure(
        1.45 + (0.5 + 0.17 * len(study["arms"])) * -(-max(len(keys), 1) // 2),
        f"{study['suite']}/{study['study']}: where the errors come from",
        "Errors on the report split per 100 examples, divided by what the teachers did on the "
        "example; a partition: the parts sum to the error rate, at the bar's end; mean over "
        f"{seeds_text(study)}; {settings_text(study)}.",
    )
    names = [arm_name(arm, study) for arm in study["arms"]]
    for number, (axis, (task, split)) in enumerate(
        zip(panels(figure, len(keys)), keys, strict=True)
    ):
        here = table[(table.task == task) & (table.split == split)]
        total = here[here.arm == here.arm.iloc[0]].n.sum()
        rates = 100 * here.pivot(index="arm", columns="category", values="errors") / total
        left = pd.Series(0.0, index=names)
        for category, ink in FAILURE_COLOURS.items():
            values = rates[category].reindex(names).fillna(0.0)
            axis.barh(range(len(names)), values, left=left, color=ink, height=0.72)
            left += values
        for y, (name, value) in enumerate(left.items()):
            text = f" {value:.1f}" if name in rates.index else " no runs"
            axis.text(value, y, text, va="center", fontsize=7)
        axis.set_yticks(range(len(names)), names if number % 2 == 0 else [""] * len(names))
        axis.set_ylim(len(names) - 0.4, -0.6)
        axis.set_xlim(0, 1.12 * max(left.max(), 1e-9))
        axis.tick_params(axis="y", length=0)
        axis.set_title(f"{task} {split}, n={total:,}", loc="left")
        axis.set_xlabel("errors per 100 examples")
    handles = [
        sketch(f"{key}: {FAILURES[key]}", color=ink, linewidth=6)
        for key, ink in FAILURE_COLOURS.items()
    ]
    legend_below(figure, handles, 2)
    return figure


@rc_context(RC)
def ambiguity_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """A panel per task and report split: everybody's errors by how much raters disagree."""
    table = tables["ambiguity"]
    keys = list(table[["task", "split"]].drop_duplicates().itertuples(index=False))
    figure = new_figure(
        1.4 + 2.3 * -(-max(len(keys), 1) // 2),
        f"{study['suite']}/{study['study']}: are errors left where people disagree?",
        "Errors on parts of the report split by the entropy of the raters' shares (in nats, least "
        "to greatest of the part; parts are equal in number but for examples of the same entropy); "
        f"mean over {seeds_text(study)}; {settings_text(study)}. One rater: how often the answer "
        "of a rater drawn at random is not the label.",
    )
    names = teacher_names(study)
    for axis, (task, split) in zip(panels(figure, len(keys)), keys, strict=True):
        here = table[(table.task == task) & (table.split == split)]
        rater = here[here.kind == "rater"]
        axis.plot(rater.part, 100 * rater.error, **REFERENCE_LINE)
        for name, ink in zip(names, cycle(TEACHER_COLOURS), strict=False):
            own = here[(here.kind == "teacher") & (here["name"] == name)]
            axis.plot(own.part, 100 * own.error, color=ink, linewidth=0.9, marker="D", markersize=3,
                      linestyle=(0, (1, 1.5)))  # fmt: skip
        for arm in study["arms"]:
            own = here[(here.kind == "student") & (here["name"] == arm_name(arm, study))]
            axis.plot(own.part, 100 * own.error, color=colour(arm, study), linewidth=0.9,
                      marker=FAMILY_MARKERS[arm["family"]], markersize=3.5)  # fmt: skip
        ends = [f"{row.entropy_low:.2f} to\n{row.entropy_high:.2f}" for row in rater.itertuples()]
        axis.set_xticks(rater.part, ends)
        axis.set_ylim(bottom=0)
        axis.set_title(f"{task} {split}, n={rater.n.sum():,}", loc="left")
        axis.set_xlabel("raters' entropy (nats)")
        axis.set_ylabel("errors (%)")
    handles = [
        sketch(arm_name(arm, study), color=colour(arm, study), linewidth=0.9,
               marker=FAMILY_MARKERS[arm["family"]], markersize=4)
        for arm in study["arms"]
    ]  # fmt: skip
    handles += [
        sketch(f"teacher {name}", color=ink, marker="D", markersize=3, linestyle=(0, (1, 1.5)))
        for name, ink in zip(names, cycle(TEACHER_COLOURS), strict=False)
    ]
    legend_below(figure, [*handles, sketch("one rater", **REFERENCE_LINE)])
    return figure
