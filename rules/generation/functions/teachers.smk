# What a teacher of text is made of, and what jobs on it ask for.
from mtkd.study.requests import training_minutes


def writer_of(wildcards):
    return SUITE.teachers[wildcards.teacher]


def writer_job(wildcards):
    return job_text(
        "write_traces.py",
        settings=(generation.writer_settings, wildcards.task, wildcards.teacher),
    )


def lot_job(wildcards, lot):
    """The text of a job that trains several teachers as one."""
    return job_text(
        "write_traces.py",
        settings=(generation.writers_settings, wildcards.task, tuple(lot)),
    )


def of_teachers(pattern, teachers):
    """A pattern's path of each of some teachers; the task is left."""
    return expand(pattern, teacher=teachers, allow_missing=True)


def traces_of(arms, name="traces"):
    """The traces that some arms are made of, or the verdicts on them; the task is left."""
    return of_teachers(f"{TRACES}/{name}.parquet", generation.writers_of(SUITE, arms))


def traces_beside(wildcards):
    """The traces of teachers that a teacher is trained as one with, its own among them."""
    lot = next((lot for lot in LOTS.values() if wildcards.teacher in lot), [])
    return expand(f"{TRACES}/traces.parquet", task=wildcards.task, teacher=lot)


def models_of(arms):
    """The models of teachers that some arms run along; the task is left."""
    return of_teachers(f"{TRACES}/model", generation.run_along(SUITE, arms))
