"""Variants of a task: few labelled rows, transfer text, and what no text may be in twice."""

import json

import numpy as np
import pandas as pd
import pytest

from mtkd.errors import InputError
from mtkd.tasks.corpus import read_info, read_split, rows_digest
from mtkd.tasks.prepare import prepare_task, read_tables, write_task
from mtkd.tasks.splits import text_keys
from mtkd.tasks.variants import derive_task, draw_lines, read_texts

LABELS = ["bad", "good"]
VARIANT = {"of": "t", "labelled": 40, "draw": "1", "text": ["text"]}


def rows(name, n, words="plain"):
    """n examples, every third of them good, in groups of two."""
    return pd.DataFrame(
        {
            "id": [f"{name}{i}" for i in range(n)],
            "text": [f"{words} {name} text {i}" for i in range(n)],
            "label": ["good" if i % 3 == 0 else "bad" for i in range(n)],
            "who": [f"{name}-{i // 2}" for i in range(n)],
        }
    )


@pytest.fixture
def origin(tmp_path):
    """A task folder of 400 train rows, of which a quarter is carved, and 100 report rows."""
    task = {
        "text": ["text"],
        "id": "id",
        "labels": LABELS,
        "selection": {"fraction": 0.25, "group": "who"},
    }
    paths = {name: tmp_path / f"{name}.csv" for name in ("train", "report")}
    for name, n in (("train", 400), ("report", 100)):
        rows(name, n).to_csv(paths[name], index=False)
    write_task(tmp_path / "t", task, prepare_task(task, read_tables(task, paths)))
    return tmp_path / "t"


def derive(origin, name="v", texts=(), **keys):
    folder = origin.parent / name
    return folder, derive_task(origin, folder, {**VARIANT, **keys}, list(texts))


def test_every_row_is_labelled_or_not_and_nothing_is_lost(origin):
    folder, drawn = derive(origin, selection_rows=20, gate_rows=30, transfer=[{"rest": True}])
    train, selection = drawn.splits["train"], drawn.splits["selection"]
    labelled = train[train["label"] >= 0]
    # The labelled first, then the rest; the share of each label as in the whole.
    assert (train["label"] >= 0).to_numpy()[: len(labelled)].all()
    assert 40 <= len(labelled) <= 42 and 20 <= len(selection) <= 22
    assert 0.25 <= labelled["label"].mean() <= 0.42
    gate = drawn.splits["gate"]
    whole = {*train["id"], *selection["id"], *gate["id"]}
    assert len(train) + len(selection) + len(gate) == len(whole) == 400
    # Gold labels of transfer rows lie apart, and are those that the rows have.
    gold = drawn.transfer_labels.set_index("id")["label"]
    assert set(gold.index) == set(train["id"][train["label"] < 0])
    assert all(gold[f"train{i}"] == (i % 3 == 0) for i in range(400) if f"train{i}" in gold)
    assert not {"gate", "transfer"} & read_info(folder).rows.keys()
    assert read_info(folder).gate_rows == 30
    assert read_split(folder, "train").labels[len(labelled) :].tolist() == [-1] * len(gold)
    assert rows_digest(folder) == read_info(folder).digest
    assert f"train: {len(labelled)} rows with a label, {len(gold)} without" in draw_lines(drawn)


def test_groups_are_drawn_whole(origin):
    _, drawn = derive(origin, transfer=[{"rest": True}], selection_rows=20, gate_rows=30)
    train = drawn.splits["train"]
    parts = {
        "labelled": train[train["label"] >= 0],
        "transfer": train[train["label"] < 0],
        "selection": drawn.splits["selection"],
        "gate": drawn.splits["gate"],
    }
    groups = {name: set(frame["group"]) for name, frame in parts.items()}
    assert not groups["labelled"] & (groups["transfer"] | groups["selection"] | groups["gate"])
    assert not groups["gate"] & (groups["transfer"] | groups["selection"])


def test_what_is_drawn_depends_on_the_draw_alone(origin):
    def labelled(drawn):
        train = drawn.splits["train"]
        return set(train["id"][train["label"] >= 0])

    alone, more, other = (
        labelled(derive(origin, name, **keys)[1])
        for name, keys in {
            "a": {},
            "b": {"transfer": [{"rest": True, "rows": 50}], "gate_rows": 10, "selection_rows": 9},
            "c": {"draw": "2"},
        }.items()
    )
    assert alone == more != other
    counts = [len(derive(origin, f"r{n}", transfer=[{"rest": True, "rows": n}])[1].splits["train"])
              for n in (50, 100)]  # fmt: skip
    assert counts[1] - counts[0] == 50


def test_all_labelled_and_nothing_more_is_the_task_itself(origin):
    folder, _ = derive(origin, labelled="all")
    assert read_info(folder).digest == read_info(origin).digest == rows_digest(folder)
    # What is set apart of it changes what it is.
    gated, _ = derive(origin, "w", labelled="all", gate_rows=30)
    assert read_info(gated).digest != read_info(origin).digest


def test_a_text_that_stands_elsewhere_is_left_out_and_counted(origin, tmp_path):
    path = tmp_path / "more.csv"
    known = read_split(origin, "report").text_a[0]
    texts = [f"{known.upper()}!", "new one", "New  one.", "another", " "]
    pd.DataFrame({"n": range(5), "body": texts}).to_csv(path, index=False)
    source = {"file": str(path), "text": ["body"]}
    folder, drawn = derive(
        origin, texts=[read_texts(source, ["text"], path)], transfer=[{"rest": True}, source]
    )
    account = json.loads((folder / "task.json").read_text())["account"]["transfer"][1]
    assert account["rows"] == 2
    assert account["dropped"] == {
        "blank": 1,
        "text stands in report": 1,
        "text stands in transfer text already": 1,
    }
    train = drawn.splits["train"]
    assert train["text_a"].tolist()[-2:] == ["new one", "another"]
    assert train["id"].tolist()[-2:] == [f"{path}:1", f"{path}:3"]
    assert len(set(train["id"])) == len(train)
    # No text of train stands in what is scored.
    keys = set(text_keys(train))
    assert not keys & set(text_keys(pd.DataFrame({"text_a": read_split(folder, "report").text_a})))
    # These have no gold label.
    assert not drawn.transfer_labels["id"].str.startswith(str(path)).any()


