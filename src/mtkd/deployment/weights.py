"""A cell's weights: those it was trained to, where they are kept, else trained again and compared.

The record is the cell's predictions: weights that do not give them are not the student that was
scored, and are refused.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mtkd.deployment.facts import student_facts
from mtkd.deployment.folder import (
    answers,
    load_student,
    mean_distance,
    probabilities,
    write_student,
)
from mtkd.distillation.group import Group, Machine, train_group
from mtkd.errors import InputError
from mtkd.records.cells import PREDICTIONS
from mtkd.records.files import MANIFEST, discard_folder, publish_folder
from mtkd.records.kept import is_kept, keep
from mtkd.records.logits import Logits, read_logits, write_logits
from mtkd.study.paths import CELL, parse_cell
from mtkd.tasks.corpus import read_split

# How far a student that was trained again on another kind of machine may be from its record, by
# ``distance``. Other machines round otherwise, and a training amplifies it.
TOLERANCE = 0.02
# How far the probabilities of the folder, as it is loaded again, may be from the training's own: a
# GPU that trains computes with ten bits of mantissa.
LOADED = 0.01
# Facts of a record that say what kind of machine it was computed on.
KIND = ("device", "precision", "processor", "versions")


def publish_weights(group: Group, machine: Machine, text: Sequence[str], output: Path) -> None:
    """Publish the model of a cell, with the predictions of these very weights, as a folder.

    ``group`` has the cell's predictions, its record, as its one output; ``text`` are the columns
    that it reads. Raises InputError for a cell that diverged, and where the training done again
    does not give the record.
    """
    (path,) = group.outputs
    recorded, record = read_logits(path)
    refuse_diverged(record, path.parent)
    kept = group.state / "weights" / record["digests"]["cell"]
    if is_kept(kept, "the cell is trained again"):
        print(f"{path.parent}: its weights are kept", file=sys.stderr)
        told, given = {"trained": "once"}, recorded
    else:
        told, given = _train_again(group, machine, recorded, record, kept)

    facts = student_facts(record, text, group.job["settings"]["max_length"])

    def fill(folder: Path) -> None:
        write_student(folder, kept, facts)
        _check_loaded(folder, group.task, given)
        write_logits(folder / PREDICTIONS, given, {**record, "weights": told})

    publish_folder(output, fill)


def refuse_diverged(record: Mapping[str, Any], cell: Path) -> None:
    """Raise InputError for a cell whose training diverged: it has no model."""
    if record["status"] == "diverged":
        where = f" at step {record['step']}" if record["step"] else ""
        raise InputError(
            f"{cell}: its training diverged{where} ({record['reason']}), so there is no model to "
            "take away; take another seed or arm"
        )


def _train_again(
    group: Group, machine: Machine, recorded: Mapping[str, Logits], record: dict, kept: Path
) -> tuple[dict[str, Any], dict[str, Logits]]:
    """Train a cell once more, keep its model if it gives the record, and say how near it came."""
    state, digest = group.state / "again", record["digests"]["cell"]
    cell = state / CELL.format(**parse_cell(group.outputs[0]))
    # What an earlier call left there has been compared, or was cut off.
    discard_folder(state / "cells" / digest)
    again = group._replace(state=state, outputs=[cell / PREDICTIONS], weights=state / "weights")
    train_group(again, machine)
    found, new = read_logits(cell / PREDICTIONS)
    if new["digests"]["cell"] != digest:
        raise InputError(
            f"{group.outputs[0].parent}: its settings, code or data are not those that it was "
            "trained with; make its predictions again first"
        )
    told = compared(recorded, record, found, new, str(group.outputs[0].parent))
    trained = state / "weights" / digest
    keep(kept, trained, [path.name for path in trained.iterdir() if path.name != MANIFEST])
    for folder in (trained, state / "cells" / digest, cell):
        discard_folder(folder)
    return told, found


def compared(
    recorded: Mapping[str, Logits],
    record: Mapping[str, Any],
    found: Mapping[str, Logits],
    new: Mapping[str, Any],
    name: str,
) -> dict[str, Any]:
    """What a card says of a training that was done again, by its predictions and the record's.

    On one kind of machine they have to be equal bit for bit; elsewhere they may be as far from
    each other as TOLERANCE. Raises InputError beyond.
    """
    refuse_diverged(new, Path(name))
    told = {"trained": "again", "on": {fact: new.get(fact) for fact in KIND}}
    if all(
        np.array_equal(one.ids, found[split].ids)
        and np.array_equal(one.logits, found[split].logits)
        for split, one in recorded.items()
    ):
        return {**told, "distance": 0.0, "equal": True}
    distance = max(
        mean_distance(one.logits, found[split].logits) for split, one in recorded.items()
    )
    if all(record.get(fact) == new.get(fact) for fact in KIND):
        raise InputError(
            f"{name}: trained again on the same kind of machine, its predictions are not those of "
            f"the record, bit for bit (mean distance of probabilities {distance:.2g}); give it as "
            "many threads as then, or make the cell anew"
        )
    if not distance <= TOLERANCE:
        raise InputError(
            f"{name}: trained again on another kind of machine, its probabilities are "
            f"{distance:.2g} from the record's in the mean, and {TOLERANCE} is tolerated; ask for "
            f"it on the record's own ({record.get('device')}), or make the cell anew here"
        )
    return {**told, "distance": distance, "equal": False}


def _check_loaded(folder: Path, task: Path, predictions: Mapping[str, Logits]) -> None:
    """Load a filled folder as its users will, and see that it says what was predicted."""
    # On the processor: the job may have been given no more.
    student, split = load_student(folder, "cpu"), read_split(task, "selection")
    texts = [split.text_a] if split.text_b is None else [split.text_a, split.text_b]
    farthest = np.abs(
        probabilities(answers(student, texts)) - probabilities(predictions["selection"].logits)
    ).max()
    if not farthest <= LOADED:
        raise InputError(
            f"{folder.parent}: loaded from its folder, the student's probabilities on selection "
            f"are up to {farthest:.2g} from those of its training; a student of this type cannot "
            "be taken away"
        )
