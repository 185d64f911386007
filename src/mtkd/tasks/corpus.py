"""A prepared task as its users read it: splits of ids, texts and labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from mtkd.errors import InputError
from mtkd.records.files import digest_bytes, read_json

# Columns of raters' shares: this and the label's index.
HUMAN = "human_"
# The column that says which rows of train belong together.
GROUP = "group"
# The split that nothing but the gate of a study's design reads: never trained on, never reported.
GATE = "gate"
# The label of a row of train that has none.
NO_LABEL = -1
# Columns of what examples share that are not independent.
CLUSTERS = ("cluster_a", "cluster_b")


class Split(NamedTuple):
    """N examples: ids (str), one text or a pair each, label indices (None if they lie apart)."""

    ids: np.ndarray
    text_a: list[str]
    text_b: list[str] | None
    labels: np.ndarray | None


class TaskInfo(NamedTuple):
    """What ``task.json`` says: labels in canonical order, rows by split, digest of the data.

    ``predicted`` are the splits that students are asked about: those, and the gate's where there is
    one.
    """

    labels: list[str]
    rows: dict[str, int]
    digest: str
    gate_rows: int = 0

    @property
    def predicted(self) -> list[str]:
        return [*self.rows, *([GATE] if self.gate_rows else [])]


def read_info(folder: Path) -> TaskInfo:
    """Labels, sizes and digest of a task folder. Raises InputError."""
    content = read_json(folder / "task.json")
    gate = content.get("variant", {}).get("gate_rows", 0)
    return TaskInfo(content["labels"], content["rows"], content["digest"], gate)


def is_report(split: str) -> bool:
    """Whether a split of this name has the role "report" (``report``, ``report_m``, ...)."""
    return split.startswith("report")


def read_split(folder: Path, split: str) -> Split:
    """One split; a report split comes without labels. Raises InputError."""
    frame = _read(folder / ("report.parquet" if is_report(split) else f"{split}.parquet"))
    if is_report(split):
        frame = frame[frame["split"] == split]
    return Split(
        ids=frame["id"].to_numpy(dtype=str),
        text_a=frame["text_a"].tolist(),
        text_b=frame["text_b"].tolist() if "text_b" in frame else None,
        labels=frame["label"].to_numpy(copy=True) if "label" in frame else None,
    )


def read_labels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Ids [N] (str) and label indices [N] of a file of one labelled split. Raises InputError."""
    frame = _read(path)
    return frame["id"].to_numpy(dtype=str), frame["label"].to_numpy(copy=True)


def read_transfer_labels(paths: Iterable[Path], ids: np.ndarray) -> np.ndarray:
    """The labels of transfer rows with these ids [N], -1 of a row that has none.

    They are kept apart from train, where such rows have no label. Raises InputError.
    """
    known: dict[str, int] = {}
    for path in paths:
        known |= zip(*read_labels(path), strict=True)
    return np.array([known.get(name, NO_LABEL) for name in ids], dtype=np.int64)


def all_labels(train: Split, path: Path) -> np.ndarray:
    """Labels of train [N], transfer rows' from their own file. Raises InputError."""
    return np.where(train.labels >= 0, train.labels, read_transfer_labels([path], train.ids))


def read_report_labels(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Ids [N] and label indices [N] of each report split. Raises InputError."""
    return {
        str(split): (frame["id"].to_numpy(dtype=str), frame["label"].to_numpy(copy=True))
        for split, frame in _read(path).groupby("split")
    }


def read_human(path: Path, split: str) -> np.ndarray | None:
    """Raters' shares [N, C] of a split in a file with labels, or None. Raises InputError."""
    frame = _read(path)
    if is_report(split):
        frame = frame[frame["split"] == split]
    columns = [name for name in frame.columns if name.startswith(HUMAN)]
    return frame[sorted(columns, key=_index)].to_numpy(dtype=float) if columns else None


def read_groups(folder: Path, split: str = "train") -> list:
    """What rows of a split come from [N]: their group where the task has some, else themselves.

    Of train, selection and the gate's. Raises InputError.
    """
    frame = _read(folder / f"{split}.parquet")
    return frame[GROUP].tolist() if GROUP in frame else list(range(len(frame)))


def read_clusters(path: Path, split: str) -> np.ndarray | None:
    """Names of clusters [N, 1 or 2] of a split in a file with labels, or None.

    Raises InputError.
    """
    frame = _read(path)
    if is_report(split):
        frame = frame[frame["split"] == split]
    columns = [name for name in CLUSTERS if name in frame]
    return frame[columns].to_numpy(dtype=str) if columns else None


def rows_digest(folder: Path) -> str:
    """Digest of a task's rows as they are, which ``task.json`` has of them as they were written.

    Raises InputError for files that cannot be read.
    """
    return digest_splits(read_whole(folder))


def digest_splits(splits: Mapping[str, pd.DataFrame]) -> str:
    """Digest of all that a task's rows say, without what nothing learns from.

    Which rows belong together carving asks, and what clusters they are of, intervals.
    """
    return digest_bytes(
        part
        for name in sorted(splits)
        for part in (
            name.encode(),
            splits[name]
            .drop(columns=[GROUP, *CLUSTERS], errors="ignore")
            .to_csv(index=False)
            .encode(),
        )
    )


def read_whole(folder: Path) -> dict[str, pd.DataFrame]:
    """Every split of a task folder with its labels, as ``prepare`` wrote it. Raises InputError."""
    splits = {name: _read(folder / f"{name}.parquet") for name in ("train", "selection")}
    gate = folder / f"{GATE}.parquet"
    if gate.is_file() and len(rows := _read(gate)):
        splits[GATE] = rows
    columns = [name for name in splits["train"] if name != GROUP]
    columns += [name for name in CLUSTERS if name in splits["selection"]]
    texts, answers = (_read(folder / f"{name}.parquet") for name in ("report", "report_labels"))
    whole = texts.join(answers.drop(columns=["split", "id"]))
    for name, frame in whole.groupby("split"):
        splits[str(name)] = frame[columns].reset_index(drop=True)
    return splits


def _index(column: str) -> int:
    return int(column.removeprefix(HUMAN))


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); rerun prepare_task") from None
