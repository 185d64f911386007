"""Snakemake's SLURM executor, mended where a long study meets its limits.

Read for this: snakemake 9.27 (``JobScheduler``, ``RemoteExecutor``) and version 2.8 of
snakemake-executor-plugin-slurm. All that is replaced of either is replaced by ``mend``:

- a refused submission is tried again where waiting helps, and is no failed job;
- a job's end is counted by its kind (``mtkd.cluster.endings``); an end that the plugin does not
  know ("CANCELLED by 1000", preempted and not requeued) is one all the same;
- GPUs are asked for in one way, and a large state is given time to be written;
- a stopped run submits nothing more and cancels all its jobs, whatever it knows of them, at once;
- SLURM's configuration is read once, and squeue asked before it forgets.
"""

from __future__ import annotations

import asyncio
import getpass
import math
import threading
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from mtkd.cluster.commands import cancel_run, command_lines
from mtkd.cluster.endings import Attempt, Ending, Verdict, after, ending, goes_on, seconds_left
from mtkd.cluster.requests import gpu_options, warning_seconds
from mtkd.cluster.submission import UNCLEAR_WAITS, Refusal, refusal, waits
from mtkd.errors import InputError

OF_THE_PLUGIN = ("query_job_status", "get_min_job_age", "get_submit_command", "set_gres_string")
OF_THE_EXECUTOR = (
    *("run_job", "report_job_error", "handle_job_error", "cancel_jobs", "sleep", "run_uuid"),
    *("_report_job_error_threadsafe", "_report_job_submission_threadsafe", "_failed_nodes"),
    *("_job_submission_executor", "_submitted_job_clusters", "wait"),
)
# SLURM may be a minute early, and a job takes some seconds to end.
_EARLY = 90
_LOG_END = 1 << 16


