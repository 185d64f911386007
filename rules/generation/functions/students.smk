# What students of text are trained by.


def text_student_of(wildcards):
    return SUITE.students[wildcards.student]


def writers_job(wildcards, arms):
    """The text of a job that trains students: its settings, and the strategies of its arms."""
    return job_text(
        "train_writers.py",
        settings=(generation.text_student_settings, wildcards.task, wildcards.student),
        strategies=(generation.mixings, tuple(dict.fromkeys(arm.strategy for arm in arms))),
    )