def test_another_tasks_texts(origin, tmp_path):
    source = {"task": "other"}
    other = tmp_path / "other"
    task = {"text": ["text"], "labels": ["x", "y"]}
    tables = {name: tmp_path / f"o-{name}.csv" for name in ("train", "selection", "report")}
    for name, path in tables.items():
        rows(name, 30, "other").replace({"good": "x", "bad": "y"}).to_csv(path, index=False)
    write_task(other, task, prepare_task(task, read_tables(task, tables)))
    _, drawn = derive(origin, texts=[read_texts(source, ["text"], other)], transfer=[source])
    train = drawn.splits["train"]
    assert (train["label"] < 0).sum() == 30
    assert train["id"].iloc[-1].startswith("other:")
    with pytest.raises(InputError, match="transfer text of other: it has single texts, and the"):
        read_texts(source, ["a", "b"], other)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"labelled": 400}, "labelled: 400 rows are wanted, of 298; take fewer"),
        ({"selection_rows": 102}, "selection_rows: 102 rows are wanted, of 102; take fewer"),
        ({"gate_rows": 300}, "gate_rows: 300 rows are wanted, of 2"),
        ({"transfer": [{"rest": True, "rows": 9999}]}, "rest: 9999 rows are wanted, and there"),
    ],
)
def test_a_draw_that_cannot_be_made_is_a_line(origin, keys, message):
    with pytest.raises(InputError) as caught:
        derive(origin, **keys)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_class_without_labelled_rows_is_a_line(tmp_path):
    task = {"text": ["text"], "labels": [*LABELS, "rare"], "id": "id"}
    paths = {name: tmp_path / f"{name}.csv" for name in ("train", "selection", "report")}
    for name, path in paths.items():
        frame = rows(name, 90)
        frame.loc[1, "label"] = "rare"
        frame.to_csv(path, index=False)
    write_task(tmp_path / "t", task, prepare_task(task, read_tables(task, paths)))
    with pytest.raises(InputError, match="labelled: of 20 rows none has label rare; take more"):
        derive(tmp_path / "t", labelled=20)


def test_a_file_without_the_text_column_or_without_new_texts_is_a_line(origin, tmp_path):
    path = tmp_path / "more.csv"
    rows("x", 5).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"transfer text of more.csv: .*'body'"):
        read_texts({"file": "more.csv", "text": ["body"]}, ["text"], path)
    pd.DataFrame({"text": read_split(origin, "report").text_a}).to_csv(path, index=False)
    source = {"file": "more.csv"}
    with pytest.raises(InputError, match="more.csv: no row is left, 100: text stands in report"):
        derive(origin, texts=[read_texts(source, ["text"], path)], transfer=[source])


def test_lines_that_a_quotation_mark_swallowed_are_refused_without_labels_too(tmp_path):
    path = tmp_path / "more.csv"
    path.write_text('n,text\n1,one\n2,"two\n3,three\n4,four"\n')
    with pytest.raises(InputError, match="the quotation mark of line 3 closes on line 5"):
        read_texts({"file": "more.csv"}, ["text"], path)
    # A text of several lines is one, in a column of its own.
    path.write_text('text\n"two\nlines\nand more"\nplain\n')
    assert len(read_texts({"file": "more.csv"}, ["text"], path)[0]) == 2


def test_new_texts_are_made_of_the_labelled_rows_and_of_what_is_named_before(origin):
    how = {"augment": {"copies": 2, "mask": 0.3, "replace": 0.3, "ngram": 0.5}}
    _, few = derive(origin, "a", transfer=[how])
    _, many = derive(origin, "b", transfer=[{"rest": True, "rows": 60}, how])
    assert few.account["transfer"][0]["source"] == "augment"
    made = few.splits["train"]
    labelled = set(made["id"][made["label"] >= 0])
    new = made[made["label"] < 0]
    assert 0 < len(new) <= 2 * len(labelled)
    assert {name.rpartition("~")[0] for name in new["id"]} <= labelled
    assert len(many.splits["train"]) > len(made) + 60
    # No gold label is known of a text that nobody wrote.
    assert len(few.transfer_labels) == 0
    again = derive(origin, "c", transfer=[how])[1].splits["train"]
    pd.testing.assert_frame_equal(again, made)


def test_one_name_for_two_sources_is_a_line(origin, tmp_path):
    path = tmp_path / "more.csv"
    rows("x", 5).to_csv(path, index=False)
    source = {"file": "more.csv"}
    other = tmp_path / "other.csv"
    rows("y", 5).to_csv(other, index=False)
    texts = [read_texts(source, ["text"], one) for one in (path, other)]
    with pytest.raises(InputError, match="two sources of transfer text have the same name"):
        derive(origin, texts=texts, transfer=[source, source])


def test_drawn_rows_are_as_many_as_wanted_where_groups_are_small(origin):
    for wanted in (10, 60, 150):
        _, drawn = derive(origin, f"n{wanted}", labelled=wanted)
        n = int(np.sum(drawn.splits["train"]["label"] >= 0))
        assert wanted <= n <= wanted + 4
