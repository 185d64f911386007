"""The framework's three experiments on one task: variance, objectives, attenuation."""

from __future__ import annotations

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from mtkd.figures.style import BASELINE_LINE, RC, REFERENCE_LINE, legend_below, new_figure, sketch
from mtkd.study.view import StudyView

# Okabe and Ito's, with a marker each, so that grey prints tell them apart.
OPERATOR_STYLES = {
    "linear-pool": ("#0072B2", "o"),
    "log-linear-pool": ("#D55E00", "s"),
    "hellinger-barycentre": ("#009E73", "^"),
    "median": ("#CC79A7", "D"),
    "best-per-sample": ("#4D4D4D", "v"),
}
# Correlations drawn: none, and one that teachers of one corpus have.
RHO_LINES = {0.0: "-", 0.6: (0, (3, 1.5))}
CASE_COLOURS = {
    "one T": "#0072B2",
    "own T, teachers' side": "#56B4E9",
    "own T, both sides": "#D55E00",
    "weights times T²": "#E69F00",
    "terms clipped": "#CC79A7",
}
CASE_MARKERS = dict(zip(CASE_COLOURS, "osD^v", strict=True))


@rc_context(RC)
def variance_figure(tables: dict[str, pd.DataFrame], study: StudyView, task: str) -> Figure:
    """Variance against the number of members, simulated; and of the teachers' own errors."""
    table, scaling = tables["variance"], tables["scaling"]
    table = table[table.weights == "equal"]
    errors = table[table.source == "errors"]
    figure = new_figure(
        4.3,
        f"{task}: the variance of pools, against members and operators",
        "Left and middle: members simulated around this task's mean logits, with errors of "
        "correlation ρ; printed: the exponent b of K^b at ρ = 0 with its 95 % interval over "
        f"replications. Right: errors of the study's {errors.members.iloc[0]} teachers on "
        f"selection, of mean correlation {errors.rho.iloc[0]:.2f}; bars: 95 % bootstrap interval "
        "over examples. The linear pool's variance is w'Σw exactly. Equal weights; T = 1.",
    )
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1, 0.8])
    for axis, quantity in ((left, "probability"), (middle, "log-odds")):
        here = table[(table.source == "simulation") & (table.quantity == quantity)]
        slopes = scaling[(scaling.quantity == quantity) & (scaling.rho == 0)]
        _against_members(axis, here, slopes.set_index("operator"))
        axis.set_title(f"simulated: {quantity}", loc="left")
    left.set_ylabel("variance, mean over examples and classes")
    _error_panel(right, errors)
    handles = [
        sketch(name, color=colour, marker=marker, markersize=4)
        for name, (colour, marker) in OPERATOR_STYLES.items()
    ]
    handles += [sketch(f"ρ = {rho:g}", color="0.3", linestyle=s) for rho, s in RHO_LINES.items()]
    handles.append(sketch("Σ w²σ²", **BASELINE_LINE))
    legend_below(figure, handles)
    return figure


def _against_members(axis: Axes, rows: pd.DataFrame, slopes: pd.DataFrame) -> None:
    for rho, line in RHO_LINES.items():
        for name, (colour, marker) in OPERATOR_STYLES.items():
            own = rows[(rows.operator == name) & (rows.rho == rho)]
            axis.plot(own.members, own.variance, color=colour, marker=marker, markersize=3.5,
                      linestyle=line, linewidth=1)  # fmt: skip
    law = rows[(rows.operator == "linear-pool") & (rows.rho == 0)]
    axis.plot(law.members, law.uncorrelated, **BASELINE_LINE, zorder=3)
    text = "\n".join(
        f"{name} {row.exponent:.2f} [{row.low:.2f}, {row.high:.2f}]"
        for name, row in slopes.iterrows()
    )
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xticks(sorted(rows.members.unique()), sorted(rows.members.unique()))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel("members K")
    # Room under the lowest line for the exponents.
    low, high = axis.get_ylim()
    axis.set_ylim(low / 5, high)
    axis.text(
        0.02,
        0.02,
        text.replace(" -", " −").replace("[-", "[−"),
        transform=axis.transAxes,
        fontsize=6,
        va="bottom",
        color="0.2",
    )


