"""Files that a student labels: every row keeps its place, and what is wrong with it is named."""

from __future__ import annotations

import io
import json

import pandas as pd
import pytest

from mtkd.deployment import rows as rows_module
from mtkd.deployment.rows import answer_columns, format_of, open_table, writer
from mtkd.errors import InputError

LABELS = ["bad", "good"]
# Of a file that is named nothing is read from it.
PIPE = io.BufferedReader(io.BytesIO())


def read(kind: str, content: bytes, tmp_path, text=("text",)):
    """Columns and rows of a file: place, texts, reason."""
    path = tmp_path / f"file.{kind}"
    path.write_bytes(content)
    _, table = open_table(str(path), PIPE, text)
    return table, [row for chunk in table.chunks for row in chunk]


# A file's content, and of each row where it stands, its text and why it has none.
CSV = {
    "plain": (
        b'id,text\n1,a text\n2,"one, two"\n',
        [("line 2", "a text", ""), ("line 3", "one, two", "")],
    ),
    "windows, with a mark": (
        b"\xef\xbb\xbftext\r\na\r\n\r\nb\r\n",
        [("line 2", "a", ""), ("line 4", "b", "")],
    ),
    "an old mac's": (b"text,n\ra,1\rb,2\r", [("line 2", "a", ""), ("line 3", "b", "")]),
    "several lines in a text": (
        b'text,n\n"a\nb",1\nc,2\n',
        [("line 2", "a\nb", ""), ("line 4", "c", "")],
    ),
    "too few and too many": (
        b"n,text\n1\n1,a,b\n2,c\n",
        [
            ("line 2", None, "1 fields where the header has 2"),
            ("line 3", None, "3 fields where the header has 2"),
            ("line 4", "c", ""),
        ],
    ),
    "no text": (
        b"n,text\n1,\n2,  \n3,\xe2\x80\x8b\n4,a\n",
        [
            *((f"line {n}", None, "no text in column 'text'") for n in (2, 3, 4)),
            ("line 5", "a", ""),
        ],
    ),
    "no text, quoted, beside blank lines": (
        b'text\ngood\n""\n\n"  "\n  \n"\n"\n\xc2\xa0\nbad\n',
        [
            ("line 2", "good", ""),
            *((f"line {n}", None, "no text in column 'text'") for n in (3, 5, 7, 9)),
            ("line 10", "bad", ""),
        ],
    ),
    "never closed": (
        b'n,text\n1,"a\n2,b\n3,c\n',
        [
            ("line 2", None, "a quotation mark that is never closed"),
            ("line 3", "b", ""),
            ("line 4", "c", ""),
        ],
    ),
    "closed too early": (
        b'n,text\n1,"a"b\n2,c\n',
        [("line 2", None, "a stray quotation mark"), ("line 3", "c", "")],
    ),
    "no UTF-8": (
        b"n,text\n1,caf\xe9\n2,b\n",
        [("line 2", None, "it is not UTF-8"), ("line 3", "b", "")],
    ),
    "the header again": (
        b"n,text\n1,a\nn,text\n2,b\n",
        [("line 2", "a", ""), ("line 3", None, "it repeats the header"), ("line 4", "b", "")],
    ),
}
JSONL = {
    "plain": (
        b'{"text": "a"}\n\n{"n": 1, "text": "b"}\n',
        [("line 1", "a", ""), ("line 3", "b", "")],
    ),
    "broken": (
        b'{"text": "a"}\n{"text": \n[1]\n{"text": "a", "text": "b"}\n{"text": "c\xff"}\n',
        [
            ("line 1", "a", ""),
            ("line 2", None, "it is not one JSON object (Expecting value)"),
            ("line 3", None, "it is not one JSON object but a list"),
            ("line 4", None, "it is not one JSON object (key 'text' occurs twice)"),
            ("line 5", None, "it is not UTF-8"),
        ],
    ),
    "other values": (
        b'{"text": 1}\n{"text": null}\n{"n": 1}\n{"text": ["a"]}\n{"text": "b\\ud800"}\n',
        [
            ("line 1", None, "a number in column 'text', not text"),
            ("line 2", None, "no text in column 'text'"),
            ("line 3", None, "no text in column 'text'"),
            ("line 4", None, "a list in column 'text', not text"),
            ("line 5", "b\ufffd", ""),
        ],
    ),
}


