"""A file of texts, read in chunks and written again with answers beside each row.

A row that cannot be read or has no text keeps its place, with a reason; a file that lacks the
columns is another task's, and is refused.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from mtkd.errors import InputError
from mtkd.records.pointers import refuse_pointer
from mtkd.tasks.spelling import listed, nfc, quoted
from mtkd.tasks.tables import encodable, json_object, kind_of

FORMATS = (".csv", ".jsonl", ".parquet")
PIPE = "-"
CHUNK = 4096
# A longer field is a quotation mark that is never closed.
LONGEST_FIELD = 1 << 24
REPEATED = "it repeats the header"
# Where a line that is no JSON object keeps what stands in it.
UNREADABLE = "unreadable"
# The answer's columns behind a row's own.
LABEL, PROBABILITY, REASON = "predicted_label", "probability_", "reason"


class Row(NamedTuple):
    """A row: where it stands, its values, its texts, and why it has no answer ("" if it has)."""

    place: str
    values: list[Any] | dict[str, Any]  # of the columns in order; of JSONL, the line's object
    texts: tuple[str, ...]
    reason: str


class Table(NamedTuple):
    """A file that is being read: its columns (none of JSONL) and its rows, some at a time.

    ``share`` says how much of it has been read, 0 to 1; None of a pipe. ``schema`` is a parquet
    file's own.
    """

    columns: list[str] | None
    chunks: Iterator[list[Row]]
    share: Callable[[], float] | None
    schema: pa.Schema | None = None


def format_of(path: str) -> str | None:
    """The format of a file, by its name's end; None for a pipe. Raises InputError."""
    if path == PIPE:
        return None
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"{path}: not a .csv, .jsonl or .parquet file")
    return suffix


def open_table(path: str, pipe: io.BufferedReader, text: Sequence[str]) -> tuple[str, Table]:
    """The format of a file or pipe, and its rows with their ``text`` columns.

    A pipe is JSONL where it begins with a brace, else CSV. Raises InputError for what cannot be
    read at all, and for a file without these columns.
    """
    kind = format_of(path)
    if kind:
        refuse_missing(path)
        refuse_pointer(Path(path))
    with naming(path):
        if kind == ".parquet":
            table = _read_parquet(path, text)
            return kind, table._replace(chunks=_naming_all(path, table.chunks))
        file = pipe if kind is None else open(path, "rb")  # noqa: SIM115  read as it is asked for
        # What a pipe has ready may be less than what tells.
        opening = _opening(pipe) if kind is None else [file.peek(4)]
        begin = b"".join(opening)
        if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise InputError("it is UTF-16; save it as UTF-8")
        if kind is None and begin.startswith(b"PAR1"):
            raise InputError("a parquet file cannot be read from a pipe; give its path")
        if kind is None:
            says = begin.removeprefix(codecs.BOM_UTF8).lstrip()
            kind = ".jsonl" if says.startswith(b"{") else ".csv"
        size = 0 if path == PIPE else os.path.getsize(path)

        def share() -> float:
            return file.tell() / size

        lines = chain(opening, pipe) if path == PIPE else file
        table = (_read_jsonl if kind == ".jsonl" else _read_csv)(lines, text)
        chunks = _naming_all(path, table.chunks)
        return kind, table._replace(chunks=chunks, share=share if size else None)


def _opening(lines: Iterable[bytes]) -> list[bytes]:
    """The first lines, until one has something in it."""
    taken = []
    for line in lines:
        taken.append(line)
        if b"".join(taken).removeprefix(codecs.BOM_UTF8).strip():
            break
    return taken


