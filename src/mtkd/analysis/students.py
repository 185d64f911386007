"""The master tables of a study's several students in one."""

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


def named_by_student(table: pd.DataFrame) -> pd.DataFrame:
    """A table of students as one master table, each method with its student's name behind it."""
    names = [f"{row.method} [{row.student}]" if row.student else row.method
             for row in table.itertuples()]  # fmt: skip
    return table.assign(method=names).drop(columns="student")
