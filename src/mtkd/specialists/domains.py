"""Several tasks end to end, as the domains of one model: texts, and labels in one list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mtkd.errors import InputError
from mtkd.records.files import digest_bytes
from mtkd.tasks.corpus import NO_LABEL, Split, TaskInfo, is_report, read_info, read_split

# Splits of domains: what is learnt from, and all of a task's report splits together. Nothing here
# chooses anything on selection.
LEARNT, REPORT = SPLITS = ("train", "report")


class Domains(NamedTuple):
    """K tasks end to end. Labels are indices into ``info.labels``, the labels of any of them.

    ``domain`` numbers by split the task [N] that each row is of; ``own`` has each task's labels as
    indices into all.
    """

    tasks: list[str]
    info: TaskInfo
    splits: dict[str, Split]
    domain: dict[str, np.ndarray]
    own: list[np.ndarray]

    @property
    def shared(self) -> np.ndarray:
        """The labels that every task has, as indices into all."""
        every = set.intersection(*(set(own.tolist()) for own in self.own))
        return np.array(sorted(every), dtype=int)

    def rows(self, task: int, split: str = LEARNT, labelled: bool = False) -> np.ndarray:
        """Rows of a split that are of a task, or those of them that have a label."""
        chosen = self.domain[split] == task
        if labelled:
            chosen &= self.splits[split].labels != NO_LABEL
        return np.flatnonzero(chosen)


def read_domains(folders: Sequence[Path], labels: Sequence[str] | None = None) -> Domains:
    """Read tasks' folders as domains. ``labels`` are those of all, where they are more.

    The task with most labels is the first to number its own. Report splits come without labels.
    Raises InputError for a label that ``labels`` lack, and for pairs beside single texts.
    """
    tasks, infos = [folder.name for folder in folders], [read_info(folder) for folder in folders]
    known = list(labels or [])
    for info in sorted(infos, key=lambda info: -len(info.labels)):
        new = [label for label in info.labels if label not in known]
        if labels and new:
            raise InputError(
                f"label {new[0]!r} is none of those of the study's tasks, {', '.join(known)}; a "
                "base learns labels that its specialists have"
            )
        known += new
    own = [np.array([known.index(label) for label in info.labels]) for info in infos]
    splits, domain = {}, {}
    for name in SPLITS:
        parts = [
            _whole_split(folder, info, name) for folder, info in zip(folders, infos, strict=True)
        ]
        domain[name] = np.repeat(np.arange(len(parts)), [len(part.ids) for part in parts])
        splits[name] = _joined(tasks, parts, own)
    rows = {name: len(split.ids) for name, split in splits.items()}
    digest = digest_bytes(
        part.encode()
        for task, info in zip(tasks, infos, strict=True)
        for part in (task, info.digest)
    )
    return Domains(tasks, TaskInfo(known, rows, digest), splits, domain, own)


def _whole_split(folder: Path, info: TaskInfo, name: str) -> Split:
    """A split of a task, or all of its report splits."""
    names = [split for split in info.rows if is_report(split)] if name == REPORT else [name]
    parts = [read_split(folder, split) for split in names]
    ids = [row_ids(folder.name, split, part.ids) for split, part in zip(names, parts, strict=True)]
    return Split(
        np.concatenate(ids),
        [text for part in parts for text in part.text_a],
        None if parts[0].text_b is None else [text for part in parts for text in part.text_b],
        parts[0].labels,
    )


def _joined(tasks: Sequence[str], parts: Sequence[Split], own: Sequence[np.ndarray]) -> Split:
    paired = [part.text_b is not None for part in parts]
    if any(paired) != all(paired):
        one, other = tasks[paired.index(True)], tasks[paired.index(False)]
        raise InputError(f"task {one} has pairs of texts, and {other} has not; leave one out")
    labels = None
    if parts[0].labels is not None:
        # Behind the last label stands what row -1 of a table is.
        tables = [np.append(index, NO_LABEL) for index in own]
        labels = np.concatenate(
            [table[part.labels] for table, part in zip(tables, parts, strict=True)]
        )
    return Split(
        np.concatenate([part.ids for part in parts]),
        [text for part in parts for text in part.text_a],
        [text for part in parts for text in part.text_b] if all(paired) else None,
        labels,
    )


def row_ids(task: str, split: str, ids: np.ndarray) -> np.ndarray:
    """Ids [N] of a split's rows among other tasks'; within a task, two splits may share some."""
    return np.array([f"{task}:{split}:{one}" for one in ids], dtype=str)
