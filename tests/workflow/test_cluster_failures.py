"""What a cluster does to jobs counts by its kind; a refused submission is no failed job."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from fake_slurm import FakeSlurm, submit
from tiny_study import change_suite, copy_project, write_tiny_suite

TARGET = "results/tiny/tasks/reviews/task.json"
SUITE = ["--configfile", "config/tiny.yaml"]
PROFILE = ["--workflow-profile", "profiles/slurm"]
# A failure is the last try, so that a run ends.
ONCE = ["--restart-times", "0"]


NO_NODE = "Batch job submission failed: Requested node configuration is not available"
FULL = ["QOSMaxSubmitJobPerUserLimit", "Unable to contact slurm controller"]
REFUSED = "Batch job submission failed: Invalid qos specification"
ENDS = ["TIMEOUT", "OUT_OF_MEMORY", "PREEMPTED", "NODE_FAIL", "PREEMPTED", "PREEMPTED"]
ENDS += ["FAILED", "CANCELLED by 1000", "FAILED"]
# By name: how jobs end, what submissions are refused with, a key of the suite, options of the run.
RUNS = {
    "each kind": (ENDS, [], {}, []),
    "preempted": (["PREEMPTED"] * 9, [], {"interruptions": 1}, ONCE),
    "refused for now": (["FAILED"], FULL, {}, ONCE),
    "refused for good": ([], [REFUSED] * 9, {}, ["--restart-times", "1"]),
    "no node": (["NODE_FAIL", "FAILED"], ["accepted", NO_NODE], {}, ONCE),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Each run's SLURM, and what it ended in. They wait more than they work: all at once."""
    folders = {name: tmp_path_factory.mktemp("run") for name in RUNS}

    def run(name):
        states, refusals, suite, options = RUNS[name]
        slurm = FakeSlurm(folders[name] / "slurm")
        slurm.say("states", *states)
        slurm.say("refusals", *refusals)
        (tiny := folders[name] / "tiny").mkdir()
        write_tiny_suite(copy_project(tiny))
        for key, value in suite.items():
            change_suite(tiny, key, value)
        return slurm, submit(slurm, tiny, TARGET, *SUITE, *PROFILE, *options)

    with ThreadPoolExecutor(len(RUNS)) as pool:
        return dict(zip(RUNS, pool.map(run, RUNS), strict=True))


def asked(slurm):
    """Minutes and megabytes of each submitted job."""
    pattern = r" -t (\d+) .*--mem (\d+) "
    return [tuple(map(int, re.search(pattern, line).groups())) for line in slurm.lines("submitted")]


def test_each_kind_of_end_has_its_own_counter(runs):
    slurm, result = runs["each kind"]
    assert result.returncode == 1, result.stdout
    first, more_time = (30, 4000), (60, 4000)
    assert asked(slurm) == [first, more_time, *[(60, 8000)] * 7], result.stdout
    assert "time limit (1 so far); tried again with 2 times the minutes" in result.stdout
    assert "preemption or dead node (4 so far)" in result.stdout
    assert "failure, for the 3. time; given up" in result.stdout


def test_preemptions_are_bounded_by_the_suite_alone(runs):
    slurm, result = runs["preempted"]
    assert result.returncode == 1
    assert len(asked(slurm)) == 2, result.stdout


def test_a_submission_that_is_refused_for_now_is_tried_again_and_no_failure(runs):
    slurm, result = runs["refused for now"]
    assert result.returncode == 1
    assert (len(slurm.lines("tried")), len(slurm.lines("submitted"))) == (3, 1), result.stdout
    assert "not submitted yet, the limit of jobs is reached; tried again in 1 s" in result.stdout


def test_a_submission_that_is_refused_for_good_fails_its_job(runs):
    slurm, result = runs["refused for good"]
    assert result.returncode == 1
    assert len(slurm.lines("tried")) == 2, result.stdout


def test_nodes_that_failed_are_used_again_where_no_other_is_left(runs):
    slurm, result = runs["no node"]
    excluded = ["--exclude=gpu1" in line for line in slurm.lines("tried")]
    assert excluded == [False, True, False], result.stdout
