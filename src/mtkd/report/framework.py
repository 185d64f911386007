"""The framework's claims as people read them: every claim with its verdict on every task."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mtkd.analysis.master import Study
from mtkd.report.shown import MISSING, Shown, caption, frame

WORDS = ("claim", "where", "because")


def framework_tables(tables: Mapping[str, pd.DataFrame], study: Study) -> list[Shown]:
    """The claims of teachers, pools and students; none where the study has no such table."""
    if "framework" not in tables:
        return []
    return [_claims(tables["framework"], study), _gains(tables["diversity_gain"], study)]


def _claims(table: pd.DataFrame, study: Study) -> Shown:
    tasks = [task for task in [*study["tasks"], "all"] if (table.task == task).any()]
    rows = []
    by = ["claim", "where", "quantity"]
    for (claim, where, quantity), found in table.fillna({"quantity": ""}).groupby(by, sort=False):
        row = {"claim": claim, "where": where}
        row |= {_column(one.task): _entry(one) for one in found.itertuples()}
        row["because"] = "; ".join(dict.fromkeys(map(_because, found.evidence)))
        rows.append(row | {"quantity": quantity or MISSING})
    columns = ["claim", "where", *map(_column, tasks), "quantity", "because"]
    return Shown(
        "framework",
        "The framework's claims",
        caption(
            "each claim of the framework with holds, fails or undecidable here, and the quantity's "
            "value with its 95 % interval; claims on pools are of teachers on selection",
            study,
        ),
        frame(rows, columns).fillna(MISSING),
        (*WORDS, "quantity", *map(_column, tasks)),
        "A claim about every input holds by a proof and fails by a counterexample, whatever these "
        "teachers do; a claim about a quantity holds or fails where its whole interval does. "
        "Counterexamples are in framework.csv and certificates.csv. The framework leaves open: "
        "variance bounds of operators that are not linear (measured here), generalisation (here "
        "only the gain on the report split against the teachers' diversity), and weights made from "
        "data (here the learned gate).",
    )


def _gains(gains: pd.DataFrame, study: Study) -> Shown:
    rows = [
        {
            "task": row.task,
            "teachers": row.teachers,
            "diversity (nats)": f"{row.diversity:.4f}",
            "gain (points)": f"{row.gain:+.2f}".replace("-", "−"),
        }
        for row in gains.itertuples()
    ]
    return Shown(
        "diversity_gain",
        "Diversity and gain",
        caption(
            "gain of each average arm over its own teachers' single arms, mean over seeds, and the "
            "generalised Jensen-Shannon divergence of these teachers on selection at T=1",
            study,
        ),
        frame(rows, ["task", "teachers", "diversity (nats)", "gain (points)"]),
        ("task", "teachers"),
    )


def _column(task: str) -> str:
    return "all tasks" if task == "all" else task


def _entry(row) -> str:
    if pd.isna(row.value):
        return row.verdict
    text = f"{row.value:.3g}"
    if not pd.isna(row.low):
        text += f", {row.low:.3g} to {row.high:.3g}"
    return f"{row.verdict} ({text.replace('-', '−')})"


def _because(evidence: str) -> str:
    """Evidence without the numbers of a counterexample, which fill a line."""
    return "counterexample" if evidence.startswith("counterexample: {") else evidence
