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


rule identify_teachers:
    input:
        traces=traces_of(MIXTURES),
        report=f"{TASK}/report.parquet",
    output:
        expand(IDENTIFIED, teachers=SETS, allow_missing=True),
    log:
        f"{LOGS}/identify_teachers/{{task}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text(
            "identify_teachers.py",
            settings=(generation.scoring_settings, wildcards.task),
        ),
        folder=subpath(input.report, parent=True),
    shell:
        'python "$SCRIPTS"/identify_teachers.py --job {params.job:q} --task {params.folder:q}'
        " --traces {input.traces:q} --outputs {output:q} > {log:q} 2>&1"


rule conflict_tables:
    input:
        scores=students_of(f"{WRITER}/scores.parquet"),
        reports=expand(f"{TASK}/report.parquet", task=STUDY.tasks),
        identified=expand(IDENTIFIED, task=STUDY.tasks, teachers=SETS),
    output:
        tables=expand(f"{TABLES}/{{table}}.csv", table=CONFLICT_TABLES),
        findings=f"{TABLES}/findings.txt",
    log:
        f"{LOGS}/conflict_tables/{SUITE.study_name}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text(
            "conflict_tables.py", settings=(generation.text_study_settings,)
        ),
        prompts=[f"{task}={TASK}/report.parquet".format(task=task) for task in STUDY.tasks],
        folder=subpath(output.findings, parent=True),
    shell:
        # A study has more students than a command line takes.
        """
        printf '%s\\n' {input.scores:q} \
            | python "$SCRIPTS"/conflict_tables.py --job {params.job:q} --scores - \\
        --prompts {params.prompts:q} --identified {input.identified:q} \\
        --output {params.folder:q} >{log:q} 2>&1
        """


rule conflict_figures:
    input:
        rules.conflict_tables.output.tables,
    output:
        expand(
            f"{RESULTS}/figures/{{figure}}.{{extension}}",
            figure=CONFLICT_FIGURES,
            extension=["png", "pdf"],
        ),
    log:
        f"{LOGS}/conflict_figures/{SUITE.study_name}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text(
            "conflict_figures.py", settings=(generation.text_figure_settings,)
        ),
        tables=subpath(input[0], parent=True),
        folder=subpath(output[0], parent=True),
    shell:
        'python "$SCRIPTS"/conflict_figures.py --job {params.job:q} --tables {params.tables:q}'
        " --output {params.folder:q} > {log:q} 2>&1"


rule conflict_report:
    input:
        tables=[*rules.conflict_tables.output.tables, *rules.traces_table.output],
        figures=[path for path in rules.conflict_figures.output if path.endswith("png")],
        registrations=rules.register.output,
    output:
        f"{RESULTS}/report.html",
    log:
        f"{LOGS}/conflict_report/{SUITE.study_name}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text(
            "conflict_report.py",
            settings=(generation.text_study_settings,),
            pages=(page_digest,),
        ),
    shell:
        'python "$SCRIPTS"/conflict_report.py --job {params.job:q}'
        ' --templates "$PAGES" --tables {input.tables:q} --figures {input.figures:q}'
        " --registrations {input.registrations:q}"
        " --output {output:q} > {log:q} 2>&1"
