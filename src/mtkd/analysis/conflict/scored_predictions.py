"""What a study's configuration predicted, and what came: inside, outside or undecided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mtkd.analysis.conflict.arms import same_teachers
from mtkd.study.generation_words import ANY_MODE, GREEDY

HYBRID = "hybrid rate"
COLUMNS = ["claim", "teachers", "recipe", "student", "task", "decode", "low", "high"]
COLUMNS += ["estimate", "interval_low", "interval_high", "outcome", "sentence"]
INSIDE, OUTSIDE, UNDECIDED, NOT_ASKED = "inside", "outside", "undecided", "not measured"


def measured(claims: pd.DataFrame, hybrids: pd.DataFrame) -> pd.DataFrame:
    """All that predictions may be about: claims, and hybrid rates in percent, decoded greedily."""
    rates = hybrids[hybrids["mode"] == ANY_MODE].assign(claim=HYBRID)
    rates = rates.rename(columns={"hybrid": "estimate", "hybrid_low": "low", "hybrid_high": "high"})
    columns = ["claim", "teachers", "recipe", "n", "student", "task", "decode"]
    columns += ["estimate", "low", "high"]
    found = [frame[columns] for frame in (claims, rates) if len(frame)]
    found = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)
    return found[found.decode == GREEDY]


def scored_table(predictions: Sequence[Mapping[str, Any]], found: pd.DataFrame) -> pd.DataFrame:
    """COLUMNS: each prediction beside each measurement of what it is about.

    A prediction has ``claim``, ``teachers``, ``recipe``, and ``low`` and ``high`` in the quantity's
    own unit. It is *inside* where the whole 95 % interval lies in its range, *outside* where none
    of it does, else undecided; one that nothing measured is named too.
    """
    rows = []
    for prediction in predictions:
        low, high = float(prediction["low"]), float(prediction["high"])
        about = {key: prediction[key] for key in ("claim", "teachers", "recipe")}
        about |= {"low": low, "high": high}
        own = found[_about(prediction, found) & found.estimate.notna()]
        if own.empty:
            row = about | {"outcome": NOT_ASKED, "decode": GREEDY}
            rows.append(row | {"sentence": f"{_what(row)}: not measured in this study."})
        for one in own.itertuples():
            row = about | {name: getattr(one, name) for name in ("student", "task", "decode")}
            row |= {"estimate": one.estimate, "interval_low": one.low, "interval_high": one.high}
            row["outcome"] = _outcome(low, high, one.low, one.high)
            rows.append(row | {"sentence": _sentence(row)})
    return pd.DataFrame(rows, columns=COLUMNS)


def _about(prediction: Mapping[str, Any], found: pd.DataFrame) -> pd.Series:
    fits = (found.claim == prediction["claim"]) & (found.recipe == prediction["recipe"])
    return fits & found.teachers.map(lambda of: same_teachers(of, prediction["teachers"]))


def _outcome(low: float, high: float, interval_low: float, interval_high: float) -> str:
    if low <= interval_low and interval_high <= high:
        return INSIDE
    return OUTSIDE if interval_high < low or interval_low > high else UNDECIDED


def _what(row: Mapping[str, Any]) -> str:
    of = f"{row['claim']} of {row['teachers']} {row['recipe']}"
    return f"{of}: predicted {row['low']:+g} to {row['high']:+g}"


def _sentence(row: Mapping[str, Any]) -> str:
    came = f"{row['estimate']:+.2f} ({row['interval_low']:+.2f} to {row['interval_high']:+.2f})"
    endings = {
        INSIDE: "as predicted",
        OUTSIDE: "not as predicted",
        UNDECIDED: "undecided, the interval reaches over an end of the range",
    }
    where = f"{row['task']}, {row['student']}, {row['decode']}"
    return f"{_what(row)}; {where}: {came}: {endings[row['outcome']]}."