def refuse_missing(path: str) -> None:
    """Raise InputError where there is no such file."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Faults of reading a file within, in one line with its name: InputError."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{'stdin' if path == PIPE else path}: {error}") from None
    except (OSError, pa.ArrowException) as error:
        cause = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read ({cause})") from None


def _naming_all(path: str, chunks: Iterator[list[Row]]) -> Iterator[list[Row]]:
    """The chunks, with faults in the midst of a file named as well."""
    with naming(path):
        yield from chunks


def _places(text: Sequence[str], columns: Sequence[str]) -> list[int]:
    """Where the text columns stand. Raises InputError where one does not, or does twice."""
    names = [nfc(name) for name in columns]
    for name in text:
        if nfc(name) not in names:
            wanted = " and ".join(quoted(column) for column in text)
            raise InputError(
                f"no column {quoted(name, columns)}, and the student reads {wanted}; its columns "
                f"are {listed(columns, [name])}: rename them, or take the student of this task"
            )
        if names.count(nfc(name)) > 1:
            raise InputError(f"two columns {quoted(name)}; rename one of them")
    return [names.index(nfc(name)) for name in text]


def _row(place: str, values: list | dict, texts: Sequence[Any], text: Sequence[str]) -> Row:
    """A row with its texts, or with what is wrong with them."""
    for name, value in zip(text, texts, strict=True):
        if value is None or (isinstance(value, str) and _is_blank(value)):
            return Row(place, values, (), f"no text in column {quoted(name)}")
        if not isinstance(value, str):
            return Row(place, values, (), f"{kind_of(value)} in column {quoted(name)}, not text")
    return Row(place, values, tuple(texts), "")


def _is_blank(text: str) -> bool:
    """Whether a text has nothing but spaces and invisible signs."""
    return all(sign.isspace() or unicodedata.category(sign) in ("Cc", "Cf") for sign in text)


def _in_chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


# CSV


class _Lines:
    """The lines of a CSV with those that the record in progress has taken, to begin it anew."""

    def __init__(self, file: Iterable[bytes]):
        self.file = iter(file)
        self.begun = False
        self.waiting: deque[str] = deque()
        self.taken: list[str] = []
        self.number = 0  # of lines before the record

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self.waiting:
            line = next(self.file)
            if not self.begun:
                line, self.begun = line.removeprefix(codecs.BOM_UTF8), True
            # Lines may end in a carriage return alone.
            text = line.decode("utf-8", "surrogateescape")
            self.waiting.extend(io.StringIO(text, newline=""))
        self.taken.append(self.waiting.popleft())
        return self.taken[-1]

    def done(self, lines: int) -> str:
        """The record has so many lines, and those behind them are read again; returns its text."""
        self.waiting.extendleft(reversed(self.taken[lines:]))
        text = "".join(self.taken[:lines]).rstrip("\r\n")
        self.number += lines
        self.taken = []
        return text


def _read_csv(file: Iterable[bytes], text: Sequence[str]) -> Table:
    csv.field_size_limit(LONGEST_FIELD)
    lines = _Lines(file)
    records = _records(lines)
    first = next(records, None)
    if first is None:
        raise InputError("the file is empty")
    _, header, _, fault = first
    if fault:
        raise InputError(f"its header cannot be read: {fault}")
    places = _places(text, header)

    def rows() -> Iterator[Row]:
        for number, fields, whole, fault in records:
            place = f"line {number}"
            if not fault and len(fields) != len(header):
                fault = f"{len(fields)} fields where the header has {len(header)}"
            if fault:
                # As it stands, in the first column.
                yield Row(place, [_readable(whole), *[""] * (len(header) - 1)], (), fault)
            elif fields == header:
                yield Row(place, fields, (), REPEATED)
            else:
                yield _row(place, fields, [fields[at] for at in places], text)

    return Table(header, _in_chunks(rows()), None)


def _records(lines: _Lines) -> Iterator[tuple[int, list[str], str, str]]:
    """Each record: the number of its first line, its fields, its text, and what is wrong with it.

    One whose quotation mark is never closed is its first line alone; what it took is read again.
    """
    while True:
        # A reader of its own, since what is left over of a broken record belongs to none.
        reader = csv.reader(lines, strict=True)
        number = lines.number + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            whole = lines.done(1)
            opened = "end of data" in str(error) or "field larger" in str(error)
            fault = "a quotation mark that is never closed" if opened else "a stray quotation mark"
            yield number, [], whole, fault
            continue
        if fields is None:
            return
        whole = lines.done(len(lines.taken))
        # As pandas has it: `""` is a row, and a line of spaces is none.
        if not whole.strip(" \t\r\n"):
            continue
        fault = ""
        if any("\udc80" <= sign <= "\udcff" for sign in whole if not sign.isascii()):
            fault = "it is not UTF-8"
        yield number, fields, whole, fault


def _readable(text: str) -> str:
    """A text that any file can hold: bytes that were no UTF-8 are U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


# JSONL


def _read_jsonl(file: Iterable[bytes], text: Sequence[str]) -> Table:
    rows = _objects(file, text)
    first = list(islice(rows, CHUNK))
    found = [set(map(nfc, row.values)) for row in first if UNREADABLE not in row.values]
    if found and not any(set(map(nfc, text)) <= keys for keys in found):
        _places(text, sorted(set().union(*found)))
    return Table(None, _in_chunks(chain(first, rows)), None)


