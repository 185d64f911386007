"""One visual language for all figures: colours and markers of methods, type sizes, saving."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mtkd.analysis.master import Study, teacher_names
from mtkd.records.files import publish

# Inches; the full width of a two-column page, so that 7 to 8 points stay 7 to 8 points in print.
WIDTH = 7.0
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
TEACHER_COLOURS = ("#E69F00", "#CC79A7", "#7A4F1D", "#A6A61D")
MARKERS = {"teacher": "D", "baseline": "^", "single": "o", "multi": "s"}
REFERENCE_LINE = {"color": "#4D4D4D", "linewidth": 0.8, "linestyle": (0, (4, 2))}
BASELINE_LINE = {"color": "#4D4D4D", "linewidth": 0.8, "linestyle": (0, (1, 1.5))}


def colour(method: Mapping[str, str], study: Study) -> str:
    """Colour of a method (strategy, teachers, teacher), the same in every figure of a study."""
    if method["strategy"] in STRATEGY_COLOURS:
        return STRATEGY_COLOURS[method["strategy"]]
    name = method["teachers"] if method["strategy"] == "single" else method["teacher"]
    return TEACHER_COLOURS[teacher_names(study).index(name) % len(TEACHER_COLOURS)]


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
    """Publish ``stem.png`` and ``stem.pdf``; the same figure gives the same bytes every time."""
    for extension, metadata in (("png", {}), ("pdf", {"CreationDate": None})):
        save = partial(figure.savefig, format=extension, dpi=dpi, metadata=metadata)
        with rc_context(RC):
            publish(Path(f"{stem}.{extension}"), save)
