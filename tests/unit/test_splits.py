"""Splits that can carry a study: carving, texts that two splits share, and every row of both."""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtkd.errors import InputError
from mtkd.tasks.prepare import account_lines, prepare_task, read_tables, write_task
from mtkd.tasks.splits import carve, check_share, text_keys

TASK = {"text": ["text"], "labels": ["bad", "good"], "selection": {"fraction": 0.25}}


def carved(labels, groups, fraction):
    """Rows of selection by label, and of train."""
    labels = np.array(labels)
    selected = carve(labels, groups, fraction)
    return Counter(labels[selected].tolist()), Counter(labels[~selected].tolist())


def test_the_only_row_of_a_label_stays_in_train():
    selection, train = carved([0, 2] * 20 + [1], range(41), 0.3)
    assert selection == {0: 6, 2: 6} and train[1] == 1


def test_equal_texts_are_a_group_that_empties_nothing():
    selection, train = carved([0] * 20 + [1] * 3, [*range(20), *["same"] * 3], 0.3)
    assert not selection[1] and train[1] == 3


def test_a_group_with_the_last_rows_of_another_label_stays_in_train():
    # Drawn with the first label, it would take all of the second along.
    groups = ["mixed", "mixed", *range(10)]
    for _ in range(2):
        selection, train = carved([0, 1, *[0] * 10], groups, 0.5)
        assert selection == {0: 6} and train[1] == 1


def test_a_group_of_most_rows_stays_in_train():
    labels = [row % 2 for row in range(100)]
    selected = carve(np.array(labels), ["acme"] * 90 + list(range(10)), 0.1)
    assert np.flatnonzero(selected).tolist() == list(range(90, 100))


def test_one_label_does_not_fill_the_share_of_another():
    groups = ["same" if row % 2 else row for row in range(40)]
    selection, train = carved([row % 2 for row in range(40)], groups, 0.25)
    assert selection == {0: 5} and train == {0: 15, 1: 20}


@pytest.mark.parametrize(
    ("sizes", "fraction", "rows"),
    [
        ([60, 40], 0.3, 40),
        ([50, 49, 1], 0.3, 50),
        ([50, 30, 20], 0.1, 20),
        ([90, 5, 5], 0.1, 10),
        ([97, 1, 1, 1], 0.1, 3),
        ([30, 30, 30, 10], 0.25, 30),
        ([100], 0.1, 0),
    ],
)
def test_larger_groups_are_taken_only_where_nothing_else_comes_near(sizes, fraction, rows):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    assert carve(np.zeros(len(groups), dtype=int), groups, fraction).sum() == rows


def test_a_tiny_task_still_gets_every_label():
    selection, train = carved([0, 1, 2] * 4, range(12), 0.1)
    assert selection == {0: 1, 1: 1, 2: 1} and train == {0: 3, 1: 3, 2: 3}


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=60),
    st.sampled_from([0.01, 0.1, 0.3, 0.5]),
)
def test_carving_keeps_groups_whole_and_every_label_in_train(rows, fraction):
    labels, groups = map(np.array, zip(*rows, strict=True))
    selected = carve(labels, groups, fraction)
    assert not set(groups[selected]) & set(groups[~selected])
    assert set(labels[~selected]) == set(labels)
    assert (carve(labels, groups, fraction) == selected).all()


def test_a_share_far_from_the_wanted_one_is_said_or_refused():
    assert check_share(15, 100, 0.1, 2) is None
    assert "16 of 100 rows, a share of 0.16 where 0.1 was wanted" in check_share(16, 100, 0.1, 2)
    assert "a share of 0.06" in check_share(6, 100, 0.1, 2)
    for rows in (31, 3, 0):
        with pytest.raises(InputError, match="group by a column with smaller groups"):
            check_share(rows, 100, 0.1, 2)
    # A row for each of three labels, where a twentieth of twelve rows was wanted.
    assert "0.25 where 0.05" in check_share(3, 12, 0.05, 3)


def test_texts_are_the_same_whatever_their_case_spaces_and_punctuation():
    same = ["A  good film!", "a good film", "\uff21 good\u00a0film\u2026", "a good\u200b film."]
    other = ["a goods film", "a good film 2", "?!", "?", "\u0915\u093f", "\u0915\u0940", "😀", "😡"]
    keys = text_keys(pd.DataFrame({"text_a": [*same, *other]}))
    assert len(set(keys[: len(same)])) == 1
    assert len(set(keys)) == 1 + len(other)
    pairs = text_keys(pd.DataFrame({"text_a": ["a b", "a"], "text_b": ["c", "b c"]}))
    assert pairs[0] != pairs[1]


def texts(n, prefix, **columns):
    labels = ["bad" if row % 2 else "good" for row in range(n)]
    rows = {"text": [f"{prefix} {row}" for row in range(n)], "label": labels}
    return pd.DataFrame(rows).assign(**columns)


