# The scored records of a study.
from mtkd.study.grid import cells, tasks_with_teachers


# Functions of wildcards although they need none: listing thousands of paths is left to the runs that
# want them, and every job of a cluster reads these files again.
def all_cells(wildcards):
    """The scored record of every cell of the study."""
    return [f"{CELL.format(**cell._asdict())}/eval.json" for cell in cells(STUDY)]


def teacher_eval(task, teacher):
    """The scored records of a teacher: one per teacher seed."""
    return expand(
        f"{TEACHER}/eval.json",
        task=task,
        teacher=teacher,
        teacher_seed=teacher_seeds(SUITE, STUDY.seeds),
    )


def study_evals(wildcards):
    """The scored records of the study: cells, teachers, references and constant answers."""
    teachers = [teacher_eval(task, teacher) for task, teacher in tasks_with_teachers(STUDY)]
    references = expand([f"{REFERENCE}/eval.json", f"{CONSTANT}/eval.json"], task=STUDY.tasks)
    return [*all_cells(wildcards), *sum(teachers, []), *references]


def scoring_job(script, task):
    return job_text(
        script,
        settings=(settings.score_settings, task),
        metrics=(metric_digests, *SUITE.tasks[task].metrics),
    )
