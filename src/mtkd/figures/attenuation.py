"""What students take over of a dissenting teacher: a wrong class's mass against its weight."""

from __future__ import annotations

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from mtkd.figures.style import (
    POOL_COLOURS,
    RC,
    REFERENCE_LINE,
    legend_below,
    new_figure,
    panels,
    sketch,
)
from mtkd.study.view import StudyView, seeds_text

MARKERS = "osD^v"
# Operators that agree would hide each other: each is drawn so much of the axis to the right.
APART = 0.012


@rc_context(RC)
def attenuation_students_figure(tables: dict[str, pd.DataFrame], study: StudyView) -> Figure:
    """A panel per task and dissenter: mean mass in soft labels and students, and the bound."""
    table = tables["attenuation_students"]
    pairs = [
        (task, name)
        for task in study["tasks"]
        for name in dict.fromkeys(table.dissenter[table.task == task])
    ]
    operators = list(dict.fromkeys(table.operator))
    dissenters = list(dict.fromkeys(table.dissenter))
    whose = " or ".join(dissenters) or "no teacher"
    figure = new_figure(
        1.6 + 2.3 * max(1, -(-len(pairs) // 2)),
        f"{study['suite']}/{study['study']}: a wrong class's mass as the weight of {whose} rises",
        "The class, by example: the wrong one to which the teacher whose weight rises gives least "
        "beside what some other teacher gives it. Lines: mean mass in the students on the report "
        "split, at their T, "
        "bars its 95 % interval over seeds and examples; dotted: in the soft labels that they "
        "learn from; dashed: the framework's bound (1 − w) max p(i) + w p_k(i). The others share "
        "the rest of the weight; w = 1 is the teacher alone; operators are drawn side by side; "
        f"{seeds_text(study)}; "
        f"T={', '.join(study['T'])}, alpha={', '.join(study['alpha'])}.",
    )
    for axis, (task, dissenter) in zip(panels(figure, len(pairs)), pairs, strict=True):
        here = table[(table.task == task) & (table.dissenter == dissenter)]
        for number, operator in enumerate(operators):
            own = here[here.operator == operator]
            colour = POOL_COLOURS[number % len(POOL_COLOURS)]
            place = own.weight + APART * number
            below, above = own.mass - own.mass_low, own.mass_high - own.mass
            axis.errorbar(
                place,
                own.mass,
                yerr=[below, above],
                color=colour,
                marker=MARKERS[number % len(MARKERS)],
                markersize=3.5,
                linewidth=0.9,
                elinewidth=0.8,
            )
            axis.plot(place, own.soft_mass, color=colour, linewidth=1, linestyle=(0, (1, 1.5)))
        bound = here.groupby("weight").bound.mean()
        axis.plot(bound.index, bound, **REFERENCE_LINE)
        axis.set_title(f"{task} (n={here.n.iloc[0]:,})", loc="left")
        axis.set_xlabel(f"weight w of {dissenter}")
        axis.set_ylabel("mean mass of the class")
    handles = [
        sketch(
            operator,
            color=POOL_COLOURS[number % len(POOL_COLOURS)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=4,
        )
        for number, operator in enumerate(operators)
    ]
    handles.append(sketch("soft labels", color="0.3", linewidth=1, linestyle=(0, (1, 1.5))))
    legend_below(figure, [*handles, sketch("bound", **REFERENCE_LINE)])
    return figure
