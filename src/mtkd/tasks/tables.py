"""A file's rows as they stand in it: every line accounted for, nothing retyped, merged or lost.

CSV is read as text alone; JSONL and parquet keep the types that the file gives its values. What the
values mean is for others to say.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.dataset

from mtkd.errors import InputError
from mtkd.records.pointers import refuse_pointer
from mtkd.tasks.spelling import listed, nfc, quoted


class Table(NamedTuple):
    """N rows: of each column asked for, N values.

    ``typed`` tells formats that have types from CSV. ``unit`` and ``places`` [N] say where each row
    begins: a line of the file, or a row of a format without lines. ``lines`` of the file, and how
    many of them are ``blank``; None without lines. ``label_names``, by column: the names of the
    labels behind its integers, where the file knows them. ``notes``: what a reader should know.
    """

    columns: dict[str, list[Any]]
    typed: bool
    unit: str
    places: Sequence[int]
    lines: int | None = None
    blank: int | None = None
    label_names: dict[str, list[str]] = {}
    notes: tuple[str, ...] = ()

    def place(self, row: int) -> str:
        """Where a row (from 0) stands in the file."""
        return f"{self.unit} {self.places[row]}"


def read_table(
    path: Path, columns: Sequence[str], answers: tuple[str, set[str]] | None = None
) -> Table:
    """Read some columns of a local parquet, CSV or JSONL file.

    ``answers`` is the label column and its possible values; they show where a quotation mark in a
    CSV was never closed and swallowed whole rows. Without labels, such a text that holds as many
    commas in a line as the header has is refused. Raises InputError.
    """
    readers: dict[str, Callable[[], Table]] = {
        ".parquet": lambda: _read_parquet(path, columns),
        ".csv": lambda: _read_csv(path, columns, answers),
        ".jsonl": lambda: _read_jsonl(path, columns),
    }
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: not a .parquet, .csv or .jsonl file")
    refuse_pointer(path)
    try:
        return readers[path.suffix.lower()]()
    except UnicodeDecodeError:
        raise InputError(f"{_no_utf8(path)}; save the file as UTF-8") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read ({' '.join(str(error).split())})") from None


def column_names(path: Path) -> list[str]:
    """The names of a file's columns; of JSONL the keys of all its rows. Raises InputError."""
    suffix = path.suffix.lower()
    refuse_pointer(path)
    try:
        if suffix == ".parquet":
            return list(pyarrow.dataset.dataset(path, format="parquet").schema.names)
        if suffix == ".csv":
            rows = (fields for *_, fields in _records(path) if "".join(fields).strip())
            return next(rows, [])
        keys: dict[str, None] = {}
        for line in path.read_bytes().removeprefix(codecs.BOM_UTF8).splitlines():
            # Lines that are no objects are for ``read_table`` to name.
            with suppress(ValueError, TypeError, RecursionError):
                keys.update(dict.fromkeys(json.loads(line)))
        return list(keys)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read ({' '.join(str(error).split())})") from None


def from_arrow(table: pa.Table, columns: Sequence[str]) -> Table:
    """Some columns of an Arrow table. Raises InputError."""
    place = _places_of(columns, table.column_names)
    return Table(
        {name: _values(table.column(place[name]), name) for name in columns},
        typed=True,
        unit="row",
        places=range(1, table.num_rows + 1),
        label_names=_class_labels(table.schema.metadata or {}),
    )


def _read_parquet(path: Path, columns: Sequence[str]) -> Table:
    data = pyarrow.dataset.dataset(path, format="parquet", partitioning="hive")
    names = data.schema.names
    # Others may be large, as stored embeddings are.
    wanted = [names[place] for place in _places_of(columns, names).values()]
    return from_arrow(
        data.to_table({name: pyarrow.dataset.field(name) for name in wanted}), columns
    )


def _values(column: pa.ChunkedArray, name: str) -> list[Any]:
    try:
        return column.to_pylist()
    except UnicodeDecodeError:
        for row, value in enumerate(column):
            try:
                value.as_py()
            except UnicodeDecodeError:
                raise InputError(
                    f"column {quoted(name)} holds bytes in row {row + 1} that are not UTF-8; save "
                    "it as text"
                ) from None
        raise


