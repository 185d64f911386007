"""A study's several students in one table: their scores, and how they match their soft labels."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd


def students_table(masters: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The rows of each student's master table, by its name, under each other.

    ``student`` comes first; it is empty for references and teachers, which are the same in all and
    stand there once.
    """
    parts = [table.assign(student=name) for name, table in masters.items()]
    rows = pd.concat(parts, ignore_index=True)
    shared = rows.type.isin(["constant", "reference", "teacher"])
    rows.loc[shared, "student"] = ""
    rows = rows[~shared | ~rows.method.duplicated()]
    return rows[["student", *rows.columns.drop("student")]].reset_index(drop=True)


def capacity_table(fidelity: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """How well each student, by its name, matches the soft labels that it was trained on.

    The rows of ``fidelity_table`` on train and transfer texts, ``student`` first: on what was
    learned, a distance that a larger student closes is one of capacity. KL in nats at the T of
    training.
    """
    parts = [table.assign(student=name) for name, table in fidelity.items()]
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows.split.isin(["train", "transfer"])]
    return rows[["student", *rows.columns.drop("student")]].reset_index(drop=True)


def render_capacity(capacity: pd.DataFrame) -> str:
    """A student's mean KL and agreement for each task and split, over its arms, as text."""
    by = ["task", "split", "student"]
    if capacity.empty:
        return ""
    means = capacity.groupby(by, sort=False)[["kl", "agreement"]].mean().reset_index()
    means = means.assign(
        kl=means.kl.map("{:.4f}".format), agreement=(100 * means.agreement).map("{:.1f}".format)
    )
    heads = {"kl": "KL (nats)", "agreement": "same class (%)"}
    return means.rename(columns=heads).to_string(index=False)


def named_by_student(table: pd.DataFrame) -> pd.DataFrame:
    """A table of students as one master table, each method with its student's name behind it."""
    names = [f"{row.method} [{row.student}]" if row.student else row.method
             for row in table.itertuples()]  # fmt: skip
    return table.assign(method=names).drop(columns="student")
