"""Tables of rows as parquet: published in one step, and read with the columns that are needed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from mtkd.errors import InputError
from mtkd.records.files import publish


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Publish a table as parquet."""
    publish(path, lambda temporary: frame.to_parquet(temporary, index=False))


def read_parquet(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    """A table as parquet. Raises InputError where it is none, or lacks a column."""
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        cause = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read ({cause}); make it again") from None
    if lacking := [name for name in columns if name not in frame]:
        raise InputError(f"{path}: lacks {', '.join(lacking)}; make it again")
    return frame
