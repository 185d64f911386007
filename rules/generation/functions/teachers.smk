# What a teacher of text is made of, and what jobs on it ask for.
from mtkd.study.requests import training_minutes


def writer_of(wildcards):
    return SUITE.teachers[wildcards.teacher]


def writer_job(wildcards):
    return job_text(
        "write_traces.py",
        settings=(generation.writer_settings, wildcards.task, wildcards.teacher),
    )


def traces_of(arms, name="traces"):
    """The traces that some arms are made of, or the verdicts on them; the task is left."""
    return expand(
        f"{TRACES}/{name}.parquet",
        teacher=generation.writers_of(SUITE, arms),
        allow_missing=True,
    )


def models_of(arms):
    """The models of teachers that some arms run along; the task is left."""
    return expand(
        f"{TRACES}/model",
        teacher=generation.run_along(SUITE, arms),
        allow_missing=True,
    )