@pytest.mark.parametrize(
    ("kind", "name"), [("csv", name) for name in CSV] + [("jsonl", name) for name in JSONL]
)
@pytest.mark.parametrize("chunk", [1, 4096])
def test_every_row_is_read_or_says_why_it_is_not(kind, name, chunk, tmp_path, monkeypatch):
    monkeypatch.setattr(rows_module, "CHUNK", chunk)
    content, expected = {"csv": CSV, "jsonl": JSONL}[kind][name]
    _, found = read(kind, content, tmp_path)
    told = [(row.place, row.texts[0] if row.texts else None, row.reason) for row in found]
    assert told == expected


@pytest.mark.parametrize("name", ["plain", "windows, with a mark", "no text",
                                  "no text, quoted, beside blank lines"])  # fmt: skip
def test_a_csv_has_the_rows_that_pandas_reads(name, tmp_path):
    content, expected = CSV[name]
    assert len(pd.read_csv(io.BytesIO(content))) == len(expected)


def test_parquet_keeps_its_types_and_names_rows_without_text(tmp_path):
    frame = pd.DataFrame({"n": [1, 2, 3], "text": ["a", None, "b"]})
    path = tmp_path / "file.parquet"
    frame.to_parquet(path)
    _, table = open_table(str(path), PIPE, ["text"])
    found = [row for chunk in table.chunks for row in chunk]
    assert [(row.place, row.reason) for row in found] == [
        ("row 1", ""),
        ("row 2", "no text in column 'text'"),
        ("row 3", ""),
    ]
    out = io.BytesIO()
    write, end = writer(".parquet", out, table, answer_columns(LABELS))
    write(found, [["bad", 0.9, 0.1, ""], [None, None, None, "why"], ["good", 0.2, 0.8, ""]])
    end()
    again = pd.read_parquet(io.BytesIO(out.getvalue()))
    assert again.n.tolist() == [1, 2, 3] and again.n.dtype == frame.n.dtype
    assert again.probability_bad.tolist()[::2] == [0.9, 0.2] and again.reason[1] == "why"
    assert again.probability_bad.isna()[1] and pd.isna(again.predicted_label[1])


@pytest.mark.parametrize("kind", [".csv", ".jsonl", ".parquet"])
def test_a_csv_is_written_in_each_format_in_its_order(kind, tmp_path):
    table, found = read("csv", b'n,text\n1,"a, b"\n2,\n1,c,d\n', tmp_path)
    answers = [["bad", 0.25, 0.75, ""], [None] * 3 + ["no text"], [None] * 3 + ["fields"]]
    out = io.BytesIO()
    write, end = writer(kind, out, table, answer_columns(LABELS))
    for row, answer in zip(found, answers, strict=True):
        write([row], [answer])
    end()
    content = io.BytesIO(out.getvalue())
    reader = {".csv": pd.read_csv, ".parquet": pd.read_parquet}.get(
        kind, lambda file: pd.DataFrame([json.loads(line) for line in file])
    )
    frame = reader(content)
    wanted = ["n", "text", "predicted_label", "probability_bad", "probability_good", "reason"]
    assert list(frame) == wanted
    assert frame.text[0] == "a, b" and frame.probability_good[0] == 0.75
    # A row that is none of the table's is kept as it stands.
    assert frame.n[2] == "1,c,d" and frame.reason.fillna("").tolist()[1:] == ["no text", "fields"]


def test_objects_keep_their_keys_and_what_was_none(tmp_path):
    table, found = read("jsonl", b'{"text": "a", "x": {"y": 1}}\noh\n', tmp_path)
    out = io.BytesIO()
    write, end = writer(".jsonl", out, table, answer_columns(LABELS))
    write(found, [["bad", 1.0, 0.0, ""], [None] * 3 + ["why"]])
    end()
    first, second = map(json.loads, out.getvalue().decode().splitlines())
    assert first["x"] == {"y": 1} and first["predicted_label"] == "bad"
    assert second["unreadable"] == "oh" and second["reason"] == "why"


