"""A disk that fills up, by a limit on file sizes: one clear line, nothing torn, nothing lost."""

import resource
import subprocess

import pytest
from tiny_study import command, copy_project, snakemake, write_tiny_suite

pytestmark = pytest.mark.slow
TEACHER = "results/tiny/teachers/reviews/bert/seed1"
CELL = "results/tiny/students/distilbert/reviews/bert/single/T4_a0.7/seed1"


def run_with_little_room(folder, target, size):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return subprocess.run(
        command(target, cores=1),
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=limit,
    )


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file() and "tokens" not in path.parts]


def test_a_teacher_and_then_a_cell_meet_a_full_disk(tmp_path):
    write_tiny_suite(copy_project(tmp_path))
    prepared = snakemake(tmp_path, "results/tiny/tasks/reviews/task.json")
    assert prepared.returncode == 0, prepared.stdout

    result = run_with_little_room(tmp_path, f"{TEACHER}/metrics.json", 16_000)
    assert result.returncode != 0
    log = (tmp_path / "logs/tiny/train_teacher/reviews/bert/seed1.log").read_text()
    assert "error: " in log and "File too large" in log and "run the same command" in log
    assert "Traceback" not in log
    assert not files_below(tmp_path / TEACHER)

    assert snakemake(tmp_path, f"{TEACHER}/logits/train.safetensors").returncode == 0
    result = run_with_little_room(tmp_path, f"{CELL}/predictions.safetensors", 3_000)
    assert result.returncode != 0, result.stdout
    cells = tmp_path / "results/tiny/state/cells"
    assert not list(cells.glob("[0-9a-f]*")), "a cell is kept whole or not at all"
    assert not (tmp_path / CELL / "predictions.safetensors").exists()

    done = snakemake(tmp_path, f"{CELL}/eval.json")
    assert done.returncode == 0, done.stdout
