# Analyses: from what is on disk to tables. CPU only, nothing is trained; changing one reruns it alone.
# Each takes seconds, so on a cluster they run where Snakemake runs.
from mtkd.study.recipes import fusions


include: "functions/analysis.smk"


localrules:
    collect_examples,
    master_table,
    students_table,
    audit_teachers,
    analyse_examples,
    state_claims,
    state_interactions,


# A task's labels, teachers and chosen students in one file, from which the analyses start. Reads the
# report labels, to score by example.
rule collect_examples:
    input:
        runs=rules.make_tables.output.runs,
        predictions=cells_of,
        logits=study_logits("train", "selection", "report"),
        out_of_fold=study_out_of_fold,
        gates=study_gates,
        train=rules.prepare_task.output.train,
        selection=rules.prepare_task.output.selection,
        report_labels=rules.prepare_task.output.report_labels,
        info=rules.prepare_task.output.info,
    output:
        f"{OWN}/examples/{{task}}.safetensors",
    log:
        f"{LOGS}/collect_examples/{OWNER}/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/collect_examples/{OWNER}/{{task}}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text(
            "collect_examples.py",
            settings=(settings.examples_settings, wildcards.task, whose(wildcards)),
            recipes=(fusions, tuple(STUDY.strategies)),
        ),
        folder=subpath(input.info, parent=True),
    shell:
        "printf '%s\\n' {input.predictions:q} |"
        ' python "$SCRIPTS"/collect_examples.py --job {params.job:q}'
        " --task {params.folder:q} --runs {input.runs:q}"
        " --logits {input.logits:q} {input.out_of_fold:q}"
        " --gates {input.gates:q} --predictions - --output {output:q} > {log:q} 2>&1"


# The study's main result. Of the examples it takes whether a method is better than a constant answer.
rule master_table:
    input:
        runs=rules.make_tables.output.runs,
        examples=of_tasks(rules.collect_examples.output),
    output:
        master=report(
            f"{TABLES}/master.csv",
            caption="../report/captions/master.rst",
            category="Tables",
            labels={"table": "master"},
        ),
        text=f"{TABLES}/master.txt",
        skill=f"{TABLES}/skill.csv",
    log:
        f"{LOGS}/master_table/{OWNER}.log",
    benchmark:
        f"{BENCHMARKS}/master_table/{OWNER}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: claiming_job(
            "master_table.py", settings=(settings.table_settings, whose(wildcards))
        ),
        folder=subpath(output.master, parent=True),
    shell:
        'python "$SCRIPTS"/master_table.py --job {params.job:q} --runs {input.runs:q}'
        " --examples {input.examples:q} --output {params.folder:q} > {log:q} 2>&1"


# All students of a study that has several.
rule students_table:
    input:
        masters=lambda wildcards: of_students(rules.master_table.output.master),
        fidelity=lambda wildcards: of_students(f"{TABLES}/fidelity.csv"),
    output:
        table=f"{RESULTS}/students.csv",
        capacity=f"{RESULTS}/capacity.csv",
        text=f"{RESULTS}/students.txt",
    log:
        f"{LOGS}/students_table/{SUITE.study_name}.log",
    benchmark:
        f"{BENCHMARKS}/students_table/{SUITE.study_name}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text("students_table.py", settings=(settings.students_settings,)),
        folder=subpath(output.table, parent=True),
    shell:
        'python "$SCRIPTS"/students_table.py --job {params.job:q}'
        " --masters {input.masters:q} --fidelity {input.fidelity:q} --output {params.folder:q}"
        " > {log:q} 2>&1"


