"""Which heads live, and what ending the jobs of dead ones leaves alone."""

import json
import os
import socket
import subprocess
import sys
import threading

import pytest

from mtkd.cluster import commands, heads
from mtkd.cluster.commands import queued_runs
from mtkd.cluster.heads import (
    DEAD_AFTER_SECONDS,
    announce,
    end_jobs,
    jobs_left_running,
    recover,
)
from mtkd.errors import InputError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / heads.HEADS).mkdir(parents=True)
    (tmp_path / heads.LOCKS).mkdir()
    return tmp_path


def record(folder, run, host=None, pid=None, age=0, started=None, locks=()):
    """A head's record, as of so many seconds ago; by default this process's own."""
    pid = pid or os.getpid()
    path = folder / heads.HEADS / f"{run}.json"
    facts = {"host": host or socket.gethostname(), "pid": pid, "run": run, "locks": list(locks)}
    path.write_text(json.dumps(facts | {"started": started or heads._started(pid)}))
    os.utime(path, (path.stat().st_mtime - age,) * 2)
    return path


@pytest.fixture(scope="module")
def ended():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def live(folder):
    return [head.run for head in heads.heads(folder)[0]]


def test_on_this_host_the_process_tells(folder, ended):
    record(folder, "mine", age=10 * DEAD_AFTER_SECONDS)
    record(folder, "ended", pid=ended, started="1")
    record(folder, "pid used again", started="1")
    assert live(folder) == ["mine"]


def test_on_another_host_the_age_tells(folder):
    record(folder, "near", host="login2", pid=1, age=DEAD_AFTER_SECONDS - 60)
    record(folder, "far", host="login2", pid=1, age=DEAD_AFTER_SECONDS + 60)
    assert live(folder) == ["near"]


def test_a_head_is_recorded_while_it_lives(folder, monkeypatch):
    at_exit = []
    monkeypatch.setattr(heads.atexit, "register", at_exit.append)
    monkeypatch.setattr(heads, "BEAT_SECONDS", 0.01)
    announce(folder, "mtkd_1", ["0.input.lock"])
    (path,) = (folder / heads.HEADS).glob("*.json")
    os.utime(path, (0, 0))
    while path.stat().st_mtime == 0:
        pass
    path.unlink()
    while not path.exists():
        pass
    assert live(folder) == ["mtkd_1"]
    (retire,) = at_exit
    retire()
    assert not list((folder / heads.HEADS).iterdir())
    assert "heartbeat" not in {thread.name for thread in threading.enumerate()}


@pytest.fixture
def queue(folder, monkeypatch):
    """Runs with a job each in the queue, which cancelling empties."""
    runs = []
    monkeypatch.setattr(heads, "queued_runs", lambda name, folder: list(runs))
    monkeypatch.setattr(heads, "cancel_run", runs.remove)
    return runs


def locks(folder):
    return sorted(path.name for path in (folder / heads.LOCKS).iterdir())


def test_jobs_that_do_not_end_are_said_and_not_waited_for_without_an_end(
    folder, queue, monkeypatch
):
    queue.append("mtkd_stuck")
    monkeypatch.setattr(heads, "cancel_run", lambda run: None)
    monkeypatch.setattr(heads, "LONGEST_END", 0)
    with pytest.raises(InputError, match="1 job.s. are cancelled and .* still in the queue"):
        recover(folder)


def test_a_scancel_that_fails_is_said_in_its_words(tmp_path, monkeypatch):
    program = tmp_path / "scancel"
    program.write_text("#!/bin/sh\necho no controller >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(commands.time, "sleep", lambda seconds: None)
    with pytest.raises(InputError, match="^scancel: no controller; when SLURM answers again"):
        commands.cancel_run("mtkd_1")


def test_a_killed_run_is_recovered_beside_a_live_one(folder, queue, ended):
    queue += ["mtkd_dead", "mtkd_older", "mtkd_live"]
    dead = record(folder, "mtkd_dead", pid=ended, started="1", locks=["0.input.lock"])
    record(folder, "mtkd_live", host="login2", pid=7, locks=["1.input.lock"])
    for name in ("0.input.lock", "1.input.lock"):
        (folder / heads.LOCKS / name).touch()
    said = recover(folder)
    assert said.startswith("2 job(s) cancelled; those of pid 7 on login2 left alone")
    assert queue == ["mtkd_live"] and not dead.exists()
    assert locks(folder) == ["1.input.lock"]


@pytest.mark.parametrize("act", [recover, end_jobs])
def test_nothing_is_done_to_a_live_run(folder, queue, act):
    queue += ["mtkd_live"]
    record(folder, "mtkd_live", host="login2", pid=7)
    (folder / heads.LOCKS / "0.input.lock").touch()
    with pytest.raises(InputError, match=r"at work in .* \(pid 7 on login2\)"):
        act(folder)
    assert queue == ["mtkd_live"] and locks(folder)


def test_without_any_head_all_jobs_of_the_folder_end_and_the_lock_goes(folder, queue):
    queue += ["mtkd_old"]
    (folder / heads.LOCKS / "0.input.lock").touch()
    assert end_jobs(folder) == "1 job(s) cancelled"
    assert queue == [] and locks(folder)
    assert recover(folder).startswith("0 job(s) cancelled; the same command")
    assert not locks(folder)


def test_jobs_that_killed_heads_left_are_counted_and_the_remedy_named(folder, queue):
    queue += ["mtkd_live"]
    record(folder, "mtkd_live", host="login2", pid=7)
    assert jobs_left_running("mtkd", folder) is None
    queue += ["mtkd_dead", "mtkd_dead"]
    left = jobs_left_running("mtkd", folder)
    assert left.startswith("2 job(s)") and "`make recover`" in left and "\n" not in left


@pytest.fixture
def squeue(monkeypatch, tmp_path):
    """Puts a squeue on PATH that prints some lines."""
    program = tmp_path / "bin" / "squeue"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")

    def command(*lines, status=0):
        text = "\n".join(lines)
        program.write_text(f"#!/bin/sh\ncat <<'ROWS'\n{text}\nROWS\nexit {status}\n")
        program.chmod(0o755)

    return command


def test_jobs_are_known_by_their_names_beginning_and_their_folder(squeue, tmp_path):
    ours = f"mtkd_1a2b|{tmp_path}"
    squeue(ours, ours, f"other|{tmp_path}", "mtkd_1a2b|/elsewhere")
    assert queued_runs("mtkd", tmp_path) == ["mtkd_1a2b"] * 2
    assert queued_runs("mtkd", tmp_path / "another") == []


def test_a_queue_that_does_not_answer_is_not_an_empty_one(squeue, tmp_path):
    squeue(status=1)
    with pytest.raises(InputError, match="squeue: .*; try again later"):
        queued_runs("mtkd", tmp_path)
    assert jobs_left_running("mtkd", tmp_path) is None


def test_without_slurm_there_are_no_jobs(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert queued_runs("mtkd", tmp_path) == []
