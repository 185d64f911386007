"""The texts of a task with their ids, for a teacher that answers elsewhere; no label is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mtkd.errors import InputError
from mtkd.tasks.corpus import read_info, read_split


def texts(folder: Path) -> Iterator[dict[str, Any]]:
    """Each row of a prepared task: id, split, and text or, of a pair, text_a and text_b.

    Rows of train without a label are of the split "transfer". Raises InputError where there is no
    task.
    """
    if not (folder / "task.json").is_file():
        raise InputError(
            f"{folder}: no prepared task is here; make it first, by `snakemake -c1 --configfile "
            f"SUITE -- {folder / 'task.json'}`"
        )
    # Train first: what is broken off then lacks the rows that are only scored.
    first = {"train": 0, "selection": 1}
    for name in sorted(read_info(folder).rows, key=lambda name: (first.get(name, 2), name)):
        split = read_split(folder, name)
        pairs = split.text_b or [None] * len(split.ids)
        for row, (own, text, other) in enumerate(zip(split.ids, split.text_a, pairs, strict=True)):
            part = "transfer" if name == "train" and split.labels[row] < 0 else name
            said = {"text": text} if other is None else {"text_a": text, "text_b": other}
            yield {"id": str(own), "split": part, **said}


def text_lines(folder: Path) -> Iterator[str]:
    """The same as JSONL. Raises InputError."""
    for row in texts(folder):
        yield json.dumps(row, ensure_ascii=False)
