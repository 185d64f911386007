# Task data: checked, split by role, report labels apart; and the TF-IDF reference of each task.


def tables_of(task):
    """The raw table of each split, by its name: a fetched one, or the user's own file."""
    splits = SUITE.tasks[task].splits
    if SUITE.tasks[task].hub:
        return {split: f"{FETCHED}/datasets/{task}/{split}.parquet" for split in splits}
    return splits


def task_tables(wildcards):
    return list(tables_of(wildcards.task).values())


def named_tables(wildcards):
    return [f"{split}={path}" for split, path in tables_of(wildcards.task).items()]


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
        tables=named_tables,
        folder=subpath(output.info, parent=True),
    log:
        LOGS + "/prepare_task/{task}.log",
    benchmark:
        BENCHMARKS + "/prepare_task/{task}.tsv"
    conda:
        "../envs/analysis.yaml"
    shell:
        "python {SOURCE}/workflow/scripts/prepare_task.py --settings {params.settings:q}"
        " --name {wildcards.task:q} --tables {params.tables:q} --output {params.folder:q}"
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
