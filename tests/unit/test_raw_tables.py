"""Files as people have them: every row accounted for, nothing retyped, or one line says why."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtkd.errors import InputError
from mtkd.tasks.spelling import listed, quoted
from mtkd.tasks.tables import read_table

COLUMNS = ["text", "label"]
ANSWERS = ("label", {"pos", "neg", "0", "1"})


def read(folder, content, columns=COLUMNS, suffix=".csv"):
    """What is read of a file with this content: text, bytes, JSON rows or an Arrow table."""
    path = folder / f"table{suffix}"
    if isinstance(content, pa.Table):
        pq.write_table(content, path)
    elif isinstance(content, list):
        path.write_text("".join(json.dumps(row) + "\n" for row in content))
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, columns, ANSWERS)


def rows_of(table):
    return list(zip(*table.columns.values(), strict=True))


def refusal(folder, content, columns=COLUMNS, suffix=".csv"):
    with pytest.raises(InputError) as refused:
        read(folder, content, columns, suffix)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("content", "rows", "lines", "blank"),
    [
        ("text,label\na,pos\nb,neg\n", ["a", "b"], 3, 0),
        ("text,label\na,pos\nb,neg", ["a", "b"], 3, 0),
        ("\ufefftext,label\r\na,pos\r\nb,neg\r\n", ["a", "b"], 3, 0),
        ("text,label\ra,pos\rb,neg\r", ["a", "b"], 3, 0),
        ("\n \ntext,label\n\na,pos\n\n\n", ["a"], 7, 5),
        ('text,label\n"a, b",pos\n"say ""b""",neg\n', ["a, b", 'say "b"'], 3, 0),
        ('text,label\n"1\n2, 3\r\n4",pos\nb,neg\n', ["1\n2, 3\r\n4", "b"], 5, 0),
        ('text,label\n"Dear all,\n\nthanks",pos\n', ["Dear all,\n\nthanks"], 4, 0),
        ('text,label\n5" screen,pos\nit\'s,neg\n', ['5" screen', "it's"], 3, 0),
        ("text,label\n007,pos\n1.50,neg\n1e3,pos\nTRUE,neg\nNA,pos\n ,neg\n,pos\n",
         ["007", "1.50", "1e3", "TRUE", "NA", " ", ""], 8, 0),
        (",text,label\n0,a,pos\n1,b,neg\n", ["a", "b"], 3, 0),
        ("text,label\n\u2028a\x0bb\x85,pos\nnul\0,neg\n", ["\u2028a\x0bb\x85", "nul\0"], 3, 0),
        (f"text,label\n{'long ' * 40_000},pos\n", ["long " * 40_000], 2, 0),
    ],
)  # fmt: skip
def test_csv_is_read_as_it_stands(tmp_path, content, rows, lines, blank):
    table = read(tmp_path, content)
    assert table.columns["text"] == rows
    assert set(table.columns["label"]) <= {"pos", "neg"}
    assert (table.lines, table.blank, table.typed) == (lines, blank, False)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("text,label\nA, b,pos\nC, d,neg\n", "line 2: 3 fields where the header has 2; put a text"),
        ("text,label\na,pos\n\nA, b,neg\n", "line 4: 3 fields"),
        ("text,label\na,pos,\n", "line 2: 3 fields"),
        ("text,label\na,pos\nb\n", "line 3: 1 fields where the header has 2; give each row"),
        ("text,label,note\na,pos\n", "line 2: 2 fields where the header has 3"),
        ("text,label\na,pos\ntext,label\nb,neg\n", "line 3 repeats the header"),
        ("text,label\na,pos\n\ufefftext,label\nb,neg\n", "line 3 repeats the header"),
        ('text,label\na,pos\n"never,neg\nb,pos\n', "a quotation mark of line 3 is never closed"),
        ('text,label\n"open,neg\nb,pos\n"c, d",neg\n',
         "line 4: a quotation mark that opens on line 2 closes before its field ends"),
        ('text,label\n"Great" film,pos\n', "line 2: a quotation mark"),
        ('text,label\n"He said \\"hi\\" to me",pos\n', "line 2: a quotation mark"),
        # Well-formed CSV all the same, in which whole rows are the text of another.
        ('text,label\n"open,neg\nclose",pos\nb,neg\n', "line 2 closes on line 3, and whole rows"),
        ('text,label\na,1\n"open,1\nb,0\nc,1\nclose",0\n', "line 3 closes on line 6, and whole"),
        ('label,text\npos,"open\nneg,b\npos,close"\n', "line 2 closes on line 4, and whole rows"),
        ('label,text\npos,"open\nneg,close"\npos,b\n', "line 2 closes on line 3, and whole rows"),
        ('text,label\na,"pos\nb,neg"\n', "line 2 closes on line 3, and whole rows"),
        ('note,text,label\n"open,a,pos\n,b,neg\nclose",c,pos\n', "line 2 closes on line 4"),
        ("text;label\na;pos\n", "no column 'text'; its columns are text;label; separate fields by"),
        ("a,pos\nb,neg\n", "no column 'text'; its columns are a, pos"),
        ("text,text,label\na,b,pos\n", "two columns 'text'; rename one"),
        ("text, label\na,pos\n", "no column 'label'; its columns are text, ' label'"),
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("text,label\nna\u00efve,pos\n".encode("cp1252"), "line 2 is not UTF-8; save the file"),
        ("text,label\na,pos\n".encode("utf-16"), "it is UTF-16; save the file as UTF-8"),
    ],
)  # fmt: skip
def test_csv_that_would_lose_merge_or_shift_a_row_is_refused(tmp_path, content, words):
    assert words in refusal(tmp_path, content)