def _error_panel(axis: Axes, errors: pd.DataFrame) -> None:
    linear = errors[errors.operator == "linear-pool"].iloc[0]
    for y, row in enumerate(errors.itertuples()):
        colour, marker = OPERATOR_STYLES[row.operator]
        axis.plot([row.reduction_low, row.reduction_high], [y, y], color=colour, linewidth=1.2)
        axis.plot(row.reduction, y, marker=marker, color=colour, markersize=4.5)
    axis.axvline(1, **REFERENCE_LINE)
    axis.axvline(linear.uncorrelated / linear.mean_member, **BASELINE_LINE)
    # Colours and markers name the operators; the order is the legend's.
    axis.set_yticks([])
    axis.set_ylim(len(errors) - 0.5, -0.5)
    axis.set_xlim(left=0)
    axis.set_xlabel("variance / the mean teacher's")
    axis.set_title("the study's errors", loc="left")


@rc_context(RC)
def objectives_figure(tables: dict[str, pd.DataFrame], study: StudyView, task: str) -> Figure:
    """Convergence of both objectives, the gap's distance from a constant, and where they part."""
    table = tables["objectives"]
    figure = new_figure(
        3.9,
        f"{task}: distilling from the mixture, KL(q ‖ s), and from each teacher, Σ w KL(p ‖ s)",
        "A tabular student (free logits of every selection example) descends each objective from "
        "the uniform distribution. Gap: separate less mixture loss of one student. Own T: teachers "
        "at 1, 2 and 4 in turns, the student too where it says both sides; weights times T²: each "
        "teacher's term scaled by its T²; clipped: each term's gradient cut to norm 0.25, the loss "
        "as it is. TV: mean total variation.",
    )
    left, middle, right = figure.subplots(1, 3)
    one = table[table.case == "one T"]
    left.plot(one.step + 1, one.separate, color="#D55E00", linewidth=1.2, label="separate")
    left.plot(one.step + 1, one.mixture, color="#0072B2", linewidth=1.2, label="mixture")
    left.plot(one.step + 1, one.separate - one.gap, color="black", linestyle="", marker="x",
              markersize=4, label="separate less the gap")  # fmt: skip
    left.axhline(one.gap.iloc[0], **BASELINE_LINE, label="JSD of the teachers")
    left.legend(frameon=False, loc="upper right")
    left.set_ylabel("loss, mean over examples (nats)")
    left.set_title("one T: the curves", loc="left")
    for axis, column, title in (
        (middle, "gap_error", "most |gap − JSD| (nats)"),
        (right, "apart", "students' distance (TV)"),
    ):
        # The first lie at 0, one on another: the lower the larger.
        for size, (case, colour) in zip((5.5, 3.5, 3, 3, 2.5), CASE_COLOURS.items(), strict=True):
            own = table[table.case == case]
            axis.plot(own.step + 1, own[column], color=colour, linewidth=1,
                      marker=CASE_MARKERS[case], markersize=size)  # fmt: skip
        axis.set_title(title, loc="left")
    for axis in (left, middle, right):
        axis.set_xscale("log")
        axis.set_xlabel("1 + steps of gradient descent")
    handles = [
        sketch(case, color=colour, marker=CASE_MARKERS[case], markersize=4)
        for case, colour in CASE_COLOURS.items()
    ]
    legend_below(figure, handles, 5)
    return figure


