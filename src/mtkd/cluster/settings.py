"""What would lose work on SLURM, refused before anything is submitted.

Settings of the executor were found with version 2.8 of the plugin. Job arrays: every task checks
the first task's output, so good outputs are deleted, and jobs are dropped until nothing goes on
(snakemake-executor-plugin-slurm #473). Requeueing with sacct: after a node's failure sacct names
the node "None assigned", which breaks every later submission; and where squeue forgets finished
jobs soon, the plugin asks sacct whatever its settings say. Neither flag: a site that requeues by
default and Snakemake's own retry run a job twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any


def slurm_mistake(executor: Any) -> str | None:
    """One line on what is wrong with the plugin's settings and what to do; None when nothing is."""
    if executor.array_jobs:
        return (
            f"slurm-array-jobs: {executor.array_jobs}: version 2.8 of the plugin takes the first "
            "task's output for all and deletes good results, drops jobs and waits for ever "
            "(snakemake-executor-plugin-slurm #473); remove the setting"
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


def limits_of_one_machine(cores: int | None, limits: Mapping[str, Any]) -> str | None:
    """One line where a cluster's run has the limits of ``profiles/default``; None elsewhere.

    ``cores`` and ``limits`` are what Snakemake was given as --cores and --resources. It loads that
    profile by itself beside --profile, and on a cluster its one GPU would be all that is used.
    """
    if cores is None or limits.get("gpu") != 1:
        return None
    return (
        f"profiles/default is loaded, as Snakemake does without --workflow-profile: cores: {cores} "
        "and its one GPU are one machine's and would hold for the whole cluster; add "
        "--workflow-profile profiles/slurm, which goes together with your --profile, or "
        "--workflow-profile none"
    )


def forgetful_queue(executor: Any, age: int | None) -> str | None:
    """One line where squeue forgets finished jobs before a run that relies on it asks; else None.

    ``age`` is the cluster's MinJobAge in seconds, None where it cannot be read. The plugin asks
    sacct instead where it is less than three of its first intervals, and where it cannot be read;
    without sacct it asks squeue all the same, and misses what ended.
    """
    seconds = executor.init_seconds_before_status_checks
    if not executor.requeue or executor.status_command != "squeue":
        return None
    if age is None and not shutil.which("sacct"):
        return None  # nothing tells; the plugin asks squeue
    if age is not None and age >= 3 * seconds:
        return None
    shown = "cannot be read (scontrol show config)" if age is None else f"is {age} s"
    lower = f", or slurm-init-seconds-before-status-checks: {age // 3}" if age and age >= 6 else ""
    return (
        f"slurm-requeue: MinJobAge of this cluster {shown}, less than three times "
        f"slurm-init-seconds-before-status-checks ({seconds} s), so jobs' ends would be missed or "
        "sacct be asked, after which a node's failure ends all submissions; use profiles/slurm "
        f"(no-requeue and sacct){lower}"
    )
