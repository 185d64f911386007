"""Several teachers' logits of one split, read together and aligned to the task."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mtkd.config.values import split_teacher
from mtkd.errors import InputError
from mtkd.records.files import digest_bytes
from mtkd.records.logits import aligned, read_logits


class TeacherLogits(NamedTuple):
    """One teacher's logits [N, C] in the task's order of examples and labels."""

    key: str  # "{teacher}/seed{seed}"
    logits: np.ndarray
    score: float  # on selection, the task's primary metric in its own unit
    model_digest: str
    digest: str  # of the logits themselves
    outputs: list[str]  # what its model's outputs stand for, in their order


class Teachers(NamedTuple):
    """Teachers' logits by (teacher, teacher seed); which seed a student's teachers have."""

    by_run: dict[tuple[str, str], TeacherLogits]
    teacher_seed: str  # the suite's: "paired", or one seed

    def of(self, name: str, seed: str) -> TeacherLogits:
        """The teacher that an arm calls ``name`` ("textcnn", "textcnn@2") for a student's seed."""
        teacher, own = split_teacher(name)
        own = own or (seed if self.teacher_seed == "paired" else self.teacher_seed)
        if (teacher, own) not in self.by_run:
            raise InputError(f"no logits of teacher {teacher!r} of seed {own} among the inputs")
        return self.by_run[teacher, own]


def read_teachers(
    paths: list[Path], split: str, ids: np.ndarray, labels: list[str], teacher_seed: str
) -> Teachers:
    """Read teachers' logits of a split and align them to ``ids``.

    Raises InputError naming the file for a missing example, another label order or width, and
    values that are not finite.
    """
    by_run = {}
    for path in paths:
        splits, record = read_logits(path)
        if split not in splits:
            raise InputError(f"{path}: holds no split {split!r}")
        logits = aligned(splits[split], ids, labels, record, path)
        teacher, seed = record["teacher"], record["seed"]
        by_run[teacher, seed] = TeacherLogits(
            f"{teacher}/seed{seed}",
            logits,
            record["selection"],
            record["digests"]["model"],
            digest_bytes([logits.tobytes()]),
            record.get("label_order") or labels,
        )
    return Teachers(by_run, teacher_seed)
