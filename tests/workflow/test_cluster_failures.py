"""What a cluster does to jobs counts by its kind; a refused submission is no failed job."""

import re

import pytest
from fake_slurm import FakeSlurm, submit
from tiny_study import change_suite, write_tiny_suite

TARGET = "results/tiny/tasks/reviews/task.json"
SUITE = ["--configfile", "config/tiny.yaml"]
PROFILE = ["--workflow-profile", "profiles/slurm"]
# A failure is the last try, so that a run ends.
ONCE = ["--restart-times", "0"]


@pytest.fixture
def slurm(tmp_path_factory):
    return FakeSlurm(tmp_path_factory.mktemp("slurm"))


@pytest.fixture
def tiny(project):
    write_tiny_suite(project)
    return project


def asked(slurm):
    """Minutes and megabytes of each submitted job."""
    pattern = r" -t (\d+) .*--mem (\d+) "
    return [tuple(map(int, re.search(pattern, line).groups())) for line in slurm.lines("submitted")]


def test_each_kind_of_end_has_its_own_counter(slurm, tiny):
    ends = ["TIMEOUT", "OUT_OF_MEMORY", "PREEMPTED", "NODE_FAIL", "PREEMPTED", "PREEMPTED"]
    slurm.say("states", *ends, "FAILED", "CANCELLED by 1000", "FAILED")
    result = submit(slurm, tiny, TARGET, *SUITE, *PROFILE)
    assert result.returncode == 1, result.stdout
    first, more_time = (30, 4000), (60, 4000)
    assert asked(slurm) == [first, more_time, *[(60, 8000)] * 7], result.stdout
    assert "time limit (1 so far); tried again with 2 times the minutes" in result.stdout
    assert "preemption or dead node (4 so far)" in result.stdout
    assert "failure, for the 3. time; given up" in result.stdout


def test_preemptions_are_bounded_by_the_suite_alone(slurm, tiny):
    change_suite(tiny, "interruptions", 1)
    slurm.say("states", *["PREEMPTED"] * 9)
    result = submit(slurm, tiny, TARGET, *SUITE, *PROFILE, *ONCE)
    assert result.returncode == 1
    assert len(asked(slurm)) == 2, result.stdout


def test_a_submission_that_is_refused_for_now_is_tried_again_and_no_failure(slurm, tiny):
    slurm.say("refusals", "QOSMaxSubmitJobPerUserLimit", "Unable to contact slurm controller")
    slurm.say("states", "FAILED")
    result = submit(slurm, tiny, TARGET, *SUITE, *PROFILE, *ONCE)
    assert result.returncode == 1
    assert (len(slurm.lines("tried")), len(slurm.lines("submitted"))) == (3, 1), result.stdout
    assert "not submitted yet, the limit of jobs is reached; tried again in 1 s" in result.stdout


def test_a_submission_that_is_refused_for_good_fails_its_job(slurm, tiny):
    slurm.say("refusals", *["Batch job submission failed: Invalid qos specification"] * 9)
    result = submit(slurm, tiny, TARGET, *SUITE, *PROFILE, "--restart-times", "1")
    assert result.returncode == 1
    assert len(slurm.lines("tried")) == 2, result.stdout


def test_nodes_that_failed_are_used_again_where_no_other_is_left(slurm, tiny):
    no_node = "Batch job submission failed: Requested node configuration is not available"
    slurm.say("refusals", "accepted", no_node)
    slurm.say("states", "NODE_FAIL", "FAILED")
    result = submit(slurm, tiny, TARGET, *SUITE, *PROFILE, *ONCE)
    excluded = ["--exclude=gpu1" in line for line in slurm.lines("tried")]
    assert excluded == [False, True, False], result.stdout
