"""How a try of a job ended, how often it may, and what its next one asks for."""

import pytest

from mtkd.cluster import endings
from mtkd.cluster.endings import Attempt, Ending, Verdict, after, ending, goes_on

FAILED, TIME, MEMORY, INTERRUPTED = Ending
AT = "*** STEP 3.0 ON node1 CANCELLED AT 2026-11-26T00:58:10"
TOLD = f"slurmstepd-node1: error: {AT} ***"
LOGS = {
    "told": TOLD,
    "preempted": f"slurmstepd: error: {AT} DUE TO PREEMPTION ***",
    "limit": "slurmstepd: error: *** JOB 3 ON node1 CANCELLED AT 2026-11-26 DUE TO TIME LIMIT ***",
    "node": "error: *** JOB 3 ON node1 CANCELLED AT 2026 DUE TO NODE FAILURE, SEE LOG ***",
    "cgroup": "slurmstepd: error: Detected 1 oom_kill event in StepId=7.0. Some of the step tasks",
    "older": "slurmstepd: error: Detected 1 oom-kill event(s) in step 7.0 cgroup. Some of your",
    "gather": f"slurmstepd: error: Exceeded job memory limit\n{TOLD}",
    "python": "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB",
    "": "",
}


@pytest.mark.parametrize(
    ("state", "log", "near", "expected"),
    [
        ("TIMEOUT", "", False, TIME),
        ("OUT_OF_MEMORY", "", False, MEMORY),
        ("PREEMPTED", "", False, INTERRUPTED),
        ("NODE_FAIL", "", False, INTERRUPTED),
        ("BOOT_FAIL", "", False, INTERRUPTED),
        ("CANCELLED", "told", False, FAILED),
        ("CANCELLED", "gather", False, MEMORY),
        ("DEADLINE", "", False, FAILED),
        ("FAILED", "", True, FAILED),
        ("FAILED", "python", True, FAILED),
        ("FAILED", "cgroup", True, MEMORY),
        ("FAILED", "older", True, MEMORY),
        ("FAILED", "gather", True, MEMORY),
        ("FAILED", "told", True, TIME),
        ("FAILED", "told", False, INTERRUPTED),
        ("FAILED", "preempted", True, INTERRUPTED),
        ("FAILED", "node", True, INTERRUPTED),
        ("FAILED", "limit", False, TIME),
    ],
)
def test_what_ended_a_job(state, log, near, expected):
    assert ending(state, LOGS[log], lambda: near) is expected


def tries(attempt):
    return int(attempt), endings.tries_of_memory(attempt), endings.tries_of_time(attempt)


def test_each_kind_of_end_grows_its_own_request():
    attempt = 1
    expected = [
        (TIME, (1, 1, 2)),
        (INTERRUPTED, (1, 1, 2)),
        (MEMORY, (1, 2, 2)),
        (FAILED, (2, 2, 2)),
        (TIME, (2, 2, 3)),
    ]
    for kind, numbers in expected:
        attempt = after(attempt, kind)
        assert tries(attempt) == numbers


def test_snakemakes_own_number_counts_for_all_where_it_is_all_that_is_known():
    assert tries(2) == (2, 2, 2)
    assert tries(after(2, TIME)) == (2, 2, 3)


@pytest.mark.parametrize(
    ("ended", "restart_times", "interruptions", "goes"),
    [
        ([FAILED], 0, 9, False),
        ([FAILED], 1, 9, True),
        ([FAILED, TIME, TIME, MEMORY, MEMORY, FAILED], 2, 9, True),
        ([TIME, TIME], 1, 9, False),
        ([MEMORY, FAILED], 1, 9, True),
        ([INTERRUPTED] * 9, 0, 9, True),
        ([INTERRUPTED] * 10, 9, 9, False),
        ([INTERRUPTED] * 9 + [FAILED], 1, 9, True),
    ],
)
def test_each_kind_has_its_own_bound(ended, restart_times, interruptions, goes):
    attempt = Attempt(1, ended)
    assert goes_on(attempt, restart_times, interruptions) is goes
    verdict = Verdict(attempt, restart_times, interruptions)
    # What Snakemake's scheduler does with it.
    assert (restart_times > verdict - 1) is goes
    verdict += 1
    assert verdict is attempt


@pytest.mark.parametrize(
    ("shown", "seconds"),
    [
        ("00:01:11|00:02:00", 49),
        ("1:11|2:00", 49),
        ("1-00:00:01|1-00:01:00", 59),
        ("00:01:11|UNLIMITED", None),
        ("", None),
    ],
)
def test_how_long_a_job_had_left(monkeypatch, shown, seconds):
    monkeypatch.setattr(endings, "command_lines", lambda *command: [shown])
    assert endings.seconds_left("7") == seconds
