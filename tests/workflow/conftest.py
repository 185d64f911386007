"""A tiny study that is run for real once, and cheap copies of the finished folder."""

import os
from pathlib import Path

import pytest
from tiny_study import copy_folder, copy_project, made_once, snakemake, write_tiny_suite


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory):
    """The finished folder, shared by all tests and by parallel workers: read it, or copy it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def run(folder: Path) -> None:
        folder.mkdir()
        write_tiny_suite(copy_project(folder))
        result = snakemake(folder)
        (folder / "output.txt").write_text(result.stdout)
        assert result.returncode == 0, result.stdout

    return made_once(shared / "finished_study", run)


@pytest.fixture
def study(finished_study, tmp_path):
    """A test's own copy of the finished folder, with its time stamps and Snakemake's records."""
    return copy_folder(finished_study, tmp_path / "study")


@pytest.fixture
def project(tmp_path):
    """A copy of the project in which nothing has run."""
    return copy_project(tmp_path)
