"""What would lose work on SLURM, refused before anything is submitted.

Settings of the executor were found with version 2.8 of the plugin. Job arrays: every task checks
the first task's output, so good outputs are deleted. Requeueing with sacct: after a node's failure
sacct names the node "None assigned", which breaks every later submission. Neither flag: a site that
requeues by default and Snakemake's own retry run a job twice.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any


def slurm_mistake(executor: Any) -> str | None:
    """One line on what is wrong with the plugin's settings and what to do; None when nothing is."""
    if executor.array_jobs:
        return (
            f"slurm-array-jobs: {executor.array_jobs}: version 2.8 of the plugin takes the first "
            "task's output for all and deletes good results; remove the setting"
        )
    if executor.requeue and executor.status_command != "squeue":
        return (
            f"slurm-requeue with slurm-status-command: {executor.status_command}: after a node's "
            "failure no job can be submitted any more; use profiles/slurm (no-requeue and sacct) "
            "or profiles/slurm-requeue (requeue and squeue)"
        )
    if not executor.requeue and not executor.no_requeue:
        return (
            "neither slurm-requeue nor slurm-no-requeue is set: a site that requeues by default "
            "runs a job that Snakemake also restarts; use profiles/slurm or profiles/slurm-requeue"
        )
    return None


def jobs_left_running(name: str, folder: Path) -> str | None:
    """One line on jobs that an earlier run, since killed, left in the queue; None without any.

    Its jobs are those whose name begins with ``name`` and that were submitted from ``folder``.
    """
    columns = ["squeue", "--me", "--noheader", "--format=%j|%Z"]
    try:
        queue = subprocess.run(columns, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None  # the submission itself will say that there is no SLURM to be had
    rows = [line.split("|", 1) for line in queue.stdout.splitlines()]
    left = sum(job.startswith(name) and where == str(folder) for job, where in rows)
    if not left:
        return None
    return (
        f"{left} job(s) of an earlier run in {folder} are still in the queue; `make recover` ends "
        "them, their trainings keeping their state, and the same command then goes on"
    )
