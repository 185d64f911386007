# Where models come from: what is fetched, or the user's own files.
import shlex


def record_name(model):
    """The file name of a hub model's record: two commits of one model are two."""
    return f"{paths.file_name(model.hub)}@{model.revision[:12] or 'newest'}"


def model_inputs(learner):
    """Files that a learner's model comes from: a download's record, a folder's, word vectors."""
    model = learner.model
    # Programs and traces, of text, have none.
    if model is None:
        return []
    if model.hub:
        return [f"{FETCHED}/models/{record_name(model)}.json"]
    if model.folder:
        files = sorted(str(path) for path in Path(model.folder).glob("*") if path.is_file())
        return files or [f"{model.folder}/config.json"]
    return [] if is_generation(config) else vector_inputs(model.vector_files)


def vector_inputs(tables):
    """The files of tables of word vectors."""
    return [file for path in tables for file in (path, str(Path(path).with_name("vocabulary.txt")))]


def fetched_option(learner):
    """The option that hands a download's record to a script, where there is one."""
    if learner.model is None or not learner.model.hub:
        return ""
    return f"--fetched {shlex.quote(model_inputs(learner)[0])}"


def learners():
    """Those that the chosen study trains, or asks."""
    return [getattr(SUITE, kind)[name] for kind, names in LEARNERS.items() for name in names]
