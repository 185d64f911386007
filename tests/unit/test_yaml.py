"""YAML as people write it: what it would make of their words is refused, or read as meant."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from mtkd.config.amounts import Duration, Megabytes, Minutes
from mtkd.config.load import load_suite, validate_suite
from mtkd.config.schema import Arm, Model, Resources, Training
from mtkd.config.tasks import Task
from mtkd.config.values import Name, Real, Seed, Temperature, Text, Whole
from mtkd.config.written import refuse_surprises
from mtkd.errors import InputError
from mtkd.tasks.prepare import read_table

ROOT = Path(__file__).parents[2]
# A suite to change: the first embedded one.
FIRST = ROOT / "tests/fixtures/first_embedded/suite.yaml"


def refusal(path: Path, content: str | bytes) -> str:
    """The one line with which a file of this content is refused; empty where it is not."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        refuse_surprises(path)
    except InputError as error:
        assert "\n" not in str(error) and str(error).startswith(f"{path}: ")
        return str(error).removeprefix(f"{path}: ")
    return ""


@pytest.mark.parametrize(
    ("content", "where", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "a", ["line 1", "line 3"]),
        ("x:\n  s:\n    training: {e: 1}\n    training: {e: 2}\n", "x.s.training", ["3", "4"]),
        ("x: {a: 1, b: 2, 'a': 3}\n", "x.a", ["line 1 and again in line 1"]),
        ("arms:\n  - {s: none}\n  - {s: one, s: two}\n", "arms.1.s", ["line 3"]),
        ('{"a": 1,\n\t"b": {"c": 1,\n\t"c": 2}}', "b.c", ["line 2", "line 3"]),
        ("x: &x {a: 1, a: 2}\ny: *x\n", "x.a", ["given twice"]),
        ("runtime: 2:00:00\n", "runtime", ["line 1", "7200", "'2:00:00' in quotes"]),
        ("a:\n\n  runtime: 1:30\n", "a.runtime", ["line 3", "as 90,"]),
        ("r: {t: -1:30}\n", "r.t", ["-90"]),
        ("r: 1:30.5\n", "r", ["90.5"]),
        ("seeds: [1, 010]\n", "seeds.1", ["as 8", "write 10"]),
        ("mem: 0_16000\n", "mem", ["write 16000"]),
        ("010: x\n", "010", ["as 8"]),
        ("x: &d {<<: {b: 017}}\n", "x.b", ["as 15"]),
    ],
)
def test_what_yaml_would_lose_or_turn_is_refused_with_its_lines(tmp_path, content, where, words):
    said = refusal(tmp_path / "suite.yaml", content)
    assert said.startswith(f"{where}: "), said
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    "content",
    [
        "a: &a {x: 1}\nb: {<<: *a, x: 2}\n",
        "a: &a {x: 1}\nb: &b {y: 1}\nc: {<<: *a, <<: *b}\n",
        "a: &a [x]\nb: *a\nc: *a\n",
        "a: '2:00:00'\nb: \"010\"\nc: 2h\nd: 1-12:00:00\ne: 00:30:00\n",
        "seeds: [0, 7, 01, 007, 10]\n",
        "x: 0x1F\ny: 1_000\nz: 1e-5\nt: .5\nw: 0.10\nv: 08\nd: 2024-01-01\n",
        "label: a:b\nrevision: 0123456789abcdef\n",
        '{"a": 1,\n\t"b": [1, 2]}',
        "",
    ],
)
def test_what_means_what_it_says_passes(tmp_path, content):
    assert refusal(tmp_path / "suite.yaml", content) == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("suite: träge\n".encode("latin-1"), "not in UTF-8 (byte 9)"),
        ("suite: x\n".encode("utf-16"), "not in UTF-8"),
        (b"a: [unclosed\n", "expected"),
    ],
)
def test_a_file_that_is_no_utf8_or_no_yaml_is_one_line(tmp_path, content, words):
    path = tmp_path / "suite.yaml"
    assert words in refusal(path, content)
    with pytest.raises(InputError, match=re.escape(str(path))):
        load_suite(path)


