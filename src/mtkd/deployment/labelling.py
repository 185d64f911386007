"""Labelling a file with a student: ``mtkd predict``."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyarrow as pa

from mtkd.deployment.facts import read_facts
from mtkd.deployment.rows import (
    PIPE,
    Row,
    Table,
    answer_columns,
    format_of,
    open_table,
    refuse_missing,
    writer,
)
from mtkd.errors import InputError
from mtkd.records.files import publish
from mtkd.records.outputs import check_output, is_same_file, naming_output, to_stdout

if TYPE_CHECKING:
    from mtkd.deployment.folder import Student

PROGRESS_SECONDS = 5.0
# Rows without an answer that are named.
NAMED = 20
STDIN, STDOUT = 0, 1


def label_file(folder: Path, source: str, output: Path | None) -> None:
    """Write a file's rows with the student's answers, in their order, to ``output`` or stdout.

    ``source`` is a path or "-", stdin. The output has the format that its name's end says; on
    stdout, JSONL where the source is, else CSV. Raises InputError, also for an output that is the
    source.
    """
    facts = read_facts(folder)
    output = None if str(output) == PIPE else output
    # What needs no model is said before it is loaded.
    if format_of(source):
        refuse_missing(source)
    wanted = format_of(str(output)) if output else None
    read = STDIN if source == PIPE else Path(source)
    if output:
        check_output(output, [read])
    elif is_same_file(STDOUT, read):
        raise InputError("stdout goes to the file that is read; give it another, or --output")
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
            with to_stdout() as file:
                _label(student, source, table, wanted, file)
        else:
            with naming_output(output):
                publish(output, write)
    except pa.ArrowException as error:
        cause = " ".join(str(error).split())
        raise InputError(f"{output}: cannot be written as {wanted} ({cause})") from None


def _label(student: Student, source: str, table: Table, kind: str, file: BinaryIO) -> None:
    """Label all rows of a table, write them, and say how far it is and what is left out."""
    name = "stdin" if source == PIPE else source
    done, bad = 0, 0
    start = last = time.monotonic()
    try:
        write, end = writer(kind, file, table, answer_columns(student.labels))
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    try:
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
    finally:
        # Of parquet also after a fault, while its file is open: its writer would complain later.
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