# Before any student: whether a task's teachers, together, can help at all. Reads no report label.
rule audit_teachers:
    input:
        logits=study_logits("train", "selection"),
        out_of_fold=study_out_of_fold,
        train=rules.prepare_task.output.train,
        transfer=transfer_labels,
        selection=rules.prepare_task.output.selection,
        info=rules.prepare_task.output.info,
    output:
        expand(f"{RESULTS}/audit/{{table}}.csv", table=tables_by("audit_teachers")),
    log:
        f"{LOGS}/audit_teachers/{SUITE.study_name}/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/audit_teachers/{SUITE.study_name}/{{task}}.tsv"
    # What is predicted has to be written down before it is measured.
    priority: 1
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text(
            "audit_teachers.py",
            settings=(settings.audit_settings, wildcards.task),
            recipes=(fusions, tuple(STUDY.strategies)),
            metrics=(metric_digests, SUITE.tasks[wildcards.task].metrics[0]),
        ),
        task=subpath(input.info, parent=True),
        folder=subpath(output[0], parent=True),
    shell:
        'python "$SCRIPTS"/audit_teachers.py --job {params.job:q}'
        " --task {params.task:q} --logits {input.logits:q} {input.out_of_fold:q}"
        " --transfer {input.transfer:q} --output {params.folder:q}"
        " > {log:q} 2>&1"


rule analyse_examples:
    input:
        examples=of_tasks(rules.collect_examples.output),
    output:
        expand(f"{TABLES}/{{table}}.csv", table=tables_by("analyse_examples"), allow_missing=True),
    log:
        f"{LOGS}/analyse_examples/{OWNER}.log",
    benchmark:
        f"{BENCHMARKS}/analyse_examples/{OWNER}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: claiming_job(
            "analyse_examples.py", settings=(settings.table_settings, whose(wildcards))
        ),
        folder=subpath(output[0], parent=True),
    shell:
        'python "$SCRIPTS"/analyse_examples.py --job {params.job:q}'
        " --examples {input.examples:q} --output {params.folder:q} > {log:q} 2>&1"


# What the study may say: each comparison with its interval and verdict, in a sentence.
rule state_claims:
    input:
        runs=rules.make_tables.output.runs,
        examples=of_tasks(rules.collect_examples.output),
        # The study's own tables pass the checker of published ones.
        analyses=[f"{TABLES}/{name}.csv" for name in ("confidence", "failures", "skill")],
        predictions=audit_tables("predictions"),
    output:
        claims=report(
            f"{TABLES}/claims.csv",
            caption="../report/captions/claims.rst",
            category="Tables",
            labels={"table": "claims"},
        ),
        findings=f"{TABLES}/findings.txt",
        success=f"{TABLES}/success_metrics.json",
        tables=expand(
            f"{TABLES}/{{table}}.csv",
            table=[name for name in tables_by("state_claims") if name != "claims"],
            allow_missing=True,
        ),
    log:
        f"{LOGS}/state_claims/{OWNER}.log",
    benchmark:
        f"{BENCHMARKS}/state_claims/{OWNER}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: claiming_job(
            "state_claims.py", settings=(settings.table_settings, whose(wildcards))
        ),
        folder=subpath(output.claims, parent=True),
    shell:
        'python "$SCRIPTS"/state_claims.py --job {params.job:q} --runs {input.runs:q}'
        " --examples {input.examples:q} --analyses {input.analyses:q}"
        " --predictions {input.predictions:q} --output {params.folder:q} > {log:q} 2>&1"


# In a study over several T: does fusing pay more at the lowest or at the highest? The report labels are
# those of the examples.
rule state_interactions:
    input:
        examples=of_tasks(rules.collect_examples.output),
        predictions=cells_at_extremes,
        reports=of_tasks(rules.prepare_task.output.report),
        infos=of_tasks(rules.prepare_task.output.info),
    output:
        expand(f"{TABLES}/{{table}}.csv", table=tables_by("state_interactions"), allow_missing=True),
    log:
        f"{LOGS}/state_interactions/{OWNER}.log",
    benchmark:
        f"{BENCHMARKS}/state_interactions/{OWNER}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: claiming_job(
            "state_interactions.py", settings=(settings.table_settings, whose(wildcards))
        ),
        tasks=lambda wildcards: of_tasks(TASK),
        folder=subpath(output[0], parent=True),
    shell:
        "printf '%s\\n' {input.predictions:q} |"
        ' python "$SCRIPTS"/state_interactions.py --job {params.job:q}'
        " --examples {input.examples:q} --tasks {params.tasks:q} --predictions -"
        " --output {params.folder:q} > {log:q} 2>&1"
