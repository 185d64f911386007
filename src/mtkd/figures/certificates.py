"""Which pooling operator satisfies which axiom: a matrix of verdicts."""

from __future__ import annotations

import json

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from mtkd.figures.style import RC, new_figure
from mtkd.framework.axioms import CLAIMS
from mtkd.fusion.operators import SAME_AS

# Told apart by lightness as well as by hue and mark.
INKS = {
    "proved": ("#0072B2", "white"),
    "no violation found": ("#BBDDF2", "black"),
    "counterexample": ("#F6C667", "black"),
}
GAP = 0.18  # between axioms, in columns


@rc_context(RC)
def certificates_figure(table: pd.DataFrame) -> Figure:
    """Operators by readings of axioms, from a certificate table; axioms in the table's order."""
    operators = list(dict.fromkeys(table.operator))
    axioms = list(dict.fromkeys(table.axiom))
    found = table[table.basis == "no violation found"]
    names = [f"{name} is {same}" for name, same in SAME_AS.items() if same in operators]
    figure = new_figure(
        1.75 + 0.2 * len(operators),
        "Pooling operators: which readings of the framework's axioms and claims hold",
        "Each in a weak (w) and a strong (s) reading, defined in docs/operators.md; violated: "
        "teachers × classes of the smallest counterexample in certificates.csv"
        + (f"; inputs searched where none was found: {found.tries.min():,}" if len(found) else "")
        + "".join(f"; {name}" for name in names)
        + ("; random-teacher is one draw" if "random-teacher" in operators else "")
        + ".",
    )
    axis = figure.subplots()
    for row in table.itertuples():
        x = _column(axioms.index(row.axiom), row.reading)
        y = operators.index(row.operator)
        paper, ink = INKS[row.basis]
        axis.add_patch(Rectangle((x, y), 1, 1, facecolor=paper, edgecolor="white", linewidth=1))
        axis.text(x + 0.5, y + 0.52, _mark(row), ha="center", va="center", color=ink, fontsize=7)
    for number, axiom in enumerate(axioms):
        left = _column(number, "weak")
        axis.text(left + 1, -0.85, axiom.replace(" ", "\n", 1), ha="center", va="baseline",
                  fontsize=7, linespacing=1.05)  # fmt: skip
        for reading in ("weak", "strong"):
            axis.text(_column(number, reading) + 0.5, -0.1, reading[0], ha="center", va="bottom",
                      fontsize=7, color="0.3")  # fmt: skip
    for title, group in (
        ("axioms", [axiom for axiom in axioms if axiom not in CLAIMS]),
        ("claims", [axiom for axiom in axioms if axiom in CLAIMS]),
    ):
        left, right = (_column(axioms.index(axiom), "weak") for axiom in (group[0], group[-1]))
        axis.plot([left, right + 2], [-2.75, -2.75], color="0.3", linewidth=0.6)
        axis.text((left + right) / 2 + 1, -2.85, title, ha="center", va="bottom")
    axis.set_xlim(0, _column(len(axioms) - 1, "strong") + 1)
    axis.set_ylim(len(operators), -3.6)
    axis.set_yticks([y + 0.5 for y in range(len(operators))], operators)
    axis.set_xticks([])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    figure.legend(
        handles=[
            Patch(color=INKS["proved"][0], label="✓ holds: proved"),
            Patch(color=INKS["no violation found"][0], label="○ holds: no violation found"),
            Patch(
                color=INKS["counterexample"][0], label="2×3 violated, with 2 teachers and 3 classes"
            ),
        ],
        loc="outside lower center",
        ncols=3,
        frameon=False,
    )
    return figure


def _column(axiom: int, reading: str) -> float:
    return axiom * (2 + GAP) + (reading == "strong")


def _mark(row) -> str:
    if row.verdict == "violated":
        teachers = json.loads(row.counterexample)["p"]
        return f"{len(teachers)}×{len(teachers[0])}"
    return "✓" if row.basis == "proved" else "○"
