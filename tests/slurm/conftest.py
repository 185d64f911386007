"""The test cluster, one for all workers, and a tiny study set up to run on it.

Faults share the cluster and run at once: each has a folder of its own, whose jobs alone it looks at
and ends, and where it disturbs nodes, a partition of its own.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cluster as slurm
import pytest
import warm
from tiny_study import (
    change_suite,
    copy_folder,
    copy_project,
    made_once,
    snakemake,
    write_tiny_suite,
)

CLUSTER = pytest.StashKey[Path]()
# Where the running cluster's state lies, for all workers of a session.
VARIABLE = "MTKD_TEST_CLUSTER"
# As a user fills them in: the commented lines that name the site.
SITE_VALUES = [
    (r"# (default-resources:)", r"\1"),
    (r"#   slurm_account: name", "  slurm_account: study"),
    (r"#   slurm_partition: cpu", "  slurm_partition: cpu"),
    (r"# (set-resources:)", r"\1"),
    (r"#   (train_teacher|teacher_logits|train_students|train_undistilled): ", r"  \1: "),
]
# Seconds in which a job starts, however busy the other tests keep the machine.
PATIENCE = 300
TASK = "results/tiny/tasks/reviews/task.json"
TEACHER = "results/tiny/teachers/reviews/bert/seed1"
# A long training is one of many steps with a pause after each: it lasts so many seconds and more,
# whatever machine this is, and leaves its processors to the other tests. Seconds that are long
# enough to be disturbed; to be stopped by a time limit, for which SLURM looks every half minute;
# and for SLURM to miss a node and another one to take over.
LONG, LONGER, LONGEST = 15, 100, 160
PAUSE = 0.1
STEPS_AN_EPOCH = 18
# Tests that take minutes, by words of their names, the longest first.
LASTING = ("takes_longer", "orphan", "time_limit", "main_process", "a_study")


def pytest_configure(config):
    if hasattr(config, "workerinput"):
        return
    if slurm.refusal():
        pytest.exit(f"no test cluster: {slurm.refusal()}", returncode=2)
    folder = config.stash[CLUSTER] = Path(tempfile.mkdtemp(prefix="cluster-"))
    os.environ[VARIABLE] = str(folder)
    slurm.up(folder)


def pytest_unconfigure(config):
    if folder := config.stash.get(CLUSTER, None):
        slurm.down(folder)
        shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(items):
    # A worker is given two neighbours to begin with: one that takes minutes, and one that does not.
    lasting = [item for words in LASTING for item in items if words in item.name]
    others = [item for item in items if item not in lasting]
    pairs = [one for pair in zip(lasting, others, strict=False) for one in pair]
    items[:] = [*pairs, *lasting[len(others) :], *others[len(lasting) :]]


@pytest.fixture(scope="session")
def cluster():
    """The folder of the running cluster."""
    return Path(os.environ[VARIABLE])


@pytest.fixture
def project(tmp_path):
    """A copy of the project with the tiny suite, its GPU stages asking for a GPU."""
    return set_up(tmp_path / "project")


@pytest.fixture
def prepared(cluster, tmp_path):
    """Such a copy whose task is prepared, as it was once for all tests."""
    return copy_folder(_prepared(cluster), tmp_path / "project")


@pytest.fixture(scope="session")
def undisturbed(cluster):
    """Folder of the teacher after a training of so many seconds, without cluster or pauses."""

    def train(seconds: int) -> Path:
        def alone(folder: Path) -> None:
            copy_folder(_prepared(cluster), folder)
            make_teacher_long(folder, seconds)
            unpause(folder)
            _make(folder, f"{TEACHER}/metrics.json")

        return made_once(cluster / f"alone{seconds}", alone) / TEACHER

    return train


def _prepared(cluster: Path) -> Path:
    def prepare(folder: Path) -> None:
        _make(set_up(folder), TASK)

    return made_once(cluster / "prepared", prepare)


def _make(folder: Path, target: str) -> None:
    result = snakemake(folder, target, cores=1)
    assert result.returncode == 0, result.stdout


def set_up(folder: Path) -> Path:
    folder.mkdir()
    write_tiny_suite(copy_project(folder))
    shutil.copy(Path(__file__).parents[2] / "Makefile", folder)
    for learner in ("teachers.cnn", "teachers.bert", "students.distilbert"):
        change_suite(folder, f"{learner}.resources", {"gpu": 1, "mem_mb": 1500, "runtime": 10})
    # The nodes' GPUs are no real ones.
    change_suite(folder, "allow_cpu", True)
    for profile in ("slurm", "slurm-requeue"):
        for pattern, value in SITE_VALUES:
            change_profile(folder, profile, pattern, value)
    return folder


def change_profile(folder: Path, profile: str, pattern: str, value: str) -> None:
    """Replace what a pattern matches in a profile of the copy."""
    file = folder / "profiles" / profile / "profile.yaml"
    text, count = re.subn(pattern, value, file.read_text())
    assert count, f"{file} has no line like {pattern!r}"
    file.write_text(text)


def make_teacher_long(folder: Path, seconds: int) -> None:
    """By steps with pauses; its state is saved every two seconds."""
    epochs = round(seconds / PAUSE / STEPS_AN_EPOCH)
    change_suite(folder, "teachers.bert.training.epochs", epochs)
    change_suite(folder, "teachers.bert.training.batch_size", 4)
    change_suite(folder, "save_minutes", 0.03)
    source = folder / TRAINING
    source.write_text(unpaused().replace(STEP, f"{STEP}            time.sleep({PAUSE})\n"))


TRAINING = "src/mtkd/distillation/training.py"
STEP = "            step += 1\n"


def unpaused() -> str:
    text = (Path(__file__).parents[2] / TRAINING).read_text()
    assert text.count(STEP) == 1
    return text


def unpause(folder: Path) -> None:
    (folder / TRAINING).write_text(unpaused())


def slurm_command(
    *arguments: str, profile: str = "slurm", python: str = sys.executable
) -> list[str]:
    """Command line of a submission; the site's intervals are cut to seconds.

    Its jobs run the interpreter that it runs. A warm one starts them sooner, but out of SLURM's
    hands: for tests in which no job is stopped or measured.
    """
    return [
        *(python, "-m", "snakemake", *arguments, "--configfile", "config/tiny.yaml"),
        *("--workflow-profile", f"profiles/{profile}", "--latency-wait", "5"),
        *("--seconds-between-status-checks", "2"),
        *("--slurm-init-seconds-before-status-checks", "2"),
    ]


def submit(folder: Path, *arguments: str, profile: str = "slurm") -> subprocess.CompletedProcess:
    """A finished submission that nothing disturbs; ``stdout`` holds all output."""
    return subprocess.run(
        slurm_command(*arguments, profile=profile, python=warm.python()),
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=1200,
    )
