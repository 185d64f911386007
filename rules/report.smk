# The pages and tables that people read, from tables and figures alone.
from mtkd.records.files import digest_folder


localrules:
    audit,
    report,
    latex_tables,


def report_tables():
    names = ["master", "skill", "failed", "claims", "gap", "grid", "over_tasks", "profiles"]
    names += ["ranking", "audit_scored", "flags", "quality", "reliability", "agreement"]
    names += ["failures", "confidence", "fidelity", "human", "human_prediction", "checks"]
    names += FRAMEWORK_TABLES if has_pools() else []
    return expand(f"{TABLES}/{{table}}.csv", table=names)


def named_tasks(wildcards):
    """What each task's task.json is called, by the task's name."""
    return [f"{task}={TASK.format(task=task)}/task.json" for task in STUDY.tasks]


def framework_figures():
    """Certificates and experiments, for the report of a study whose arms are pooling operators."""
    if not has_pools():
        return []
    certificates = ["results/operators", *([OPERATORS] if OWN_OPERATORS else [])]
    experiments = expand(
        f"{RESULTS}/fusion/{{task}}/{{figure}}.png", task=STUDY.tasks, figure=FUSION_TABLES
    )
    return [f"{folder}/certificates.png" for folder in certificates] + experiments


def page_digest(suite):
    """A digest of the pages' templates, whatever the suite."""
    return digest_folder(SOURCE / "report")


def page_job(script):
    return job_text(script, settings=(settings.table_settings,), pages=(page_digest,))


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
        job=lambda wildcards: page_job("audit.py"),
    shell:
        'python "$SCRIPTS"/audit.py --job {params.job:q} --templates "$PAGES"'
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
        job=lambda wildcards: page_job("report.py"),
        tasks=named_tasks,
        benchmarks=BENCHMARKS,
    shell:
        'python "$SCRIPTS"/report.py --job {params.job:q} --templates "$PAGES"'
        " --tables {input.tables:q} --success {input.success:q} --provenance {input.provenance:q}"
        " --tasks {params.tasks:q} --figures {input.figures:q} --framework {input.framework:q}"
        " --benchmarks {params.benchmarks:q} --output {output:q} > {log:q} 2>&1"


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
        job=lambda wildcards: job_text("latex_tables.py", settings=(settings.table_settings,)),
    shell:
        'python "$SCRIPTS"/latex_tables.py --job {params.job:q}'
        " --tables {input.tables:q} --output {output:q} > {log:q} 2>&1"
