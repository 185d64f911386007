"""The target that tries a training step wherever a profile would send the jobs of learners."""

import re

from tiny_study import change_suite, snakemake, write_tiny_suite

ON_SLURM = ["--executor", "slurm", "--jobs", "1", "--dry-run"]
DEFAULTS = ["--default-resources", "slurm_partition=cpu", "gpu=0", "--set-resources"]
GPU = "slurm_partition=gpu"


def steps(folder, *places):
    """Resources of each step that a profile with these ``set-resources`` would submit."""
    arguments = [*ON_SLURM, *DEFAULTS, *places]
    result = snakemake(folder, "smoke", *arguments, suite="config/glue.yaml")
    assert result.returncode == 0, result.stdout
    job = r"^rule smoke_step:\n(?:    .*\n)*?    wildcards: stage=(\w+)\n    resources: (.*)$"
    found = re.findall(job, result.stdout, flags=re.MULTILINE)
    kept = ("gpu", "gres", "constraint", "slurm_partition", "runtime")
    split = {stage: dict(r.split("=", 1) for r in text.split(", ")) for stage, text in found}
    return {s: {k: r[k] for k in kept if k in r} for s, r in split.items()}


def test_a_step_for_each_place_that_stages_are_sent_to(project):
    found = steps(
        project,
        *(f"{stage}:{GPU}" for stage in ("train_teacher", "teacher_logits", "train_undistilled")),
        # How long the stage's own jobs may take makes no other place of it.
        "teacher_logits:runtime=30",
        "train_teacher:constraint='a100&80gb'",
        # Where a site wants its GPUs asked for otherwise.
        "train_students:gpu=0",
        "train_students:gres=gpu:1",
    )
    shared = {"gpu": "1", "slurm_partition": "gpu", "runtime": "10"}
    assert found == {
        "train_teacher": {**shared, "constraint": "a100&80gb"},
        "teacher_logits": shared,
        "train_students": {**shared, "gpu": "0", "gres": "gpu:1", "slurm_partition": "cpu"},
    }


def test_here_it_is_tried_at_once(project):
    write_tiny_suite(project)
    for learner in ("teachers.cnn", "teachers.bert", "students.distilbert"):
        change_suite(project, f"{learner}.resources", {"gpu": 1})
    # Without it the job stops: see test_bad_input.py.
    change_suite(project, "allow_cpu", True)
    result = snakemake(project, "smoke", cores=1)
    assert result.returncode == 0, result.stdout
    log = (project / "logs/tiny/smoke/train_teacher.log").read_text()
    assert log.startswith("no usable GPU: torch") and "as allow_cpu says" in log
    assert re.search(r": cpu, torch \S+: one step in float32, loss \d", result.stdout)
    assert not (project / "results/tiny/smoke/train_teacher.txt").exists()
