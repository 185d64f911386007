# From what students wrote to tables and the page: only the scoring rule reads the report's answers.
include: "functions/tables.smk"


# Students of one seed are scored together, whose responses are often the same; those of one teacher apart,
# so that sizes can be chosen on them before there is a mixture.
rule score_singles:
    input:
        generations=fold_arms(f"{WRITER}/generations.parquet", SINGLES),
        report=f"{TASK}/report.parquet",
        answers=rules.make_prompts.output.answers,
    output:
        scores=fold_arms(f"{WRITER}/scores.parquet", SINGLES),
        evals=fold_arms(f"{WRITER}/eval.json", SINGLES),
    log:
        f"{LOGS}/score_singles/{{student}}/{{task}}/seed{{seed}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text(
            "score_writers.py",
            settings=(generation.scoring_settings, wildcards.task),
        ),
        folder=subpath(input.report, parent=True),
    shell:
        'python "$SCRIPTS"/score_writers.py --job {params.job:q} --task {params.folder:q}'
        " --answers {input.answers:q} --outputs {output.scores:q} > {log:q} 2>&1"


use rule score_singles as score_mixtures with:
    input:
        generations=fold_arms(f"{WRITER}/generations.parquet", MIXTURES),
        report=f"{TASK}/report.parquet",
        answers=rules.make_prompts.output.answers,
    output:
        scores=fold_arms(f"{WRITER}/scores.parquet", MIXTURES),
        evals=fold_arms(f"{WRITER}/eval.json", MIXTURES),
    log:
        f"{LOGS}/score_mixtures/{{student}}/{{task}}/seed{{seed}}.log",


rule conflict_tables:
    input:
        scores=students_of(f"{WRITER}/scores.parquet"),
        traces=expand(f"{TRACES}/traces.parquet", task=STUDY.tasks, teacher=WRITERS),
        reports=expand(f"{TASK}/report.parquet", task=STUDY.tasks),
    output:
        directory(TABLES),
    log:
        f"{LOGS}/conflict_tables/{SUITE.study_name}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text(
            "conflict_tables.py", settings=(generation.text_study_settings,)
        ),
    shell:
        'python "$SCRIPTS"/conflict_tables.py --job {params.job:q} --scores {input.scores:q}'
        " --traces {input.traces:q} --output {output:q} > {log:q} 2>&1"


rule conflict_report:
    input:
        tables=rules.conflict_tables.output,
    output:
        f"{RESULTS}/report.html",
    log:
        f"{LOGS}/conflict_report/{SUITE.study_name}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text(
            "conflict_report.py", settings=(generation.text_study_settings,)
        ),
    shell:
        'python "$SCRIPTS"/conflict_report.py --job {params.job:q} --tables {input.tables:q}'
        " --output {output:q} > {log:q} 2>&1"
