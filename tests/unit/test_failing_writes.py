"""Every write can fail: what is read afterwards is whole, old or new, or is said not to be there.

Each record is written with its n-th file operation failing, for every n until none does: by an
I/O error, by a full disk, and by the process' end, with the loss of what was not synced.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from failing import ENDED, Ended, failing
from safetensors import SafetensorError

from mtkd.distillation.checkpoints import Checkpoint
from mtkd.errors import InputError
from mtkd.models.tokenizers import train_tokenizer
from mtkd.records.cells import PREDICTIONS, keep_cell, restore_cell
from mtkd.records.files import (
    is_whole,
    keep_folder,
    publish,
    publish_folder,
    read_json,
    write_json,
    write_text,
)
from mtkd.records.leases import Claim
from mtkd.records.logits import Logits, read_logits, write_logits
from mtkd.tasks.corpus import Split, read_info, read_labels, read_report_labels, read_split
from mtkd.tasks.encoding import encode, encode_cached
from mtkd.tasks.prepare import Prepared, write_task
from mtkd.tasks.variants import derive_task

HOW = {"an I/O error": errno.EIO, "a full disk": errno.ENOSPC, "the process ends": ENDED}
OLD, NEW = "old", "new"
WORDS = {OLD: "one two three", NEW: "four five six seven"}


class Written(NamedTuple):
    """A record: how its content ``OLD`` or ``NEW`` is written below a folder, and read back.

    ``read`` returns which of both it finds whole, or None for nothing, or raises InputError.
    """

    write: Callable[[Path, str], Any]
    read: Callable[[Path], str | None]


def text_of(path: Path) -> str | None:
    if not path.exists():
        return None
    return {words: name for name, words in WORDS.items()}[path.read_text()]


def write_twice(root, content):
    def write(temporary):
        with open(temporary, "wb") as file:
            for word in WORDS[content].encode().split(b" ", 1):
                file.write(word + b" ")

    publish(root / "file.bin", write)


def read_twice(root):
    path = root / "file.bin"
    if not path.exists():
        return None
    return {f"{words} ": name for name, words in WORDS.items()}[path.read_bytes().decode()]


def fill(content):
    def write(folder):
        (folder / "one.txt").write_text(WORDS[content])
        (folder / "below").mkdir()
        (folder / "below/two.txt").write_text(WORDS[content])

    return write


def read_folder(root):
    folder = root / "model"
    if not folder.exists():
        return None
    (content,) = {text_of(folder / name) for name in ("one.txt", "below/two.txt")}
    return content


def keep(root, content):
    keep_folder(root / "kept" / content, lambda folder: fill_flat(folder, content))


def fill_flat(folder, content):
    for name in ("one.txt", "two.txt"):
        (folder / name).write_text(WORDS[content])


def read_kept(root):
    """The newest; what is kept is named by its content."""
    for content in (NEW, OLD):
        folder = root / "kept" / content
        if folder.is_dir():
            assert is_whole(folder, ["one.txt", "two.txt"])
            assert text_of(folder / "one.txt") == text_of(folder / "two.txt") == content
            return content
    return None


CELL = ["run.json", "history.jsonl", PREDICTIONS]


def train_cell(root, content):
    """As mtkd.distillation.group does: restored where it is kept, else trained and kept."""
    state, cell = root / "state/cells", root / "cell"
    if restore_cell(state, content, cell, CELL):
        return
    trained = root / f"state/cells/.training-{content}"
    write_text(trained / "history.jsonl", WORDS[content])
    write_json(trained / "run.json", {"content": content})
    write_logits(trained / PREDICTIONS, *logits_of(content))
    keep_cell(state, content, trained, CELL)
    assert restore_cell(state, content, cell, CELL)


def read_cell(root):
    """What Snakemake waits for, and what lies beside it then."""
    cell = root / "cell"
    if not (cell / PREDICTIONS).exists():
        return None
    content = read_predictions(cell / PREDICTIONS)
    if content == NEW:
        assert read_json(cell / "run.json") == {"content": NEW}
        assert text_of(cell / "history.jsonl") == NEW
    return content


def logits_of(content):
    ids = np.array(WORDS[content].split())
    return {"train": Logits(ids, np.ones((len(ids), 2)))}, {"content": content}


def read_predictions(path):
    splits, record = read_logits(path)
    assert splits["train"].ids.tolist() == WORDS[record["content"]].split()
    return record["content"]


def checkpoint_of(root):
    claim = Claim(root / "model", root.parent / "claim", "mine")
    return Checkpoint(root / "state", root / "model", "d", 0, claim)


def save(root, content):
    tensors = {"weights": torch.arange(len(WORDS[content])).float()}
    checkpoint_of(root).save(tensors, {"step": 1, "content": content})


def load(root):
    saved = checkpoint_of(root).load()
    if saved is None:
        return None
    assert len(saved.tensors["weights"]) == len(WORDS[saved.facts["content"]])
    return saved.facts["content"]


TASK = {"labels": ["bad", "good"], "text": ["text"]}


def prepared(content):
    words = WORDS[content].split()
    frame = pd.DataFrame({"id": words, "text_a": words, "label": np.arange(len(words)) % 2})
    splits = {name: frame for name in ("train", "selection", "report")}
    return Prepared(splits, pd.DataFrame({"split": words}), {"content": content})


def prepare(root, content):
    write_task(root / "task", TASK, prepared(content))


VARIANT = {"of": "a", "labelled": "all", "draw": "1"}


def derive(root, content):
    derive_task(root.parent / content, root / "task", VARIANT, [])


def read_task(root):
    folder = root / "task"
    if not (folder / "task.json").exists():
        return None
    contents = {read_json(folder / "task.json")["account"]["content"]}
    rows = read_info(folder).rows
    by_words = {tuple(words.split()): name for name, words in WORDS.items()}
    for split in rows:
        contents.add(by_words[tuple(read_split(folder, split).ids)])
    contents.add(by_words[tuple(read_labels(folder / "train.parquet")[0])])
    contents.add(by_words[tuple(read_report_labels(folder / "report_labels.parquet")["report"][0])])
    overlap = pd.read_csv(folder / "overlap.csv")
    contents.add(by_words[tuple(overlap["split"])])
    (content,) = contents
    return content


TOKENIZER = train_tokenizer("word", list(WORDS.values()), 100, 16)


def split_of(content):
    return Split(np.arange(1), [WORDS[content]], None, None)


def tokenise(root, content):
    encode_cached(TOKENIZER, split_of(content), 16, root / "tokens", content)


def read_tokens(root):
    """What a job gets, from the arrays that are kept or anew: always whole."""
    for content in (NEW, OLD):
        found = encode_cached(TOKENIZER, split_of(content), 16, root / "tokens", content)
        for one, other in zip(found, encode(TOKENIZER, split_of(content), 16), strict=True):
            np.testing.assert_array_equal(one, other)
    return NEW


RECORDS = {
    "publish": Written(write_twice, read_twice),
    "write_text": Written(
        lambda root, content: write_text(root / "a/b/c.txt", WORDS[content]),
        lambda root: text_of(root / "a/b/c.txt"),
    ),
    "write_json": Written(
        lambda root, content: write_json(root / "a/b.json", {"content": content}),
        lambda root: read_json(root / "a/b.json")["content"],
    ),
    "publish_folder": Written(
        lambda root, content: publish_folder(root / "model", fill(content)), read_folder
    ),
    "keep_folder": Written(keep, read_kept),
    "write_logits": Written(
        lambda root, content: write_logits(root / "a/z.safetensors", *logits_of(content)),
        lambda root: read_predictions(root / "a/z.safetensors"),
    ),
    "a cell": Written(train_cell, read_cell),
    "a checkpoint": Written(save, load),
    "a task": Written(prepare, read_task),
    "a variant": Written(derive, read_task),
    "tokens": Written(tokenise, read_tokens),
}
# Of several files that are each published: how each can fail is seen above.
OF_SEVERAL = {"a cell", "a task", "a variant", "tokens"}
# Each of its many operations fails once, which takes ten seconds.
OF_MANY = {"a variant"}
DELETING = ("unlink", "rmdir")
# More than any record needs.
MOST = 200


def attempt(record, root, at, how):
    """Write with one fault; returns what failed, None where nothing was left to fail."""
    with failing(at, how) as faults:
        try:
            record.write(root, NEW)
        except Ended:
            assert how == ENDED
        except InputError as error:
            assert "\n" not in str(error)
        except (OSError, SafetensorError) as error:
            # A full disk is said in one line, whoever meets it; deleting needs no room.
            assert how != errno.ENOSPC or faults.failed in DELETING, (
                f"{faults.failed} of {faults.done}: {error!r}"
            )
    if how == ENDED:
        faults.lose_what_was_not_synced(root)
    return faults.failed


WAYS = [(how, before) for how in HOW for before in (None, OLD)]
CASES = [
    pytest.param(name, *way, marks=pytest.mark.slow if name in OF_MANY else ())
    for name in RECORDS
    for way in (WAYS[-1:] if name in OF_SEVERAL else WAYS)
]


@pytest.mark.parametrize(("name", "how", "before"), CASES)
def test_what_is_read_is_whole_whatever_fails(tmp_path, name, how, before):
    record = RECORDS[name]
    (tmp_path / "claim").write_text("mine")
    for content in WORDS:  # what a variant is of
        write_task(tmp_path / content, TASK, prepared(content))
    for at in range(MOST):
        root = tmp_path / str(at)
        root.mkdir()
        if before:
            record.write(root, before)
        failed = attempt(record, root, at, HOW[how])
        try:
            found = record.read(root)
        except InputError as error:
            assert "\n" not in str(error)
            found = None
        assert found in (None, before, NEW), f"{failed}, number {at}"
        if failed is None:
            break
        left = [path for path in root.rglob(".*.*") if not path.name.startswith(".training-")]
        # Who cannot delete, or is no more, leaves what nobody reads.
        assert how == "the process ends" or failed in DELETING or not left, failed
        record.write(root, NEW)
        assert record.read(root) == NEW, f"again after {failed}, number {at}"
    else:
        pytest.fail("no end of operations")
    assert at > 2 and found == NEW