def test_long_columns_keep_every_character_and_rows_know_their_lines(tmp_path):
    odd = ["007", "1.50", "1e3", "TRUE", "9223372036854775807", "-0", "١٢"]
    texts = ['"two\nlines"', *(odd[row % 7] for row in range(30_000))]
    table = read(tmp_path, "text,label\n" + "".join(f"{text},1\n" for text in texts))
    assert table.columns["text"] == ["two\nlines", *texts[1:]]
    assert [table.place(row) for row in (0, 1, 30_000)] == ["line 2", "line 4", "line 30003"]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ('{"text": "a", "label": 1}\n', [("a", 1)]),
        ('\ufeff{"text": "a", "label": 1}\r\n\n{"text": "b", "label": true, "more": [1]}',
         [("a", 1), ("b", True)]),
        ('{"text": "a"}\n{"label": 2.0}\n', [("a", None), (None, 2.0)]),
        ('{"text": "one\\ntwo\u2028", "label": 1234567890123456789}\n',
         [("one\ntwo\u2028", 1234567890123456789)]),
        ('{"text": "\\ud83d\\ude00", "label": 1}\n', [("😀", 1)]),
        ('{"text": "half \\ud83d", "label": 1}\n', [("half \ufffd", 1)]),
    ],
)  # fmt: skip
def test_jsonl_keeps_values_and_types(tmp_path, content, rows):
    table = read(tmp_path, content, suffix=".jsonl")
    assert [[type(v) for v in row] for row in rows_of(table)] == [list(map(type, r)) for r in rows]
    assert rows_of(table) == rows
    assert len(table.notes) == ("half" in content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"text": "a", "label": 1}]', "line 1 is not one JSON object but a list; write one"),
        ('[\n{"text": "a",\n"label": 1}]\n', "line 1 is not one JSON object (Expecting value);"),
        (
            '{"text": "a", "label": 1}{"text": "b", "label": 1}',
            "line 1 is not one JSON object (Ext",
        ),
        ('{"text": "a", "label": 1}\n{"text": "b", "lab', "line 2 is not one JSON object"),
        ('{"text": "a", "label": 1}\n\nnull\n', "line 3 is not one JSON object but nothing"),
        ('{"text": "a", "text": "b", "label": 1}', "line 1 is not one JSON object (key 'text' occ"),
        ('{"a": ' + "[" * 100_000, "line 1 is not one JSON object"),
        ('{"Text": "a", "label": 1}', "no column 'text'; its columns are Text, label"),
        ('{"text": "a", "label": 1}\n{"text": "b\xff"}\n'.encode("latin-1"), "line 2 is not UTF-8"),
    ],
)
def test_jsonl_of_another_shape_is_refused(tmp_path, content, words):
    assert words in refusal(tmp_path, content, suffix=".jsonl")


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a", None, "b"]).dictionary_encode(),
        pa.array(["a", None, "b"], pa.large_string()),
        pa.array(["a", None, "b"], pa.string_view()),
    ],
)
def test_parquet_text_of_any_kind_is_text(tmp_path, column):
    table = read(tmp_path, pa.table({"text": column, "label": [1, 0, 1]}), suffix=".parquet")
    assert table.columns["text"] == ["a", None, "b"]
    assert (table.lines, table.place(1)) == (None, "row 2")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pa.array([True, None]), [True, None]),
        (pa.array([1, None], pa.uint8()), [1, None]),
        (pa.array([1.0, 0.0]), [1.0, 0.0]),
        (pa.array([Decimal("1.00"), None]), [Decimal("1.00"), None]),
        (pa.array([[1, 0], [0, 1]]), [[1, 0], [0, 1]]),
        (pa.array([{"a": 1}, None]), [{"a": 1}, None]),
        (pa.array([b"a", None]), [b"a", None]),
        (pa.array(pd.Categorical([3, None])), [3, None]),
    ],
)
def test_parquet_keeps_types(tmp_path, column, values):
    table = read(tmp_path, pa.table({"text": ["a", "b"], "label": column}), suffix=".parquet")
    assert table.columns["label"] == values
    assert list(map(type, table.columns["label"])) == list(map(type, values))


