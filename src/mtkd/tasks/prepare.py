"""From raw tables to a task folder: checked, labelled, split by role.

A task folder holds ``train.parquet`` and ``selection.parquet`` (id, text_a, text_b, label),
``report.parquet`` (split, id, text_a, text_b) with every report split, whose labels lie apart in
``report_labels.parquet`` (split, id, label) for what scores, and ``task.json`` (labels in
canonical order, sizes, digest of all content). Where raters' shares are known, the files with
labels hold them as well: ``human_0``, ``human_1``, ... in the order of the labels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mtkd.errors import InputError
from mtkd.records.files import digest_bytes, publish, write_json
from mtkd.tasks.corpus import HUMAN, is_report

# The carve is part of the task, the same in every study: its seed is not an axis.
CARVE_SEED = 0


def read_table(path: Path) -> pd.DataFrame:
    """Read a local parquet, CSV or JSONL file. Raises InputError."""
    try:
        match path.suffix.lower():
            case ".parquet":
                return pd.read_parquet(path)
            case ".jsonl":
                return pd.read_json(path, lines=True, dtype=False)
            case ".csv":
                # "NA" and "null" are words like any other in a text column.
                return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({' '.join(str(error).split())})") from None
    raise InputError(f"{path}: not a .parquet, .csv or .jsonl file")


def prepare_task(task: dict[str, Any], tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Split tables with columns id, text_a, text_b, label (int64, canonical order).

    ``task`` is the task's settings, ``tables`` the raw table of each split it names. The selection
    split is carved from train when the task says so. Raises InputError for a missing column, an
    empty split, a label outside the list, missing text, or an id used twice.
    """
    splits = {name: _checked(task, name, table) for name, table in tables.items()}
    carve = task.get("selection")
    if carve:
        group = _column(tables["train"], carve["group"], "train") if "group" in carve else None
        if group is not None and group.isna().any():
            row = splits["train"]["id"][group.isna().to_numpy()].iloc[0]
            raise InputError(
                f"split 'train': example {row!r} has no {carve['group']!r} to group by"
            )
        selected = _carve(splits["train"], carve["fraction"], group)
        splits["selection"] = splits["train"][selected].reset_index(drop=True)
        splits["train"] = splits["train"][~selected].reset_index(drop=True)
    for name, frame in splits.items():
        if frame.empty:
            raise InputError(f"split {name!r} is empty")
    return splits


def write_task(folder: Path, task: dict[str, Any], splits: dict[str, pd.DataFrame]) -> None:
    """Write a task folder, ``task.json`` last."""
    reports = [frame.assign(split=name) for name, frame in splits.items() if is_report(name)]
    report = pd.concat(reports, ignore_index=True)
    _write_parquet(folder / "train.parquet", splits["train"])
    _write_parquet(folder / "selection.parquet", splits["selection"])
    answers = ["label", *(name for name in report if name.startswith(HUMAN))]
    _write_parquet(folder / "report.parquet", report.drop(columns=answers))
    _write_parquet(folder / "report_labels.parquet", report[["split", "id", *answers]])
    summary = {
        "labels": task["labels"],
        "rows": {name: len(frame) for name, frame in splits.items()},
        "pairs": len(task["text"]) == 2,
        "digest": digest_bytes(
            part
            for name in sorted(splits)
            for part in (name.encode(), splits[name].to_csv(index=False).encode())
        ),
    }
    write_json(folder / "task.json", summary)


def _write_parquet(path: Path, frame: pd.DataFrame) -> None:
    publish(path, lambda temporary: frame.to_parquet(temporary, index=False))


def _column(table: pd.DataFrame, column: str, split: str) -> pd.Series:
    if column not in table.columns:
        raise InputError(
            f"split {split!r} has no column {column!r}; its columns are {', '.join(table.columns)}"
        )
    return table[column]


