# Pooling operators: what they do whatever the data, in which no suite has a part, and the framework's
# experiments on a study's teachers. No student is trained.
localrules:
    certify_operators,
    certify_own_operators,
    operators,
    draw_experiments,
    framework_claims,
    fusion,


OPERATORS = f"results/{SUITE.suite}/operators"
EXPERIMENTS = f"{RESULTS}/fusion"


rule certify_operators:
    output:
        table="results/operators/certificates.csv",
        png="results/operators/certificates.png",
        pdf="results/operators/certificates.pdf",
    log:
        "logs/operators/certify_operators.log",
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text("certify_operators.py", pools=(settings.pool_settings, ())),
    shell:
        'python "$SCRIPTS"/certify_operators.py --job {params.job:q}'
        " --table {output.table:q} --figure {output.png:q} > {log:q} 2>&1"


# The same of the operators that a suite's user wrote.
use rule certify_operators as certify_own_operators with:
    output:
        table=f"{OPERATORS}/certificates.csv",
        png=f"{OPERATORS}/certificates.png",
        pdf=f"{OPERATORS}/certificates.pdf",
    log:
        f"{LOGS}/certify_own_operators.log",
    params:
        job=lambda wildcards: job_text(
            "certify_operators.py", pools=(settings.pool_settings, tuple(OWN_OPERATORS))
        ),


rule operators:
    input:
        rules.certify_operators.output,
        rules.certify_own_operators.output if OWN_OPERATORS else [],


# The framework's claims put to a task's teachers. Reads no report label.
rule fusion_experiments:
    input:
        logits=study_logits("selection"),
        selection=rules.prepare_task.output.selection,
        info=rules.prepare_task.output.info,
        certificates=rules.certify_operators.output.table,
    output:
        expand(f"{EXPERIMENTS}/{{table}}.csv", table=tables_by("fusion_experiments")),
    log:
        f"{LOGS}/fusion_experiments/{SUITE.study_name}/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/fusion_experiments/{SUITE.study_name}/{{task}}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=small_memory,
        runtime=small_minutes,
    params:
        job=lambda wildcards: job_text(
            "fusion_experiments.py", settings=(settings.experiment_settings,)
        ),
        task=subpath(input.info, parent=True),
        folder=subpath(output[0], parent=True),
    shell:
        'python "$SCRIPTS"/fusion_experiments.py --job {params.job:q}'
        " --task {params.task:q} --logits {input.logits:q} --certificates {input.certificates:q}"
        " --output {params.folder:q} > {log:q} 2>&1"


use rule draw_figures as draw_experiments with:
    input:
        expand(f"{EXPERIMENTS}/{{table}}.csv", table=tables_drawn_in("fusion")),
    output:
        png=[f"{EXPERIMENTS}/{figure.path}.png" for figure in drawn_in("fusion")],
        pdf=[f"{EXPERIMENTS}/{figure.path}.pdf" for figure in drawn_in("fusion")],
    log:
        f"{LOGS}/draw_experiments/{SUITE.study_name}.log",
    benchmark:
        f"{BENCHMARKS}/draw_experiments/{SUITE.study_name}.tsv"
    params:
        job=lambda wildcards: drawing_job("fusion", None),
        tables=subpath(input[0], ancestor=2),
        folder=subpath(output[0], ancestor=2),
        kept=f"{STATE}/figures",


rule fusion:
    input:
        expand(rules.fusion_experiments.output, task=STUDY.tasks),
        rules.draw_experiments.output,


# With the students of a study whose arms are pooling operators; its report has them all.
rule framework_claims:
    input:
        examples=of_tasks(rules.collect_examples.output),
        teachers=expand(f"{EXPERIMENTS}/{{task}}/claims.csv", task=STUDY.tasks),
        claims=rules.state_claims.output.claims,
    output:
        expand(f"{TABLES}/{{table}}.csv", table=tables_by("framework_claims"), allow_missing=True),
    log:
        f"{LOGS}/framework_claims/{OWNER}.log",
    benchmark:
        f"{BENCHMARKS}/framework_claims/{OWNER}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: claiming_job(
            "framework_claims.py", pools=(settings.pool_settings, tuple(STUDY.strategies))
        ),
        folder=subpath(output[0], parent=True),
    shell:
        'python "$SCRIPTS"/framework_claims.py --job {params.job:q}'
        " --examples {input.examples:q} --teachers {input.teachers:q} --claims {input.claims:q}"
        " --output {params.folder:q} > {log:q} 2>&1"
