"""What a study had registered before its students, as people read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from mtkd.analysis.registration import changes
from mtkd.report.shown import interval, points

Entry = Mapping[str, Any]


class Predicted(NamedTuple):
    """A stated prediction and what came of it."""

    claim: str
    task: str
    expected: str
    found: str
    outcome: str


class Registration(NamedTuple):
    """What was registered first, what has changed since, and what came of its predictions."""

    date: str
    students_trained: int
    margin: float
    claims: list[str]
    controls: list[str]
    suite: str
    amendments: list[tuple[str, int, list[str]]]  # date, students trained by then, changes
    predictions: list[Predicted]


def registration_shown(entries: Sequence[Entry], claims: pd.DataFrame) -> Registration:
    """A study's registrations for its report; the first is what the others are changes of."""
    first, said = entries[0], entries[0]["said"]
    amendments = [
        (later["date"], later["students_trained"], changes(earlier["said"], later["said"]))
        for earlier, later in zip(entries, entries[1:], strict=False)
    ]
    return Registration(
        first["date"],
        first["students_trained"],
        said["margin"],
        [f"{one['claim']}: {one['a']} against {one['b']}" for one in said["claims"]],
        said.get("controls", []),
        said["suite"],
        amendments,
        [
            _outcome(prediction, row)
            for prediction in said.get("predictions", [])
            for row in claims[claims.claim == prediction["claim"]].to_dict("records")
            if prediction.get("task") in (None, row["task"])
        ],
    )


def _outcome(prediction: Entry, row: Entry) -> Predicted:
    """A prediction is right where the effect lies in its range, wrong where its interval misses."""
    low, high = prediction["low"], prediction["high"]
    if not row["seeds"]:
        outcome = "no seed finished"
    elif low <= row["effect"] <= high:
        outcome = "as predicted"
    elif row["high"] < low or high < row["low"]:
        outcome = "not as predicted"
    else:
        outcome = "not as predicted, but the interval reaches into it"
    return Predicted(
        f"{row['a']} against {row['b']}",
        row["task"],
        f"{points(low)} to {points(high)}",
        f"{points(row['effect'])} ({interval(row['low'], row['high'])})",
        outcome,
    )
