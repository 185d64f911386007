"""How a try of a job ended, counted by kind, and what the next one asks for.

Snakemake has one counter for all, ``attempt``. Here a time limit grows the minutes alone, a lack of
memory the memory alone, and what the cluster did to a job (preemption, a dead node) neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum

from mtkd.cluster.commands import command_lines


class Ending(Enum):
    """Why a try ended without its outputs; the value says so in a log."""

    FAILED = "failure"
    TIME = "time limit"
    MEMORY = "lack of memory"
    INTERRUPTED = "preemption or dead node"


STATES = {
    "TIMEOUT": Ending.TIME,
    "OUT_OF_MEMORY": Ending.MEMORY,
    "PREEMPTED": Ending.INTERRUPTED,
    "NODE_FAIL": Ending.INTERRUPTED,
    "BOOT_FAIL": Ending.INTERRUPTED,
}
# Lines of slurmstepd in a job's SLURM log, of versions 20 to 25. A step that ran out of memory
# leaves its job FAILED or CANCELLED; one that was told to end and then ended by itself, FAILED.
_MEMORY = re.compile(r"oom.?kill|out-of-memory handler|exceeded .*memory limit", re.IGNORECASE)
_TOLD_TO_END = re.compile(r"\*\*\* (?:STEP|JOB) \S+ ON \S+ CANCELLED AT \S+(.*)\*\*\*")


def ending(state: str, log: str, at_its_limit: Callable[[], bool]) -> Ending:
    """How a try ended: by SLURM's state of the job and, where that says little, its log of it.

    ``at_its_limit`` tells whether the job had come to the seconds before its time limit in which
    it was to be told; asked only of jobs that SLURM told to end without giving a reason.
    """
    if state in ("FAILED", "CANCELLED") and _MEMORY.search(log):
        return Ending.MEMORY
    if state != "FAILED":
        return STATES.get(state, Ending.FAILED)
    told = _TOLD_TO_END.search(log)
    if told is None:
        return Ending.FAILED
    if "TIME LIMIT" in told[1]:
        return Ending.TIME
    if "PREEMPTION" in told[1] or "NODE FAILURE" in told[1]:
        return Ending.INTERRUPTED
    return Ending.TIME if at_its_limit() else Ending.INTERRUPTED


class Attempt(int):
    """Snakemake's number of a try, which counts failures alone, with how all earlier ones ended."""

    first: int
    ended: tuple[Ending, ...]

    def __new__(cls, first: int, ended: Sequence[Ending] = ()):
        new = super().__new__(cls, first + list(ended).count(Ending.FAILED))
        new.first, new.ended = first, tuple(ended)
        return new

    def tries(self, kind: Ending) -> int:
        """The number of the try as far as endings of one kind count."""
        return self.first + self.ended.count(kind)


def tries_of_memory(attempt: int) -> int:
    """By how much memory is to grow; Snakemake's own number where it is all that is known."""
    return attempt.tries(Ending.MEMORY) if isinstance(attempt, Attempt) else attempt


def tries_of_time(attempt: int) -> int:
    """By how much minutes are to grow, likewise."""
    return attempt.tries(Ending.TIME) if isinstance(attempt, Attempt) else attempt


def after(attempt: int, kind: Ending) -> Attempt:
    """The next try, when this one ended so."""
    if isinstance(attempt, Attempt):
        return Attempt(attempt.first, [*attempt.ended, kind])
    return Attempt(attempt, [kind])


def goes_on(attempt: Attempt, restart_times: int, interruptions: int) -> bool:
    """Whether a next try may start: the last ending's kind has happened no more often than it may.

    ``restart_times`` bounds failures, time limits and lacks of memory, each for itself.
    """
    kind = attempt.ended[-1]
    if kind is Ending.INTERRUPTED:
        return attempt.ended.count(kind) <= interruptions
    return attempt.tries(kind) - 1 <= restart_times


class Verdict(int):
    """What a scheduler is to find in a job's ``attempt`` that decides for it.

    Snakemake 9.27 (``JobScheduler._handle_error``) restarts a job when ``restart_times > attempt -
    1``, then adds 1 to it: this number is small or great enough, and 1 more of it the next try.
    """

    following: Attempt

    def __new__(cls, following: Attempt, restart_times: int, interruptions: int):
        goes = goes_on(following, restart_times, interruptions)
        new = super().__new__(cls, 0 if goes else restart_times + 1)
        new.following = following
        return new

    def __add__(self, one):
        return self.following


def seconds_left(job: str) -> int | None:
    """Seconds from a finished SLURM job's end to its time limit; None where SLURM does not tell."""
    for command in (
        ["sacct", "-X", "--noheader", "--parsable2", "-j", job, "--format=Elapsed,Timelimit"],
        ["squeue", "--noheader", "--states=all", "-j", job, "--format=%M|%l"],
    ):
        for line in command_lines(*command):
            used, _, limit = line.strip().partition("|")
            end, spent = _seconds(limit), _seconds(used)
            if end is not None and spent is not None:
                return end - spent
    return None


def _seconds(text: str) -> int | None:
    """Seconds of SLURM's ``[days-][hours:]minutes:seconds``; None of a word such as UNLIMITED."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
