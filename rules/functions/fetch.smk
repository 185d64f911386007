# Where models and tables come from: what is fetched, or the user's own files.
import shlex


def record_name(model):
    """The file name of a hub model's record: two commits of one model are two."""
    return f"{paths.file_name(model.hub)}@{model.revision[:12] or 'newest'}"


def model_inputs(learner):
    """Files that a learner's model comes from: a download's record, a folder's, word vectors."""
    model = learner.model
    if model.hub:
        return [f"{FETCHED}/models/{record_name(model)}.json"]
    if model.folder:
        files = sorted(str(path) for path in Path(model.folder).glob("*") if path.is_file())
        return files or [f"{model.folder}/config.json"]
    return vector_inputs(model.vector_files)


def vector_inputs(tables):
    """The files of tables of word vectors."""
    return [file for path in tables for file in (path, str(Path(path).with_name("vocabulary.txt")))]


def dataset_key(wildcards):
    """Where the suite names the dataset of a split, or of transfer text."""
    place = "transfer" if wildcards.split.startswith("transfer-") else "hub"
    return f"tasks.{wildcards.task}.{place}"


def fetched_option(learner):
    """The option that hands a download's record to a script, where there is one."""
    return f"--fetched {shlex.quote(model_inputs(learner)[0])}" if learner.model.hub else ""


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