def _class_labels(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Label names by column, where the datasets library has written a parquet file's schema."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {
            nfc(name): [str(one) for one in feature["names"]]
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _read_csv(path: Path, columns: Sequence[str], answers: tuple[str, set[str]] | None) -> Table:
    header: list[str] | None = None
    places: list[int] = []
    lines = blank = 0
    for first, lines, fields in _records(path):
        if len(fields) < 2 and not "".join(fields).strip():
            blank += 1
        elif header is None:
            header = fields
            found = _places_of(columns, header)
            values: dict[str, list[str]] = {name: [] for name in columns}
            filled = [(values[name].append, found[name]) for name in columns]
        else:
            if len(fields) != len(header):
                raise InputError(_ragged(first, lines, fields, header))
            if lines > first and _holds_rows(fields, header, answers):
                raise InputError(
                    f"the quotation mark of line {first} closes on line {lines}, and whole rows "
                    "stand between; close it where its text ends (a mark inside a text is "
                    "written twice), or save texts that look so as .jsonl"
                )
            # Files joined end to end have a byte order mark there as well.
            if fields[1:] == header[1:] and fields[0].removeprefix("\ufeff") == header[0]:
                raise InputError(f"line {first} repeats the header; leave it out")
            for add, place in filled:
                add(fields[place])
            places.append(first)
    if header is None:
        raise InputError("the file is empty")
    return Table(values, False, "line", places, lines, blank)


def _records(path: Path) -> Iterator[tuple[int, int, list[str]]]:
    """Each record of a CSV: its first line, its last line, its fields (none of a blank line)."""
    csv.field_size_limit(sys.maxsize)
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        first = 1
        while True:
            try:
                fields = next(reader, None)
            except csv.Error as error:
                if "end of data" in str(error):
                    raise InputError(f"a quotation mark of line {first} is never closed") from None
                raise InputError(
                    f"line {reader.line_num}: a quotation mark that opens on line {first} closes "
                    "before its field ends; a mark inside a quoted text is written twice"
                ) from None
            if fields is None:
                return
            yield first, reader.line_num, fields
            first = reader.line_num + 1


def _ragged(first: int, last: int, fields: list[str], header: list[str]) -> str:
    """What is wrong with a row of more or fewer fields than the header has."""
    lines = f"line {first}" if first == last else f"lines {first} to {last}"
    said = f"{lines}: {len(fields)} fields where the header has {len(header)}"
    if len(fields) < len(header):
        return f"{said}; give each row a field for every column"
    return f"{said}; put a text that has a comma in quotation marks"


def _holds_rows(fields: list[str], header: list[str], answers: tuple[str, set[str]] | None) -> bool:
    """Whether a quoted field over several lines holds the rest of its row, and rows behind it.

    They are told from a text of several lines by the label in its place; without labels, by the
    number of their fields.
    """
    if answers is None:
        inner = [_split(line) for field in fields for line in re.split(r"\r\n|\r|\n", field)[1:-1]]
        return len(header) > 1 and any(len(row) == len(header) for row in inner)
    label, values = answers
    place = _place(label, header)
    if place is None:
        return False
    for at, field in enumerate(fields):
        first, *others = re.split(r"\r\n|\r|\n", field)
        if not others:
            continue
        *rows, end = map(_split, others)
        # What is left of the row itself, rows behind it, and the last one up to this field.
        whole = [[""] * at + _split(first), *rows]
        if any(len(row) == len(header) and nfc(row[place]) in values for row in whole):
            return True
        if place <= at == len(end) - 1 and nfc(end[place]) in values:
            return True
    return False


def _split(line: str) -> list[str]:
    return next(csv.reader([line]), [])


def _read_jsonl(path: Path, columns: Sequence[str]) -> Table:
    values: dict[str, list[Any]] = {name: [] for name in columns}
    filled = [(values[name].append, nfc(name)) for name in columns]
    keys: dict[str, None] = {}
    places: list[int] = []
    number = blank = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            text = (line.removeprefix(codecs.BOM_UTF8) if number == 1 else line).decode()
            if not text.strip():
                blank += 1
                continue
            try:
                row = json_object(text)
            except ValueError as error:
                raise InputError(f"line {number} is {error}; write one object a line") from None
            if not all(map(str.isascii, row)):
                row = {nfc(key): value for key, value in row.items()}
            keys.update(dict.fromkeys(row))
            for add, key in filled:
                add(row.get(key))
            places.append(number)
    if places:
        _places_of(columns, list(keys))
    halves = sum(map(_mend_halves, values.values()))
    notes = (f"{halves} values hold half a character (a lone surrogate); it is now U+FFFD",)
    return Table(values, True, "line", places, number, blank, notes=notes if halves else ())


def json_object(text: str) -> dict[str, Any]:
    """The object that a line of JSONL is. Raises ValueError, "not one JSON object" and why."""
    try:
        row = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not one JSON object ({getattr(error, 'msg', error)})") from None
    if not isinstance(row, dict):
        raise ValueError(f"not one JSON object but {kind_of(row)}")
    return row


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(n for n in names if names.count(n) > 1)!r} occurs twice")
    return row


_DECODER = json.JSONDecoder(object_pairs_hook=_no_key_twice)


def _mend_halves(values: list[Any]) -> int:
    """Replace what no file can hold, half a surrogate pair; returns in how many values."""
    halves = 0
    for row, value in enumerate(values):
        if isinstance(value, str) and not value.isascii() and re.search("[\ud800-\udfff]", value):
            values[row] = encodable(value)
            halves += 1
    return halves


def encodable(text: str) -> str:
    """A text that can be encoded: halves of characters (lone surrogates) are U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _places_of(columns: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """Where each column stands among a file's names. Raises InputError for none, or two."""
    found = {}
    for column in columns:
        place = _place(column, names)
        if place is None:
            commas = len(names) == 1 and re.search(r"[\t;|]", names[0])
            raise InputError(
                f"no column {quoted(column, names)}; its columns are {listed(names, [column])}"
                + ("; separate fields by commas" if commas else "")
            )
        if [nfc(name) for name in names].count(nfc(column)) > 1:
            raise InputError(f"two columns {quoted(column)}; rename one of them")
        found[column] = place
    return found


def _place(column: str, names: Sequence[str]) -> int | None:
    wanted = nfc(column)
    return next((place for place, name in enumerate(names) if nfc(name) == wanted), None)


def kind_of(value: Any) -> str:
    """What a value is, in the words of messages."""
    words = {list: "a list", dict: "a mapping", bytes: "bytes", bool: "a boolean"}
    words |= {int: "a number", float: "a number", str: "text", type(None): "nothing"}
    return words.get(type(value), f"a {type(value).__name__.lower()}")


def _no_utf8(path: Path) -> str:
    """Which line of a file is no UTF-8."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "it is UTF-16"
            try:
                line.decode()
            except UnicodeDecodeError:
                return f"line {number} is not UTF-8"
    return "it is not UTF-8"
