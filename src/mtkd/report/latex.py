"""Tables for papers: LaTeX with booktabs."""

from __future__ import annotations

from mtkd.report.shown import Shown

# What pdflatex has no glyph for without further packages.
SYMBOLS = {"±": r"$\pm$", "−": "$-$", "–": "--", "<": "$<$"}


def latex_table(table: Shown, label: str) -> str:
    """A table environment with the table's caption; it needs ``\\usepackage{booktabs}``."""
    columns = "".join("l" if name in table.words else "r" for name in table.rows)
    rows = table.rows.map(escaped)
    rows.columns = [escaped(name) for name in rows.columns]
    body = rows.to_latex(
        index=False, escape=False, column_format=columns, caption=escaped(table.caption),
        label=label, position="t",
    )  # fmt: skip
    return body.replace("\\begin{tabular}", "\\footnotesize\n\\begin{tabular}", 1)


def escaped(text: str) -> str:
    """Text with LaTeX's special characters made harmless."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {sign: f"\\{sign}" for sign in "&%$#_{}"}
    return "".join((special | SYMBOLS).get(sign, sign) for sign in text)
