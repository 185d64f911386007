"""Several teachers' logits of one split, read together and aligned to the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from mtkd.config.values import split_teacher
from mtkd.errors import InputError
from mtkd.records.files import digest_bytes
from mtkd.records.logits import aligned, aligned_answers, read_logits


class TeacherLogits(NamedTuple):
    """One teacher's logits [N, C] in the task's order of examples and labels."""

    key: str  # "{teacher}/seed{seed}"
    logits: np.ndarray
    score: float  # on selection, the task's primary metric in its own unit
    model_digest: str
    digest: str  # of the logits themselves
    outputs: list[str]  # what its model's outputs stand for, in their order
    answered: np.ndarray | None = None  # [N], which rows it has an answer to; None for all


class Teachers(NamedTuple):
    """Teachers' logits by (teacher, teacher seed); which seed a student's teachers have.

    Those of train that are out of fold on labelled rows are by (teacher, teacher seed, number of
    folds), apart from the others: neither stands in for the other.
    """

    by_run: dict[tuple[str, str], TeacherLogits]
    teacher_seed: str  # the suite's: "paired", or one seed
    out_of_fold: Mapping[tuple[str, str, int], TeacherLogits] = MappingProxyType({})

    def of(self, name: str, seed: str, folds: int | None = None) -> TeacherLogits:
        """The teacher that an arm calls ``name`` ("textcnn", "textcnn@2") for a student's seed.

        With ``folds`` its out-of-fold logits. Raises InputError where there are none.
        """
        teacher, own = split_teacher(name)
        own = own or (seed if self.teacher_seed == "paired" else self.teacher_seed)
        kind, found = "logits", self.by_run.get((teacher, own))
        if folds:
            kind = f"out-of-fold logits ({folds} folds)"
            found = self.out_of_fold.get((teacher, own, folds))
        if found is None:
            raise InputError(f"no {kind} of teacher {teacher!r} of seed {own} among the inputs")
        return found

    def answered_by_all(self, names: Sequence[str], seeds: Sequence[str], rows: int) -> np.ndarray:
        """Which of N rows [N] every one of some teachers has an answer to, of whatever seed."""
        every = [self.of(name, seed).answered for name in names for seed in seeds]
        return np.all([np.ones(rows, bool), *(one for one in every if one is not None)], axis=0)

    @property
    def models(self) -> dict[str, str]:
        """Digests of the teachers' models, by their keys."""
        every = [*self.by_run.values(), *self.out_of_fold.values()]
        return {one.key: one.model_digest for one in every}


def read_teachers(
    paths: list[Path], split: str, ids: np.ndarray, labels: list[str], teacher_seed: str
) -> Teachers:
    """Read teachers' logits of a split and align them to ``ids``.

    A file whose record names ``folds`` holds out-of-fold logits. Raises InputError naming the file
    for a missing example, another label order or width, and values that are not finite.
    """
    by_run, out_of_fold = {}, {}
    for path in paths:
        splits, record = read_logits(path)
        if split not in splits:
            raise InputError(f"{path}: holds no split {split!r}")
        logits = aligned(splits[split], ids, labels, record, path)
        answered = aligned_answers(splits[split], ids, path)
        own = [logits.tobytes(), *([] if answered is None else [answered.tobytes()])]
        teacher, seed = record["teacher"], record["seed"]
        found = TeacherLogits(
            f"{teacher}/seed{seed}",
            logits,
            record["selection"],
            record["digests"]["model"],
            digest_bytes(own),
            record.get("label_order") or labels,
            answered,
        )
        if "folds" in record:
            out_of_fold[teacher, seed, record["folds"]] = found
        else:
            by_run[teacher, seed] = found
    return Teachers(by_run, teacher_seed, out_of_fold)
