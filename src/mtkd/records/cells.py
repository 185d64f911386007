"""Finished cells, kept under a digest of all that determines their numbers.

Extending a grid, a failure or an interruption never trains a cell twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mtkd.records.files import digest_text
from mtkd.records.kept import keep, restore
from mtkd.study.settings import canonical_json

# What Snakemake waits for: of a classifier, and of a student of text.
PREDICTIONS = "predictions.safetensors"
GENERATIONS = "generations.parquet"


def cell_digest(determinants: dict[str, Any]) -> str:
    """Digest of everything that determines a cell's numbers, given as plain values."""
    return digest_text(canonical_json(determinants))


def restore_cell(state: Path, digest: str, cell: Path, names: list[str]) -> bool:
    """Publish a kept cell's files into its folder; False if there is none, or it is damaged.

    What Snakemake waits for comes last.
    """
    in_order = sorted(names, key=lambda name: name in (PREDICTIONS, GENERATIONS))
    return restore(state / digest, cell, in_order, "the cell is trained again")


def keep_cell(state: Path, digest: str, cell: Path, names: list[str]) -> None:
    """Keep a finished cell's files, which lie in the folder ``cell``, in one step."""
    keep(state / digest, cell, names)
