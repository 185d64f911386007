"""How long forms of models take to answer.

Times are those of this machine while it does what else it does: they are compared with each other,
within one table, and with nothing else.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from mtkd.costs.forms import Form
from mtkd.tasks.corpus import Split

# Texts, evenly spaced over a split, that stand for it.
SAMPLE = 512
BATCH_SIZE = 32
# Seconds that all models of a task are asked for in turn, single texts and then batches, and how
# often each is asked at least: slow models take longer.
SECONDS, ANSWERS, BATCHES = 1.0, 30, 3


class Timing(NamedTuple):
    """Milliseconds that one example takes, median and 95th percentile, and examples per second.

    The latter is of batches of ``BATCH_SIZE``, as texts come. ``timed`` are the answers to single
    examples that were timed.
    """

    median: float
    p95: float
    rate: float
    timed: int


def sample(texts: Split, number: int) -> Split:
    """So many of the texts at most, evenly spaced."""
    rows = np.linspace(0, len(texts.ids) - 1, min(number, len(texts.ids))).astype(int)
    return _rows(texts, rows)


def timings(forms: Sequence[Form], texts: Split, threads: int) -> list[Timing]:
    """How long each form takes to answer, with so many of the processor's threads.

    They are asked in turn, so that whatever else the machine does slows all of them down alike.
    """
    texts = sample(texts, SAMPLE)
    order = itertools.cycle(range(len(texts.ids)))
    size = min(BATCH_SIZE, len(texts.ids))

    def next_texts(number: int) -> Split:
        return _rows(texts, list(itertools.islice(order, number)))

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        # Whatever is made or loaded at the first call is no part of it.
        for form, number in itertools.product(forms, (1, size)):
            form.answer(next_texts(number))
        single = _in_turn(forms, lambda: next_texts(1), ANSWERS)
        many = _in_turn(forms, lambda: next_texts(size), BATCHES)
    finally:
        torch.set_num_threads(before)
    found = []
    for own, batches in zip(single.T, many.T, strict=True):
        median, p95 = 1000 * np.quantile(own, [0.5, 0.95])
        rate = size * len(batches) / batches.sum()
        found.append(Timing(float(median), float(p95), float(rate), len(own)))
    return found


def _in_turn(forms: Sequence[Form], texts: Callable[[], Split], fewest: int) -> np.ndarray:
    """Seconds of each answer [rounds, forms], all forms being asked the same texts in a round."""
    rounds: list[list[float]] = []
    end = time.perf_counter() + SECONDS
    while len(rounds) < fewest or time.perf_counter() < end:
        asked, taken = texts(), []
        for form in forms:
            start = time.perf_counter()
            form.answer(asked)
            taken.append(time.perf_counter() - start)
        rounds.append(taken)
    return np.array(rounds)


def _rows(texts: Split, rows: list[int] | np.ndarray) -> Split:
    first, second = (own and [own[row] for row in rows] for own in (texts.text_a, texts.text_b))
    return Split(texts.ids[rows], first, second, None)
