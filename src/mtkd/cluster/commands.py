"""What SLURM's commands tell."""

from __future__ import annotations

import getpass
import subprocess
import time
from pathlib import Path

from mtkd.errors import InputError


def command_lines(*command: str) -> list[str]:
    """What one of SLURM's commands prints; nothing where it is not there or does not answer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []


def cancel_run(run: str) -> None:
    """Cancel all jobs of a run. Raises InputError, with SLURM's words, when it does not do so."""
    for _ in range(3):
        command = ["scancel", f"--user={getpass.getuser()}", f"--name={run}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired) as error:
            said = str(error)
        else:
            if done.returncode == 0:
                return
            said = " ".join(done.stderr.split())
        time.sleep(2)
    raise InputError(
        f"scancel: {said}; when SLURM answers again, `make recover` ends the jobs of this run"
    )


def queued_runs(name: str, folder: Path) -> list[str]:
    """The run of each job in the user's queue that was submitted from ``folder``.

    A run is the name that all its jobs share; only those that begin with ``name`` count. Raises
    InputError when the queue does not answer; without a SLURM there are none.
    """
    command = ["squeue", "--me", "--noheader", "--format=%j|%Z"]
    try:
        queue = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except OSError:
        return []
    except subprocess.TimeoutExpired:
        raise InputError("squeue does not answer; try again later") from None
    if queue.returncode:
        said = " ".join(queue.stderr.split())
        raise InputError(f"squeue: {said or 'it fails'}; try again later")
    jobs = [line.split("|", 1) for line in queue.stdout.splitlines()]
    return [run for run, where in jobs if run.startswith(name) and where == str(folder)]
