"""Labelling a file with a student: ``mtkd predict``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from mtkd.deployment.facts import read_facts
from mtkd.deployment.rows import (
    PIPE,
    Row,
    Table,
    answer_columns,
    format_of,
    naming,
    open_table,
    refuse_missing,
    writer,
)
from mtkd.errors import InputError
from mtkd.records.files import publish

if TYPE_CHECKING:
    from mtkd.deployment.folder import Student

PROGRESS_SECONDS = 5.0
# Rows without an answer that are named.
NAMED = 20


def label_file(folder: Path, source: str, output: Path | None) -> None:
    """Write a file's rows with the student's answers, in their order, to ``output`` or stdout.

    ``source`` is a path or "-", stdin. The output has the format that its name's end says; on
    stdout, JSONL where the source is, else CSV. Raises InputError.
    """
    facts = read_facts(folder)
    output = None if str(output) == PIPE else output
    # What needs no model is said before it is loaded.
    if format_of(source):
        refuse_missing(source)
    wanted = format_of(str(output)) if output else None
    kind, table = open_table(source, sys.stdin.buffer, facts["text"])
    wanted = wanted or (".jsonl" if kind == ".jsonl" else ".csv")
    # Loading torch takes seconds.
    from mtkd.deployment.folder import load_student

    student = load_student(folder)

    def write(path: Path) -> None:
        with open(path, "wb") as file:
            _label(student, source, table, wanted, file)

    try:
        if output is None:
            _label(student, source, table, wanted, sys.stdout.buffer)
        else:
            publish(output, write)
    except BrokenPipeError:
        # Whoever read it has enough; nothing must be flushed to it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise InputError(f"{output}: cannot be written ({error.strerror})") from None


def _label(student: Student, source: str, table: Table, kind: str, file: BinaryIO) -> None:
    """Label all rows of a table, write them, and say how far it is and what is left out."""
    name = "stdin" if source == PIPE else source
    done, bad = 0, 0
    start = last = time.monotonic()
    with naming(source):
        write, end = writer(kind, file, table, answer_columns(student.labels))
    for rows in table.chunks:
        write(rows, labelled(student, rows))
        for row in rows:
            bad += bool(row.reason)
            if row.reason and bad <= NAMED:
                print(f"{name}: {row.place}: {row.reason}", file=sys.stderr)
        done += len(rows)
        now = time.monotonic()
        if now - last >= PROGRESS_SECONDS:
            last, rate = now, done / (now - start)
            share = f"{100 * table.share():.0f} %, " if table.share else ""
            print(f"{share}{done:,} rows  {rate:.0f} rows/s", file=sys.stderr, flush=True)
    end()
    left = f"; {bad:,} without a label, whose reason stands beside them" if bad else ""
    print(f"{name}: {done - bad:,} of {done:,} rows labelled{left}", file=sys.stderr)


def labelled(student: Student, rows: Sequence[Row]) -> list[list[Any]]:
    """The values of ``answer_columns`` for each row: of one that has a reason, that alone."""
    from mtkd.deployment.folder import answers, probabilities

    good = [row.texts for row in rows if not row.reason]
    nothing = [None] * (1 + len(student.labels))
    logits = answers(student, list(zip(*good, strict=True))) if good else np.empty((0, 1))
    found = zip(logits.argmax(axis=1), probabilities(logits).tolist(), strict=True)
    result = []
    for row in rows:
        if row.reason:
            result.append([*nothing, row.reason])
        else:
            label, own = next(found)
            result.append([student.labels[label], *own, ""])
    return result
