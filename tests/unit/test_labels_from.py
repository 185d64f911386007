"""A language model's answers as a teacher's file, and the texts that it is asked."""

from __future__ import annotations

import json
import math
import sys

import numpy as np
import pandas as pd
import pytest

from mtkd.__main__ import _main as mtkd
from mtkd.__main__ import _parser
from mtkd.commands.labels_from import from_answers, from_logprobs, label_words, plain
from mtkd.config.answers import Probabilities
from mtkd.errors import InputError
from mtkd.tasks.answers import read_answers
from mtkd.tasks.prepare import prepare_task, read_tables, write_task

LABELS = ["negative", "neutral", "positive"]
WORDS = label_words(LABELS, [])


def lines(folder, *rows):
    path = folder / "llm.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def log(p):
    return math.log(p)


@pytest.mark.parametrize(
    "text, word",
    [(" Positive.", "positive"), ("▁neg", "neg"), ("Ġneg", "neg"), ('"Neutral"\n', "neutral"),
     ("5 stars", "5 stars"), ("+", "+"), (" ", "")],
)  # fmt: skip
def test_how_words_are_compared(text, word):
    assert plain(text) == word


@pytest.mark.parametrize("as_list", [False, True])
def test_token_log_probabilities(tmp_path, as_list):
    told = [
        {"Positive": log(0.6), " positive": log(0.1), "negative": log(0.1), "I": log(0.15)},
        {"neutral": 0.0},
        {"The": -0.1},
    ]
    if as_list:
        told = [[{"token": t, "logprob": v, "bytes": []} for t, v in one.items()] for one in told]
    path = lines(tmp_path, *({"id": f"r{row}", "logprobs": one} for row, one in enumerate(told)))
    found = from_logprobs(path, WORDS, 3)
    assert list(found.rows) == ["r0", "r1"] and not found.counts
    np.testing.assert_allclose(found.rows["r0"], [0.125, 0, 0.875])
    np.testing.assert_allclose(found.rows["r1"], [0, 1, 0])
    assert found.said == [
        "labels' words have 90.0% of the probability on average, 80.0% in the row of the least",
        "1 rows without any label's word are left out: 'r2'",
    ]


def entry(token, p, **top):
    told = [{"token": t, "logprob": log(q), "bytes": []} for t, q in top.items()]
    return {"token": token, "logprob": log(p), "bytes": [], "top_logprobs": told}


