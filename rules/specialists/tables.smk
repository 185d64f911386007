# From what systems say of the report's texts to tables and the page: the one rule here that reads the
# report's labels.


rule specialist_tables:
    input:
        data=task_data(STUDY.tasks),
        report_labels=expand(rules.prepare_task.output.report_labels, task=STUDY.tasks),
        router=rules.fit_router.output,
        specialists=[
            f"{SPECIALIST}/predictions.safetensors".format(base=base, seed=seed, task=task)
            for base in STUDY.bases
            for seed in STUDY.seeds
            for task in STUDY.tasks
        ],
        merges=[
            path.replace("{base}", base)
            for base in STUDY.bases
            for path in merged(f"{MERGED}/predictions.safetensors")
        ],
        students=expand(
            f"{INTEGRATED}/predictions.safetensors",
            student=STUDY.students,
            strategy=STUDY.strategies,
            seed=STUDY.seeds,
        ),
    output:
        expand(
            f"{RESULTS}/tables/{{table}}.csv",
            table=("specialists", "claims", "shares", "routers", "failed"),
        ),
    log:
        f"{LOGS}/specialist_tables/{SUITE.study_name}.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=small_memory,
        runtime=small_minutes,
    params:
        job=lambda wildcards: job_text(
            "specialist_tables.py", settings=(specialists.specialist_study_settings,)
        ),
        tasks=expand(TASK, task=STUDY.tasks),
        folder=subpath(output[0], parent=True),
    shell:
        'python "$SCRIPTS"/specialist_tables.py --job {params.job:q} --tasks {params.tasks:q}'
        " --report-labels {input.report_labels:q} --router {input.router:q}"
        " --specialists {input.specialists:q} --merges {input.merges:q}"
        " --students {input.students:q} --output {params.folder:q} > {log:q} 2>&1"


rule specialist_report:
    input:
        tables=rules.specialist_tables.output,
        registrations=rules.register.output,
    output:
        page=f"{RESULTS}/report.html",
        text=f"{RESULTS}/specialists.txt",
    log:
        f"{LOGS}/specialist_report/{SUITE.study_name}.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=small_memory,
        runtime=small_minutes,
    params:
        job=lambda wildcards: job_text(
            "specialist_report.py",
            settings=(specialists.specialist_study_settings,),
            pages=(page_digest,),
        ),
        folder=subpath(input[0], parent=True),
    shell:
        'python "$SCRIPTS"/specialist_report.py --job {params.job:q}'
        ' --templates "$PAGES"'
        " --tables {params.folder:q} --registrations {input.registrations:q}"
        " --output {output.page:q} --text {output.text:q} > {log:q} 2>&1"
