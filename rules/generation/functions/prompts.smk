# Where prompts come from.
from mtkd.config.generation import PROMPT_SPLITS


def prompt_tables(task):
    """The table of each split of a task, by its name; none where prompts are made."""
    prompts = SUITE.tasks[task].prompts
    return dict(prompts.files) if prompts else {}
