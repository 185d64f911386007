# What the pages show.
from mtkd.analysis.catalogue import tables_shown


def report_tables():
    return expand(f"{TABLES}/{{table}}.csv", table=tables_shown(FACTS), allow_missing=True)


def named_tasks(wildcards):
    """What each task's task.json is called, by the task's name."""
    return [f"{task}={TASK.format(task=task)}/task.json" for task in STUDY.tasks]


def framework_figures():
    """Certificates and experiments, for the report of a study whose arms are pooling operators."""
    if "pools" not in FACTS:
        return []
    certificates = ["results/operators", *([OPERATORS] if OWN_OPERATORS else [])]
    # A task's beside each other.
    experiments = sorted(drawn_in("fusion"), key=lambda figure: STUDY.tasks.index(figure.task))
    return [f"{folder}/certificates.png" for folder in certificates] + [
        f"{EXPERIMENTS}/{figure.path}.png" for figure in experiments
    ]


def page_job(script, *made):
    """The text of a page's job; its settings are made by a function and arguments."""
    return job_text(script, settings=made, pages=(page_digest,))
