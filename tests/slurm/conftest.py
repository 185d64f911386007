"""The test cluster, and a tiny study set up to run on it through the shipped profiles."""

import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import cluster as slurm
import pytest
from tiny_study import change_suite, copy_project, snakemake, write_tiny_suite

# As a user fills them in: the commented lines that name the site.
SITE_VALUES = [
    (r"# slurm_account: name", "slurm_account: study"),
    (r"# slurm_partition: cpu", "slurm_partition: cpu"),
    (r"# (set-resources:)", r"\1"),
    (r"#   (train_teacher|teacher_logits|train_students|train_undistilled): ", r"  \1: "),
]
# Trainings are so many seconds long on whatever machine this is: long enough to be disturbed; and
# long enough to be stopped by SLURM's shortest limit, a minute, for which it looks every half.
LONG, LONGER = 15, 100
TEACHER = "results/tiny/teachers/reviews/bert/seed1"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """The folder of a running cluster."""
    if slurm.refusal():
        pytest.exit(f"no test cluster: {slurm.refusal()}", returncode=2)
    folder = tmp_path_factory.mktemp("cluster")
    try:
        slurm.up(folder)
        yield folder
    finally:
        slurm.down(folder)


@pytest.fixture
def project(cluster, tmp_path):
    """A copy of the project with the tiny suite, its GPU stages asking for a GPU."""
    return set_up(tmp_path / "project")


@pytest.fixture(scope="session")
def trained_alone(tmp_path_factory):
    """Folder of the teacher after so many epochs, trained on this machine without a cluster."""

    @cache
    def train(epochs: int) -> Path:
        folder = set_up(tmp_path_factory.mktemp("alone") / "project")
        make_teacher_long(folder, epochs)
        result = snakemake(folder, f"{TEACHER}/metrics.json", cores=1)
        assert result.returncode == 0, result.stdout
        return folder / TEACHER

    return train


@pytest.fixture(scope="session")
def epochs(trained_alone):
    """How many epochs of the teacher take so many seconds on this machine."""
    measured = 100
    took = json.loads((trained_alone(measured) / "metrics.json").read_text())["seconds"]
    return lambda seconds: round(measured * seconds / took)


@pytest.fixture(scope="session")
def undisturbed(trained_alone, epochs):
    """Folder of the teacher after an undisturbed training of so many seconds."""
    return lambda seconds: trained_alone(epochs(seconds))


def set_up(folder: Path) -> Path:
    folder.mkdir()
    write_tiny_suite(copy_project(folder))
    shutil.copy(Path(__file__).parents[2] / "Makefile", folder)
    for learner in ("teachers.cnn", "teachers.bert", "students.distilbert"):
        change_suite(folder, f"{learner}.resources", {"gpu": 1, "mem_mb": 1500, "runtime": 10})
    for profile in ("slurm", "slurm-requeue"):
        file = folder / "profiles" / profile / "profile.yaml"
        text = file.read_text()
        for pattern, value in SITE_VALUES:
            text, count = re.subn(pattern, value, text)
            assert count, f"{file} has no line like {pattern!r}"
        file.write_text(text)
    return folder


def make_teacher_long(folder: Path, epochs: int) -> None:
    """By epochs, not by sleeping; its state is saved every two seconds."""
    change_suite(folder, "teachers.bert.training.epochs", epochs)
    change_suite(folder, "teachers.bert.training.batch_size", 4)
    change_suite(folder, "save_minutes", 0.03)


def slurm_command(*arguments: str, profile: str = "slurm") -> list[str]:
    """Command line of a submission; the site's intervals are cut to seconds."""
    return [
        *(sys.executable, "-m", "snakemake", *arguments, "--configfile", "config/tiny.yaml"),
        *("--workflow-profile", f"profiles/{profile}", "--latency-wait", "5"),
        *("--seconds-between-status-checks", "2"),
        *("--slurm-init-seconds-before-status-checks", "2"),
    ]


def submit(folder: Path, *arguments: str, profile: str = "slurm") -> subprocess.CompletedProcess:
    """A finished submission, run in the environment of the tests; ``stdout`` holds all output."""
    return subprocess.run(
        slurm_command(*arguments, profile=profile),
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
    )
