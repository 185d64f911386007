"""A suite that is edited while jobs of a run wait in SLURM's queue."""

import subprocess
import time

import warm
from conftest import PATIENCE, TEACHER, slurm_command, submit
from tiny_study import change_suite

RATE = "teachers.bert.training.learning_rate"


def test_queued_jobs_stop_in_one_line_and_the_next_run_has_the_new_suite(project):
    target = f"{TEACHER}/metrics.json"
    with open(project / "main.log", "w") as log:
        run = subprocess.Popen(
            slurm_command(target, "--restart-times", "0", python=warm.python()),
            cwd=project,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    end = time.monotonic() + PATIENCE
    while not list((project / "results/tiny/state/runs").glob("*.json")):
        assert run.poll() is None and time.monotonic() < end, (project / "main.log").read_text()
        time.sleep(0.05)
    change_suite(project, RATE, 0.001)
    assert run.wait(timeout=600) != 0
    # In the logs of the jobs that never began.
    logs = "".join(path.read_text() for path in (project / "logs/slurm").rglob("*.log"))
    assert f"error: the suite has changed since this run began ({RATE}), and this job" in logs
    assert not (project / target).exists()

    result = submit(project, target)
    assert result.returncode == 0, result.stdout
