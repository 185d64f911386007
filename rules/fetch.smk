# From the Hugging Face hub, once, pinned by commit. The only rules that need the internet; local,
# so that on a cluster they run on the login node.
import shlex


localrules:
    fetch_model,
    fetch_dataset,
    fetch,


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
    if model.vectors:
        return [model.vectors, str(Path(model.vectors).with_name("vocabulary.txt"))]
    return []


def fetched_option(learner):
    """The option that hands a download's record to a script, where there is one."""
    return f"--fetched {shlex.quote(model_inputs(learner)[0])}" if learner.model.hub else ""


def tables_of(task):
    """The raw table of each split, by its name: a fetched one, or the user's own file."""
    splits = SUITE.tasks[task].splits
    if SUITE.tasks[task].hub:
        return {split: f"{FETCHED}/datasets/{task}/{split}.parquet" for split in splits}
    return splits


# By the name of their record: where the suite names them.
HUB_MODELS = {
    record_name(learner.model): (kind, name)
    for kind, learners in (("teachers", SUITE.teachers), ("students", SUITE.students))
    for name, learner in learners.items()
    if learner.model.hub
}


# The scripts themselves try again where that can help, and keep what has arrived; what they refuse
# they would refuse again. Their text holds no code: an edited client fetches nothing again.
rule fetch_model:
    output:
        f"{FETCHED}/models/{{model}}.json",
    log:
        f"{LOGS}/fetch_model/{{model}}.log",
    wildcard_constraints:
        model=one_of(HUB_MODELS),
    retries: 0
    conda:
        "../envs/torch.yaml"
    params:
        job=lambda wildcards: job_text(
            settings=(settings.hub_model_settings, *HUB_MODELS[wildcards.model])
        ),
        key=lambda wildcards: "{}.{}.model".format(*HUB_MODELS[wildcards.model]),
    shell:
        'HF_HUB_OFFLINE=0 python "$SCRIPTS"/fetch_model.py --job {params.job:q}'
        " --key {params.key:q} --output {output:q} > {log:q} 2>&1"


rule fetch_dataset:
    output:
        table=f"{FETCHED}/datasets/{{task}}/{{split}}.parquet",
        record=f"{FETCHED}/datasets/{{task}}/{{split}}.json",
    log:
        f"{LOGS}/fetch_dataset/{{task}}/{{split}}.log",
    wildcard_constraints:
        split="train|selection|report[^/]*",
    retries: 0
    conda:
        "../envs/torch.yaml"
    params:
        job=lambda wildcards: job_text(settings=(settings.dataset_settings, wildcards.task)),
    shell:
        'HF_HUB_OFFLINE=0 python "$SCRIPTS"/fetch_dataset.py --job {params.job:q}'
        " --key tasks.{wildcards.task:q}.hub --split {wildcards.split:q}"
        " --record {output.record:q} --output {output.table:q} > {log:q} 2>&1"


# All that the chosen study needs of the hub, and nothing else.
rule fetch:
    input:
        [
            model_inputs(SUITE.teachers[name])
            for name in STUDY_TEACHERS
            if SUITE.teachers[name].model.hub
        ],
        model_inputs(STUDENT) if STUDENT.model.hub else [],
        [list(tables_of(task).values()) for task in STUDY.tasks if SUITE.tasks[task].hub],
