"""Finished cells, kept under a digest of all that determines their numbers.

Extending a grid, a failure or an interruption never trains a cell twice.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mtkd.records.files import digest_text
from mtkd.records.kept import keep, restore
from mtkd.records.leases import Claim, check_claim, claim_output, release_claim
from mtkd.study.settings import canonical_json

# What Snakemake waits for: of a classifier, and of a student of text.
PREDICTIONS = "predictions.safetensors"
GENERATIONS = "generations.parquet"


class Cell(NamedTuple):
    """A cell of a job: how its log calls it, what Snakemake waits for, its axes and its digest."""

    title: str
    output: Path
    axes: Mapping[str, str]
    digest: str


# Trains cells under a claim, each with its files in a folder of its own below the one given, and
# yields it with that folder; what it does behind a yield is done once the cell is kept.
Train = Callable[[Claim, Sequence[Cell], Path], Iterable[tuple[Cell, Path]]]


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


def cells_of(
    what: str,
    outputs: Sequence[Path],
    parse: Callable[[Path], dict[str, str]],
    determine: Callable[[Mapping[str, str]], dict[str, Any]],
) -> Iterator[Cell]:
    """A job's cells, with their axes by ``parse`` and the digest of what ``determine`` says."""
    for number, output in enumerate(outputs, start=1):
        axes = parse(output)
        axes.pop("suite")
        title = f"{what} {number}/{len(outputs)}  {output.parent}"
        yield Cell(title, output, axes, cell_digest(determine(axes)))


def publish_cells(
    state: Path, output: Path, names: Sequence[str], cells: Iterable[Cell], train: Train
) -> None:
    """Publish a job's cells: restored where they are kept in ``state``, else trained and kept.

    Each at most once, however often the job is run. ``names`` are a cell's files, and ``output`` is
    what the job claims: an orphan, whose output another run has claimed, neither keeps nor
    publishes anything. Raises InputError.
    """
    kept, names = state / "cells", list(names)
    claim = claim_output(state, output)
    waiting = []
    for cell in cells:
        check_claim(claim)
        if restore_cell(kept, cell.digest, cell.output.parent, names):
            print(f"{cell.title}  restored", file=sys.stderr)
        else:
            waiting.append(cell)
    if waiting:
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept, prefix=".training-") as folder:
            start = time.perf_counter()
            for cell, made in train(claim, waiting, Path(folder)):
                check_claim(claim)
                keep_cell(kept, cell.digest, made, names)
                restore_cell(kept, cell.digest, cell.output.parent, names)
                seconds = time.perf_counter() - start
                print(f"{cell.title}  trained in {seconds:.1f} s", file=sys.stderr)
                start = time.perf_counter()
    release_claim(claim)
