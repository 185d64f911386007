"""Heads: the Snakemake processes at work in a folder, each with a record that says it lives.

A record holds host, pid and run, and is written again every half minute: on the same host the pid
tells whether its head lives, on another host its age does.
"""

from __future__ import annotations

import atexit
import os
import secrets
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from mtkd.cluster.commands import cancel_run, command_lines, queued_runs
from mtkd.errors import InputError
from mtkd.records.files import read_json, write_json

HEADS = Path(".snakemake/heads")
LOCKS = Path(".snakemake/locks")
BEAT_SECONDS = 30
# A head of another host that was not heard of for so long is dead: ten beats, and the minute for
# which network file systems show old times.
DEAD_AFTER_SECONDS = 360
# All SLURM jobs of the shipped profiles are named so.
# Seconds in which cancelled jobs leave the queue, unless something is wrong.
LONGEST_END = 600
PREFIX = "mtkd"


class Head(NamedTuple):
    """A head. ``run`` is the name of its SLURM jobs, empty where it submits none."""

    host: str
    pid: int
    # When its process started, in ticks of the kernel's clock: pids are used again.
    started: str
    run: str
    # Its files in Snakemake's folder of locks.
    locks: list[str]

    def __str__(self):
        return f"pid {self.pid} on {self.host}"


def announce(folder: Path, run: str, locks: Sequence[str]) -> None:
    """Record this process as a head of ``folder``, for as long as it lives."""
    head = Head(socket.gethostname(), os.getpid(), _started(os.getpid()), run, list(locks))
    record = Path(folder).resolve() / HEADS / f"{head.host}-{head.pid}-{secrets.token_hex(4)}.json"
    write_json(record, head._asdict())
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            try:
                os.utime(record)
            except OSError:
                # Whoever deleted it did not mean to. On a full disk, the pid still tells this host.
                with suppress(OSError, InputError):
                    write_json(record, head._asdict())

    def retire() -> None:
        over.set()
        thread.join()
        record.unlink(missing_ok=True)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    atexit.register(retire)


def keep_others_locks(persistence: type) -> None:
    """Have Snakemake's record keeping take away the locks of its own run alone.

    Version 9.27 (``FilePersistence``) deletes the folder of locks whenever a run ends, those of
    others with it; also a run that took none, having nothing to do. Raises InputError when that is
    done otherwise.
    """
    if not hasattr(persistence, "_delete_locks"):
        raise InputError("this version of Snakemake keeps its locks otherwise; install 9.27")
    # What ``snakemake --unlock`` calls: there it is meant.
    persistence.cleanup_locks = persistence._delete_locks
    persistence.unlock = _delete_own_locks


def _delete_own_locks(persistence: Any) -> None:
    for lock in persistence._lockfile.values():
        Path(lock).unlink(missing_ok=True)
    persistence._lockfile.clear()


def heads(folder: Path) -> tuple[list[Head], list[Path]]:
    """The live heads of a folder, and the records of its dead ones."""
    live, dead = [], []
    for record in sorted((folder / HEADS).glob("[!.]*.json")):
        try:
            head = Head(**read_json(record))
            alive = _is_alive(head, record)
        except (InputError, TypeError, FileNotFoundError):
            continue  # it ended as we looked, or is none of ours
        if alive:
            live.append(head)
        else:
            dead.append(record)
    return live, dead


def _is_alive(head: Head, record: Path) -> bool:
    if head.host == socket.gethostname():
        return head.started == _started(head.pid) != ""
    return _now(record.parent) - record.stat().st_mtime < DEAD_AFTER_SECONDS


def _now(folder: Path) -> float:
    """The time by a folder's file system: the clocks of two hosts can differ."""
    probe = folder / f".{secrets.token_hex(4)}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:  # it is full
        return time.time()
    finally:
        probe.unlink(missing_ok=True)


def _started(pid: int) -> str:
    """When a process of this host started, as text; empty where there is none."""
    try:
        # Behind the name, in parentheses, which may hold anything.
        facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if facts[0] == "Z" else facts[19]
    except OSError:
        pass
    if Path("/proc/self/stat").exists():
        return ""
    # Systems without /proc.
    return "".join(command_lines("ps", "-o", "lstart=", "-p", str(pid)))


def jobs_left_running(name: str, folder: Path) -> str | None:
    """One line on jobs that killed heads left in the queue; None without any.

    They are those whose name begins with ``name`` and that were submitted from ``folder``.
    """
    try:
        left = len(_runs_left(folder, name))
    except InputError:
        return None  # the submission itself will say that SLURM does not answer
    if not left:
        return None
    return (
        f"{left} job(s) of an earlier run in {folder} are still in the queue; `make recover` ends "
        "them, their trainings keeping their state, and the same command then goes on"
    )


def end_jobs(folder: Path) -> str:
    """Cancel the SLURM jobs of a folder that no live head looks after; wait until they are gone.

    Trainings save their states. Returns a line on what was done. Raises InputError, having touched
    nothing, where live heads are all there is.
    """
    runs = _runs_left(folder)
    live, dead = heads(folder)
    if live and not runs and not dead:
        raise InputError(
            f"Snakemake is at work in {folder} ({_named(live)}): stop it there, by Ctrl-C or "
            "`kill`, and it cancels its jobs, their trainings saving their states; nothing was done"
        )
    for run in set(runs):
        cancel_run(run)
    end = time.monotonic() + LONGEST_END
    while left := len(_runs_left(folder)):
        if time.monotonic() > end:
            raise InputError(
                f"{left} job(s) are cancelled and after {LONGEST_END} s still in the queue, "
                "perhaps on a node that does not answer; look with squeue --me, and try again"
            )
        time.sleep(1)
    spared = f"; those of {_named(live)} left alone, where Snakemake is at work" if live else ""
    return f"{len(runs)} job(s) cancelled{spared}"


def recover(folder: Path) -> str:
    """After a head was killed: end its jobs and take its lock away. Returns and raises likewise."""
    done = end_jobs(folder)
    live, dead = heads(folder)
    held = {name for head in live for name in head.locks}
    for lock in (folder / LOCKS).glob("*"):
        if lock.name not in held:
            lock.unlink()
    for record in dead:
        record.unlink(missing_ok=True)
    return f"{done}; the same command as before goes on where it was"


def _runs_left(folder: Path, name: str = PREFIX) -> list[str]:
    """The run of each job in the queue that no live head looks after."""
    jobs = queued_runs(name, folder)
    # Asked after the queue: a head is recorded before it submits.
    runs = {head.run for head in heads(folder)[0]}
    return [run for run in jobs if run not in runs]


def _named(live: Sequence[Head]) -> str:
    return ", ".join(map(str, live))
