"""What pending jobs will put on disk, by arithmetic: what stays, and trainings' states meanwhile.

Counted is what is large, weights and [CLS] states, and every file. Models that are trained from
scratch are small, and count as nothing.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

FLOAT32, FLOAT16 = 4, 2
# What a saved state holds of a model: weights, two moments, and a teacher's best epoch.
STATE_COPIES = {
    "train_teacher": 4,
    "crossfit_logits": 4,
    "train_students": 3,
    "train_undistilled": 3,
    "student_weights": 3,
    "train_writer": 3,
    "train_singles": 3,
    "train_mixtures": 3,
}
# Those that train teachers.
OF_TEACHERS = ("train_teacher", "crossfit_logits", "train_writer")
# Beside a job's outputs and Snakemake's record of each: its log and its times; of a cell run.json,
# history.jsonl, folders and the checksums of its kept copy; of a teacher the files of its model; of
# a fold its kept logits with their checksums.
JOB_FILES, CELL_FILES, MODEL_FILES, FOLD_FILES = 2, 6, 7, 3
# Of a Transformers configuration, the number of a text's features.
WIDTHS = ("hidden_size", "dim", "d_model")


class Weights(NamedTuple):
    """Bytes of a model's weights, and the width of its states."""

    size: int
    width: int


class Stored(NamedTuple):
    """What a job puts on disk: bytes and files that stay, and bytes of its state meanwhile."""

    rule: str
    kept: int
    files: int
    state: int


def parameters(weights: Iterable[Path]) -> int:
    """How many parameters some safetensors files hold, by their headers alone.

    0 where one is no such file, such as a pointer to it: the training will say so.
    """
    found = 0
    for path in weights:
        try:
            with open(path, "rb") as file:
                length = int.from_bytes(file.read(8), "little")
                if length > os.fstat(file.fileno()).st_size:
                    return 0
                header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            found += sum(math.prod(tensor["shape"]) for tensor in header.values())
        except (OSError, ValueError, AttributeError, TypeError, KeyError):
            return 0
    return found


def folder_weights(folder: Path) -> Weights:
    """Those of a model's folder, as they are trained; its files may be links into the cache."""
    try:
        config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = {}
    size = FLOAT32 * parameters(Path(folder).glob("*.safetensors"))
    return Weights(size, config_width(config))


def config_width(config: Mapping[str, Any]) -> int:
    """The width of a model's states, by its configuration."""
    return next((int(config[name]) for name in WIDTHS if name in config), 0)


def table_rows(path: Path) -> int:
    """Rows of a raw table: of parquet by its footer, of others lines. Raises OSError."""
    if Path(path).suffix.lower() == ".parquet":
        from pyarrow.parquet import read_metadata

        return read_metadata(path).num_rows
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def stored(
    rule: str,
    outputs: int,
    cells: int = 0,
    models: Sequence[Weights] = (),
    rows: int = 0,
    classes: int = 0,
    folds: int = 0,
) -> Stored:
    """What a job of a rule stores which has so many outputs and trains so many cells or folds.

    ``models`` are those that it trains or predicts with, on ``rows`` rows in all.
    """
    size = sum(model.size for model in models)
    kept, files = 0, JOB_FILES + 2 * outputs + CELL_FILES * cells + FOLD_FILES * folds
    if rule in ("train_teacher", "train_writer", "student_weights"):
        kept, files = size, files + MODEL_FILES
    elif rule in ("teacher_logits", "crossfit_logits"):
        kept = len(models) * rows * classes * FLOAT32
    elif rule == "train_undistilled":
        kept = cells * rows * sum(model.width for model in models) * FLOAT16
    return Stored(rule, kept, files, STATE_COPIES.get(rule, 0) * size)


def disk_text(jobs: Sequence[Stored], at_a_time: int) -> str:
    """One line on what jobs store, of which so many can be at work at a time."""
    kept, files = sum(job.kept for job in jobs), sum(job.files for job in jobs)
    text = f"Disk, about: {_gigabytes(kept)} kept in {files:,} files"
    states = {"teachers": [], "students": []}
    for job in jobs:
        if job.rule in STATE_COPIES:
            states["teachers" if job.rule in OF_TEACHERS else "students"].append(job.state)
    parts = []
    for name, sizes in states.items():
        most = sorted(sizes, reverse=True)[:at_a_time]
        if sum(most):
            parts.append(f"{_gigabytes(sum(most))} of {len(most)} trainings of {name}")
    return text + (
        f"; for as long as they are at work, up to {' or '.join(parts)}" if parts else ""
    )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
