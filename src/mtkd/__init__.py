"""Multi-teacher knowledge distillation studies as a Snakemake job graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load_runs", "load_table"]


def load_runs(folder: str | Path) -> pd.DataFrame:
    """Every scored run under a suite's results, such as ``results/embedded``, as one tidy frame.

    One row per run, split and metric, of all its studies; columns as of
    ``mtkd.analysis.tables.runs_table``, values in the metric's own unit, fractions for those
    in percent. Raises InputError for a folder without
    scored runs.
    """
    from mtkd.analysis.tables import runs_table
    from mtkd.errors import InputError
    from mtkd.records.runs import read_eval

    paths = sorted(Path(folder).rglob("eval.json"))
    if not paths:
        raise InputError(f"{folder}: no scored runs (eval.json) here; is it a suite's folder?")
    return runs_table(map(read_eval, paths))


def load_table(
    folder: str | Path, name: str, study: str = "main", student: str | None = None
) -> pd.DataFrame:
    """One table of a study, such as ``claims`` or ``quality``.

    ``folder`` is the suite's, as for ``load_runs``; ``student`` is one of several that a study has.
    Raises InputError where there is no such table.
    """
    from mtkd.analysis.tables import read_table
    from mtkd.errors import InputError

    of_student = Path("students") / student if student else Path()
    tables = Path(folder) / "studies" / study / of_student / "tables"
    path = tables / f"{name}.csv"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in tables.glob("*.csv"))) or "none"
        raise InputError(f"{path}: there is no such table; those of study {study!r}: {known}")
    return read_table(path)
