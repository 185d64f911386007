# Task data: checked, split by role, report labels apart.
include: "functions/tasks.smk"


rule prepare_task:
    input:
        tables=lambda wildcards: list(tables_of(wildcards.task).values()),
    output:
        train=f"{TASK}/train.parquet",
        selection=f"{TASK}/selection.parquet",
        report=f"{TASK}/report.parquet",
        report_labels=f"{TASK}/report_labels.parquet",
        overlap=f"{TASK}/overlap.csv",
        info=f"{TASK}/task.json",
    log:
        f"{LOGS}/prepare_task/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/prepare_task/{{task}}.tsv"
    wildcard_constraints:
        task=one_of(PREPARED_TASKS),
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=small_memory,
        runtime=small_minutes,
    params:
        job=lambda wildcards: job_text(
            "prepare_task.py", settings=(settings.task_settings, wildcards.task)
        ),
        tables=named_tables,
        folder=subpath(output.info, parent=True),
    shell:
        'python "$SCRIPTS"/prepare_task.py --job {params.job:q}'
        " --name {wildcards.task:q} --tables {params.tables:q} --output {params.folder:q}"
        " > {log:q} 2>&1"


# A variant of a task, on its data: few labelled rows, and text that nobody labelled.
rule derive_task:
    input:
        data=lambda wildcards: expand(
            rules.prepare_task.output, task=SUITE.tasks[wildcards.task].of
        ),
        texts=transfer_files,
    output:
        *rules.prepare_task.output,
        transfer_labels=TRANSFER_LABELS,
        gate=f"{TASK}/gate.parquet",
    log:
        f"{LOGS}/derive_task/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/derive_task/{{task}}.tsv"
    wildcard_constraints:
        task=one_of(VARIANTS),
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=small_memory,
        runtime=small_minutes,
    params:
        job=lambda wildcards: job_text(
            "derive_task.py", settings=(settings.variant_settings, wildcards.task)
        ),
        task=lambda wildcards: TASK.format(task=origin_of(wildcards.task)),
        texts=transfer_paths,
        folder=subpath(output.gate, parent=True),
    shell:
        'python "$SCRIPTS"/derive_task.py --job {params.job:q} --name {wildcards.task:q}'
        " --task {params.task:q} --texts {params.texts:q} --output {params.folder:q}"
        " > {log:q} 2>&1"
