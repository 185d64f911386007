"""The framework's claims as people read them: every claim with its verdict on every task."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mtkd.framework.claims import FAILS, HOLDS, UNDECIDABLE
from mtkd.report.shown import MISSING, Shown, caption, frame, titled
from mtkd.study.view import StudyView, improvement_text

Tables = Mapping[str, pd.DataFrame]

VERDICTS = (HOLDS, FAILS, UNDECIDABLE)


def framework_tables(tables: Tables, study: StudyView) -> list[Shown]:
    """Each claim in a row, and the diversity behind one; none where the study has no such table."""
    if "framework" not in tables:
        return []
    return [_summary(tables["framework"], study), _gains(tables["diversity_gain"], study)]


def claim_tables(tables: Tables, study: StudyView) -> list[Shown]:
    """A table of each claim: where it was tried, and on every task its verdict and its value."""
    if "framework" not in tables:
        return []
    return [
        _claim(str(claim), found, study)
        for claim, found in tables["framework"].groupby("claim", sort=False)
    ]


def _summary(table: pd.DataFrame, study: StudyView) -> Shown:
    rows = []
    for claim, found in table.groupby("claim", sort=False):
        counts = found.verdict.value_counts()
        kinds = dict.fromkeys(_because(evidence).split(":")[0] for evidence in found.evidence)
        row = {"claim": claim} | {name: f"{counts.get(name, 0)}" for name in VERDICTS}
        rows.append(row | {"by": ", ".join(kinds)})
    return titled(
        "framework",
        caption("where each claim of the framework holds and fails, in numbers of trials", study),
        frame(rows, ["claim", *VERDICTS, "by"]),
        ("claim", "by"),
        "A trial is an operator, a setting or an arm on a task. A claim about every input holds by "
        "a proof and fails by a counterexample, whatever these teachers do; one about a quantity "
        "holds or fails where its whole 95 % interval does. The framework leaves open: variance "
        "bounds of operators that are not linear (measured here), generalisation (here only the "
        "gain on the report split against the teachers' diversity), and weights made from data "
        "(here the learned gate). framework.csv has every trial with its evidence.",
    )


def _claim(claim: str, table: pd.DataFrame, study: StudyView) -> Shown:
    tasks = [task for task in [*study["tasks"], "all"] if (table.task == task).any()]
    columns = {task: "all tasks" if task == "all" else task for task in tasks}
    rows = []
    for where, found in table.groupby("where", sort=False):
        row = {"where": where} | {columns[one.task]: _entry(one) for one in found.itertuples()}
        rows.append(row | {"because": "; ".join(dict.fromkeys(map(_because, found.evidence)))})
    quantities = ", ".join(dict.fromkeys(table.quantity.dropna()))
    return Shown(
        "claim",
        claim,
        caption(f"verdict and, in brackets, {quantities or 'nothing measured'}", study),
        frame(rows, ["where", *columns.values(), "because"]).fillna(MISSING),
        ("where", *columns.values(), "because"),
    )


def _gains(gains: pd.DataFrame, study: StudyView) -> Shown:
    rows = [
        {
            "task": row.task,
            "teachers": row.teachers,
            "diversity (nats)": f"{row.diversity:.4f}",
            "gain (points)": f"{row.gain:+.2f}".replace("-", "−"),
        }
        for row in gains.itertuples()
    ]
    return titled(
        "diversity_gain",
        caption(
            "gain of each average arm over its own teachers' single arms, mean over seeds, and the "
            "generalised Jensen-Shannon divergence of these teachers on selection at T=1"
            + improvement_text(study),
            study,
        ),
        frame(rows, ["task", "teachers", "diversity (nats)", "gain (points)"]),
        ("task", "teachers"),
    )


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
