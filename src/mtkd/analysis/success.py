"""A study's success metrics in one small record: gap closed and what several teachers gained."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mtkd.study.view import StudyView, improvement_text

GAP_DEFINITION = (
    "(distilled - none) / (teacher - none) of the primary metric on report; the teacher, and T and "
    "alpha, chosen on selection; no value where the gap is not above 0 or its interval includes 0, "
    "or the teacher is no better than a constant answer"
)
ADVANTAGE_DEFINITION = (
    "points of the primary metric on report: best of n multi-teacher arms minus best of n "
    "single-teacher arms, n the smaller number of arms of the two families, the arm chosen on "
    "selection by the other seeds, mean over all subsets of n arms and over seeds"
)


def success_metrics(gaps: pd.DataFrame, claims: pd.DataFrame, study: StudyView) -> dict[str, Any]:
    """Gap closed by arm, per task and on average, and the multi-teacher advantage per task.

    ``average`` is the mean over the tasks that have a gap, and says how many they are: a mean over
    tasks hides how they differ, which stands beside it. JSON-ready; None where there is no number.
    """
    by_arm: dict[str, dict] = {}
    gaps = gaps[gaps.against == "teacher"]
    for (strategy, teachers), rows in gaps.groupby(["strategy", "teachers"], sort=False):
        fractions = {row.task: _known(row.fraction) for row in rows.itertuples()}
        known = [value for value in fractions.values() if value is not None]
        by_arm[f"{teachers}/{strategy}"] = {
            "per_task": fractions,
            "average": sum(known) / len(known) if known else None,
            "tasks_with_a_gap": len(known),
        }
    advantage = {
        row.task: {
            name: _known(getattr(row, name)) for name in ("effect", "low", "high")
        } | {"verdict": row.verdict}
        for row in claims[claims.claim == "several teachers"].itertuples()
    }  # fmt: skip
    return {
        "study": f"{study['suite']}/{study['study']}",
        "metrics": study["metrics"],
        "seeds": study["seeds"],
        "gap_closed": {"definition": GAP_DEFINITION, "arms": by_arm},
        "multi_teacher_advantage": {
            "definition": ADVANTAGE_DEFINITION + improvement_text(study),
            "per_task": advantage,
        },
    }


def _known(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
