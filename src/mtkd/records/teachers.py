"""Several teachers' logits of one split, read together and aligned to the task."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

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


class Teachers(NamedTuple):
    """Teachers' logits by (teacher, teacher seed)."""

    by_run: dict[tuple[str, str], TeacherLogits]

    def of(self, teacher: str, seed: str) -> TeacherLogits:
        """The teacher for a student of this seed: of the same seed, or its only one."""
        runs = {s: value for (name, s), value in self.by_run.items() if name == teacher}
        if seed in runs:
            return runs[seed]
        if len(runs) == 1:
            return next(iter(runs.values()))
        raise InputError(f"no logits of teacher {teacher!r} for seed {seed} among the inputs")


def read_teachers(paths: list[Path], split: str, ids: np.ndarray, labels: list[str]) -> Teachers:
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
        )
    return Teachers(by_run)
