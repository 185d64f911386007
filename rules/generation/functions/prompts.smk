# Where prompts come from: made, what is fetched, or the user's own files.
from mtkd.config.generation import PROMPT_SPLITS


def prompt_tables(task):
    """The table of each split of a task, by its name; none where prompts are made.

    A split of the hub is fetched once, under the first name that it has here.
    """
    prompts = SUITE.tasks[task].prompts
    if not prompts:
        return {}
    files = {split: prompts.files[split] for split in SUITE.tasks[task].splits}
    if not prompts.hub:
        return files
    first = {name: split for split, name in reversed(files.items())}
    return {
        split: f"{FETCHED}/datasets/{task}/{first[name]}.parquet" for split, name in files.items()
    }
