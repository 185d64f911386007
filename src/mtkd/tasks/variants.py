"""Variants of a task: folders of their own, on the data of the task that they are of."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtkd.records.files import publish, read_json, write_json

# A task folder's files besides its account (mtkd.tasks.prepare).
DATA = (
    "train.parquet",
    "selection.parquet",
    "report.parquet",
    "report_labels.parquet",
    "overlap.csv",
)


def derive_task(origin: Path, folder: Path, variant: Mapping[str, Any]) -> None:
    """Publish a variant of the task in ``origin``: its files, and ``task.json`` with what it is.

    ``variant`` has ``of``, ``labelled`` and ``draw``. Where all train rows are labelled, the data
    are those of the task, and so is their digest. They are copies: a link would be as old as the
    task's file, and older than what a variant is made of.
    """
    (folder / "task.json").unlink(missing_ok=True)
    for name in DATA:
        publish(
            folder / name, lambda temporary, name=name: shutil.copyfile(origin / name, temporary)
        )
    write_json(folder / "task.json", {**read_json(origin / "task.json"), "variant": dict(variant)})
