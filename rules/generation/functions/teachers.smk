# What a teacher of text is made of.


def writer_of(wildcards):
    return SUITE.teachers[wildcards.teacher]


def writer_job(wildcards):
    return job_text(
        "write_traces.py",
        settings=(generation.writer_settings, wildcards.task, wildcards.teacher),
    )


def traces_of(arms):
    """The traces that some arms are made of; the task is left."""
    return expand(
        f"{TRACES}/traces.parquet",
        teacher=generation.writers_of(SUITE, arms),
        allow_missing=True,
    )
