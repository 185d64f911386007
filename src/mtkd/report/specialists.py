"""A study of specialists as people read it: systems, claims, who teaches how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mtkd.analysis.sentences import listed
from mtkd.report.shown import MISSING, Shown, interval, number, p_value, points
from mtkd.study.view import seed_count

Study = Mapping[str, Any]
WORDS = (
    "base or student",
    "kind",
    "system",
    "claim",
    "a",
    "b",
    "verdict",
    "student",
    "strategy",
    "teacher",
)
ACCURACY = (
    "accuracy in percent (macro: mean of the tasks ±sd over seeds, with their number; polarity: "
    "among the labels that all tasks have)"
)
# What the columns of costs mean.
COSTS = (
    "Retention is accuracy over that of the task's own specialist, of the first base. Compute is "
    "tokens x parameters of all trainings behind a system but the base's, a student's specialists "
    "and their soft labels (a third for a forward pass) counted. To run: CPU seconds for 1,000 "
    "texts; to replace: CPU seconds until a new specialist of one task is part of the system."
)
# What the columns of claims mean.
DECIDED = (
    "Verdicts are corrected for all claims of the table by Holm's procedure, and so is p superior; "
    "intervals are each claim's own. Least detectable: the smallest true difference that these "
    "seeds and texts would have shown in four of five studies, so corrected."
)


def about(study: Study) -> str:
    """Of what a study's tables are, in a sentence."""
    return (
        f"{study['suite']}/{study['study']}: specialists of {', '.join(study['tasks'])}; "
        f"report splits; {seed_count(len(study['seeds']))} ({', '.join(study['seeds'])})."
    )


def told_tasks(study: Study) -> list[str]:
    """Which students are told more than a text, in a sentence; none where there are none."""
    if not study["own_labels"]:
        return []
    names = listed(study["own_labels"])
    return [
        f"{names} answer each task's own labels alone: like the oracle router, and unlike the "
        "other students, they are told which task a text is of."
    ]


def systems_rows(table: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The table of systems, each entry a text."""
    rows = []
    for row in table.to_dict("records"):
        rows.append(
            {
                "base or student": row["base"],
                "kind": row["kind"],
                "system": row["system"].removeprefix("specialist "),
                "macro": _macro(row),
                **{task: number(row[f"accuracy {task}"], 1) for task in study["tasks"]},
                "polarity": number(row["polarity"], 1),
                "retention %": number(row["retention"], 1),
                "models": f"{row['models']}",
                "parameters": _scaled(row["parameters"] / 1e6, 2, "M"),
                "compute": _scaled(row["compute"] / 1e9, 0, "G"),
                "to run (s)": number(row["run_seconds"], 2),
                "to replace (s)": number(row["replace_seconds"], 2),
            }
        )
    return pd.DataFrame(rows)


def _macro(row: Mapping[str, Any]) -> str:
    """A score with its sd over seeds, and their number."""
    if not row["seeds"]:
        return MISSING
    spread = "" if pd.isna(row["sd"]) else f" ±{number(row['sd'], 2)}"
    return f"{number(row['accuracy'], 2)}{spread} ({row['seeds']})"


def _scaled(value: float, digits: int, unit: str) -> str:
    return MISSING if pd.isna(value) else f"{number(value, digits)} {unit}"


def claims_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The claims, each entry a text."""
    rows = [
        {
            "claim": row["claim"],
            "a": row["a"],
            "b": row["b"],
            "a − b (points)": points(row["difference"]),
            "95 % interval": interval(row["low"], row["high"]),
            "p superior": MISSING if pd.isna(row["p"]) else p_value(row["p"]),
            "verdict": row["verdict"],
            "least detectable": number(row["detectable"], 2),
            "seeds": f"{row['seeds']}",
        }
        for row in table.to_dict("records")
    ]
    return pd.DataFrame(rows)


def claims_text(table: pd.DataFrame) -> list[dict[str, str]]:
    """Each claim in a sentence, with its verdict."""
    return [
        {
            "claim": row["claim"],
            "verdict": row["verdict"],
            "sentence": f"{row['a']} against {row['b']}: {points(row['difference'])} points "
            f"({interval(row['low'], row['high'])}), {row['verdict']}.",
        }
        for row in table.to_dict("records")
    ]


def specialist_shown(tables: Mapping[str, pd.DataFrame], study: Study) -> list[Shown]:
    """The page's tables."""
    margin = f"margin ±{study['margin']:g} points"
    shares = pd.DataFrame(
        {
            **tables["shares"][["student", "strategy", "teacher"]],
            **{
                name: [number(value, 1) for value in tables["shares"][column]]
                for name, column in (
                    ("rows %", "rows"),
                    ("loss at the start %", "loss_start"),
                    ("loss at the end %", "loss_end"),
                )
            },
        }
    )
    routers = pd.DataFrame(
        {
            "texts": tables["routers"]["texts"].astype(str),
            "right of these %": [number(value, 1) for value in tables["routers"]["fitted"]],
            "right of others %": [number(value, 1) for value in tables["routers"]["held_out"]],
        }
    )
    shown = [
        ("specialists", "Systems", f"{ACCURACY}, and what a system costs",
         systems_rows(tables["specialists"], study), " ".join([*told_tasks(study), COSTS])),
        ("claims", "Claims", f"differences of macro accuracy over seeds and texts; {margin}",
         claims_rows(tables["claims"]), DECIDED),
        ("shares", "Who teaches", "each teacher's share of the rows and of the loss", shares,
         "A teacher with few rows, or whose rows hold little of the loss, is heard little."),
        ("routers", "The router", "how often the router knows a text's task", routers,
         "Where it is surer of the texts that it was fitted on than of others it has overfitted: "
         "a gate's soft labels are made of weights that are held out."),
    ]  # fmt: skip
    return [
        Shown(name, title, f"{about(study)} {what[0].upper()}{what[1:]}.", rows, WORDS, note)
        for name, title, what, rows, note in shown
    ]


def systems_text(table: pd.DataFrame, study: Study) -> str:
    """The table of systems as plain text."""
    rows = systems_rows(table, study)
    notes = [about(study), f"{ACCURACY.capitalize()}, and costs.", *told_tasks(study), COSTS]
    return "\n".join([*notes, "", rows.to_string(index=False), ""])
