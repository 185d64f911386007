"""Digests of code are remembered by its content, wherever it is, and never stand in the way."""

import shutil
from pathlib import Path

import pytest

from mtkd.study import remembered

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the code, a cache of its own, and what is computed."""
    source, scripts = tmp_path / "src/mtkd", tmp_path / "workflow/scripts"
    shutil.copytree(ROOT / "workflow/scripts", scripts)
    for name in ("study", "config"):
        shutil.copytree(ROOT / "src/mtkd" / name, source / name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(remembered, "_SOURCE", source)
    for name in ("_known", "_file"):
        monkeypatch.setattr(remembered, name, None)
    computed = []

    @remembered.remembered
    def digest(path, all_parts=True):
        computed.append((path.name, all_parts))
        return {"code": str(len(computed))}

    return source, scripts, digest, computed


def test_what_is_computed_once_is_known_to_the_next_process(project):
    source, scripts, digest, computed = project
    remembered.remember(scripts)
    first = digest(scripts / "score.py")
    assert digest(scripts / "score.py", all_parts=False) != first
    remembered.remember(scripts)
    assert digest(scripts / "score.py") == first
    # In a copy elsewhere too.
    moved = shutil.copytree(scripts, scripts.parents[1] / "elsewhere/scripts")
    remembered.remember(moved)
    assert digest(moved / "score.py") == first and len(computed) == 2
    assert digest(source / "study/code.py") != digest(scripts / "report.py")


def test_another_content_is_computed_anew(project):
    source, scripts, digest, computed = project
    for change in (source / "study/code.py", scripts / "score.py", source / "study/new.py"):
        remembered.remember(scripts)
        digest(scripts / "score.py")
        change.write_text("a = 1\n")
    remembered.remember(scripts)
    digest(scripts / "score.py")
    assert len(computed) == 4


def test_a_cache_that_is_damaged_or_closed_is_no_hindrance(project, monkeypatch, tmp_path):
    _, scripts, digest, computed = project
    remembered.remember(scripts)
    digest(scripts / "score.py")
    remembered._file.write_text("{")
    remembered.remember(scripts)
    assert digest(scripts / "score.py")["code"] == "2"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    remembered.remember(scripts)
    assert digest(scripts / "score.py")["code"] == "3"
    assert digest(scripts / "score.py")["code"] == "3"


def test_old_contents_are_forgotten(project, monkeypatch):
    source, scripts, digest, _ = project
    monkeypatch.setattr(remembered, "MOST", 2)
    for number in range(4):
        (source / "study/new.py").write_text(f"a = {number}\n")
        remembered.remember(scripts)
        digest(scripts / "score.py")
    assert len(list(remembered._file.parent.iterdir())) == 2 and remembered._file.is_file()


def test_nothing_is_remembered_unless_it_is_asked_for(project):
    _, scripts, digest, computed = project
    assert [digest(scripts / "score.py")["code"] for _ in range(2)] == ["1", "2"]
