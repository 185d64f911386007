"""The examples of one task as a study sees them: labels, teachers, fused and students' logits.

One file a task, made once from the predictions of every chosen cell, from which every analysis by
example starts: ``collect_examples`` writes it, ``read_examples`` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from mtkd.records.logits import read_tensors, write_tensors


class Model(NamedTuple):
    """What predicts: ``teacher``, ``fused`` (teachers) or ``student``, and its logits [S, N, C]."""

    kind: str
    name: str
    logits: np.ndarray


class Examples(NamedTuple):
    """Arrays by split. A arms, K teachers with R teacher seeds, N examples, C classes.

    ``record`` holds task, labels, metrics (primary first), report_splits, teachers, teacher_seeds,
    and ``arms``: for each its name, strategy, teachers, chosen T and alpha, and its ``seeds``; a
    seed whose training diverged is absent from them, and an arm without any stands in ``lost``
    instead. On train, students, fused logits and soft labels are of the rows ``sample`` alone.
    """

    record: dict[str, Any]
    labels: dict[str, np.ndarray]  # [N]
    human: dict[str, np.ndarray]  # [N, C], raters' shares, where the corpus has them
    teachers: dict[str, np.ndarray]  # [K, R, N, C]
    students: dict[str, list[np.ndarray]]  # of each arm [S, N, C], in the order of its seeds
    # Of each arm [S, N, C], or [1, N, C] for all seeds: the fused teacher's logits (at T = 1), and
    # the soft labels that its students learn from (probabilities at the arm's T, or hard ones).
    fused: dict[str, list[np.ndarray | None]]
    soft: dict[str, list[np.ndarray | None]]
    sample: np.ndarray  # rows of train
    # [N, 1 or 2] of selection and report, where examples come in clusters: numbers of what they
    # share, the same ones on all splits.
    clusters: Mapping[str, np.ndarray] = MappingProxyType({})
    # Which rows [N] of train every teacher has an answer to; None for all.
    answered: np.ndarray | None = None

    @property
    def report_splits(self) -> list[str]:
        return self.record["report_splits"]

    def train_parts(self) -> dict[str, np.ndarray]:
        """Which rows [N] of train have a label; as ``transfer``, where there are some, the others.

        Teachers were trained on the former and never saw the latter; students learn from both. Rows
        that a teacher has no answer to are in neither.
        """
        labelled = self.labels["train"] >= 0
        answered = np.ones(len(labelled), bool) if self.answered is None else self.answered
        transfer = ~labelled & answered
        return {"train": labelled & answered} | ({"transfer": transfer} if transfer.any() else {})

    def teachers_apart(self) -> dict[str, np.ndarray]:
        """Teachers' logits [K, R, N, C] by split, train's parts each as one."""
        train = self.teachers["train"]
        parts = {name: train[:, :, rows] for name, rows in self.train_parts().items()}
        return parts | {name: of for name, of in self.teachers.items() if name != "train"}

    def clusters_of(self, splits: Sequence[str]) -> np.ndarray | None:
        """Clusters [N, 1 or 2] of the examples of some splits, one after another, or None."""
        if not all(split in self.clusters for split in splits):
            return None
        return np.concatenate([self.clusters[split] for split in splits])

    def models(self, split: str) -> list[Model]:
        """Everything that predicts a split: teachers, their fusions, students of every arm."""
        found = [
            Model("teacher", name, logits)
            for name, logits in zip(self.record["teachers"], self.teachers[split], strict=True)
        ]
        arms = list(zip(self.record["arms"], self.fused[split], strict=True))
        several = [(arm, fused) for arm, fused in arms if "+" in arm["teachers"]]
        found += [Model("fused", arm["name"], fused) for arm, fused in several]
        students = zip(self.record["arms"], self.students[split], strict=True)
        return found + [Model("student", arm["name"], logits) for arm, logits in students]


def write_examples(path: Path, examples: Examples) -> None:
    """Publish a task's examples."""
    tensors = {"sample": examples.sample}
    if examples.answered is not None:
        tensors["answered"] = examples.answered.astype(np.uint8)
    for name in ("labels", "human", "teachers", "clusters"):
        tensors |= {f"{name}/{split}": array for split, array in getattr(examples, name).items()}
    for name in ("students", "fused", "soft"):
        for split, arms in getattr(examples, name).items():
            tensors |= {
                f"{name}/{split}/{i}": array for i, array in enumerate(arms) if array is not None
            }
    write_tensors(path, tensors, examples.record)


def read_examples(path: Path) -> Examples:
    """Raises InputError for a missing or torn file."""
    tensors, record = read_tensors(path)
    flat: dict[str, dict[str, np.ndarray]] = {
        name: {} for name in ("labels", "human", "teachers", "clusters")
    }
    for key, array in tensors.items():
        name, *rest = key.split("/")
        if name in flat:
            flat[name][rest[0]] = array
    # Arms without fused logits have no tensor: the place of each is that in the record.
    by_arm = {
        name: {
            split: [tensors.get(f"{name}/{split}/{i}") for i in range(len(record["arms"]))]
            for split in flat["labels"]
        }
        for name in ("students", "fused", "soft")
    }
    answered = tensors.get("answered")
    return Examples(
        record,
        **flat,
        **by_arm,
        sample=tensors["sample"],
        answered=None if answered is None else answered.astype(bool),
    )
