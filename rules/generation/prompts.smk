# Prompts of a generation task: made, or read from tables; the report's answers lie apart.
include: "functions/prompts.smk"


localrules:
    make_prompts,


rule make_prompts:
    input:
        lambda wildcards: list(prompt_tables(wildcards.task).values()),
    output:
        info=f"{TASK}/info.json",
        answers=f"{TASK}/report_answers.parquet",
        splits=expand(f"{TASK}/{{split}}.parquet", split=PROMPT_SPLITS, allow_missing=True),
    log:
        f"{LOGS}/make_prompts/{{task}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text(settings=(generation.prompts_settings, wildcards.task)),
        tables=lambda wildcards: [
            f"{split}={path}" for split, path in prompt_tables(wildcards.task).items()
        ],
        folder=subpath(output.info, parent=True),
    shell:
        'python "$SCRIPTS"/make_prompts.py --job {params.job:q} --name {wildcards.task:q}'
        " --tables {params.tables:q} --output {params.folder:q} > {log:q} 2>&1"