def test_a_suite_file_is_looked_at_before_it_is_read(tmp_path):
    text = FIRST.read_text(encoding="utf-8")
    path = tmp_path / "suite.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load_suite(path).suite == "embedded"
    path.write_text(text + "margin: 1.0\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"margin: given twice, in line \d+ and again in line \d+"):
        load_suite(path)


@pytest.mark.parametrize(
    ("written", "minutes"),
    [
        (90, 90),
        ("90", 90),
        ("1e2", 100),
        ("2h", 120),
        ("1.5 hours", 90),
        ("1.1h", 66),
        ("1d12h", 2160),
        ("1 d 12 hrs", 2160),
        ("90 min", 90),
        ("90s", 2),
        ("2:00:00", 120),
        ("00:30:00", 30),
        ("0:00:01", 1),
        ("30:00", 30),
        ("1-12", 2160),
        ("1-0:30", 1470),
        ("1-12:00:00", 2160),
        ("30d", 43200),
    ],
)
def test_durations_are_minutes(written, minutes):
    assert Resources(runtime=written).runtime == minutes


@pytest.mark.parametrize(
    ("written", "mb"),
    [
        (16000, 16000),
        ("16000", 16000),
        ("16G", 16384),
        ("16 GB", 16384),
        ("1.5gib", 1536),
        ("500000K", 489),
        ("4096M", 4096),
        ("1T", 2**20),
    ],
)
def test_sizes_are_megabytes(written, mb):
    assert Resources(mem_mb=written).mem_mb == mb


def test_a_fraction_of_a_minute_stays_one_where_nothing_is_asked_of_a_cluster():
    assert TypeAdapter(Duration).validate_python("90s") == 1.5


@pytest.mark.parametrize(
    ("kind", "value", "word"),
    [
        (Minutes, 86400, "60 days"),
        (Minutes, "31d", "31 days"),
        (Minutes, "2 months", "no duration"),
        (Minutes, "2h30", "no duration"),
        (Minutes, "", "no duration"),
        (Minutes, 1.5, "fractional"),
        (Minutes, float("inf"), "30 are the most"),
        (Megabytes, 16, "400 MB"),
        (Megabytes, 16_000_000_000, "8 TB"),
        (Megabytes, "9T", "8 TB"),
        (Megabytes, "16 bits", "no size"),
        (Whole, True, "yes, on and true"),
        (Real, False, "no, off and false"),
        (Megabytes, True, "truth value"),
        (Minutes, True, "truth value"),
        (Duration, False, "truth value"),
        (Whole, "1.5", "integer"),
        (Real, "1,5", "number"),
        (Text, False, "no, off and false"),
        (Text, True, "quote it"),
        (Text, 1, "reads 1 as a number"),
        (Text, 1.5, "reads 1.5 as a number"),
        (Text, date(2024, 1, 2), "2024-01-02 as a date"),
        (Text, None, "no value"),
        (Name, "x" * 201, "201 letters"),
        (Seed, 10**14, "greatest"),
        (Temperature, "1e-60", "more than 40 digits"),
        (Temperature, "1e999999999", "more than 40 digits"),
    ],
)
def test_what_is_no_such_value_is_refused_in_words(kind, value, word):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    assert word in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize("field", ["threads", "gpu", "mem_mb", "runtime"])
def test_resources_have_bounds(field):
    with pytest.raises(ValidationError):
        Resources(**{field: 10_000_000})


def test_numbers_without_a_point_are_numbers_wherever_one_is_wanted():
    assert Training(learning_rate="1e-5", epochs="1e1", warmup="1e-1").epochs == 10
    config = {"eps": "1e-12", "dropout": "1E-1", "size": "64", "act": "relu", "tie": True}
    model = Model(architecture="bert", tokenizer={"kind": "word"}, config=config | {"k": [3, 4]})
    assert model.config == {
        "eps": 1e-12, "dropout": 0.1, "size": 64, "act": "relu", "tie": True, "k": [3, 4],
    }  # fmt: skip
    assert isinstance(model.config["size"], int) and model.config["tie"] is True


def test_numbers_of_a_task_override_are_numbers():
    suite = yaml.safe_load(FIRST.read_text(encoding="utf-8"))
    suite["students"]["distilbert"]["per_task"] = {"movies": {"learning_rate": "1e-5"}}
    learner = validate_suite(suite, "a").students["distilbert"]
    assert learner.training_for("movies").learning_rate == 1e-5
    suite["students"]["distilbert"]["per_task"] = {"movies": {"epochs": True}}
    with pytest.raises(InputError, match=r"per_task\.movies\.epochs: a number is wanted"):
        validate_suite(suite, "a")


def test_a_study_called_by_a_number_is_found_from_the_command_line():
    suite = yaml.safe_load(FIRST.read_text(encoding="utf-8"))
    suite["studies"]["2"] = suite["studies"]["grid"]
    assert validate_suite(suite | {"study": 2}, "a").chosen_study.T == ["2", "4", "8"]
    with pytest.raises(InputError, match="study: a text is wanted"):
        validate_suite(suite | {"study": True}, "a")


def test_words_of_a_list_are_texts():
    task = {"splits": {"train": "a.csv", "report": "b.csv"}, "text": ["t"], "metrics": ["accuracy"]}
    with pytest.raises(ValidationError) as caught:
        Task(**task, labels=[False, True], selection={"fraction": 0.1})
    (first, second) = caught.value.errors()
    assert first["loc"] == ("labels", 0) and "quote it" in first["msg"] and "yes" in second["msg"]


def test_teachers_whose_names_make_no_folder_are_refused():
    names = [f"{letter}{'x' * 99}" for letter in "abc"]
    with pytest.raises(ValidationError, match="302 letters"):
        Arm(strategy="average", teachers=names)


@pytest.mark.parametrize("ending", ["CSV", "Jsonl", "PARQUET"])
def test_endings_are_known_in_capitals(tmp_path, ending):
    suite = yaml.safe_load(FIRST.read_text(encoding="utf-8"))
    suite["tasks"]["movies"]["splits"] = {"train": f"a.{ending}", "report": f"b.{ending}"}
    assert validate_suite(suite, "a").tasks["movies"].splits["train"] == f"a.{ending}"
    table = pd.DataFrame({"text": ["a", "b"]})
    path = tmp_path / f"a.{ending}"
    match ending.lower():
        case "csv":
            table.to_csv(path, index=False)
        case "jsonl":
            table.to_json(path, orient="records", lines=True)
        case _:
            table.to_parquet(path)
    assert read_table(path, ["text"], ("label", set())).columns["text"] == ["a", "b"]
