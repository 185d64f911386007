"""Score against the number of labels: what distillation is for, where labels are few."""

from __future__ import annotations

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from mtkd.analysis.master import methods, report_values
from mtkd.figures.style import (
    CONSTANT_LINE,
    MARKERS,
    RC,
    REFERENCE_DASHES,
    colour,
    legend_below,
    new_figure,
    panels,
    sketch,
)
from mtkd.metrics.names import declared, metric_label
from mtkd.study.view import StudyView, seeds_text, settings_text


@rc_context(RC)
def labels_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """A panel per task: methods' means over seeds, and the seeds' range, at each number of labels.

    Teachers and single-teacher arms are one line each, their mean, so that a reader sees at a
    glance what a teacher gives its student.
    """
    values = report_values(tables["runs"], study)
    kinds = methods(study).set_index("method").type
    labelled = {
        task: number for tasks in study["budgets"].values() for task, number in tasks.items()
    }
    shown = values[values.task.isin(labelled)].assign(labels=values.task.map(labelled))
    shown = shown.assign(line=[LINES.get(kinds[method], method) for method in shown.method])
    figure = new_figure(
        0.9 + 2.1 * -(-len(study["budgets"]) // 2),
        f"{study['suite']}/{study['study']}: score against the number of labelled texts",
        "Primary metric on the report split against how many train texts have a label (a "
        "logarithmic scale); students with soft labels learn from other train texts as well. "
        "Teachers and single-teacher students: the mean of all; whiskers: the lowest and the "
        "highest seed; "
        f"{seeds_text(study)}; {settings_text(study)}.",
    )
    lines = list(dict.fromkeys(LINES.get(kind, method) for method, kind in kinds.items()))
    looks = {line: _look(line, kinds, study) for line in lines}
    for axis, (of, tasks) in zip(
        panels(figure, len(study["budgets"])), study["budgets"].items(), strict=True
    ):
        here = shown[shown.task.isin(tasks)]
        metric = study["metrics"][next(iter(tasks))]
        scale = declared(metric).scale
        for line in lines:
            own = here[here.line == line]
            # A run's report splits, and the methods of one line, are averaged by seed.
            seeds = scale * own.groupby(["labels", "seed"]).value.mean()
            means = seeds.groupby("labels").mean()
            if len(means):
                low, high = seeds.groupby("labels").min(), seeds.groupby("labels").max()
                axis.errorbar(means.index, means, [means - low, high - means], elinewidth=0.7,
                              **looks[line])  # fmt: skip
        axis.set_xscale("log")
        axis.set_xticks(sorted(tasks.values()), [f"{n:,}" for n in sorted(tasks.values())])
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_title(of, loc="left")
        axis.set_xlabel("labelled train texts")
        axis.set_ylabel(metric_label(metric))
    legend_below(figure, [sketch(line, **looks[line]) for line in lines])
    return figure


# Methods that are one line, by their type.
LINES = {"teacher": "teachers", "single": "students of one teacher"}


def _look(line: str, kinds: pd.Series, study: StudyView) -> dict:
    """Colour, marker and line of what is shown together."""
    common = {"markersize": 4, "linewidth": 1.0}
    if line in LINES.values():
        kind = {name: kind for kind, name in LINES.items()}[line]
        face = {"teacher": "#7A4F1D", "single": "#E69F00"}[kind]
        return {"color": face, "marker": MARKERS[kind], **common}
    kind = kinds[line]
    if kind == "constant":
        return {**CONSTANT_LINE, "marker": ""}
    if kind == "reference":
        place = [name for name, of in kinds.items() if of == "reference"].index(line)
        dashes = REFERENCE_DASHES[place % len(REFERENCE_DASHES)]
        return {"color": "#4D4D4D", "linewidth": 0.8, "linestyle": dashes, "marker": ""}
    method = next(row for row in methods(study).itertuples() if row.method == line)
    axes = {"strategy": method.strategy, "teachers": method.teachers}
    return {"color": colour(axes, study), "marker": MARKERS[kind], **common}
