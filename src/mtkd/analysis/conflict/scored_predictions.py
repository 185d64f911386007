"""What a study's configuration predicted, and what came: inside, outside or undecided."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mtkd.analysis.conflict.arms import same_teachers
from mtkd.analysis.conflict.predictors import NAMES
from mtkd.study.generation_words import ANY_MODE, GREEDY

HYBRID = "hybrid rate"
CORRELATION = "rank correlation with interference: "
COLUMNS = ["claim", "teachers", "recipe", "student", "task", "decode", "low", "high"]
COLUMNS += ["estimate", "interval_low", "interval_high", "outcome", "sentence"]
INSIDE, OUTSIDE, UNDECIDED, NOT_ASKED = "inside", "outside", "undecided", "not measured"
OUTCOMES = (INSIDE, OUTSIDE, UNDECIDED, NOT_ASKED)


def measured(claims: pd.DataFrame, hybrids: pd.DataFrame, predictors: pd.DataFrame) -> pd.DataFrame:
    """All that predictions may be about: claims, hybrid rates in percent, rank correlations."""
    keys = ["claim", "teachers", "recipe", "n", "student", "task", "decode"]
    rates = hybrids[hybrids["mode"] == ANY_MODE].assign(claim=HYBRID)
    rates = rates.rename(columns={"hybrid": "estimate", "hybrid_low": "low", "hybrid_high": "high"})
    ranks = predictors.assign(teachers="", recipe="")
    ranks = ranks.assign(claim=[CORRELATION + NAMES[name] for name in ranks.measure])
    ranks = ranks.rename(columns={"rho": "estimate", "rho_low": "low", "rho_high": "high"})
    columns = [*keys, "estimate", "low", "high"]
    found = [frame[columns] for frame in (claims, rates, ranks) if len(frame)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def scored_table(predictions: Sequence[Mapping[str, Any]], found: pd.DataFrame) -> pd.DataFrame:
    """COLUMNS: each prediction beside each measurement of what it is about.

    A prediction names a ``claim`` and may name ``teachers``, ``recipe``, ``task``, ``student``,
    ``n`` and ``decode`` (greedy without it); ``low`` and ``high``, in the quantity's own unit, may
    be left out or null for no end. It is *inside* where the whole 95 % interval lies in its range,
    *outside* where none of it does, else undecided; one that nothing measured is named too.
    """
    rows = []
    for prediction in predictions:
        low = -math.inf if prediction.get("low") is None else float(prediction["low"])
        high = math.inf if prediction.get("high") is None else float(prediction["high"])
        about = {"claim": prediction["claim"], "teachers": prediction.get("teachers", "")}
        about |= {"recipe": prediction.get("recipe", ""), "low": low, "high": high}
        own = found[_about(prediction, found) & found.estimate.notna()]
        if own.empty:
            row = about | {"outcome": NOT_ASKED, "decode": prediction.get("decode", GREEDY)}
            rows.append(row | {"sentence": f"{_what(row)}: not measured in this study."})
        for one in own.itertuples():
            row = about | {name: getattr(one, name) for name in ("student", "task", "decode")}
            row |= {"estimate": one.estimate, "interval_low": one.low, "interval_high": one.high}
            row["outcome"] = _outcome(low, high, one.low, one.high)
            rows.append(row | {"sentence": _sentence(row)})
    return pd.DataFrame(rows, columns=COLUMNS)


def _about(prediction: Mapping[str, Any], found: pd.DataFrame) -> pd.Series:
    fits = found.claim == prediction["claim"]
    fits &= found.decode == prediction.get("decode", GREEDY)
    for key in ("recipe", "task", "student", "n"):
        if key in prediction:
            fits &= found[key] == prediction[key]
    if "teachers" in prediction:
        fits &= found.teachers.map(lambda of: same_teachers(of, prediction["teachers"]))
    return fits


def _outcome(low: float, high: float, interval_low: float, interval_high: float) -> str:
    if low <= interval_low and interval_high <= high:
        return INSIDE
    return OUTSIDE if interval_high < low or interval_low > high else UNDECIDED


def _what(row: Mapping[str, Any]) -> str:
    of = " ".join(filter(None, [row["teachers"], row["recipe"]]))
    return f"{row['claim']}{f' of {of}' * bool(of)}: predicted {_range(row['low'], row['high'])}"


def _range(low: float, high: float) -> str:
    if math.isinf(low):
        return "anything" if math.isinf(high) else f"at most {high:+g}"
    return f"at least {low:+g}" if math.isinf(high) else f"{low:+g} to {high:+g}"


def _sentence(row: Mapping[str, Any]) -> str:
    came = f"{row['estimate']:+.2f} ({row['interval_low']:+.2f} to {row['interval_high']:+.2f})"
    endings = {
        INSIDE: "as predicted",
        OUTSIDE: "not as predicted",
        UNDECIDED: "undecided, the interval reaches over an end of the range",
    }
    where = f"{row['task']}, {row['student']}, {row['decode']}"
    return f"{_what(row)}; {where}: {came}: {endings[row['outcome']]}."
