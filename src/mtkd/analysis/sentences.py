"""Claims in plain words. No sentence on a result is written by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mtkd.metrics.names import declared


def sentence(row: dict) -> str:
    """A claim in plain words: what was compared, effect, interval, verdict."""
    if not row["seeds"]:
        return f"{row['task']}: {row['a']} against {row['b']}: no seed finished on both sides."
    points, less = f"points of {row['metric']}", ""
    if not declared(row["metric"]).greater_is_better:
        points, less = f"points of improvement in {row['metric']}", "less is better; "
    opening = (
        f"{row['task']}: {row['a']} against {row['b']}: {row['effect']:+.2f} {points} "
        f"({less}95 % interval {row['low']:+.2f} to {row['high']:+.2f}, "
        f"{row['seeds']} seed{'s' * (row['seeds'] > 1)}{_drawn(row)}, "
        f"{row['n']:,} examples{_grouped(row)})"
    )
    return f"{opening}: {_ending(row)}."


def listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "none"


def _drawn(row: dict) -> str:
    return f" of each of {row['draws']} draws" if row["draws"] > 1 else ""


def _grouped(row: dict) -> str:
    return f" in {row['clusters']:,} clusters" if row["clusters"] != row["n"] else ""


def _assay(row: dict) -> str:
    if math.isnan(row["assay_low"]):
        return "this study has none to compare with"
    return f"that distillation gains more was not shown (at least {row['assay_low']:+.2f} points)"


def _ending(row: dict) -> str:
    match row["verdict"]:
        case "equivalent":
            note = f" ({row['note']})" if row["note"] else ""
            return f"equivalent within {row['margin']:g} points{note}"
        case "no assay sensitivity":
            note = f" ({row['note']})" if row["note"] else ""
            return (
                f"no assay sensitivity: within the margin of {row['margin']:g} points{note}, and "
                f"so may be a student that no teacher taught: {_assay(row)}"
            )
        case "undecidable":
            needed, margin = row["seeds_needed"], f"{row['margin']:g} points"
            seen = f"{row['minimum_detectable']:.2f} points"
            if math.isnan(needed):
                return f"undecidable; the least effect that this study could have seen is {seen}"
            if needed <= row["seeds"]:
                more = f"less than the margin of {margin}, which other effects would have shown"
            elif math.isfinite(needed):
                more = f"about {needed:.0f} seeds would show {margin}"
            else:
                more = f"no number of seeds would show {margin} on these examples"
            return (
                f"undecidable; the least effect that this study could have seen is {seen}, {more}"
            )
        case "no skill":
            return (
                f"no skill: neither is better than {row['constant']!r} for every example, which "
                f"has {row['constant_value']:.{declared(row['metric']).decimals}f}"
            )
        case "no verdict":
            return "no verdict, which takes three seeds"
        case verdict:
            return verdict
