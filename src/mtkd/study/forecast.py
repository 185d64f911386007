"""What a dry run ends with: cells to train, jobs, and hours, those asked for and those expected.

Expectations come from Snakemake's record of each finished job (``results/{suite}/benchmarks``): the
mean of what jobs of the same rule, task and learner took, for training by cell. Arms of one student
differ little, so that another arm's record will do. Until there is one, the suite's guess counts.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from mtkd.config.schema import STRATEGIES

NO_RECORD = "no record yet"
# The rules that train by cell: with and without distillation; of text.
CELL_RULES = ("train_students", "train_undistilled", "train_singles", "train_mixtures")
# Records of one kind that are read: a study can have thousands.
RECORDS_READ = 20
# What a script says of each cell, or student of text, that it trains rather than restores.
_TRAINED = re.compile(r"^(?:cell|student) \d+/\d+  .*  trained in ", flags=re.MULTILINE)


class PendingJob(NamedTuple):
    """A job that has to run, as far as a plan cares."""

    rule: str
    task: str | None
    # The strategy of each cell that it trains.
    cells: Sequence[str] = ()
    gpu: int = 0
    partition: str = "none"
    # Where its record will be, relative to the benchmarks' folder; None: it keeps none.
    record: str | None = None
    # Minutes that it asks a cluster for; None: it asks for none.
    minutes: int | None = None
    # The suite's guess, in seconds.
    guess: float | None = None


def plan_text(jobs: Sequence[PendingJob], benchmarks: Path, logs: Path) -> str:
    """The plan of some pending jobs, or an empty text when there are none."""
    if not jobs:
        return ""
    cells = Counter((job.task, strategy) for job in jobs for strategy in job.cells)
    known = {
        kind: recorded_seconds(kind, benchmarks, logs)
        for kind in sorted({_kind(job) for job in jobs if job.record})
    }
    recorded = [_recorded(job, known) for job in jobs]
    seconds = [
        job.guess if took is None else took for job, took in zip(jobs, recorded, strict=True)
    ]
    parts = [f"Plan: {_count(len(jobs), 'job')}, {_count(cells.total(), 'cell')} to train"]
    if cells:
        parts.append(_cells_table(cells))
    parts.append(_hours_table(jobs, seconds))
    missing = [job for job, took in zip(jobs, recorded, strict=True) if took is None]
    if guessed := [job for job in missing if job.guess is not None]:
        parts.append(f"Jobs with {NO_RECORD}, whose hours the suite guesses: {_by_rule(guessed)}")
    if unknown := [job for job in missing if job.guess is None and job.record]:
        parts.append(f"Jobs with {NO_RECORD}, which no hours count: {_by_rule(unknown)}")
    return "\n\n".join(parts)


def _by_rule(jobs: Iterable[PendingJob]) -> str:
    return ", ".join(f"{rule} {n:,}" for rule, n in Counter(job.rule for job in jobs).items())


def recorded_seconds(kind: str, benchmarks: Path, logs: Path) -> float | None:
    """Mean seconds of recorded jobs of a kind, or of one cell's training; None without a record.

    Of a cell's training without a record, what the other rule that trains it took: a cell is
    trained for about as long with a teacher as without, unless the suite has it otherwise.
    """
    rule, rest = kind.split("/", 1)
    names = dict.fromkeys([rule, *(CELL_RULES if rule in CELL_RULES else ())])
    found = (_mean_seconds(f"{name}/{rest}", benchmarks, logs) for name in names)
    return next((seconds for seconds in found if seconds is not None), None)


def _mean_seconds(kind: str, benchmarks: Path, logs: Path) -> float | None:
    """A job that restored some of its cells recorded the time of the others alone.

    Its log tells how many it trained.
    """
    seconds = units = 0.0
    for record in islice(_records(benchmarks / kind), RECORDS_READ):
        took = _seconds(record)
        log = logs / record.relative_to(benchmarks).with_suffix(".log")
        done = _trained_cells(log) if _by_cell(kind) else 1
        if took is not None and done:
            seconds += took
            units += done
    return seconds / units if units else None


def _kind(job: PendingJob) -> str:
    """Rule, learner and task of a job: the first folders of its record, however it is bundled."""
    return "/".join(Path(job.record).with_suffix("").parts[:3])


def _by_cell(kind: str) -> bool:
    return kind.split("/")[0] in CELL_RULES


def _recorded(job: PendingJob, known: dict[str, float | None]) -> float | None:
    each = known[_kind(job)] if job.record else None
    if each is None:
        return None
    return each * len(job.cells) if _by_cell(job.rule) else each


def _records(kind: Path) -> Iterable[Path]:
    if (single := kind.with_name(f"{kind.name}.tsv")).is_file():
        yield single
    for folder, _, names in os.walk(kind):
        yield from (Path(folder, name) for name in names if name.endswith(".tsv"))


def _seconds(record: Path) -> float | None:
    """A record's wall seconds; None for one that was cut off."""
    try:
        with open(record, encoding="utf-8", newline="") as file:
            rows = [float(row["s"]) for row in csv.DictReader(file, delimiter="\t")]
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return sum(rows) / len(rows) if rows else None


def _trained_cells(log: Path) -> int:
    try:
        return len(_TRAINED.findall(log.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return 0


def _cells_table(cells: Counter) -> str:
    tasks = list(dict.fromkeys(task for task, _ in cells))
    # The usual ones first, then a suite's own as they come.
    strategies = list(dict.fromkeys([*STRATEGIES, *(strategy for _, strategy in cells)]))
    present = {strategy for _, strategy in cells}
    strategies = [strategy for strategy in strategies if strategy in present]
    rows = [["cells to train", *strategies, "total"]]
    for task in tasks:
        numbers = [cells[task, strategy] for strategy in strategies]
        rows.append([task, *numbers, sum(numbers)])
    if len(tasks) > 1:
        sums = [sum(cells[task, strategy] for task in tasks) for strategy in strategies]
        rows.append(["total", *sums, sum(sums)])
    return _table(rows)


def _hours_table(jobs: Sequence[PendingJob], seconds: Sequence[float | None]) -> str:
    rows = [["partition", "jobs", "hours", "asked for", "GPU jobs", "GPU-hours", "asked for"]]
    partitions = {}
    for job, took in zip(jobs, seconds, strict=True):
        partitions.setdefault(job.partition, []).append((job, took))
    for partition, own in sorted(partitions.items()):
        on_gpu = [(job, took) for job, took in own if job.gpu]
        rows.append(
            [
                partition,
                len(own),
                _hours([took for _, took in own]),
                _asked([job.minutes for job, _ in own]),
                len(on_gpu),
                _hours([took and job.gpu * took for job, took in on_gpu]),
                _asked([job.minutes and job.gpu * job.minutes for job, _ in on_gpu]),
            ]
        )
    if all(job.minutes is None for job in jobs):
        rows = [row[:3] + row[4:6] for row in rows]
    return _table(rows)


def _asked(minutes: list[int | None]) -> str:
    """Hours that jobs ask a cluster for."""
    return _hours([60 * asked for asked in minutes if asked is not None])


def _hours(seconds: list[float | None]) -> str:
    """Hours in all, of the jobs that have a record."""
    if not seconds:
        return "0"
    recorded = [took for took in seconds if took is not None]
    hours = sum(recorded) / 3600
    return f"{hours:.{1 if hours >= 10 else 2}f}" if recorded else NO_RECORD


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _table(rows: list[list]) -> str:
    texts = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        )
        for row in texts
    )