def _checked(task: dict[str, Any], split: str, table: pd.DataFrame) -> pd.DataFrame:
    if table.empty:
        raise InputError(f"split {split!r} is empty")
    columns = {}
    if "id" in task:
        columns["id"] = _column(table, task["id"], split).astype(str)
    else:
        columns["id"] = pd.Series([f"{split}-{row}" for row in range(len(table))])
    for name, column in zip(("text_a", "text_b"), task["text"], strict=False):
        columns[name] = _column(table, column, split).astype("string")
    columns["label"] = _labels(task, _column(table, task.get("label", "label"), split), split)
    frame = pd.DataFrame({name: values.to_numpy() for name, values in columns.items()})
    twice = frame["id"][frame["id"].duplicated()]
    if len(twice):
        raise InputError(f"split {split!r}: id {twice.iloc[0]!r} occurs more than once")
    for name in ("text_a", "text_b"):
        if name in frame and frame[name].isna().any():
            row = frame["id"][frame[name].isna()].iloc[0]
            raise InputError(f"split {split!r}: example {row!r} has no text in {name}")
    frame = frame.astype({name: "str" for name in frame.columns if name != "label"})
    return frame.assign(**_human(task, table, split))


def _human(task: dict[str, Any], table: pd.DataFrame, split: str) -> dict[str, np.ndarray]:
    """Raters' shares by column, each row scaled to a sum of exactly 1; none when not named."""
    if not task.get("human"):
        return {}
    columns = [pd.to_numeric(_column(table, c, split), errors="coerce") for c in task["human"]]
    shares = np.stack([column.to_numpy(dtype=float) for column in columns], axis=1)
    total = shares.sum(axis=1)
    bad = np.flatnonzero(~((shares >= 0).all(axis=1) & np.isclose(total, 1, atol=1e-3)))
    if len(bad):
        raise InputError(
            f"split {split!r}: row {bad[0] + 1} has {shares[bad[0]].tolist()} in its columns "
            f"{', '.join(task['human'])}: raters' shares are at least 0 and sum to 1"
        )
    return {f"{HUMAN}{i}": share for i, share in enumerate((shares / total[:, None]).T)}


def _labels(task: dict[str, Any], values: pd.Series, split: str) -> pd.Series:
    """Label indices: integers are indices already, anything else must be a label's name."""
    names = task["labels"]
    if pd.api.types.is_integer_dtype(values):
        if any(name.isdigit() and int(name) != index for index, name in enumerate(names)):
            raise InputError(
                f"split {split!r}: whole numbers in the label column are label indices, but the "
                f"labels {', '.join(names)} are numbers in another order; store them as text"
            )
        indices = values.where(values.between(0, len(names) - 1), -1)
    else:
        indices = values.map({name: index for index, name in enumerate(names)}).fillna(-1)
    if (indices == -1).any():
        bad = values[indices == -1].tolist()[0]
        raise InputError(
            f"split {split!r}: label {bad!r} is not in the task's labels {', '.join(names)}"
        )
    return indices.astype("int64")


def _carve(train: pd.DataFrame, fraction: float, group: pd.Series | None) -> np.ndarray:
    """Which train rows become selection rows: stratified by label, whole groups together.

    Without a group column, equal texts form a group: no sentence is on both sides. Groups are
    drawn in random order within the label of their first row, until the label has its fraction.
    """
    if group is None:
        texts = [name for name in ("text_a", "text_b") if name in train]
        group = train[texts].agg("\n".join, axis=1)
    codes, names = pd.factorize(group.to_numpy())
    sizes = np.bincount(codes)
    label = train["label"].to_numpy()[np.unique(codes, return_index=True)[1]]
    order = np.random.default_rng(CARVE_SEED).permutation(len(names))
    chosen = np.zeros(len(names), dtype=bool)
    for value in np.unique(label):
        members = order[label[order] == value]
        rows_before = np.cumsum(sizes[members]) - sizes[members]
        # At least one group of a label that has two: a tiny task still gets every label.
        wanted = max(fraction * sizes[members].sum(), 1 if len(members) > 1 else 0)
        chosen[members[rows_before < wanted]] = True
    return chosen[codes]
