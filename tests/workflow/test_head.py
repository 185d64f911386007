"""The process that runs the graph, beside others in its folder, and how it ends."""

import contextlib
import getpass
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import warm
from fake_slurm import FakeSlurm, start, submit
from tiny_study import ROOT, change_suite, command, copy_project, snakemake, write_tiny_suite

TASKS = [f"results/tiny/tasks/{task}/task.json" for task in ("pairs", "reviews")]
SUITE = ["--configfile", "config/tiny.yaml", "--config", "study=pairs"]
PROFILE = ["--workflow-profile", "profiles/slurm"]
PATIENCE = 120


def until(what, ready):
    end = time.monotonic() + PATIENCE
    while not (found := ready()):
        assert time.monotonic() < end, what
        time.sleep(0.1)
    return found


class Live:
    """A head whose jobs run for ever, the first of two that are ready."""

    def __init__(self, folder):
        self.folder = copy_project(folder)
        write_tiny_suite(folder)
        change_suite(folder, "studies.pairs.tasks", ["pairs", "reviews"])
        shutil.copy(ROOT / "Makefile", folder)
        self.slurm = FakeSlurm(folder / "slurm")
        # A user may have two jobs in the queue, so that this run has one.
        self.slurm.say("associations", "study|root|||2|")
        self.process = start(self.slurm, folder, *TASKS, *SUITE, *PROFILE)
        self.log = folder / "head.log"
        until("a submission", lambda: "has been submitted" in self.log.read_text())
        (record,) = folder.glob(".snakemake/heads/*.json")
        self.run = json.loads(record.read_text())["run"]
        self.slurm.say("queue", f"{self.run}|{folder}")

    def locks(self):
        return sorted(path.name for path in (self.folder / ".snakemake/locks").iterdir())

    def make(self, target):
        """What make prints, and its status."""
        done = subprocess.run(
            ["make", target, f"PYTHON={warm.python()}"],
            cwd=self.folder,
            env={**os.environ, "PATH": self.slurm.path},
            capture_output=True,
            text=True,
        )
        return done.stdout + done.stderr, done.returncode


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    head = Live(tmp_path_factory.mktemp("live"))
    yield head
    head.process.kill()
    head.process.wait()


def test_its_jobs_stay_below_the_limit_that_slurm_sets(live):
    text = live.log.read_text()
    assert "At most 1 jobs at a time: account study lets a user submit 2" in text
    tried = live.slurm.lines("tried")
    time.sleep(2)
    assert live.slurm.lines("tried") == tried != []


@pytest.mark.parametrize("target", ["recover", "cancel"])
def test_its_jobs_and_locks_are_left_alone_while_it_lives(live, target):
    locks = live.locks()
    text, status = live.make(target)
    assert status != 0
    assert f"error: Snakemake is at work in {live.folder} (pid {live.process.pid} on" in text
    assert live.locks() == locks != []
    assert not live.slurm.lines("cancelled")


def test_another_suite_runs_beside_it_and_leaves_its_jobs_and_locks_alone(live):
    text = (live.folder / "config/tiny.yaml").read_text()
    (live.folder / "config/other.yaml").write_text(text.replace("suite: tiny", "suite: other"))
    locks = live.locks()
    live.slurm.say("states", "RUNNING", "FAILED")
    result = submit(
        live.slurm,
        live.folder,
        TASKS[1].replace("tiny", "other"),
        *("--configfile", "config/other.yaml", *PROFILE, "--restart-times", "0"),
    )
    assert "has been submitted" in result.stdout, result.stdout
    assert live.locks() == locks
    assert not live.slurm.lines("cancelled")


def test_what_exists_is_tabulated_beside_it_without_a_lock(live):
    locks = live.locks()
    result = snakemake(live.folder, "partial", *SUITE[2:], suite=SUITE[1])
    assert result.returncode == 0, result.stdout
    assert "0 of 10 runs are there; missing:" in result.stdout
    assert live.locks() == locks


def test_sigterm_cancels_its_jobs_at_once(live):
    tried = live.slurm.lines("tried")
    live.process.send_signal(signal.SIGTERM)
    live.process.wait(timeout=PATIENCE)
    assert live.process.returncode == 1
    assert live.slurm.lines("cancelled") == [f"--user={getpass.getuser()} --name={live.run}"]
    # No other job was submitted meanwhile; lock and record are gone.
    assert live.slurm.lines("tried") == tried
    assert live.locks() == []
    assert not list(live.folder.glob(".snakemake/heads/*"))


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_a_local_run_is_stopped_as_by_ctrl_c(tmp_path, sent):
    write_tiny_suite(copy_project(tmp_path))
    job = "import signal, sys, time\nfrom pathlib import Path\n\n"
    job += "signal.signal(signal.SIGINT, lambda *_: (Path('saved').touch(), sys.exit(130)))\n"
    job += "Path('started').touch()\ntime.sleep(1000)\n"
    (tmp_path / "workflow/scripts/prepare_task.py").write_text(job)
    words = command(TASKS[0], *SUITE[2:], suite=SUITE[1], cores=1)
    process = subprocess.Popen(
        [sys.executable, *words[1:]],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        # Ignored where the tests themselves run under nohup.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    with contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        until("a job", (tmp_path / "started").exists)
        process.send_signal(sent)
        process.wait(timeout=PATIENCE)
    assert process.returncode == 1
    assert (tmp_path / "saved").exists()
    assert list((tmp_path / ".snakemake/locks").iterdir()) == []
