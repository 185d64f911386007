# The pages and tables that people read, from tables and figures alone.


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
        settings=canonical(settings.table_settings),
        code=lambda wildcards: code_of("audit.py"),
        text=lambda wildcards: page_text(),
    shell:
        'python "$SCRIPTS"/audit.py --settings {params.settings:q}'
        ' --templates "$PAGES"'
        " --tables {input.tables:q} --output {output:q} > {log:q} 2>&1"


rule report:
    input:
        tables=report_tables(),
        success=rules.state_claims.output.success,
        provenance=rules.make_tables.output.provenance,
        tasks=expand(rules.prepare_task.output.info, task=STUDY.tasks),
        figures=[path for path in study_figures() if path.endswith(".png")],
        framework=framework_figures(),
    output:
        report(
            f"{RESULTS}/report.html",
            caption="../report/captions/report.rst",
            category="Pages",
            labels={"page": "report"},
        ),
    log:
        f"{LOGS}/report/{SUITE.study_name}.log",
    benchmark:
        f"{BENCHMARKS}/report/{SUITE.study_name}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        settings=canonical(settings.table_settings),
        code=lambda wildcards: code_of("report.py"),
        text=lambda wildcards: page_text(),
        tasks=named_tasks,
        benchmarks=BENCHMARKS,
    shell:
        'python "$SCRIPTS"/report.py --settings {params.settings:q}'
        ' --templates "$PAGES"'
        " --tables {input.tables:q} --success {input.success:q} --provenance {input.provenance:q}"
        " --tasks {params.tasks:q}"
        " --figures {input.figures:q} --framework {input.framework:q} --benchmarks {params.benchmarks:q} --output {output:q}"
        " > {log:q} 2>&1"


# For papers, with booktabs.
rule latex_tables:
    input:
        tables=report_tables(),
    output:
        directory(f"{TABLES}/latex"),
    log:
        f"{LOGS}/latex_tables/{SUITE.study_name}.log",
    benchmark:
        f"{BENCHMARKS}/latex_tables/{SUITE.study_name}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        settings=canonical(settings.table_settings),
        code=lambda wildcards: code_of("latex_tables.py"),
    shell:
        'python "$SCRIPTS"/latex_tables.py --settings {params.settings:q}'
        " --tables {input.tables:q} --output {output:q} > {log:q} 2>&1"
