"""Minutes that jobs ask for: what the suite says, else twice what they are expected to take.

What is expected are recorded jobs' seconds, or, until there are some, the suite's own guess
(``expected``). A job that turns out to be longer is stopped and tried again with more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from mtkd.config.schema import Learner

# Of what is asked for over what is expected: nodes differ, and so do their neighbours' loads.
MARGIN = 2
# Starting, and reading what is computed on.
LEAST_MINUTES = 10


def training_minutes(learner: Learner, task: str, recorded: float | None, runs: int = 1) -> int:
    """Minutes that a job asks for which trains ``runs`` times, each in ``recorded`` seconds."""
    resources = learner.resources
    if (own := resources.own_minutes(task)) is not None:
        return own * runs
    expected = resources.expected.get(task) if recorded is None else recorded / 60
    return resources.runtime * runs if expected is None else _with_margin(expected * runs)


def logits_minutes(teachers: Iterable[Learner], task: str, recorded: float | None) -> int:
    """Minutes that a job on the logits of some teachers asks for; such jobs took ``recorded``.

    Until one is recorded: an epoch's share of the ``runtime`` that the suite gives a teacher, or
    with margin of what it is expected to take; its default ``runtime`` where nothing is known.
    """
    if recorded is not None:
        return _with_margin(recorded / 60)
    minutes = 0.0
    for teacher in teachers:
        own, guess = teacher.resources.own_minutes(task), expected_logits(teacher, task)
        if own is not None:
            minutes += own / max(1, teacher.training_for(task).epochs)
        else:
            minutes += teacher.resources.runtime if guess is None else MARGIN * guess
    return max(LEAST_MINUTES, math.ceil(minutes))


def expected_logits(teacher: Learner, task: str) -> float | None:
    """Minutes of a teacher's logits, by the suite's guess of its training: forward passes are a
    third of an epoch, whose backward passes are twice as long. None without a guess."""
    expected = teacher.resources.expected.get(task)
    epochs = teacher.training_for(task).epochs
    return None if expected is None else expected / (3 * epochs or 1)


def _with_margin(minutes: float) -> int:
    return max(LEAST_MINUTES, math.ceil(MARGIN * minutes))
