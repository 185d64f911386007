"""A disk that fills up, by a limit on file sizes: one clear line, nothing torn, nothing lost."""

import os
import subprocess

import pytest
from tiny_study import command, copy_project, snakemake, write_tiny_suite

pytestmark = pytest.mark.slow
TEACHER = "results/tiny/teachers/reviews/bert/seed1"
CELL = "results/tiny/students/distilbert/reviews/bert/single/T4_a0.7/seed1"
STATE = "results/tiny/state"


def refused_for_want_of_room(folder, target, kibibytes, log):
    """Run a target whose jobs, and not Snakemake itself, are limited; the job's one error line."""
    (folder / "limit.sh").write_text(f"ulimit -f {kibibytes}\n")
    result = subprocess.run(
        command(target, cores=1),
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # What the shell of each job reads first.
        env={**os.environ, "BASH_ENV": str(folder / "limit.sh")},
    )
    assert result.returncode != 0, result.stdout
    text = (folder / "logs/tiny" / log).read_text()
    assert "Traceback" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("error: ")]
    assert "File too large" in line and "run the same command" in line
    return line


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_teacher_and_then_a_cell_meet_a_full_disk(tmp_path):
    write_tiny_suite(copy_project(tmp_path))
    prepared = snakemake(tmp_path, "results/tiny/tasks/reviews/task.json")
    assert prepared.returncode == 0, prepared.stdout

    # The first split's tokens do not fit; then those of both splits do, and the weights do not.
    teacher = (f"{TEACHER}/metrics.json", "train_teacher/reviews/bert/seed1.log")
    for kibibytes, place, kept in ((2, f"{STATE}/tokens/", 0), (16, f"{TEACHER}/model", 2)):
        line = refused_for_want_of_room(tmp_path, teacher[0], kibibytes, teacher[1])
        assert line.startswith(f"error: {place}")
        assert not files_below(tmp_path / TEACHER)
        tokens = list((tmp_path / STATE / "tokens").iterdir())
        assert len(tokens) == kept, "arrays are kept whole or not at all"

    assert snakemake(tmp_path, f"{TEACHER}/logits/train.safetensors").returncode == 0
    line = refused_for_want_of_room(
        tmp_path,
        f"{CELL}/predictions.safetensors",
        2,
        "train_students/distilbert/reviews/bert/single.log",
    )
    assert line.startswith(f"error: {STATE}/cells/.training-")
    assert not list((tmp_path / STATE / "cells").iterdir()), "a cell is kept whole or not at all"
    assert not (tmp_path / CELL / "predictions.safetensors").exists()

    done = snakemake(tmp_path, f"{CELL}/eval.json")
    assert done.returncode == 0, done.stdout
