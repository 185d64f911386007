"""What is replaced of Snakemake's SLURM executor, against one of its shape that does nothing."""

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from mtkd.cluster import commands
from mtkd.cluster import executor as module
from mtkd.cluster.endings import Ending
from mtkd.cluster.executor import mend
from mtkd.cluster.submission import UNCLEAR_WAITS
from mtkd.errors import InputError


class Plain:
    """The plugin's executor, as far as it is used: ``answers`` are those of sbatch, in turn."""

    next_seconds_between_status_checks = 100
    wait = True
    run_uuid = "mtkd_1"

    def __init__(self, requeue=False, status_command="sacct"):
        settings = SimpleNamespace(requeue=requeue, status_command=status_command)
        settings.init_seconds_before_status_checks = 20
        self.workflow = SimpleNamespace(executor_settings=settings)
        self.logger = logging.getLogger("test")
        self.answers, self.errors, self.cancelled = [], [], []
        self._failed_nodes = set()
        self._submitted_job_clusters = set()
        self._job_submission_executor = ThreadPoolExecutor(1)

    def run_job(self, job):
        self.tried = getattr(self, "tried", 0) + 1
        info = SimpleNamespace(job=job, external_jobid="7", aux=None)
        if answer := self.answers.pop(0) if self.answers else None:
            self._report_job_error_threadsafe(info, answer)
        else:
            self._report_job_submission_threadsafe(info)

    def _report_job_error_threadsafe(self, info, message):
        self.errors.append(message)

    def _report_job_submission_threadsafe(self, info):
        pass

    def report_job_error(self, info, msg=None, **options):
        self.errors.append(msg)

    def handle_job_error(self, job):
        pass

    def cancel_jobs(self, active_jobs):
        self.cancelled.append(active_jobs)

    def shutdown(self):
        self.wait = False

    async def sleep(self):
        pass


async def states(*arguments):
    return {"1": "CANCELLED by 1000", "2": "PREEMPTED", "3": "RUNNING"}, 0.1


def plugin():
    return SimpleNamespace(
        query_job_status=states,
        get_min_job_age=lambda: 90,
        get_submit_command=lambda job, params, settings=None, failed_nodes=None: (
            f"sbatch --exclude={','.join(sorted(failed_nodes))}"
        ),
        set_gres_string=None,
    )


@pytest.fixture
def calls(monkeypatch):
    """SLURM's commands as they were called; no wait takes time."""
    made = []
    monkeypatch.setattr(module, "waits", lambda: iter([0] * 1000))
    monkeypatch.setattr(module, "command_lines", lambda *command: made.append(command) or ["9|x"])

    def run(command, **options):
        made.append(command)
        return SimpleNamespace(returncode=len(made) < 2, stderr="busy")

    monkeypatch.setattr(commands.subprocess, "run", run)
    monkeypatch.setattr(commands.time, "sleep", lambda seconds: None)
    return made


def job(**resources):
    return SimpleJob("train", {"runtime": 60, **resources})


class SimpleJob:
    def __init__(self, name, resources):
        self.name, self.resources, self.jobid = name, resources, 3
        self.wildcards, self.attempt, self.restart_times = ["a/b", "1"], 1, 2

    def is_group(self):
        return False


def mended(**settings):
    executor = Plain(**settings)
    mend(executor, plugin(), interruptions=9)
    return executor


def test_another_version_is_answered_in_one_line():
    other = plugin()
    del other.query_job_status
    with pytest.raises(InputError, match="no query_job_status, on which .* version 2.8"):
        mend(Plain(), other, interruptions=9)


def test_the_executors_own_thread_may_be_at_work_while_it_is_mended():
    """As on a busy machine, where SLURM takes long to say how it is set up."""
    executor, source = Plain(), plugin()
    source.get_min_job_age = lambda: asyncio.run(executor.sleep()) or 90
    mend(executor, source, interruptions=9)
    assert executor.longest_sleep > 0


def test_waiting_ends_where_the_reason_is_unclear(calls):
    executor = mended()
    unclear = "Job violates accounting/QOS policy"
    executor.answers = [unclear] * 100
    executor.run_job(job())
    assert executor.tried == UNCLEAR_WAITS + 1 and executor.errors == [unclear]