@rc_context(RC)
def attenuation_figure(tables: dict[str, pd.DataFrame], study: StudyView, task: str) -> Figure:
    """Mass of a wrong class, and the share above the bound, against a dissenting weight."""
    table = tables["attenuation"]
    figure = new_figure(
        5.0,
        f"{task}: the mass of a wrong class as the dissenting teacher's weight rises",
        "The class: the wrong one that some teacher gives the most, by example on selection; the "
        "dissenting teacher gives it the least. Planted: its logit raised by 4 at the others and "
        "lowered by 4 at the dissenting teacher. The others share the rest of the weight. Bound: "
        "(1 − w) max p(i) + w p_k(i), mean over examples.",
    )
    scenarios = list(dict.fromkeys(table.scenario))
    axes = figure.subplots(2, len(scenarios), sharex=True, sharey="row", squeeze=False)
    for (top, bottom), scenario in zip(axes.T, scenarios, strict=True):
        here = table[table.scenario == scenario]
        for name, (colour, marker) in OPERATOR_STYLES.items():
            own = here[here.operator == name]
            line = {"color": colour, "marker": marker, "markersize": 3, "linewidth": 1}
            top.plot(own.weight, own.mass, markevery=2, **line)
            bottom.plot(own.weight, 100 * own.share_over, markevery=2, **line)
        top.plot(own.weight, own.bound, **REFERENCE_LINE)
        top.set_title(f"teachers {scenario}", loc="left")
        bottom.set_xlabel("weight w of the dissenting teacher")
    axes[0, 0].set_ylabel("mean mass q(i)")
    axes[1, 0].set_ylabel("examples above the bound (%)")
    handles = [
        sketch(name, color=colour, marker=marker, markersize=4)
        for name, (colour, marker) in OPERATOR_STYLES.items()
    ]
    legend_below(figure, [*handles, sketch("bound", **REFERENCE_LINE)])
    return figure


@rc_context(RC)
def bias_figure(tables: dict[str, pd.DataFrame], study: StudyView, task: str) -> Figure:
    """What is left of a planted bias by how many teachers share it, and biases as they are."""
    table = tables["bias"]
    figure = new_figure(
        3.6,
        f"{task}: a bias of some teachers, or of all, in their pool",
        "Left: the logit of the most frequent class raised by 1 at some of the teachers, each "
        "group of so many in turn; what the pool gives the class more, relative to what these "
        "teachers do, mean over examples of selection. Right: for each class, the mean size of the "
        "teachers' own biases (what they give it less what it is due) and that of the pool; below "
        "the line is attenuated. Equal weights.",
    )
    left, right = figure.subplots(1, 2)
    planted = table[table.scenario == "planted"]
    present = table[table.scenario == "as they are"]
    for name, (colour, marker) in OPERATOR_STYLES.items():
        own, here = planted[planted.operator == name], present[present.operator == name]
        left.plot(own.biased, own.left, color=colour, marker=marker, markersize=4, linewidth=1)
        right.plot(100 * here.teachers, 100 * here.pool, color=colour, marker=marker, markersize=5,
                   linestyle="", alpha=0.8)  # fmt: skip
    members = int(planted.members.max())
    left.plot([0, members], [0, 1], **BASELINE_LINE)
    left.axhline(1, **REFERENCE_LINE)
    left.set_xticks(range(members + 1))
    left.set_xlim(left=0)
    left.set_ylim(bottom=0)
    left.set_xlabel(f"biased teachers of {members}")
    left.set_ylabel("bias left in the pool")
    most = 100 * present.teachers.max()
    right.plot([0, most], [0, most], **REFERENCE_LINE)
    right.set_xlabel("teachers' mean bias (points of probability)")
    right.set_ylabel("the pool's")
    handles = [
        sketch(name, color=colour, marker=marker, markersize=4)
        for name, (colour, marker) in OPERATOR_STYLES.items()
    ]
    handles += [sketch("none taken away", **REFERENCE_LINE)]
    legend_below(figure, [*handles, sketch("its share of teachers", **BASELINE_LINE)])
    return figure
