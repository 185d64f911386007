# From the Hugging Face hub, once, pinned by commit. The only rules that need the internet; local,
# so that on a cluster they run on the login node.


localrules:
    fetch_model,
    fetch_dataset,


HUB_MODELS = {
    paths.file_name(learner.model.hub): learner.model
    for learner in [*SUITE.teachers.values(), *SUITE.students.values()]
    if learner.model.hub
}


rule fetch_model:
    output:
        f"{FETCHED}/models/{{model}}.json",
    log:
        f"{LOGS}/fetch_model/{{model}}.log",
    wildcard_constraints:
        model=one_of(HUB_MODELS),
    retries: 3
    conda:
        "../envs/torch.yaml"
    params:
        name=lambda wildcards: HUB_MODELS[wildcards.model].hub,
        revision=lambda wildcards: HUB_MODELS[wildcards.model].revision,
    shell:
        'HF_HUB_OFFLINE=0 python "$SCRIPTS"/fetch_model.py --name {params.name:q}'
        " --revision {params.revision:q} --output {output:q} > {log:q} 2>&1"


rule fetch_dataset:
    output:
        f"{FETCHED}/datasets/{{task}}/{{split}}.parquet",
    log:
        f"{LOGS}/fetch_dataset/{{task}}/{{split}}.log",
    wildcard_constraints:
        split="train|selection|report[^/]*",
    retries: 3
    conda:
        "../envs/torch.yaml"
    params:
        settings=lambda wildcards: canonical(settings.dataset_settings, wildcards.task),
    shell:
        'HF_HUB_OFFLINE=0 python "$SCRIPTS"/fetch_dataset.py'
        " --settings {params.settings:q} --split {wildcards.split:q} --output {output:q}"
        " > {log:q} 2>&1"
