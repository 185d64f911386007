"""Files that commands write where a user says: what cannot be is one line, and before the work."""

from __future__ import annotations

import os
import sys

import pytest

from mtkd.__main__ import _main as mtkd
from mtkd.errors import InputError
from mtkd.records.files import write_text
from mtkd.records.outputs import check_output, naming_output

READ = ["said.jsonl", "task/task.json"]
# An output, and what is said of it.
REFUSED = {
    "a folder": ("folder.jsonl", "it is a folder; name a file in it"),
    "below a file": ("file/out.jsonl", "cannot be written (Not a directory)"),
    "far below a file": ("file/a/b/out.jsonl", "cannot be written (Not a directory)"),
    "below a link to nothing": ("nothing/out.jsonl", "cannot be written"),
    "where nothing can be": ("/proc/x/out.jsonl", "cannot be written (No such file or directory)"),
    "of too long a name": (f"{'x' * 300}.jsonl", "cannot be written (File name too long)"),
    "no regular file": ("fifo.jsonl", "it is no regular file"),
    "what is read": ("task/task.json", "this is what it is made from"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("folder.jsonl", "task"):
        (tmp_path / name).mkdir()
    for name in ("file", *READ):
        (tmp_path / name).write_text(name)
    (tmp_path / "nothing").symlink_to("nowhere")
    os.mkfifo(tmp_path / "fifo.jsonl")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["mtkd", *map(str, arguments)])
    mtkd()


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("command", [["texts", "task"], ["labels-from", "answers", "said.jsonl"]])
def test_a_command_says_first_that_its_output_cannot_be(what, command, folder, monkeypatch):
    for work in ("texts.text_lines", "texts.texts", "labels_from.from_answers"):
        monkeypatch.setattr(f"mtkd.commands.{work}", lambda *_: pytest.fail("it worked"))
    output, message = REFUSED[what]
    before = sorted(folder.rglob("*"))
    options = ["--task", "task"] if command[0] == "labels-from" else []
    with pytest.raises(InputError) as error:
        call(monkeypatch, *command, *options, "--output", output)
    assert str(error.value).startswith(f"{output}: {message}") and "\n" not in str(error.value)
    assert sorted(folder.rglob("*")) == before
    assert all((folder / name).read_text() == name for name in READ)


def test_answers_never_replace_what_they_are_made_of(folder, monkeypatch):
    with pytest.raises(InputError, match="this is what it is made from"):
        call(monkeypatch, "labels-from", "answers", "said.jsonl", "--labels", "a", "b",
             "--output", folder / "folder.jsonl/../said.jsonl")  # fmt: skip
    assert (folder / "said.jsonl").read_text() == "said.jsonl"


def test_answers_that_are_not_there_are_what_is_missing(folder, monkeypatch):
    with pytest.raises(InputError, match=r"^none.jsonl"):
        call(monkeypatch, "labels-from", "answers", "none.jsonl", "--labels", "a", "b",
             "--output", "said.jsonl")  # fmt: skip


def test_new_folders_and_earlier_files_are_written(folder):
    for path in (folder / "new/folder/out.jsonl", folder / "file"):
        check_output(path, [folder / name for name in READ])
        with naming_output(path):
            write_text(path, "text")
        assert path.read_text() == "text"


def test_a_fault_that_only_writing_finds_is_one_line(folder):
    check_output(folder / "late/out.jsonl")
    (folder / "late").write_text("")
    path = folder / "late/out.jsonl"
    with pytest.raises(InputError, match="cannot be written"), naming_output(path):
        write_text(path, "text")


def test_texts_are_written_to_stdout(folder, monkeypatch, capsysbinary):
    said = ["a", "ä"]
    monkeypatch.setattr("mtkd.commands.texts.text_lines", lambda _: iter(said))
    call(monkeypatch, "texts", "task", "--output", "-")
    assert capsysbinary.readouterr().out.decode().splitlines() == said
    assert not (folder / "-").exists()
