"""What students of specialists learn: soft labels of each text, and the models and heads that do.

Arrays in, arrays out. Labels are those of all tasks (``mtkd.specialists.domains``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_softmax, softmax, xlogy

from mtkd.fusion.strategies import average, by_column, named_teachers, weighted
from mtkd.specialists.domains import LEARNT, Domains
from mtkd.tasks.corpus import NO_LABEL

# The logit of a label that a head has not: its probability is 0, and its logarithm finite.
ABSENT = -1e4


class Taught(NamedTuple):
    """Fused logits [N, C] of train, and how much of each row's is each teacher's [N, K]."""

    fused: np.ndarray
    weights: np.ndarray


class Part(NamedTuple):
    """One model of a student: its outputs, which of them are each task's, the rows it learns from.

    ``places`` [K, W] number the outputs that are a task's, and ``labels`` [K, W] the labels that
    they stand for; -1 behind a task's last one, and ``places`` of a task that it does not answer.
    ``begins`` [outputs] are the labels whose outputs of the base they begin as.
    """

    names: list[str]
    begins: np.ndarray
    places: np.ndarray
    labels: np.ndarray
    rows: np.ndarray


def taught(
    fusion: str, column: Sequence[str], teachers: Sequence[str], logits: np.ndarray,
    router: np.ndarray,
) -> Taught | None:  # fmt: skip
    """The soft labels of a fusion of teachers' logits [K, N, C]; None of a student without them.

    ``column`` [N] names each row's own teacher, and ``router`` weighs them [N, K]. Raises
    InputError for a column that names a teacher that is not there.
    """
    match fusion:
        case "none":
            return None
        case "by-column":
            chosen = named_teachers(column, teachers)
            return Taught(by_column(logits, chosen), np.eye(len(teachers))[chosen])
        case "average":
            shape = (logits.shape[1], len(teachers))
            return Taught(average(logits), np.full(shape, 1 / len(teachers)))
        case "gate":
            return Taught(weighted(logits, router), router)
    raise ValueError(f"no fusion: {fusion!r}")


def parts(strategy: Mapping[str, Any], domains: Domains) -> list[Part]:
    """The models that a student of a strategy is: one, or one for each task."""
    labels, tasks = domains.info.labels, range(len(domains.tasks))
    rows = np.arange(len(domains.splits[LEARNT].ids))
    if strategy["fusion"] == "none":
        rows = np.flatnonzero(domains.splits[LEARNT].labels != NO_LABEL)
    if strategy.get("heads", "one") == "one":
        every = np.tile(np.arange(len(labels)), (len(tasks), 1))
        return [Part(labels, every[0], every, every, rows)]
    own = np.full((len(tasks), max(map(len, domains.own))), -1)
    for task in tasks:
        own[task, : len(domains.own[task])] = domains.own[task]
    if strategy.get("students", "one") == "one":
        places = np.full_like(own, -1)
        places[own >= 0] = np.arange((own >= 0).sum())
        names = [f"{domains.tasks[task]}: {labels[i]}" for task in tasks for i in domains.own[task]]
        return [Part(names, own[own >= 0], places, own, rows)]
    found = []
    for task in tasks:
        places = np.full_like(own, -1)
        places[task, own[task] >= 0] = np.arange(len(domains.own[task]))
        names = [labels[i] for i in domains.own[task]]
        found.append(Part(names, domains.own[task], places, own, domains.rows(task)))
    return found


def answered(part: Part, domain: np.ndarray) -> np.ndarray:
    """The rows, by the task of each [N], that a model answers."""
    return np.flatnonzero((part.places[domain] >= 0).any(axis=1))


def in_places(part: Part, values: np.ndarray, domain: np.ndarray) -> np.ndarray:
    """Logits [N, W] of each row's own task's labels, of those of all labels [N, C]."""
    own = part.labels[domain]
    taken = np.take_along_axis(values, np.maximum(own, 0), axis=1)
    return np.where(own >= 0, taken, ABSENT).astype(np.float32)


def own_places(part: Part, labels: np.ndarray, domain: np.ndarray) -> np.ndarray:
    """Where a row's label [N] stands among its own task's; -1 where there is none."""
    same = (part.labels[domain] == labels[:, None]) & (labels[:, None] != NO_LABEL)
    return np.where(same.any(axis=1), same.argmax(axis=1), NO_LABEL)


def of_all_labels(part: Part, values: np.ndarray, domain: np.ndarray, labels: int) -> np.ndarray:
    """Logits [N, C] of all labels, of a model's outputs: those of each row's own task."""
    full = np.full((len(values), labels), ABSENT, dtype=np.float32)
    rows, slots = np.nonzero(part.places[domain] >= 0)
    of_row = domain[rows]
    full[rows, part.labels[of_row, slots]] = values[rows, part.places[of_row, slots]]
    return full


def shares(
    what: Taught, logits: np.ndarray, labels: np.ndarray, T: float, alpha: float
) -> list[tuple[float, float]]:
    """Each teacher's share of the rows [N] that a student learns, and of the loss on them.

    ``logits`` are the student's, and those taught, of the labels that it learns of a row
    (``in_places``), and ``labels`` number these. A row's loss is what a training minimises of it:
    the soft part alone where it has no gold label. It counts for a teacher as its weight in the row
    does.
    """
    soft = softmax(what.fused.astype(np.float64) / T, axis=-1)
    log_p = log_softmax(logits.astype(np.float64) / T, axis=-1)
    apart = T**2 * (xlogy(soft, soft) - soft * log_p).sum(axis=-1)
    gold = -log_softmax(logits.astype(np.float64), axis=-1)[np.arange(len(labels)), labels]
    share = np.where(labels == NO_LABEL, 1.0, alpha)
    loss = share * apart + (1 - share) * gold
    return list(zip(what.weights.mean(axis=0), what.weights.T @ loss / loss.sum(), strict=True))
