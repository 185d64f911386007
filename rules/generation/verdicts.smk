# Verdicts on teachers' traces, before any student learns them: what cannot be judged is refused here.
# Answers are those of transfer prompts; the report's are not read.


rule verify_traces:
    input:
        traces=f"{TRACES}/traces.parquet",
        transfer=f"{TASK}/transfer.parquet",
        # Snakemake does not look for what has changed in a job that has an output which nobody asks for.
        beside=traces_beside,
    output:
        f"{TRACES}/verdicts.parquet",
    log:
        f"{LOGS}/verify_traces/{{task}}/{{teacher}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text(
            "verify_traces.py",
            settings=(generation.verdict_settings, wildcards.task, wildcards.teacher),
        ),
    shell:
        'python "$SCRIPTS"/verify_traces.py --job {params.job:q} --traces {input.traces:q}'
        " --transfer {input.transfer:q} --output {output:q} > {log:q} 2>&1"


rule traces_table:
    input:
        verdicts=expand(rules.verify_traces.output, task=STUDY.tasks, teacher=WRITERS),
    output:
        f"{RESULTS}/traces.csv",
    log:
        f"{LOGS}/traces_table/{SUITE.study_name}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text("traces_table.py"),
    shell:
        'python "$SCRIPTS"/traces_table.py --job {params.job:q} --verdicts {input.verdicts:q}'
        " --output {output:q} > {log:q} 2>&1"