def prepare(folder, task=None, suffix=".csv", **frames):
    """A task prepared from files; ``frames`` are tables by split."""
    frames = {"train": texts(40, "train"), "report": texts(20, "report"), **frames}
    paths = {split: folder / f"{split}{suffix}" for split in frames}
    for split, frame in frames.items():
        match suffix:
            case ".csv":
                frame.to_csv(paths[split], index=False)
            case ".parquet":
                frame.to_parquet(paths[split], index=False)
            case ".jsonl":
                frame.to_json(paths[split], orient="records", lines=True)
    task = {**TASK, **(task or {})}
    return prepare_task(task, read_tables(task, paths))


def refusal(folder, task=None, **frames):
    with pytest.raises(InputError) as refused:
        prepare(folder, task, **frames)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
@pytest.mark.parametrize("blank", ["", "  ", "\u3000", "\u200b", None])
def test_one_rule_for_text_that_is_not_there(tmp_path, suffix, blank):
    train = texts(40, "train", text=[*[f"train {i}" for i in range(39)], blank])
    with pytest.raises(
        InputError, match=r"split 'train': example 'train-39' has no text in column"
    ):
        prepare(tmp_path, suffix=suffix, train=train)
    prepared = prepare(tmp_path, {"drop_blank": True}, suffix, train=train)
    assert prepared.account["tables"]["train"]["dropped"] == {"blank": 1}
    assert sum(len(prepared.splits[name]) for name in ("train", "selection")) == 39


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (range(40), "column 'text' holds a number in row 1, not text; save it as text"),
        ([["a"]] * 40, "column 'text' holds a list in row 1"),
        ([{"a": 1}] * 40, "column 'text' holds a mapping"),
        ([b"a"] * 40, "column 'text' holds bytes"),
        ([True] * 40, "column 'text' holds a boolean"),
        (pd.date_range("2020", periods=40), "column 'text' holds a datetime in row 1"),
    ],
)
def test_what_is_no_text_is_refused_by_its_type(tmp_path, column, words):
    with pytest.raises(InputError, match=words):
        prepare(tmp_path, suffix=".parquet", train=texts(40, "t", text=list(column)))


def test_ids_are_text_complete_and_unique(tmp_path):
    task = {"id": "id"}
    ids = [f"{row:03}" for row in range(40)]
    report = texts(20, "report", id=range(10**18, 10**18 + 20))
    splits = prepare(tmp_path, task, train=texts(40, "train", id=ids), report=report).splits
    assert sorted([*splits["train"]["id"], *splits["selection"]["id"]]) == ids
    assert splits["report"]["id"].iloc[-1] == "1000000000000000019"
    for bad, words in [
        ([*ids[:-1], ""], "split 'train': line 41 has no id in column 'id'"),
        ([*ids[:-1], "000"], "id '000' occurs more than once (line 2 and line 41)"),
    ]:
        assert words in refusal(tmp_path, task, train=texts(40, "t", id=bad), report=report)
    numbers = [*map(float, range(39)), None]
    with pytest.raises(InputError, match="row 40 has no id"):
        frames = {"train": texts(40, "t", id=numbers), "report": report}
        prepare(tmp_path, task, ".parquet", **frames)


def test_rows_without_a_label_are_left_out_where_the_suite_says_so(tmp_path):
    train = texts(40, "train")
    train.loc[[3, 30], "label"] = ["", "-1"]
    assert "line 5 and 1 more has no label; 'drop_unlabelled" in refusal(tmp_path, train=train)
    prepared = prepare(tmp_path, {"drop_unlabelled": True}, train=train)
    assert prepared.account["tables"]["train"] == {
        "lines": 41, "blank_lines": 0, "rows": 40, "dropped": {"unlabelled": 2},
    }  # fmt: skip
    # Rows keep their numbers.
    ids = {*prepared.splits["train"]["id"], *prepared.splits["selection"]["id"]}
    assert ids == {f"train-{row}" for row in range(40) if row not in (3, 30)}
    hidden = texts(20, "report", label=-1)
    said = refusal(tmp_path, {"drop_unlabelled": True}, report=hidden)
    assert "split 'report' is empty: there is no row, or all were left out" in said


def test_a_label_without_rows_is_refused_in_train_and_said_elsewhere(tmp_path):
    labels = {"labels": ["bad", "good", "mixed"]}
    some = texts(20, "report", label=["mixed", "bad"] * 10)
    assert "split 'train' has no row of label mixed" in refusal(tmp_path, labels, report=some)
    train = texts(41, "train", label=["mixed", *["good", "bad"] * 20])
    warnings = prepare(tmp_path, labels, train=train, report=some).account["warnings"]
    assert [w.split(",")[0].split(":")[0] for w in warnings] == [
        "split 'selection' has no row of label mixed",
        "split 'report' has no row of label good",
    ]


