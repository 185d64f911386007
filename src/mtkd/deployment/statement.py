"""What a cell's student, its teachers and the undistilled student say, read for its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mtkd.analysis.collect import (
    read_all_clusters,
    read_all_teachers,
    read_answers,
    taught_on,
)
from mtkd.analysis.loss_statement import Answers
from mtkd.errors import InputError
from mtkd.fusion.targets import answered_rows, fuse_teachers, lacks_gate, read_gates
from mtkd.records.logits import aligned, read_logits, read_tensors
from mtkd.tasks.corpus import NO_LABEL, TaskInfo, read_labels


def read_rows(task: Path, info: TaskInfo) -> dict[str, int]:
    """How many rows a task has by split, those of train without a label as transfer."""
    _, labels = read_labels(task / "train.parquet")
    labelled = int((labels != NO_LABEL).sum())
    of_train = {"train": labelled, "transfer": len(labels) - labelled}
    others = {split: number for split, number in info.rows.items() if split != "train"}
    return {name: number for name, number in {**of_train, **others}.items() if number}


def read_sources(logits: Sequence[Path]) -> dict[str, str]:
    """Where the answers of teachers that are not trained are from, by teacher and seed."""
    records = [read_tensors(path)[1] for path in logits]
    return {
        f"{record['teacher']}/seed{record['seed']}": record["source"]
        for record in records
        if "source" in record
    }


def read_cell_answers(
    predictions: Path,
    undistilled: Sequence[Path],
    logits: Sequence[Path],
    gates: list[Path],
    recipe: Mapping[str, Any],
    teacher_seed: str,
    task: Path,
    info: TaskInfo,
) -> tuple[Answers, dict[str, Any]]:
    """What is known of selection and report, and the record of the student's predictions.

    ``undistilled`` is one file or none; one that diverged is nothing to compare with. Raises
    InputError for files that do not belong together, and for a split of one example.
    """
    splits = [split for split in info.rows if split != "train"]
    ids, labels, _ = read_answers(task, splits)
    for split in splits:
        if len(ids[split]) < 2:
            raise InputError(
                f"task {task.name}: split {split!r} has one example, which says nothing of others"
            )
    student, record = _read(predictions, ids, info)
    beside = None
    for path in undistilled:
        beside, _ = _read(path, ids, info)
    fused, answered = None, {}
    if recipe["fusion"] is not None:
        teachers = read_all_teachers(logits, ids, info, teacher_seed)
        fused = {}
        for split in splits:
            weights = read_gates(gates, len(ids[split]), info.digest, split)
            if lacks_gate(record, recipe, weights):
                raise InputError(f"{predictions}: its gate is missing; make its predictions again")
            axes = {**record, "T": "1"}
            own = taught_on(split, recipe)
            fused[split] = fuse_teachers(axes, own, teachers[split], weights)
            some = answered_rows(axes, own, teachers[split], weights)
            if some is not None:
                answered[split] = some
    clusters = read_all_clusters(task, splits)
    return Answers(labels, student, fused, beside, clusters, answered), record


def _read(
    path: Path, ids: Mapping[str, np.ndarray], info: TaskInfo
) -> tuple[dict[str, np.ndarray] | None, dict[str, Any]]:
    """A cell's logits by split, None where its training diverged, and its record."""
    found, record = read_logits(path)
    if record["digests"]["data"] != info.digest:
        raise InputError(f"{path}: predictions of other data; rerun train_students")
    if record["status"] == "diverged":
        return None, record
    return {
        split: aligned(found[split], ids[split], info.labels, record, path) for split in ids
    }, record
