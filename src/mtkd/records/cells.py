"""Finished cells: kept outside the declared outputs, and restored from there.

Snakemake deletes all outputs of a job before it starts, finished cells included. So each finished
cell is kept in a state folder, under a digest of all that determines its numbers; extending a
grid, a failure or an interruption never trains a cell twice.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from mtkd.records.files import digest_text, discard_folder, is_whole, keep_folder, publish
from mtkd.study.settings import canonical_json

PREDICTIONS = "predictions.safetensors"


def cell_digest(determinants: dict[str, Any]) -> str:
    """Digest of everything that determines a cell's numbers, given as plain values."""
    return digest_text(canonical_json(determinants))


def restore_cell(state: Path, digest: str, cell: Path, names: list[str]) -> bool:
    """Publish a kept cell's files into its folder, with a fresh time stamp; False if not kept.

    A kept cell whose content is not what was written (a full disk, a killed node) is reported,
    removed and not used. The predictions, which Snakemake waits for, come last.
    """
    folder = state / digest
    if not folder.is_dir():
        return False
    if not is_whole(folder, names):
        print(f"{folder}: damaged, removed; the cell is trained again", file=sys.stderr)
        discard_folder(folder)
        return False
    for name in sorted(names, key=lambda name: name == PREDICTIONS):
        publish(cell / name, lambda temporary, name=name: _link(folder / name, temporary))
    return True


def keep_cell(state: Path, digest: str, cell: Path, names: list[str]) -> None:
    """Keep a finished cell's files, which lie in the folder ``cell``, in one step."""

    def link(temporary: Path) -> None:
        for name in names:
            _link(cell / name, temporary / name)

    keep_folder(state / digest, link)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)
    os.utime(target)
