"""What a run begins with: suite and code, which its jobs go by, and an executor for them."""

import os
import subprocess
import time

import pytest
from tiny_study import change_suite, command, snakemake, write_tiny_suite

REFERENCE = "results/tiny/references/reviews/tfidf/eval.json"
SCORE = "workflow/scripts/score.py"
RATE = "students.distilbert.training.learning_rate"


@pytest.fixture
def edited(project):
    """A project in which scoring was edited while a run was at work; the run's record, kept."""
    write_tiny_suite(project)
    with open(project / "output.txt", "w") as output:
        run = subprocess.Popen(
            command(REFERENCE, cores=1), cwd=project, stdout=output, stderr=subprocess.STDOUT
        )
    runs = project / "results/tiny/state/runs"
    end = time.monotonic() + 600
    while not (records := list(runs.glob("*.json"))):
        said = (project / "output.txt").read_text()
        assert run.poll() is None and time.monotonic() < end, said
        time.sleep(0.01)
    os.link(records[0], project / "record.json")
    with open(project / SCORE, "a") as file:
        file.write("ADDED = 1\n")
    assert run.wait() == 1
    assert list(runs.iterdir()) == []
    return project


def test_a_job_stops_whose_code_was_edited_under_its_run(edited, monkeypatch):
    output = (edited / "output.txt").read_text()
    assert output.count(f"error: code has changed since this run began ({SCORE}), and ") == 1
    assert "Traceback" not in output
    assert "2 of 3 steps" in output
    # The next run begins with the code that is there.
    result = snakemake(edited, REFERENCE)
    assert result.returncode == 0, result.stdout

    # A job of the first run on a cluster's node, which builds the graph anew.
    monkeypatch.setenv("MTKD_RUN", str(edited / "record.json"))
    job = ["--mode", "remote", "--dry-run", REFERENCE]
    change_suite(edited, "teachers.cnn.resources", {"mem_mb": 9000})
    assert snakemake(edited, *job).returncode == 0
    change_suite(edited, RATE, 0.1)
    result = snakemake(edited, *job)
    assert result.returncode == 1
    assert f"error: the suite has changed since this run began ({RATE})" in result.stdout
    assert "Traceback" not in result.stdout
    # Whoever begins a run there is no job of another.
    assert snakemake(edited, REFERENCE, "--dry-run").returncode == 0


def test_an_executor_whose_jobs_see_no_files_is_refused(project):
    write_tiny_suite(project)
    shared = ["--shared-fs-usage", "input-output", "sources"]
    call = [REFERENCE, "--executor", "slurm", "--jobs", "1", *shared]
    result = snakemake(project, *call)
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1].startswith("error: this executor, or --shared-fs-usage,")
    assert "Kubernetes and cloud batch services are not supported" in result.stdout
    assert "Traceback" not in result.stdout
    # What could not be run can be looked at.
    assert snakemake(project, *call, "--dry-run").returncode == 0
