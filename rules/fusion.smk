# Pooling operators: what they do whatever the data, in which no suite has a part, and the framework's
# experiments on a study's teachers. No student is trained.
localrules:
    certify_operators,
    certify_own_operators,
    operators,
    draw_fusion_experiment,
    framework_claims,
    fusion,


OPERATORS = f"results/{SUITE.suite}/operators"
# The tables that each figure of an experiment is drawn from, by task.
FUSION_TABLES = {
    "variance": ["variance", "scaling"],
    "objectives": ["objectives"],
    "attenuation": ["attenuation"],
}
# What a study has besides, whose arms are pooling operators: the framework's claims.
FRAMEWORK_TABLES = ["framework", "attenuation_students", "diversity_gain"]


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
        variance=f"{RESULTS}/fusion/{{task}}/variance.csv",
        scaling=f"{RESULTS}/fusion/{{task}}/scaling.csv",
        objectives=f"{RESULTS}/fusion/{{task}}/objectives.csv",
        attenuation=f"{RESULTS}/fusion/{{task}}/attenuation.csv",
        claims=f"{RESULTS}/fusion/{{task}}/claims.csv",
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
        folder=subpath(output.claims, parent=True),
    shell:
        'python "$SCRIPTS"/fusion_experiments.py --job {params.job:q}'
        " --task {params.task:q} --logits {input.logits:q} --certificates {input.certificates:q}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule draw_fusion_experiment:
    input:
        tables=lambda wildcards: expand(
            f"{RESULTS}/fusion/{{task}}/{{table}}.csv",
            task=wildcards.task,
            table=FUSION_TABLES[wildcards.figure],
        ),
    output:
        png=f"{RESULTS}/fusion/{{task}}/{{figure}}.png",
        pdf=f"{RESULTS}/fusion/{{task}}/{{figure}}.pdf",
    log:
        f"{LOGS}/draw_fusion_experiment/{SUITE.study_name}/{{task}}/{{figure}}.log",
    benchmark:
        f"{BENCHMARKS}/draw_fusion_experiment/{SUITE.study_name}/{{task}}/{{figure}}.tsv"
    wildcard_constraints:
        figure=one_of(FUSION_TABLES),
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text(
            "draw_fusion_experiment.py", settings=(settings.figure_settings, STUDY.students[0])
        ),
    shell:
        'python "$SCRIPTS"/draw_fusion_experiment.py --job {params.job:q}'
        " --figure {wildcards.figure:q} --tables {input.tables:q} --output {output.png:q}"
        " > {log:q} 2>&1"


rule fusion:
    input:
        expand(rules.fusion_experiments.output.claims, task=STUDY.tasks),
        expand(rules.draw_fusion_experiment.output, task=STUDY.tasks, figure=FUSION_TABLES),


# With the students of a study whose arms are pooling operators; its report has them all.
rule framework_claims:
    input:
        examples=of_tasks(rules.collect_examples.output),
        teachers=expand(rules.fusion_experiments.output.claims, task=STUDY.tasks),
        claims=rules.state_claims.output.claims,
    output:
        expand(f"{TABLES}/{{table}}.csv", table=FRAMEWORK_TABLES, allow_missing=True),
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