def _objects(file: Iterable[bytes], text: Sequence[str]) -> Iterator[Row]:
    for number, line in enumerate(file, start=1):
        place = f"line {number}"
        said = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
        whole = {UNREADABLE: said.decode("utf-8", "replace").rstrip("\r\n")}
        if not whole[UNREADABLE].strip():
            continue
        try:
            row = json_object(said.decode())
        except UnicodeDecodeError:
            yield Row(place, whole, (), "it is not UTF-8")
            continue
        except ValueError as error:
            yield Row(place, whole, (), f"it is {error}")
            continue
        values = {nfc(key): value for key, value in row.items()}
        texts = [values.get(nfc(name)) for name in text]
        # Half a character cannot be encoded; as in a study it is U+FFFD.
        texts = [encodable(value) if isinstance(value, str) else value for value in texts]
        yield _row(place, row, texts, text)


# Parquet


def _read_parquet(path: str, text: Sequence[str]) -> Table:
    file = pq.ParquetFile(path)
    columns, total = file.schema_arrow.names, file.metadata.num_rows
    places = _places(text, columns)
    done = 0

    def chunks() -> Iterator[list[Row]]:
        nonlocal done
        for batch in file.iter_batches(batch_size=CHUNK):
            values = [_values(column) for column in batch.columns]
            rows = [
                _row(f"row {done + number + 1}", list(row), [row[at] for at in places], text)
                for number, row in enumerate(zip(*values, strict=True))
            ]
            done += len(rows)
            yield rows

    return Table(columns, chunks(), lambda: done / max(total, 1), file.schema_arrow)


def _values(column: pa.Array) -> list[Any]:
    try:
        return column.to_pylist()
    except UnicodeDecodeError:
        return [_value(value) for value in column]


def _value(value: pa.Scalar) -> Any:
    """A value; bytes where it is called text and is no UTF-8."""
    try:
        return value.as_py()
    except UnicodeDecodeError:
        return value.cast(pa.binary()).as_py()


# Writing


def answer_columns(labels: Sequence[str]) -> list[str]:
    """What is written behind a row's own columns."""
    return [LABEL, *(f"{PROBABILITY}{label}" for label in labels), REASON]


Write = Callable[[Sequence[Row], Sequence[Sequence[Any]]], None]


def writer(kind: str, file: BinaryIO, table: Table, new: list[str]) -> tuple[Write, Callable]:
    """How rows and their answers (values of the columns ``new``) are written, and how it ends.

    Raises InputError where the table has one of these columns, and for objects as a table.
    """
    for name in new:
        if table.columns and name in table.columns:
            raise InputError(f"there is a column {quoted(name)} already; rename it or leave it out")
    if kind == ".jsonl":
        return _jsonl_writer(file, table, new)
    if table.columns is None:
        raise InputError(
            f"lines of JSON need not have the same keys, and a {kind} file has columns; give an "
            "--output that ends in .jsonl"
        )
    return (_csv_writer if kind == ".csv" else _parquet_writer)(file, table, new)


def _csv_writer(file: BinaryIO, table: Table, new: list[str]) -> tuple[Write, Callable]:
    def put(rows: Iterable[Sequence[Any]]) -> None:
        lines = io.StringIO(newline="")
        csv.writer(lines, lineterminator="\n").writerows(rows)
        file.write(lines.getvalue().encode())
        file.flush()

    def write(rows: Sequence[Row], answers: Sequence[Sequence[Any]]) -> None:
        put([*row.values, *given] for row, given in zip(rows, answers, strict=True))

    put([[*table.columns, *new]])
    return write, lambda: None


def _jsonl_writer(file: BinaryIO, table: Table, new: list[str]) -> tuple[Write, Callable]:
    def write(rows: Sequence[Row], answers: Sequence[Sequence[Any]]) -> None:
        for row, given in zip(rows, answers, strict=True):
            own = row.values if table.columns is None else dict(zip(table.columns, row.values))  # noqa: B905
            if twice := [name for name in new if name in own]:
                raise InputError(f"{row.place} has a key {quoted(twice[0])} already; rename it")
            line = json.dumps({**own, **dict(zip(new, given, strict=True))}, default=str)
            file.write(line.encode() + b"\n")
        file.flush()

    return write, lambda: None


def _parquet_writer(file: BinaryIO, table: Table, new: list[str]) -> tuple[Write, Callable]:
    own = table.schema or pa.schema([(name, pa.string()) for name in table.columns])
    kinds = [pa.float64() if name.startswith(PROBABILITY) else pa.string() for name in new]
    schema = pa.schema([*own, *map(pa.field, new, kinds)])
    out = pq.ParquetWriter(file, schema)

    def write(rows: Sequence[Row], answers: Sequence[Sequence[Any]]) -> None:
        whole = [[*row.values, *given] for row, given in zip(rows, answers, strict=True)]
        columns = zip(*whole, strict=True) if whole else [()] * len(schema)
        arrays = [pa.array(list(c), f.type) for c, f in zip(columns, schema, strict=True)]
        out.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))

    return write, out.close