SURE = entry("negative", 0.6, negative=0.6, positive=0.2)
# A reply's positions, and what the labels' shares are.
REPLIES = {
    "a list of positions": ([SURE], [0.75, 0, 0.25]),
    "a whole reply": ({"content": [SURE], "refusal": None}, [0.75, 0, 0.25]),
    "several positions": ({"content": [SURE, entry(".", 0.9)]}, [0.75, 0, 0.25]),
    "words that say it again": ([SURE, entry("positive", 1, positive=1)], [0.75, 0, 0.25]),
    "a position before it": ([entry("\n", 0.9, The=0.1), SURE], [0.75, 0, 0.25]),
    "a sampled token beside the most probable": (
        [entry("positive", 0.1, negative=0.6, neutral=0.1)], [0.75, 0.125, 0.125]
    ),
    "a mapping of alternatives": (
        [{**SURE, "top_logprobs": {"negative": log(0.6), "positive": log(0.2)}}], [0.75, 0, 0.25]
    ),
    "an older reply": (
        {"tokens": ["negative", "."], "token_logprobs": [log(0.6), -0.1], "text_offset": [0, 8],
         "top_logprobs": [{"negative": log(0.6), "positive": log(0.2)}, {".": -0.1}]},
        [0.75, 0, 0.25],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REPLIES)
def test_alternatives_in_a_reply_are_read(tmp_path, what):
    told, wanted = REPLIES[what]
    found = from_logprobs(lines(tmp_path, {"id": "a", "logprobs": told}), WORDS, 3)
    np.testing.assert_allclose(found.rows["a"], wanted)
    later = ["1 rows have a label's word behind the first token only, and are read there: 'a'"]
    assert found.said[1:] == (later if what == "a position before it" else [])


@pytest.mark.parametrize(
    "told",
    [[entry("negative", 0.6)], {"content": [entry("negative", 0.6), entry(".", 0.9)]},
     {"negative": log(0.6)}, {"tokens": ["negative"], "token_logprobs": [log(0.6)]}],
)  # fmt: skip
def test_a_token_without_alternatives_is_said_to_be_a_hard_label(tmp_path, told):
    found = from_logprobs(lines(tmp_path, {"id": "a", "logprobs": told}), WORDS, 3)
    assert found.rows["a"] == [1, 0, 0]
    assert (
        found.said[1].startswith("1 rows have one token and no alternative")
        and "'a'" in (found.said[1])
    )


def test_a_logarithm_far_below_0_is_that_of_0(tmp_path):
    told = {"positive": -0.0, "neutral": -(10**400), "negative": -math.inf, "I": -9999.0}
    found = from_logprobs(lines(tmp_path, {"id": "a", "logprobs": told}), WORDS, 3)
    assert found.rows["a"] == [0, 0, 1]


@pytest.mark.parametrize("as_list", [False, True])
def test_repeated_answers_are_counted(tmp_path, as_list):
    answers = {"a": ["Positive.", "positive", "negative"], "b": ["Neutral"], "c": ["who knows"]}
    rows = (
        [{"id": name, "answers": one} for name, one in answers.items()]
        if as_list
        else [{"id": name, "answer": x} for name, one in answers.items() for x in one]
    )
    found = from_answers(lines(tmp_path, *rows), WORDS, 3)
    assert found.rows == {"a": [1, 0, 2], "b": [0, 1, 0]} and found.counts
    assert found.said == [
        "1 to 3 votes a row",
        "1 answers are no label's word and no vote ('who knows' 1 times)",
        "1 rows without a vote are left out: 'c'",
    ]


@pytest.mark.parametrize(
    "null", [None, math.nan, [], {}, {"content": None, "refusal": "no"}, [None]]
)
def test_a_reply_that_is_null_is_a_row_without_a_label(tmp_path, null):
    rows = [{"id": "a", "logprobs": {"positive": 0.0}}, {"id": "b", "logprobs": null}]
    if null == [None]:
        with pytest.raises(InputError, match="line 2: 'logprobs' is a list, not a mapping"):
            from_logprobs(lines(tmp_path, *rows), WORDS, 3)
        return
    found = from_logprobs(lines(tmp_path, *rows), WORDS, 3)
    assert list(found.rows) == ["a"]
    assert found.said[1:] == ["1 rows without any label's word are left out: 'b'"]


def test_an_answer_that_is_null_is_no_vote(tmp_path):
    one = [{"id": "a", "answer": "positive"}, {"id": "a", "answer": None}, {"id": "b"}]
    several = [{"id": "a", "answers": ["positive", math.nan]}, {"id": "b", "answers": None}]
    for rows in (one, several):
        found = from_answers(lines(tmp_path, *rows), WORDS, 3)
        assert found.rows == {"a": [0, 0, 1]}
        assert found.said[1:] == [
            "2 answers are null and no vote", "1 rows without a vote are left out: 'b'"
        ]  # fmt: skip
    with pytest.raises(InputError, match="no answer is a label's word, and 1 are null; give"):
        from_answers(lines(tmp_path, {"id": "a", "answer": None}), WORDS, 3)


GOOD = {"id": "a", "logprobs": {"positive": -0.1}}
WRONG = {
    "no id": (from_logprobs, [{"logprobs": {"positive": -1}}], "no column 'id'"),
    "an id that is missing": (from_logprobs, [GOOD, {**GOOD, "id": None}], "line 2 has no id"),
    "no log-probabilities": (from_logprobs, [{"id": "a"}], "no column 'logprobs'"),
    "an id twice": (from_logprobs, [GOOD, GOOD], "'a' occurs again in line 2; sampled answers"),
    "probabilities": (
        from_logprobs, [{"id": "a", "logprobs": {"positive": 0.7}}], "'positive' has 0.7, which is"
    ),
    "400 digits": (
        from_logprobs, [{"id": "a", "logprobs": {"positive": 10**400}}], "'positive' has 1000+, wh"
    ),
    "no number": (
        from_logprobs, [{"id": "a", "logprobs": {"positive": math.nan}}], "'positive' has nan, wh"
    ),
    "a text": (from_logprobs, [{"id": "a", "logprobs": "positive"}], "'logprobs' is text, not a"),
    "numbers": (from_logprobs, [{"id": "a", "logprobs": [-0.1]}], "is a list, not a mapping"),
    "alternatives that are none": (
        from_logprobs, [{"id": "a", "logprobs": [{**SURE, "top_logprobs": [0.3]}]}], "is a list, no"
    ),
    "lists of other lengths": (
        from_logprobs, [{"id": "a", "logprobs": {"tokens": ["no"], "token_logprobs": []}}],
        "are not lists of the same length",
    ),
    "several positions": (
        from_logprobs, [{"id": "a", "logprobs": {"positive": 0, "negative": 0}}], "sum to 2.000"
    ),
    "words of no label": (
        from_logprobs, [{"id": "a", "logprobs": {"yes": 0}}], r"label's word \('yes' 1 times\)"
    ),
    "no answer": (from_answers, [{"id": "a", "said": "positive"}], "give each line an 'answer'"),
    "a number as an answer": (from_answers, [{"id": "a", "answer": 5}], "line 1 has a number as"),
    "answers of no label": (
        from_answers, [{"id": "a", "answer": "yes"}], r"no answer is a label's word \('yes' 1"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_wrong_input_is_one_line(tmp_path, what):
    convert, rows, message = WRONG[what]
    with pytest.raises(InputError, match=message) as error:
        convert(lines(tmp_path, *rows), WORDS, 3)
    assert "\n" not in str(error.value) and "llm.jsonl" in str(error.value)


def test_no_jsonl_and_no_json(tmp_path):
    for line in ("positive\n", '{"a": ' + "[" * 100_000):
        (tmp_path / "llm.jsonl").write_text(line)
        with pytest.raises(InputError, match="line 1 is not one JSON object"):
            from_logprobs(tmp_path / "llm.jsonl", WORDS, 3)
    with pytest.raises(InputError, match="not a .jsonl file"):
        from_answers(tmp_path / "llm.csv", WORDS, 3)


@pytest.mark.parametrize(
    "given, message",
    [
        (["positive"], "write LABEL=WORD"),
        (["good=yes"], "is none of negative, neutral, positive"),
        (["positive=yes", "negative=Yes!"], "would be 'negative' and 'positive'"),
        (["positive=,"], "has no letter"),
    ],
)
def test_words_that_cannot_be(given, message):
    with pytest.raises(InputError, match=message):
        label_words(LABELS, given)


def test_words_given_one_by_one_are_all_words():
    known = {"negative": 0, "neutral": 1, "yes": 2, "y": 2}
    assert label_words(LABELS, ["positive=yes,y"]) == known
    options = ["--words", "positive=yes", "--words", "positive=y", "--labels", *LABELS]
    args = _parser().parse_args(["labels-from", "answers", "a.jsonl", *options, "--output", "b"])
    assert label_words(args.labels, args.words) == known


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["mtkd", *map(str, arguments)])
    mtkd()


def test_from_the_texts_of_a_task_to_a_teachers_file(tmp_path, monkeypatch, capsys):
    table = pd.DataFrame({"text": [f"words {row}" for row in range(40)], "label": [0, 1] * 20})
    table.to_csv(tmp_path / "t.csv", index=False)
    task = {"text": ["text"], "labels": ["no", "yes"], "selection": {"fraction": 0.25}}
    tables = read_tables(task, {"train": tmp_path / "t.csv", "report": tmp_path / "t.csv"})
    write_task(tmp_path / "ask", task, prepare_task({**task, "max_overlap": 1}, tables))
    with pytest.raises(InputError, match="no prepared task is here; make it first"):
        call(monkeypatch, "texts", tmp_path / "none", "--output", tmp_path / "x.jsonl")
    call(monkeypatch, "texts", tmp_path / "ask", "--output", tmp_path / "texts.jsonl")
    asked = [json.loads(line) for line in (tmp_path / "texts.jsonl").read_text().splitlines()]
    assert len(asked) == 80 and set(asked[0]) == {"id", "split", "text"}
    assert list(dict.fromkeys(one["split"] for one in asked)) == ["train", "selection", "report"]
    told = [{"id": one["id"], "answer": "Yes"} for one in asked[1:]] + [{"id": "x", "answer": "no"}]
    path = lines(tmp_path, *told)
    where = {"--task": tmp_path / "ask", "--output": tmp_path / "llm.csv"}
    call(monkeypatch, "labels-from", "answers", path, *(x for pair in where.items() for x in pair))
    out = capsys.readouterr().out
    assert "79 of the 80 rows of task ask have an answer" in out
    assert f"without one: {asked[0]['id']!r}" in out and "of no row of it: 1, 'x'" in out
    assert out.endswith(
        f"  model: {{probabilities: {{file: {tmp_path}/llm.csv, counts: true, missing: skip}}}}\n"
    )
    source = Probabilities(counts=True)
    found = read_answers(tmp_path / "llm.csv", source, "probabilities", task["labels"],
                         task["labels"])  # fmt: skip
    assert len(found.row_of) == 80 and found.numbers[0].tolist() == [0, 1]
    strange = lines(tmp_path, {"id": "x", "answer": "no"})
    with pytest.raises(InputError, match="none of the ids is one of task ask: 'x' in the answers"):
        call(monkeypatch, "labels-from", "answers", strange, *(x for p in where.items() for x in p))


def test_an_output_does_not_take_the_place_of_what_it_is_made_from(tmp_path, monkeypatch):
    path = lines(tmp_path, {"id": "a", "answer": "no"})
    (tmp_path / "here").mkdir()
    (tmp_path / "link.jsonl").symlink_to(path)
    task = tmp_path / "ask"
    task.mkdir()
    for name in ("task.json", "train.jsonl"):
        (task / name).write_text("{}")
    before = path.read_text()
    for output in (path, tmp_path / "here/../llm.jsonl", tmp_path / "link.jsonl"):
        with pytest.raises(InputError, match="this is what it is made from; give another name"):
            call(monkeypatch, "labels-from", "answers", path, "--labels", "no", "yes", "--output",
                 output)  # fmt: skip
    with pytest.raises(InputError, match="this is what it is made from; give another name"):
        call(monkeypatch, "labels-from", "answers", path, "--task", task, "--output",
             task / "train.jsonl")  # fmt: skip
    for name in ("task.json", "train.jsonl"):
        with pytest.raises(InputError, match="this is what it is made from; give another name"):
            call(monkeypatch, "texts", task, "--output", task / name)
        assert (task / name).read_text() == "{}"
    assert path.read_text() == before
    call(monkeypatch, "labels-from", "answers", path, "--labels", "no", "yes", "--output",
         tmp_path / "new.jsonl")  # fmt: skip
    assert (tmp_path / "new.jsonl").exists()
