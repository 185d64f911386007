# From the Hugging Face hub, once, pinned by commit. The only rules that need the internet; local,
# so that on a cluster they run on the login node.


def unpinned_refusal():
    return (
        f"error: {' + '.join(map(str, workflow.configfiles))}: no commit is given at "
        f"{', '.join(SUITE.unpinned())}; fill it in, or accept whatever the hub serves today "
        "with --config allow_unpinned=true"
    )


# Called before a real run, not before a dry run: the graph can be looked at unpinned.
onstart:
    if SUITE.unpinned() and not SUITE.allow_unpinned:
        sys.exit(unpinned_refusal())


localrules:
    fetch_model,
    fetch_dataset,


HUB_MODELS = {
    learner.model.hub.replace("/", "--"): learner.model
    for learner in [*SUITE.teachers.values(), *SUITE.students.values()]
    if learner.model.hub
}


rule fetch_model:
    output:
        FETCHED + "/models/{model}.json",
    wildcard_constraints:
        model=one_of(HUB_MODELS),
    params:
        name=lambda wildcards: HUB_MODELS[wildcards.model].hub,
        revision=lambda wildcards: HUB_MODELS[wildcards.model].revision,
    log:
        LOGS + "/fetch_model/{model}.log",
    retries: 3
    conda:
        "../envs/torch.yaml"
    shell:
        "HF_HUB_OFFLINE=0 python {SOURCE}/workflow/scripts/fetch_model.py --name {params.name:q}"
        " --revision {params.revision:q} --output {output:q} > {log:q} 2>&1"


rule fetch_dataset:
    output:
        FETCHED + "/datasets/{task}/{split}.parquet",
    wildcard_constraints:
        split="train|selection|report[^/]*",
    params:
        settings=lambda wildcards: canonical(settings.dataset_settings, wildcards.task),
    log:
        LOGS + "/fetch_dataset/{task}/{split}.log",
    retries: 3
    conda:
        "../envs/torch.yaml"
    shell:
        "HF_HUB_OFFLINE=0 python {SOURCE}/workflow/scripts/fetch_dataset.py"
        " --settings {params.settings:q} --split {wildcards.split:q} --output {output:q}"
        " > {log:q} 2>&1"
