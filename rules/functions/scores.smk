# The scored records of a study.
from mtkd.study.grid import cells


# Functions of wildcards although they need none: listing thousands of paths is left to the runs that
# want them, and every job of a cluster reads these files again.
def all_cells(wildcards):
    """The scored record of every cell of the study."""
    return [f"{CELL.format(**cell._asdict())}/eval.json" for cell in cells(STUDY)]


def teacher_evals():
    """The scored records of the study's teachers."""
    return [
        f"{folder}/eval.json"
        for task in STUDY.tasks
        for folder in runs_of(task, STUDY.teachers, STUDY.seeds)
    ]


def student_evals(student):
    """The scored records that tables are made of: a student's cells, teachers, what is beside."""
    own = [
        f"{CELL.format(**cell._asdict())}/eval.json"
        for cell in cells(STUDY)
        if cell.student == student
    ]
    references = expand(rules.score_reference.output, task=STUDY.tasks)
    constants = expand(f"{CONSTANT}/eval.json", task=STUDY.tasks)
    return [*own, *teacher_evals(), *references, *constants]


def scoring_job(script, task):
    return job_text(
        script,
        settings=(settings.score_settings, task),
        metrics=(metric_digests, *SUITE.tasks[task].metrics),
    )