# A name, its content, the columns that the student reads, and what is said of it.
REFUSED = {
    "of another task": (
        "a.csv",
        b"id,left,right\n1,a,b\n",
        ["text"],
        "no column 'text', and the student reads 'text'; its columns are id, left, right",
    ),
    "half of a pair": (
        "a.csv",
        b"left\na\n",
        ["left", "right"],
        "no column 'right', and the student reads 'left' and 'right'; its columns are left",
    ),
    "objects of another task": ("a.jsonl", b'{"body": "a"}\n', ["text"], "no column 'text'"),
    "two of a name": ("a.csv", b"text,text\na,b\n", ["text"], "two columns 'text'"),
    "nothing in it": ("a.csv", b"\n\n", ["text"], "the file is empty"),
    "UTF-16": ("a.csv", "text\na\n".encode("utf-16"), ["text"], "it is UTF-16"),
    "of no format": ("a.txt", b"text\n", ["text"], "not a .csv, .jsonl or .parquet file"),
    "no parquet": ("a.parquet", b"text\na\n", ["text"], "cannot be read"),
    "a pointer": (
        "a.csv",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        ["text"],
        "git-lfs",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_is_none_of_the_students_is_refused_in_one_line(what, tmp_path):
    name, content, text, message = REFUSED[what]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        open_table(str(path), PIPE, text)
    assert message in str(error.value) and str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_and_columns_that_are_taken(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        open_table(str(tmp_path / "none.csv"), PIPE, ["text"])
    table, _ = read("csv", b"text,reason\na,b\n", tmp_path)
    with pytest.raises(InputError, match="column 'reason' already"):
        writer(".csv", io.BytesIO(), table, answer_columns(LABELS))
    table, found = read("jsonl", b'{"text": "a", "reason": 1}\n', tmp_path)
    with pytest.raises(InputError, match="need not have the same keys"):
        writer(".csv", io.BytesIO(), table, answer_columns(LABELS))
    write, _ = writer(".jsonl", io.BytesIO(), table, answer_columns(LABELS))
    with pytest.raises(InputError, match="line 1 has a key 'reason' already"):
        write(found, [["bad", 1.0, 0.0, ""]])


class Arriving(io.RawIOBase):
    """A pipe into which a byte at a time is written."""

    def __init__(self, content: bytes):
        self.content = iter(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        for byte in self.content:
            buffer[0] = byte
            return 1
        return 0


BEGINNINGS = [
    (b"text\na\n", ".csv"),
    (b"\xef\xbb\xbftext\na\n", ".csv"),
    (b'\xef\xbb\xbf\r\n\r\n"text"\r\na\r\n', ".csv"),
    (b' {"text": "a"}\n', ".jsonl"),
    (b'\xef\xbb\xbf{"text": "a"}\n', ".jsonl"),
    (b'\xef\xbb\xbf\n\n  {"text": "a"}', ".jsonl"),
]


@pytest.mark.parametrize(("content", "kind"), BEGINNINGS)
@pytest.mark.parametrize("raw", [io.BytesIO, Arriving])
def test_a_pipe_is_told_by_how_it_begins(content, kind, raw):
    found, table = open_table("-", io.BufferedReader(raw(content)), ["text"])
    assert found == kind and [row.texts for chunk in table.chunks for row in chunk] == [("a",)]
    assert table.share is None and format_of("-") is None


@pytest.mark.parametrize("raw", [io.BytesIO, Arriving])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PAR1...", "stdin: a parquet file cannot be read from a pipe"),
        ("text\na\n".encode("utf-16"), "stdin: it is UTF-16"),
        (b"", "stdin: the file is empty"),
        (b"\xef\xbb\xbf\n", "stdin: the file is empty"),
    ],
)
def test_what_cannot_be_read_from_a_pipe_is_said(content, message, raw):
    with pytest.raises(InputError, match=message):
        open_table("-", io.BufferedReader(raw(content)), ["text"])


def test_a_file_that_breaks_off_in_its_midst_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(rows_module, "CHUNK", 10)
    path = tmp_path / "file.parquet"
    pd.DataFrame({"text": [str(n) * 50 for n in range(500)]}).to_parquet(path, row_group_size=100)
    whole = path.read_bytes()
    # Its footer is whole, and pages before it are not.
    path.write_bytes(whole[: len(whole) // 2] + b"x" * 400 + whole[len(whole) // 2 + 400 :])
    _, table = open_table(str(path), PIPE, ["text"])
    with pytest.raises(InputError, match="cannot be read") as error:
        list(table.chunks)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_long_file_is_read_in_bounded_memory(tmp_path, monkeypatch):
    """Of a mark that is never closed no more is held than a field may be long."""
    monkeypatch.setattr(rows_module, "LONGEST_FIELD", 1000)
    monkeypatch.setattr(rows_module, "CHUNK", 10)
    many = b"".join(b"%d,some words\n" % number for number in range(2000))
    path = tmp_path / "long.csv"
    path.write_bytes(b'n,text\n0,"open\n' + many)
    _, table = open_table(str(path), PIPE, ["text"])
    sizes, bad = [], []
    for chunk in table.chunks:
        sizes.append(len(chunk))
        bad += [row.reason for row in chunk if row.reason]
        assert 0 <= table.share() <= 1
    assert sum(sizes) == 2001 and max(sizes) == 10
    assert bad == ["a quotation mark that is never closed"]
