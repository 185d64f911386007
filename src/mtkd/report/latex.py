"""Tables for papers: LaTeX with booktabs."""

from __future__ import annotations

import textwrap

from mtkd.report.shown import Shown

# What pdflatex has no glyph for without further packages.
SYMBOLS = {
    "†": r"$^\dagger$",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "<": "$<$",
    "∞": r"$\infty$",
    "×": r"$\times$",
    "↓": r"$\downarrow$",
}
# Columns from which on a table is set smaller, and letters from which on words are broken.
WIDE = 8
LONG = 30


def latex_table(table: Shown, label: str) -> str:
    """A table environment with the table's caption; it needs ``\\usepackage{booktabs}``."""
    columns = "".join(_column(table, name) for name in table.rows)
    rows = table.rows.map(escaped)
    rows.columns = [_heading(table, name) for name in table.rows]
    body = rows.to_latex(
        index=False, escape=False, column_format=columns, caption=escaped(table.caption),
        label=label, position="t",
    )  # fmt: skip
    size = (
        r"\footnotesize"
        if len(table.rows.columns) < WIDE
        else r"\scriptsize\setlength{\tabcolsep}{2.5pt}"
    )
    return body.replace(r"\begin{tabular}", size + "\n" + r"\begin{tabular}", 1)


def escaped(text: str) -> str:
    """Text with LaTeX's special characters made harmless."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {sign: f"\\{sign}" for sign in "&%$#_{}"}
    return "".join((special | SYMBOLS).get(sign, sign) for sign in text)


def _column(table: Shown, name: str) -> str:
    if name not in table.words:
        return "r"
    return r"p{0.18\linewidth}" if table.rows[name].str.len().max() > LONG else "l"


def _heading(table: Shown, name: str) -> str:
    """A column's heading, broken into lines that are hardly wider than its entries."""
    width = max(table.rows[name].str.len().max(), *map(len, name.split()))
    lines = textwrap.wrap(name, width, break_on_hyphens=False)
    side = "l" if name in table.words else "r"
    return rf"\shortstack[{side}]{{" + r"\\".join(map(escaped, lines)) + "}"
