"""What a run of Snakemake says of itself, told in few lines."""

from mtkd.commands.progress import follow

LOG = """Building DAG of jobs...
Job stats:
job              count
-------------  -------
all                  1
prepare_task         2
train_teacher        2
total                5

[Thu Nov 26 08:11:41 2026]
rule prepare_task:
    input: a.csv
Finished jobid: 4 (Rule: prepare_task)
1 of 5 steps (20%) done
Finished jobid: 5 (Rule: prepare_task)
2 of 5 steps (40%) done
Finished jobid: 6 (Rule: train_teacher)
3 of 5 steps (60%) done
[Thu Nov 26 08:12:41 2026]
Error in rule train_teacher:
    jobid: 7
    message: None
    log: logs/b.log (check log file(s) for error details)
error: teacher b diverged
[Thu Nov 26 08:12:42 2026]
rule other:
Complete log(s): .snakemake/log/x.log
"""


def told(text, step):
    """What is said, where each look at the clock finds it so many seconds later."""
    said, times = [], iter(range(0, 100 * step, step))
    follow(text.splitlines(keepends=True), said.append, lambda: next(times))
    return said


def test_a_stage_that_is_done_a_fault_and_the_log():
    assert told(LOG, 1) == [
        "   2 of 5 jobs  prepare_task         2 of 2       after 2 s, about 3 s left",
        "Error in rule train_teacher:",
        "    jobid: 7",
        "    message: None",
        "    log: logs/b.log (check log file(s) for error details)",
        "error: teacher b diverged",
        "Complete log(s): .snakemake/log/x.log",
    ]


def test_a_long_stage_is_not_silent():
    said = told(LOG, 120)
    assert said[0].startswith(
        "   1 of 5 jobs  prepare_task         1 of 2       after 2 min, about"
    )
    assert said[2].startswith("   3 of 5 jobs  train_teacher        1 of 2")


def test_a_command_that_is_refused_says_so():
    said = told(
        "usage: snakemake [-h]\n__main__.py: error: argument --cores: invalid value: x\n", 1
    )
    assert said == ["__main__.py: error: argument --cores: invalid value: x"]


def test_nothing_to_do_is_said():
    said = told(
        "Building DAG of jobs...\nNothing to be done (all requested files are present).\n", 1
    )
    assert said == ["Nothing to be done (all requested files are present)."]
