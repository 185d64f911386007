# What the hub has of a generation suite: models, and tables of prompts.
from mtkd.config.generation import PROMPT_SPLITS

FETCHED_SPLITS = "|".join(PROMPT_SPLITS)


def dataset_job(wildcards):
    """The text of a job that fetches a split."""
    return job_text(settings=(generation.dataset_settings, wildcards.task, wildcards.split))


def dataset_key(wildcards):
    """Where the suite names the dataset of a split."""
    return f"tasks.{wildcards.task}.prompts.hub"


def downloads():
    """All that the chosen study needs of the hub, and nothing else."""
    return [
        *(model_inputs(one) for one in learners() if one.model and one.model.hub),
        *(
            list(prompt_tables(task).values())
            for task in STUDY.tasks
            if SUITE.tasks[task].prompts and SUITE.tasks[task].prompts.hub
        ),
    ]
