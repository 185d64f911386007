"""From raw tables to splits, token arrays and batches."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from mtkd.errors import InputError
from mtkd.models.tokenizers import train_tokenizer
from mtkd.tasks.batches import DeviceTokens, evaluation_batches, training_batches
from mtkd.tasks.corpus import (
    Split,
    read_human,
    read_info,
    read_labels,
    read_report_labels,
    read_split,
)
from mtkd.tasks.encoding import encode, encode_cached
from mtkd.tasks.prepare import prepare_task, used_columns, write_task
from mtkd.tasks.tables import from_arrow

TASK = {
    "splits": {"train": "a.csv", "report": "b.csv"},
    "text": ["text"],
    "id": "id",
    "labels": ["no", "yes"],
    "selection": {"fraction": 0.25},
}


def table(n, prefix="t", **columns):
    frame = pd.DataFrame(
        {
            "id": [f"{prefix}{i}" for i in range(n)],
            "text": [f"word {prefix} {i}" for i in range(n)],
            "label": ["yes" if i % 3 else "no" for i in range(n)],
        }
    )
    return frame.assign(**columns)


def prepare_frames(task, frames):
    """A task prepared from data frames, as if they were parquet files."""
    tables = {
        split: from_arrow(pa.Table.from_pandas(frame), used_columns(task, split))
        for split, frame in frames.items()
    }
    return prepare_task(task, tables)


def prepare(train=None, report=None, **changes):
    frames = {
        "train": table(60) if train is None else train,
        "report": table(9, "r") if report is None else report,
    }
    return prepare_frames({**TASK, **changes}, frames).splits


def test_selection_is_carved_stratified_and_disjoint():
    splits = prepare()
    assert {name: len(frame) for name, frame in splits.items()} == {
        "train": 45,
        "report": 9,
        "selection": 15,
    }
    assert not set(splits["train"]["id"]) & set(splits["selection"]["id"])
    assert splits["selection"]["label"].mean() == pytest.approx(2 / 3)
    again = prepare()
    assert again["selection"].equals(splits["selection"])


def test_groups_and_equal_texts_stay_on_one_side():
    train = table(60, review=[f"r{i // 5}" for i in range(60)])
    splits = prepare(train, selection={"fraction": 0.25, "group": "review"})
    reviews = dict(zip(train["id"], train["review"], strict=True))
    sides = [{reviews[i] for i in splits[name]["id"]} for name in ("train", "selection")]
    assert sides[1] and not sides[0] & sides[1]

    twins = table(60, text=[f"text {i // 2}{'!' * (i % 2)}" for i in range(60)])
    splits = prepare(twins)
    words = [{text.strip("!") for text in splits[name]["text_a"]} for name in splits]
    assert words[1] and not words[0] & words[1]


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (table(0), "split 'train' is empty"),
        (table(8, label="maybe"), "label 'maybe' is not in the task's labels no, yes"),
        (table(8, label=7), "label 7 is not in"),
        (table(8, label=-1), "label -1 is not in"),
        (table(8, label=[None] + ["no"] * 7), "split 'train': row 1 has no label"),
        (table(8, id="same"), "id 'same' occurs more than once"),
        (table(8, text=[None] + ["x"] * 7), "example 't0' has no text"),
    ],
)
def test_bad_input_is_refused_by_name(train, words):
    with pytest.raises(InputError, match=words):
        prepare(train)


def test_a_missing_group_is_refused():
    train = table(60, review=[None] + ["r"] * 59)
    with pytest.raises(InputError, match="example 't0' has no 'review' to group by"):
        prepare(train, selection={"fraction": 0.25, "group": "review"})


def test_integer_labels_are_indices_and_ids_may_be_made():
    train = table(20, label=[i % 2 for i in range(20)]).drop(columns="id")
    task = {key: value for key, value in TASK.items() if key != "id"}
    splits = prepare_frames(task, {"train": train, "report": table(5, "r")}).splits
    assert splits["report"]["id"].tolist() == [f"report-{i}" for i in range(5)]
    everything = pd.concat([splits["train"], splits["selection"]])
    assert sorted(everything["label"].tolist()) == [0] * 10 + [1] * 10


def test_report_labels_lie_apart(tmp_path):
    task = {**TASK, "splits": {"train": "a", "report_m": "b", "report_mm": "c"}}
    tables = {"train": table(60), "report_m": table(9, "m"), "report_mm": table(6, "mm")}
    prepared = prepare_frames(task, tables)
    write_task(tmp_path, task, prepared)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "overlap.csv",
        "report.parquet",
        "report_labels.parquet",
        "selection.parquet",
        "task.json",
        "train.parquet",
    ]
    assert "label" not in pd.read_parquet(tmp_path / "report.parquet").columns
    assert read_split(tmp_path, "report_mm").labels is None
    assert read_split(tmp_path, "report_mm").ids.tolist() == tables["report_mm"]["id"].tolist()
    ids, labels = read_report_labels(tmp_path / "report_labels.parquet")["report_m"]
    assert ids.tolist() == tables["report_m"]["id"].tolist()
    assert labels.tolist() == [0, 1, 1] * 3
    assert len(read_labels(tmp_path / "selection.parquet")[0]) == 15
    info = read_info(tmp_path)
    assert info.labels == ["no", "yes"]
    assert info.rows == {"train": 45, "selection": 15, "report_m": 9, "report_mm": 6}
    prepared.splits["report_m"].loc[0, "text_a"] = "changed"
    write_task(tmp_path, task, prepared)
    assert read_info(tmp_path).digest != info.digest


HUMAN = {"human": ["said_no", "said_yes"]}


def rated(n, prefix="t", yes=0.8):
    """A table with raters' shares in its first columns, the other label's first."""
    return table(n, prefix).assign(said_yes=yes, said_no=1 - yes)


def test_raters_shares_follow_their_example_to_every_split(tmp_path):
    task = {**TASK, **HUMAN, "splits": {"train": "a", "report_m": "b", "report_mm": "c"}}
    shares = np.linspace(0, 1, 60)
    frames = {
        "train": rated(60, yes=shares), "report_m": rated(9, "m"),
        "report_mm": rated(6, "mm", 0.3334),
    }  # fmt: skip
    write_task(tmp_path, task, prepare_frames(task, frames))
    for split in ("train", "selection"):
        ids, _ = read_labels(tmp_path / f"{split}.parquet")
        yes = [shares[int(i.removeprefix("t"))] for i in ids]
        found = read_human(tmp_path / f"{split}.parquet", split)
        np.testing.assert_allclose(found, np.stack([1 - np.array(yes), yes], axis=1))
    labels = tmp_path / "report_labels.parquet"
    assert read_human(labels, "report_mm").tolist() == [pytest.approx([0.6666, 0.3334])] * 6
    assert read_human(labels, "report_m").shape == (9, 2)
    assert not [c for c in pd.read_parquet(tmp_path / "report.parquet") if c.startswith("human")]
    digest = read_info(tmp_path).digest
    frames["report_m"] = rated(9, "m", 0.7)
    write_task(tmp_path, task, prepare_frames(task, frames))
    assert read_info(tmp_path).digest != digest


def test_eleven_labels_keep_their_order_of_shares(tmp_path):
    names = [f"l{i}" for i in range(11)]
    shares = np.arange(1, 12) / 66
    columns = dict(zip(names, shares, strict=True))
    train, report = (
        table(n, prefix, label=[names[i % 11] for i in range(n)], **columns)
        for n, prefix in ((110, "t"), (11, "r"))
    )
    task = {**TASK, "labels": names, "human": names}
    write_task(tmp_path, task, prepare_frames(task, {"train": train, "report": report}))
    found = read_human(tmp_path / "report_labels.parquet", "report")
    np.testing.assert_allclose(found, np.tile(shares, (11, 1)))


def test_shares_are_scaled_to_a_sum_of_one():
    train = rated(60).assign(said_yes=0.333, said_no=0.6666)
    frame = prepare(train, rated(9, "r"), **HUMAN)["train"]
    np.testing.assert_allclose(frame[["human_0", "human_1"]].sum(axis=1), 1, rtol=1e-15)
    assert frame["human_1"].iloc[0] == pytest.approx(0.333 / 0.9996)


def test_without_raters_there_are_none(tmp_path):
    write_task(tmp_path, TASK, prepare_frames(TASK, {"train": table(60), "report": table(9, "r")}))
    assert read_human(tmp_path / "train.parquet", "train") is None
    assert read_human(tmp_path / "report_labels.parquet", "report") is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"said_no": 0.3},
            r"split 'train': row 1 has \[0.3, 0.8\] in its columns said_no, said_yes",
        ),
        ({"said_no": [0.2, -0.2] + [0.2] * 58, "said_yes": [0.8, 1.2] + [0.8] * 58}, "row 2 has"),
        ({"said_no": [0.2] * 59 + [None]}, "row 60 has .*at least 0 and sum to 1"),
        ({"said_no": "few"}, "row 1 has .*sum to 1"),
        ({"said_no": 0.0, "said_yes": 0.0}, "row 1 has .*sum to 1"),
    ],
)
def test_shares_that_are_no_shares_are_refused_by_row(changes, words):
    with pytest.raises(InputError, match=words) as refused:
        prepare(rated(60).assign(**changes), rated(9, "r"), **HUMAN)
    assert "\n" not in str(refused.value) and "np." not in str(refused.value)


def split_of(texts, pairs=None):
    ids = np.array([str(i) for i in range(len(texts))])
    return Split(ids, texts, pairs, np.zeros(len(texts), dtype=np.int64))


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer("word", ["a b c d e f g"] * 3, 100, 8)


def test_encoding_equals_the_tokenizer_one_by_one(tokenizer):
    texts, pairs = ["a b", "c", "a b c d e f g a b"], ["d", "e f", "g"]
    for split in (split_of(texts), split_of(texts, pairs)):
        encoded = encode(tokenizer, split, 8)
        for row, text in enumerate(texts):
            pair = split.text_b[row] if split.text_b else None
            expected = tokenizer(
                text, pair, truncation=True, max_length=8, return_token_type_ids=True
            )
            span = slice(encoded.offsets[row], encoded.offsets[row + 1])
            assert encoded.tokens[span].tolist() == expected["input_ids"]
            assert encoded.segments[span].tolist() == expected["token_type_ids"]


def test_encoding_is_made_once_and_never_stale(tokenizer, tmp_path):
    split = split_of(["a b", "c"])
    first = encode_cached(tokenizer, split, 8, tmp_path, "d1")
    folder = next(tmp_path.iterdir())
    stamp = folder.stat().st_mtime_ns
    again = encode_cached(tokenizer, split, 8, tmp_path, "d1")
    assert isinstance(again.tokens, np.memmap)
    assert [array.tobytes() for array in again] == [array.tobytes() for array in first]
    assert [p.stat().st_mtime_ns for p in tmp_path.iterdir()] == [stamp]
    encode_cached(tokenizer, split, 4, tmp_path, "d1")
    encode_cached(tokenizer, split, 8, tmp_path, "d2")
    other = train_tokenizer("word", ["a b c d"] * 3, 100, 8)
    encode_cached(other, split, 8, tmp_path, "d1")
    assert len(list(tmp_path.iterdir())) == 4


def cut_off(file):
    os.truncate(file, 150)


def flip_a_bit(file):
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [cut_off, flip_a_bit, Path.unlink, lambda f: f.write_bytes(b"")])
@pytest.mark.parametrize("name", ["tokens.npy", "offsets.npy", "sha256.json"])
def test_damaged_arrays_are_encoded_again(tokenizer, tmp_path, capsys, damage, name):
    split = split_of(["a b c d a b c d", "c"])
    before = [a.tobytes() for a in encode_cached(tokenizer, split, 64, tmp_path, "d1")]
    (folder,) = tmp_path.iterdir()
    damage(folder / name)
    for said in (f"{folder}: damaged, removed; the split is encoded again\n", ""):
        arrays = encode_cached(tokenizer, split, 64, tmp_path, "d1")
        assert [array.tobytes() for array in arrays] == before
        assert capsys.readouterr().err == said
        assert list(tmp_path.iterdir()) == [folder]


def test_a_warm_cache_leaves_the_tokenizer_as_a_cold_one_does(tmp_path):
    states = []
    for _ in range(2):
        fresh = train_tokenizer("word", ["a b c d e f g"] * 3, 100, 8)
        encode_cached(fresh, split_of(["a b", "c"]), 8, tmp_path, "d1")
        states.append(fresh.backend_tokenizer.to_str())
    assert states[0] == states[1]
    assert len(list(tmp_path.iterdir())) == 1


def test_batches_hold_every_row_once_in_an_order_of_seed_and_epoch():
    lengths = np.random.default_rng(0).integers(3, 40, 1000)
    batches = training_batches(lengths, 16, seed=1, epoch=2)
    assert sorted(np.concatenate(batches).tolist()) == list(range(1000))
    assert max(map(len, batches)) == 16
    again = training_batches(lengths, 16, seed=1, epoch=2)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))
    for other in (training_batches(lengths, 16, 2, 2), training_batches(lengths, 16, 1, 3)):
        assert not np.array_equal(np.concatenate(batches), np.concatenate(other))
    padded = sum(len(rows) * lengths[rows].max() for rows in batches)
    assert padded < 1.1 * lengths.sum()
    covered = np.concatenate(evaluation_batches(lengths, 64))
    assert sorted(covered.tolist()) == list(range(1000))


def test_padded_batches_hold_the_tokens_and_nothing_else(tokenizer):
    split = split_of(["a b c", "d", "e f"], ["g", "a b", "c"])
    encoded = encode(tokenizer, split, 8)
    tokens = DeviceTokens(encoded, tokenizer.pad_token_id, torch.device("cpu"))
    rows = np.array([2, 0])
    batch = tokens.batch(torch.from_numpy(rows), int(encoded.lengths[rows].max()))
    for place, row in enumerate(rows):
        length = encoded.lengths[row]
        span = slice(encoded.offsets[row], encoded.offsets[row + 1])
        assert batch["input_ids"][place, :length].tolist() == encoded.tokens[span].tolist()
        assert batch["token_type_ids"][place, :length].tolist() == encoded.segments[span].tolist()
        assert (batch["input_ids"][place, length:] == tokenizer.pad_token_id).all()
        assert batch["attention_mask"][place].sum() == length
    tokens.padding_side = "left"
    left = tokens.batch(torch.from_numpy(rows), int(encoded.lengths[rows].max()))
    for name, values in left.items():
        for place, row in enumerate(rows):
            length = int(encoded.lengths[row])
            padding = len(values[place]) - length
            assert torch.equal(values[place, padding:], batch[name][place, :length])
            assert torch.equal(values[place, :padding], batch[name][place, length:])
