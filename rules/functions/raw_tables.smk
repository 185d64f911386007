# Where the raw tables of classification come from: what is fetched, or the user's own files.

# The splits of a task, and its transfer text by number.
FETCHED_SPLITS = r"train|selection|report[^/]*|transfer-\d+"


def dataset_job(wildcards):
    """The text of a job that fetches a split."""
    return job_text(settings=(settings.dataset_settings, wildcards.task, wildcards.split))


def dataset_key(wildcards):
    """Where the suite names the dataset of a split, or of transfer text."""
    place = "transfer" if wildcards.split.startswith("transfer-") else "hub"
    return f"tasks.{wildcards.task}.{place}"


def tables_of(task):
    """The raw table of each split, by its name: a fetched one, or the user's own file."""
    task = origin_of(task)
    splits = SUITE.tasks[task].splits
    if SUITE.tasks[task].hub:
        return {split: f"{FETCHED}/datasets/{task}/{split}.parquet" for split in splits}
    return splits


def origin_of(task):
    """The task whose data a task has: another one's, for a variant."""
    return SUITE.tasks[task].of or task


def transfer_table(task, number, source):
    """The table of a source of transfer text: a fetched one, or the user's own file."""
    return source.file or f"{FETCHED}/datasets/{task}/transfer-{number}.parquet"


def transfer_sources(task):
    """The sources of a variant's transfer text beside the task's own rows."""
    return [source for source in SUITE.tasks[task].transfer if not source.is_own]


def fetched_transfer(task):
    """The tables of a variant's transfer text that come from the hub."""
    sources = enumerate(transfer_sources(task))
    return [transfer_table(task, number, source) for number, source in sources if source.hub]


def downloads():
    """All that the chosen study needs of the hub, and nothing else."""
    return [
        *(model_inputs(one) for one in learners() if one.model and one.model.hub),
        *(list(tables_of(task).values()) for task in PREPARED_TASKS if SUITE.tasks[task].hub),
        *(fetched_transfer(task) for task in VARIANTS),
    ]
