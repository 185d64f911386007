# What bases and specialists are made of.


def base_of(wildcards):
    return SUITE.bases[wildcards.base]


def specialists_job(wildcards):
    return job_text(
        "train_specialists.py",
        settings=(specialists.specialists_settings, wildcards.base),
    )


def base_tasks(wildcards):
    """The folders of the tasks that a base learns from."""
    return [TASK.format(task=task) for task in base_of(wildcards).tasks]


def task_data(tasks):
    """What learners read of some tasks: all but the report's labels."""
    names = ("train", "report", "info")
    return [path for name in names for path in expand(rules.prepare_task.output[name], task=tasks)]