def mend(executor: Any, plugin: ModuleType, interruptions: int) -> None:
    """Change a SLURM executor that has submitted nothing yet, and the module it comes from.

    ``interruptions`` is how often one job may be preempted or lose its node. Raises InputError when
    this is not the executor that was read.
    """
    missing = [name for name in OF_THE_PLUGIN if not hasattr(plugin, name)]
    missing += [name for name in OF_THE_EXECUTOR if not hasattr(executor, name)]
    if missing:
        raise InputError(
            f"snakemake-executor-plugin-slurm: this version has no {', '.join(missing)}, on which "
            "the counting of failures and the clean stop rest; install version 2.8"
        )
    executor.interruptions = interruptions
    executor.states = {}
    executor.preempted = set()
    executor.endings = {}
    executor.refused = {}
    executor.submitted = set()
    executor.just_failed = False
    executor.stopping = threading.Event()
    plugin.get_min_job_age = cache(plugin.get_min_job_age)
    age = plugin.get_min_job_age()
    # squeue must be asked while it still shows a finished job.
    by_queue = executor.workflow.executor_settings.status_command == "squeue"
    executor.longest_sleep = max(1, age // 3) if by_queue and age else math.inf
    # Last: the executor's own thread is at work, and on a busy machine comes here first.
    executor.__class__ = mended(type(executor))

    query, command = plugin.query_job_status, plugin.get_submit_command

    async def query_job_status(*arguments):
        states, seconds = await query(*arguments)
        return states and executor.noted(states), seconds

    def get_submit_command(job, params, settings=None, failed_nodes=(), **options):
        # sacct may have called a node "None assigned".
        nodes = {node for node in failed_nodes or () if " " not in node}
        line = command(job, params, settings=settings, failed_nodes=nodes, **options)
        return line + warning_option(job.resources)

    plugin.query_job_status = query_job_status
    plugin.get_submit_command = get_submit_command
    plugin.set_gres_string = lambda job: gpu_options(job.resources)


def warning_option(resources: Mapping[str, Any]) -> str:
    """The option that has SLURM send SIGTERM before the time limit, for states that take long."""
    seconds = _warning(resources)
    return f" --signal=TERM@{seconds}" if seconds else ""


def _warning(resources: Mapping[str, Any]) -> int:
    return warning_seconds(resources.get("state_mb") or 0, resources.get("runtime"))


def mended(base: type) -> type:
    """The plugin's Executor with what is replaced: a class that an object of it can change to."""

    class Mended(base):
        # Submission, in the plugin's two threads.

        def run_job(self, job):
            for number, seconds in enumerate(waits()):
                if self.stopping.is_set():
                    return
                super().run_job(job)
                if job not in self.refused:
                    return
                info, message = self.refused.pop(job)
                kind = refusal(message)
                if kind is Refusal.NODES and self._failed_nodes:
                    # Better one that failed once than none.
                    self._failed_nodes.clear()
                    continue
                given_up = kind is Refusal.UNCLEAR and number >= UNCLEAR_WAITS
                if given_up or kind in (Refusal.NODES, Refusal.MISTAKE):
                    super()._report_job_error_threadsafe(info, message)
                    return
                said = " ".join(message.split("sbatch call:")[0].split())
                self.logger.warning(
                    f"Job {job.jobid} ({job.name}) is not submitted yet, {kind.value}; tried again "
                    f"in {seconds} s, which counts as no failure. {said}"
                )
                self.stopping.wait(seconds)
                if kind is Refusal.BUSY:
                    self._cancel_unanswered(job)

        def _report_job_error_threadsafe(self, job_info, msg):
            self.refused[job_info.job] = (job_info, msg)

        def _report_job_submission_threadsafe(self, job_info):
            self.submitted.add(job_info.external_jobid)
            super()._report_job_submission_threadsafe(job_info)

        def _cancel_unanswered(self, job):
            """End what SLURM has accepted of a job without its answer having come."""
            if job.is_group():
                return  # groups of one name cannot be told apart
            rule = f"rule_{job.name}"
            comments = {rule, f"{rule}_wildcards_{'_'.join(job.wildcards).replace('/', '_')}"}
            queue = [
                "squeue",
                f"--user={getpass.getuser()}",
                f"--name={self.run_uuid}",
                "--noheader",
            ]
            for line in command_lines(*queue, "--format=%i|%k"):
                number, _, comment = line.partition("|")
                if comment in comments and number not in self.submitted:
                    command_lines("scancel", number)

        # How jobs end, in the plugin's thread that asks, then in Snakemake's scheduler.

        def noted(self, states):
            """Keep SLURM's states of all jobs; return them as the plugin understands them."""
            self.states = {job: (state.split() or [""])[0] for job, state in states.items()}
            preempted = {job for job, state in self.states.items() if state == "PREEMPTED"}
            # SLURM requeues at once: what it has left lying until the next question, it will not.
            requeues = self.workflow.executor_settings.requeue
            over = preempted & self.preempted if requeues else preempted
            self.preempted = preempted
            return {job: "FAILED" if job in over else state for job, state in self.states.items()}

        def report_job_error(self, job_info, msg=None, **options):
            if job_info.external_jobid is not None:
                self.endings[job_info.job] = self._ending(job_info)
                self.just_failed = True
            super().report_job_error(job_info, msg=msg, **options)

        def _ending(self, job_info):
            warned = _warning(job_info.job.resources)

            def at_its_limit():
                left = seconds_left(job_info.external_jobid) if warned else math.inf
                return left is None or left <= warned + _EARLY

            state = self.states.get(job_info.external_jobid, "FAILED")
            return ending(state, _end_of((job_info.aux or {}).get("slurm_logfile")), at_its_limit)

        def handle_job_error(self, job):
            super().handle_job_error(job)
            kind = self.endings.pop(job, Ending.FAILED)
            following = after(job.attempt, kind)
            goes = goes_on(following, job.restart_times, self.interruptions)
            self.logger.info(f"Job {job.jobid} ({job.name}): {said(kind, following, goes)}")
            job.attempt = Verdict(following, job.restart_times, self.interruptions)

        # The end of the run.

        def cancel_jobs(self, active_jobs):
            self.stopping.set()
            # What is being submitted at this moment is a job afterwards; nothing else will be.
            self._job_submission_executor.shutdown(wait=True, cancel_futures=True)
            try:
                cancel_run(self.run_uuid)
            except InputError as error:
                self.logger.error(str(error))
            if self._submitted_job_clusters:
                super().cancel_jobs(active_jobs)

        def shutdown(self):
            # Nothing waits for a submission any more, or the run could not end.
            self.stopping.set()
            super().shutdown()

        async def sleep(self):
            if self.just_failed:
                # The plugin asks at its first interval again after a success alone.
                first = self.workflow.executor_settings.init_seconds_before_status_checks
                self.next_seconds_between_status_checks = first
                self.just_failed = False
            seconds = min(self.next_seconds_between_status_checks, self.longest_sleep)
            end = time.monotonic() + seconds
            while self.wait and (left := end - time.monotonic()) > 0:
                await asyncio.sleep(min(left, 1))

    return Mended


def said(kind: Ending, following: Attempt, goes: bool) -> str:
    """What the log says of a try that ended, and of the next one."""
    number = following.ended.count(kind)
    if not goes:
        return f"{kind.value}, for the {number}. time; given up"
    grown = {
        Ending.TIME: f"tried again with {following.tries(kind)} times the minutes",
        Ending.MEMORY: f"tried again with {following.tries(kind)} times the memory",
    }
    return f"{kind.value} ({number} so far); {grown.get(kind, 'tried again as it was')}"


def _end_of(log: Path | None) -> str:
    """The last lines of SLURM's log of a job; empty where there is none."""
    try:
        with open(log, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _LOG_END))
            return file.read().decode(errors="replace")
    except (OSError, TypeError):
        return ""