def test_a_job_that_slurm_accepted_without_an_answer_is_ended_before_it_is_submitted_again(
    calls, monkeypatch
):
    queue = [
        "7|rule_train_wildcards_a_b_1",
        "8|rule_train_wildcards_a_b_1",
        "9|rule_train_wildcards",
    ]
    monkeypatch.setattr(module, "command_lines", lambda *command: calls.append(command) or queue)
    executor = mended()
    executor.submitted.add("7")
    executor.answers = ["Socket timed out on send/recv operation", None]
    executor.run_job(job())
    assert [call for call in calls if call[0] == "scancel"] == [("scancel", "8")]
    assert executor.tried == 2 and not executor.errors


def test_a_stopped_run_submits_nothing_more_and_ends_all_its_jobs(calls):
    executor = mended()
    begun, go_on = threading.Event(), threading.Event()
    executor._job_submission_executor.submit(lambda: (begun.set(), go_on.wait()))
    executor._job_submission_executor.submit(executor.run_job, job())
    begun.wait()
    threading.Timer(0.05, go_on.set).start()
    executor.cancel_jobs([])
    executor.run_job(job())
    assert not hasattr(executor, "tried")
    # A scheduler that does not answer is asked again.
    assert [call[0] for call in calls] == ["scancel"] * 2 and calls[0][2] == "--name=mtkd_1"
    # Not by number, but where clusters have to be named.
    assert executor.cancelled == []


def query(executor, source):
    return asyncio.run(source.query_job_status("sacct", None))[0]


@pytest.mark.parametrize(
    ("requeue", "first", "second"), [(False, "FAILED", "FAILED"), (True, "PREEMPTED", "FAILED")]
)
def test_ends_that_the_plugin_would_wait_for(requeue, first, second):
    executor, source = Plain(requeue), plugin()
    mend(executor, source, interruptions=9)
    assert query(executor, source) == {"1": "CANCELLED", "2": first, "3": "RUNNING"}
    assert query(executor, source)["2"] == second
    one = job()
    executor.report_job_error(SimpleNamespace(job=one, external_jobid="2", aux=None))
    assert executor.endings == {one: Ending.INTERRUPTED}


def test_a_job_that_was_told_early_and_ended_came_to_its_limit(monkeypatch, tmp_path):
    log = tmp_path / "slurm.log"
    log.write_text("*** STEP 3.0 ON node1 CANCELLED AT 2026-11-26T00:58:10 ***\n")
    executor = mended()
    ended = {}
    for left in (200, 400, None):
        monkeypatch.setattr(module, "seconds_left", lambda number, left=left: left)
        for megabytes in (0, 5680):
            one = job(state_mb=megabytes)
            info = SimpleNamespace(job=one, external_jobid="3", aux={"slurm_logfile": log})
            executor.report_job_error(info)
            ended[left, megabytes] = executor.endings[one]
    limit = {key for key, kind in ended.items() if kind is Ending.TIME}
    assert limit == {(200, 5680), (None, 5680)}
    assert set(ended.values()) == {Ending.TIME, Ending.INTERRUPTED}


def test_what_is_added_to_and_kept_from_the_command():
    executor, source = Plain(), plugin()
    mend(executor, source, interruptions=9)
    line = source.get_submit_command(
        job(state_mb=5680, runtime=720), {}, settings=None, failed_nodes={"gpu1", "None assigned"}
    )
    assert line == "sbatch --exclude=gpu1 --signal=TERM@180"
    assert source.set_gres_string(job(gpu=1, gres="gpu:1")) == " --gres=gpu:1"


@pytest.mark.parametrize(("command", "seconds"), [("sacct", 100), ("squeue", 30)])
def test_squeue_is_asked_before_it_forgets_a_job(monkeypatch, command, seconds):
    executor = mended(requeue=True, status_command=command)
    slept, clock = [], iter(range(0, 1000))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))

    async def sleep(length):
        slept.append(length)

    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    asyncio.run(executor.sleep())
    assert len(slept) == seconds - 1
    # After a failure the plugin's first interval is the next.
    executor.just_failed = True
    slept.clear()
    asyncio.run(executor.sleep())
    assert len(slept) == 20 - 1
    executor.shutdown()
    slept.clear()
    asyncio.run(executor.sleep())
    assert slept == []
