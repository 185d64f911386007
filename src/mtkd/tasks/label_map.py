"""Does a teacher's output order mean the task's labels? Checked on labelled data."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from mtkd.errors import InputError


def check_label_map(
    logits: np.ndarray,
    labels: np.ndarray,
    names: list[str],
    teacher: str,
    remedy: str | None = None,
) -> None:
    """Raise InputError if another order of outputs fits the labels clearly better.

    ``logits`` [N, C], ``labels`` [N]; ``remedy`` is what to do where ``label_order`` is no help.
    "Clearly": by four standard errors of what is right in one order alone (McNemar 1947,
    Psychometrika 12(2)), so that a merely weak teacher passes.
    """
    meanings, best, given = best_order(logits, labels)
    predicted = logits.argmax(axis=1)
    right = np.array(meanings)[predicted] == labels, predicted == labels
    only_best, only_given = (int((one & ~other).sum()) for one, other in (right, right[::-1]))
    if only_best > only_given and only_best - only_given >= 4 * np.sqrt(only_best + only_given):
        order = [names[meaning] for meaning in meanings]
        raise InputError(
            f"teacher {teacher}: its outputs fit the labels in the order {', '.join(order)}, not "
            f"{', '.join(names)} (accuracy {best:.3f} against {given:.3f}); "
            + (remedy or f"set teachers.{teacher}.label_order: [{', '.join(order)}]")
        )


def best_order(logits: np.ndarray, labels: np.ndarray) -> tuple[list[int], float, float]:
    """Which label each output [C] fits best, the accuracy in that order, and as the order is.

    Where no other order is better, that is the order as it is.
    """
    size = logits.shape[1]
    counts = np.zeros((size, size))
    np.add.at(counts, (logits.argmax(axis=1), labels), 1)
    outputs, meanings = linear_sum_assignment(-counts)
    right, given = counts[outputs, meanings].sum(), np.trace(counts)
    order = meanings.tolist() if right > given else list(range(size))
    return order, float(right / len(labels)), float(given / len(labels))


def in_task_order(logits: np.ndarray, label_order: list[str], names: list[str]) -> np.ndarray:
    """Columns of ``logits`` [N, C], given in ``label_order``, put in the task's order of labels.

    Raises InputError unless both hold the same labels.
    """
    if sorted(label_order) != sorted(names):
        raise InputError(f"label_order {label_order} does not hold the task's labels {names}")
    return logits[:, [label_order.index(name) for name in names]]
