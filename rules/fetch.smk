# From the Hugging Face hub, once, pinned by commit. The only rules that need the internet; local,
# so that on a cluster they run on the login node.
include: "functions/fetch.smk"


if is_generation(config):

    include: "generation/functions/fetch.smk"

else:

    include: "functions/raw_tables.smk"


localrules:
    fetch_model,
    fetch_dataset,
    fetch,


# By the name of their record: where the suite names them.
HUB_MODELS = {
    record_name(learner.model): (kind, name)
    for kind in LEARNERS
    for name, learner in getattr(SUITE, kind).items()
    if learner.model and learner.model.hub
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
        split=FETCHED_SPLITS,
    retries: 0
    conda:
        "../envs/torch.yaml"
    params:
        job=dataset_job,
        key=dataset_key,
    shell:
        'HF_HUB_OFFLINE=0 python "$SCRIPTS"/fetch_dataset.py --job {params.job:q}'
        " --key {params.key:q} --split {wildcards.split:q}"
        " --record {output.record:q} --output {output.table:q} > {log:q} 2>&1"


rule fetch:
    input:
        downloads(),
