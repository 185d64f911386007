# One cell, whichever bundle it was trained in; and the students of a study that are taken away.
import csv

from mtkd.config.values import NOT_APPLICABLE
from mtkd.study.arms import is_distilled

# Where the student that selection chooses for a task is found, whichever it is.
CHOSEN = f"{OWN}/models/{{task}}"


def arm_of(wildcards):
    """The arm of one cell, which the study must have."""
    asked = (wildcards.teachers, wildcards.strategy)
    found = [arm for arm in STUDY.arms if (arm.label, arm.strategy) == asked]
    if not found:
        known = ", ".join(sorted(f"{arm.label}/{arm.strategy}" for arm in STUDY.arms))
        raise WorkflowError(
            f"{'/'.join(asked)} is no arm of study {SUITE.study_name!r}; its arms are {known}"
        )
    return found[0]


def cell_logits(wildcards):
    """What one cell learns from of its teachers."""
    return logits_learnt(wildcards.task, [arm_of(wildcards)], (wildcards.seed,))


def cell_gates(wildcards):
    return gates_of(wildcards, [arm_of(wildcards)], (wildcards.seed,))


def cell_models(wildcards):
    return models_of(wildcards.task, [arm_of(wildcards)], (wildcards.seed,))


def cell_gold(wildcards):
    return gold_of([arm_of(wildcards).strategy])


def cell_answers(wildcards):
    """What one cell's teachers say of the texts that its loss is stated on."""
    arm = arm_of(wildcards)
    return [
        path
        for split in ("selection", "report")
        for path in logits_of(wildcards.task, tuple(arm.teachers), (wildcards.seed,), split)
    ]


def undistilled_beside(wildcards):
    """The undistilled student of a distilled cell's seed; none where the study has no such arm."""
    asked = {arm.strategy for arm in STUDY.arms}
    if schema.UNDISTILLED not in asked or not is_distilled(wildcards.teachers):
        return []
    cell = {**wildcards, "strategy": schema.UNDISTILLED}
    return [f"{UNDISTILLED}/predictions.safetensors".format(**cell)]


def taken_job(script, wildcards):
    """The text of a job that states what a student is worth."""
    return job_text(
        script,
        settings=(settings.taken_settings, wildcards.task, wildcards.student),
        recipes=(recipes, (arm_of(wildcards).strategy,), wildcards.student),
        metrics=(metric_digests, *SUITE.tasks[wildcards.task].metrics),
    )


def students_table(student):
    """Every student that was trained to its end, once it is known, with which ones are chosen."""
    table = checkpoints.choose_students.get(student=student).output[0]
    with open(table, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def chosen_model(wildcards):
    """The model of the student that selection chooses for a task."""
    rows = students_table(whose(wildcards))
    chosen = [row for row in rows if row["task"] == wildcards.task and row["chosen"] == "True"]
    if not chosen:
        raise WorkflowError(f"task {wildcards.task}: no student to take away; all have diverged")
    return f"{CELL}/model".format(**chosen[0])


def models_to_keep(wildcards):
    """The models that the study's key 'keep' asks for; a task whose students diverged has none."""
    if STUDY.keep == "none":
        return []
    rows = [row for student in STUDY.students for row in students_table(student)]
    chosen = [CHOSEN.format(**row) for row in rows if row["chosen"] == "True"]
    every = [f"{CELL}/model".format(**row) for row in rows] if STUDY.keep == "all" else []
    return [*chosen, *every]
