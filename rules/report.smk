# The pages and tables that people read, from tables and figures alone.
include: "functions/report.smk"


localrules:
    audit,
    report,
    latex_tables,


# Before any student: whether several teachers can help here.
rule audit:
    input:
        tables=expand(rules.audit_teachers.output, task=STUDY.tasks),
    output:
        report(
            f"{RESULTS}/audit.html",
            caption="../report/captions/audit.rst",
            category="Pages",
            labels={"page": "audit"},
        ),
    log:
        f"{LOGS}/audit/{SUITE.study_name}.log",
    benchmark:
        f"{BENCHMARKS}/audit/{SUITE.study_name}.tsv"
    priority: 1
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: page_job("audit.py", settings.teachers_settings),
    shell:
        'python "$SCRIPTS"/audit.py --job {params.job:q}'
        ' --templates "$PAGES"'
        " --tables {input.tables:q} --output {output:q} > {log:q} 2>&1"


rule report:
    input:
        tables=report_tables(),
        success=rules.state_claims.output.success,
        provenance=rules.make_tables.output.provenance,
        registrations=rules.register.output,
        tasks=expand(rules.prepare_task.output.info, task=STUDY.tasks),
        figures=rules.draw_figures.output.png,
        framework=framework_figures(),
    output:
        report(
            f"{OWN}/report.html",
            caption="../report/captions/report.rst",
            category="Pages",
            labels={"page": "report"},
        ),
    log:
        f"{LOGS}/report/{OWNER}.log",
    benchmark:
        f"{BENCHMARKS}/report/{OWNER}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: page_job("report.py", settings.table_settings, whose(wildcards)),
        tasks=named_tasks,
        study=SUITE.study_name,
        benchmarks=BENCHMARKS,
    shell:
        'python "$SCRIPTS"/report.py --job {params.job:q}'
        ' --templates "$PAGES"'
        " --tables {input.tables:q} --success {input.success:q} --provenance {input.provenance:q}"
        " --registrations {input.registrations:q} --registered {params.study:q}"
        " --tasks {params.tasks:q} --figures {input.figures:q} --framework {input.framework:q}"
        " --benchmarks {params.benchmarks:q} --output {output:q} > {log:q} 2>&1"


# For papers, with booktabs.
rule latex_tables:
    input:
        tables=report_tables(),
    output:
        directory(f"{TABLES}/latex"),
    log:
        f"{LOGS}/latex_tables/{OWNER}.log",
    benchmark:
        f"{BENCHMARKS}/latex_tables/{OWNER}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text(
            "latex_tables.py", settings=(settings.table_settings, whose(wildcards))
        ),
    shell:
        'python "$SCRIPTS"/latex_tables.py --job {params.job:q}'
        " --tables {input.tables:q} --output {output:q} > {log:q} 2>&1"
