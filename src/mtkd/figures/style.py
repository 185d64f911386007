"""One visual language for all figures: colours and markers of methods, type sizes, saving."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mtkd.analysis.master import TYPES
from mtkd.records.files import publish
from mtkd.study.arms import is_plain_single
from mtkd.study.view import StudyView, arm_name, teacher_names

# Inches; the full width of a two-column page, so that 7 to 8 points stay 7 to 8 points in print.
WIDTH = 7.0
# Characters of a legend's type across it.
LEGEND_WIDTH = 118
DPI = 200
RC = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "pdf.fonttype": 42,
}

# Okabe and Ito's palette, which colour-blind readers can tell apart, and a brown. A teacher and
# the student distilled from it alone share a colour; a marker tells the types apart.
STRATEGY_COLOURS = {
    "none": "#4D4D4D",
    "average": "#0072B2",
    "weighted": "#56B4E9",
    "best-per-sample": "#009E73",
    "gating": "#D55E00",
}
# Other ways of fusing, in the order of the study's arms: Tol's muted palette.
POOL_COLOURS = ("#882255", "#44AA99", "#332288", "#DDCC77", "#117733", "#AA4499", "#999933")
TEACHER_COLOURS = ("#E69F00", "#CC79A7", "#7A4F1D", "#A6A61D")
VERDICT_COLOURS = {
    "better": "#009E73",
    "worse": "#D55E00",
    "equivalent": "#0072B2",
    "no assay sensitivity": "#44AA99",
    "undecidable": "#4D4D4D",
    "no skill": "#882255",
    "no verdict": "#A0A0A0",
}
# What teachers did on an error: from knowledge that none had to knowledge that all had.
FAILURE_COLOURS = {
    "a": "#3B3B3B",
    "b": "#8C8C8C",
    "c": "#D55E00",
    "d": "#E69F00",
    "e": "#56B4E9",
}
# By the family of an arm; and by the type of a method, as tables call them.
FAMILY_MARKERS = {"undistilled": "^", "single": "o", "several": "s", "control": "X"}
MARKERS = {"teacher": "D"} | {TYPES[family][1]: marker for family, marker in FAMILY_MARKERS.items()}
# Of several references, each has its own.
REFERENCE_DASHES = [(0, (4, 2)), (0, (8, 2)), (0, (2, 2)), (0, (6, 1, 2, 1))]
REFERENCE_LINE = {"color": "#4D4D4D", "linewidth": 0.8, "linestyle": REFERENCE_DASHES[0]}
CONSTANT_LINE = {"color": "#882255", "linewidth": 0.8, "linestyle": (0, (4, 1.5, 1, 1.5))}
BASELINE_LINE = {"color": "#4D4D4D", "linewidth": 0.8, "linestyle": (0, (1, 1.5))}


def colour(method: Mapping[str, str], study: StudyView) -> str:
    """Colour of a method (strategy, teachers, teacher), the same in every figure of a study."""
    if method["strategy"] in STRATEGY_COLOURS:
        return STRATEGY_COLOURS[method["strategy"]]
    strategies = dict.fromkeys(arm["strategy"] for arm in study["arms"])
    pools = [
        name for name in strategies if name not in STRATEGY_COLOURS and not is_plain_single(name)
    ]
    if method["strategy"] in pools:
        return POOL_COLOURS[pools.index(method["strategy"]) % len(POOL_COLOURS)]
    name = method["teachers"] if is_plain_single(method["strategy"]) else method["teacher"]
    return TEACHER_COLOURS[teacher_names(study).index(name) % len(TEACHER_COLOURS)]


def panels(figure: Figure, number: int) -> list[Axes]:
    """So many axes, two in a row; a last one that is not needed is blank. Of none, it says so."""
    columns = min(2, max(number, 1))
    axes = list(figure.subplots(-(-max(number, 1) // columns), columns, squeeze=False).flat)
    for axis in axes[number:]:
        axis.set_axis_off()
    if not number:
        note(axes[0], 0.5, 0.5, "no runs")
    return axes[:number]


def arms_legend(figure: Figure, arms: Sequence[Mapping[str, str]], study: StudyView) -> None:
    """Colour and marker of some arms, under the panels."""
    handles = [
        sketch(
            arm_name(arm, study),
            color=colour(arm, study),
            marker=FAMILY_MARKERS[arm["family"]],
            linestyle="",
            markersize=4,
        )
        for arm in arms
    ]
    legend_below(figure, handles)


def legend_below(figure: Figure, handles: Sequence[Line2D], columns: int = 4) -> None:
    """A legend under the panels, in as many columns as their names leave room for, at most so many.

    Names can be long: a study may have two arms of one strategy, told apart by their teachers.
    """
    longest = max((len(str(handle.get_label())) for handle in handles), default=0)
    fitting = min(columns, LEGEND_WIDTH // (longest + 7))
    figure.legend(handles=handles, loc="outside lower center", ncols=max(fitting, 1), frameon=False)


def new_figure(height: float, title: str, caption: str) -> Figure:
    """An empty figure of full width with a title and, under it, a caption broken into lines."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    lines = textwrap.fill(caption, 118, break_on_hyphens=False)
    figure.suptitle(f"{title}\n{lines}", x=0.01, ha="left", fontsize=8, linespacing=1.4)
    return figure


def note(axis: Axes, x: float, y: float, text: str, side: str = "center") -> None:
    """Small print inside a panel: x as a fraction of its width, y in the units of its rows."""
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    axis.text(x, y, text, transform=axis.get_yaxis_transform(), ha=side, va="center",
              fontsize=7, color="0.3", bbox=paper)  # fmt: skip


def sketch(label: str, **line) -> Line2D:
    """A legend entry."""
    return Line2D([], [], label=label, **line)


def save_figure(figure: Figure, stem: Path, dpi: int = DPI) -> None:
    """Publish ``stem.png`` and ``stem.pdf``; the same figure gives the same bytes every time.

    It is laid out once, for both.
    """
    for extension, metadata in (("png", {}), ("pdf", {"CreationDate": None})):
        save = partial(figure.savefig, format=extension, dpi=dpi, metadata=metadata)
        with rc_context(RC):
            publish(Path(f"{stem}.{extension}"), save)
        # Not "none", for which Matplotlib would still draw twice.
        figure.set_layout_engine(None)
