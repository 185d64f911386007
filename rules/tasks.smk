# Task data: checked, split by role, report labels apart; and the TF-IDF reference of each task.


def task_tables(wildcards):
    """The raw table of each split: a fetched one, or the user's own file."""
    task = task_of(wildcards)
    if task.hub:
        return [f"{FETCHED}/datasets/{wildcards.task}/{split}.parquet" for split in task.splits]
    return list(task.splits.values())


rule prepare_task:
    input:
        tables=task_tables,
    output:
        train=TASK + "/train.parquet",
        selection=TASK + "/selection.parquet",
        report=TASK + "/report.parquet",
        report_labels=TASK + "/report_labels.parquet",
        info=TASK + "/task.json",
    params:
        settings=lambda wildcards: canonical(settings.task_settings, wildcards.task),
        code=code_of("prepare_task.py"),
        folder=subpath(output.info, parent=True),
    log:
        LOGS + "/prepare_task/{task}.log",
    benchmark:
        BENCHMARKS + "/prepare_task/{task}.tsv"
    conda:
        "../envs/analysis.yaml"
    shell:
        "python {SOURCE}/workflow/scripts/prepare_task.py --settings {params.settings:q}"
        " --name {wildcards.task:q} --tables {input.tables:q} --output {params.folder:q}"
        " > {log:q} 2>&1"


rule fit_reference:
    input:
        data=rules.prepare_task.output[:3],
        info=rules.prepare_task.output.info,
    output:
        REFERENCE + "/predictions.safetensors",
    params:
        code=code_of("fit_reference.py"),
        folder=subpath(input.info, parent=True),
    log:
        LOGS + "/fit_reference/{task}.log",
    benchmark:
        BENCHMARKS + "/fit_reference/{task}.tsv"
    conda:
        "../envs/analysis.yaml"
    shell:
        "python {SOURCE}/workflow/scripts/fit_reference.py --code {params.code:q}"
        " --task {params.folder:q} --output {output:q} > {log:q} 2>&1"