def test_texts_of_two_splits_are_counted_listed_and_refused(tmp_path):
    report = texts(20, "report")
    report.loc[[4, 7], "text"] = ["Train 3!", "train 8"]
    said = refusal(tmp_path, report=report)
    assert "2 of the 20 texts of split 'report' stand in 'train' or 'selection' too" in said
    assert "max_overlap allows 0.05" in said and "drop_overlap: true" in said
    prepared = prepare(tmp_path, {"max_overlap": 0.1}, report=report)
    found = prepared.overlap[["split", "id", "other_id", "dropped"]].to_numpy().tolist()
    assert sorted(found) == [
        ["report", "report-4", "train-3", False],
        ["report", "report-7", "train-8", False],
    ]
    (warning,) = prepared.account["warnings"]
    assert warning.endswith("'train' or 'selection' too; overlap.csv lists them")
    assert sum(rows["rows"] for rows in prepared.account["overlap"]) == 2


def test_overlap_is_left_out_of_train_alone(tmp_path):
    report = texts(20, "report")
    report.loc[[4, 7], "text"] = ["Train 3!", "train 8"]
    selection = texts(10, "selection")
    selection.loc[0, "text"] = "train 5"
    task = {"drop_overlap": True, "selection": None}
    frames = {"report": report, "selection": selection}
    prepared = prepare(tmp_path, task, **frames)
    assert {f"train-{row}" for row in (3, 5, 8)}.isdisjoint(prepared.splits["train"]["id"])
    assert {name: len(frame) for name, frame in prepared.splits.items()} == {
        "train": 37, "selection": 10, "report": 20,
    }  # fmt: skip
    assert prepared.account["tables"]["train"]["dropped"] == {"overlap": 3}
    assert prepared.overlap["dropped"].tolist() == [True] * 3
    assert not prepared.account["warnings"]


def test_a_group_column_that_splits_equal_texts_is_caught(tmp_path):
    train = texts(40, "train", author=[f"a{row}" for row in range(40)])
    train["text"] = [f"text {row // 4}" for row in range(40)]
    task = {"selection": {"fraction": 0.25, "group": "author"}}
    assert "texts of split 'selection' stand in 'train' too" in refusal(tmp_path, task, train=train)
    prepared = prepare(tmp_path, {**task, "drop_overlap": True}, train=train)
    texts_of = [set(prepared.splits[name]["text_a"]) for name in ("train", "selection")]
    assert not texts_of[0] & texts_of[1]
    dropped = prepared.account["tables"]["train"]["dropped"]["overlap"]
    assert dropped + sum(len(prepared.splits[n]) for n in ("train", "selection")) == 40


def test_the_report_split_is_no_selection_split(tmp_path):
    report = texts(20, "report")
    said = refusal(tmp_path, {"selection": None}, report=report, selection=report)
    assert "split 'report' stand in 'selection' too" in said and "another selection split" in said


def test_a_share_that_groups_cannot_meet_is_refused(tmp_path):
    train = texts(40, "train", author=["one"] * 20 + ["other"] * 20)
    task = {"selection": {"fraction": 0.1, "group": "author"}}
    assert "selection has 20 of 40 rows, a share of 0.5 where 0.1" in refusal(
        tmp_path, task, train=train
    )
    task = {"selection": {"fraction": 0.3, "group": "author"}}
    (warning,) = prepare(tmp_path, task, train=train).account["warnings"]
    assert "a share of 0.5 where 0.3 was wanted" in warning


def test_every_row_is_accounted_for_in_log_and_folder(tmp_path):
    train = texts(40, "train")
    train.loc[3, "label"] = ""
    train.loc[4, "text"] = " "
    train.loc[5, "text"] = "report 1"
    drops = dict.fromkeys(("drop_unlabelled", "drop_blank", "drop_overlap"), True)
    prepared = prepare(tmp_path, drops, train=train)
    dropped = prepared.account["tables"]["train"]["dropped"]
    assert dropped == {"unlabelled": 1, "blank": 1, "overlap": 1}
    kept = sum(len(prepared.splits[name]) for name in ("train", "selection"))
    assert kept + sum(dropped.values()) == prepared.account["tables"]["train"]["rows"] == 40
    write_task(tmp_path / "task", TASK, prepared)
    assert json.loads((tmp_path / "task/task.json").read_text())["account"] == prepared.account
    listed = pd.read_csv(tmp_path / "task/overlap.csv", dtype=str)
    assert listed.to_numpy().tolist() == [["report", "report-1", "train", "train-5", "True"]]
    lines = account_lines(TASK["labels"], prepared.account)
    assert lines[0] == (
        "train table: 41 lines, 40 rows read, 1 left out: unlabelled, 1 left out: blank, "
        "1 left out: overlap"
    )
    assert "report: 20 rows, bad: 10, good: 10" in lines