def test_parquet_of_a_frame_keeps_its_index_columns_and_needs_names(tmp_path):
    frame = pd.DataFrame({"text": ["a", "b"], "label": [1, 0]}, index=pd.Index([7, 5], name="id"))
    frame.to_parquet(tmp_path / "frame.parquet")
    table = read_table(tmp_path / "frame.parquet", ["id", "text"], ANSWERS)
    assert rows_of(table) == [(7, "a"), (5, "b")]
    nameless = pa.Table.from_arrays([pa.array(["a"]), pa.array([1])], names=["0", "1"])
    assert "no column 'text'; its columns are 0, 1" in refusal(
        tmp_path, nameless, suffix=".parquet"
    )
    twice = pa.Table.from_arrays([pa.array(["a"])] * 3, names=["text", "text", "label"])
    assert "duplicate field names" in refusal(tmp_path, twice, suffix=".parquet")


def test_parquet_text_that_is_no_utf8_is_named_by_row(tmp_path):
    raw = pa.array([b"fine", b"na\xefve"], pa.binary())
    broken = pa.StringArray.from_buffers(2, *raw.buffers()[1:])
    said = refusal(tmp_path, pa.table({"text": broken, "label": [1, 0]}), suffix=".parquet")
    assert said == "column 'text' holds bytes in row 2 that are not UTF-8; save it as text"


def test_names_of_labels_are_read_from_the_schema(tmp_path):
    features = {"text": {"dtype": "string", "_type": "Value"}, "tokens": [{"dtype": "int32"}]}
    features["label"] = {"names": ["neg", "pos"], "_type": "ClassLabel"}
    table = pa.table({"text": ["a"], "label": [1]})
    for metadata, names in [
        ({"info": {"features": features}}, {"label": ["neg", "pos"]}),
        ({"info": {"features": None}}, {}),
        ({}, {}),
        ([], {}),
    ]:
        described = table.replace_schema_metadata({"huggingface": json.dumps(metadata)})
        assert read(tmp_path, described, suffix=".parquet").label_names == names


def test_what_the_datasets_library_writes_has_its_label_names(tmp_path):
    datasets = pytest.importorskip("datasets")
    label = datasets.ClassLabel(names=["neg", "pos"])
    features = datasets.Features({"text": datasets.Value("string"), "label": label})
    rows = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, -1]}, features=features)
    rows.to_parquet(str(tmp_path / "table.parquet"))
    table = read_table(tmp_path / "table.parquet", COLUMNS, ANSWERS)
    assert table.label_names == {"label": ["neg", "pos"]}
    assert table.columns["label"] == [1, -1]


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".jsonl", ".parquet"])
def test_columns_are_found_in_any_unicode_form(tmp_path, suffix):
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    content = {
        ".csv": f"{decomposed},label\na,1\n",
        ".jsonl": [{decomposed: "a", "label": 1}],
        ".parquet": pa.table({decomposed: ["a"], "label": [1]}),
    }[suffix.lower()]
    table = read(tmp_path, content, [composed, "label"], suffix)
    assert table.columns[composed] == ["a"]


@pytest.mark.parametrize("name", ["x.parquet", "absent.csv", "absent.jsonl", "x.tsv", "dir.csv"])
def test_unreadable_tables_are_named(tmp_path, name):
    (tmp_path / "x.parquet").write_text("not parquet")
    (tmp_path / "x.tsv").write_text("text\tlabel\n")
    (tmp_path / "dir.csv").mkdir()
    with pytest.raises(InputError, match=name):
        read_table(tmp_path / name, COLUMNS, ANSWERS)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_what_git_lfs_has_not_fetched_is_no_table(tmp_path, suffix):
    path = tmp_path / f"train.{suffix}"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(InputError, match="is a git-lfs pointer.*'git lfs pull'"):
        read_table(path, COLUMNS, ANSWERS)


def test_columns_that_nobody_asks_for_are_not_read(tmp_path):
    vectors = pa.array(list(np.zeros((2, 3))))
    content = pa.table({"text": ["a", "b"], "vector": vectors, "label": [1, 0]})
    assert list(read(tmp_path, content, suffix=".parquet").columns) == COLUMNS


def test_messages_show_what_looks_alike_as_it_is():
    cyrillic, joined = "p\u043esitive", "positive\u200b"
    assert quoted(cyrillic, ["positive"]) == r"'p\u043esitive'"
    assert quoted(joined) == r"'positive\u200b'"
    assert quoted("\uff11", ["1"]) == r"'\uff11'"
    assert quoted("cafe\u0301", ["caf\u00e9"]) == "'caf\u00e9'"
    assert quoted("好", ["坏"]) == "'好'"
    assert listed(["positive", "negative"], [cyrillic]) == "'positive', negative"
    assert listed(["x" * 50, " a"]) == "x" * 40 + "…, ' a'"
    assert listed(map(str, range(30))).endswith("18, 19, …")
