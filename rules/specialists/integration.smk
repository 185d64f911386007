# One model of all specialists: merged, routed to, or distilled.
include: "functions/integration.smk"


rule merge_specialists:
    input:
        data=task_data(STUDY.tasks),
        starts=lambda wildcards: starts_of(wildcards.base),
        models=lambda wildcards: models_of(wildcards.base),
    output:
        merged(f"{MERGED}/predictions.safetensors"),
    log:
        f"{LOGS}/merge_specialists/{{base}}.log",
    benchmark:
        f"{BENCHMARKS}/merge_specialists/{{base}}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: lambda wildcards: base_of(wildcards).resources.threads
    resources:
        gpu=lambda wildcards: base_of(wildcards).resources.gpu,
        mem_mb=lambda wildcards, attempt: base_of(wildcards).resources.mem_mb
        * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: base_of(wildcards).resources.runtime
        * tries_of_time(attempt),
    params:
        job=lambda wildcards: job_text(
            "merge_specialists.py", settings=(specialists.merges_settings, wildcards.base)
        ),
        tasks=expand(TASK, task=STUDY.tasks),
        gpu=lambda wildcards, input: base_of(wildcards).resources.gpu,
        state=STATE,
    shell:
        'python "$SCRIPTS"/merge_specialists.py --job {params.job:q} --tasks {params.tasks:q}'
        " --starts {input.starts:q} --models {input.models:q} --state {params.state:q}"
        " --threads {threads} --gpu {params.gpu} $ALLOW_CPU"
        " --outputs {output:q} > {log:q} 2>&1"


rule fit_router:
    input:
        data=task_data(STUDY.tasks),
    output:
        f"{ROOT}/router/weights.safetensors",
    log:
        f"{LOGS}/fit_router/tasks.log",
    benchmark:
        f"{BENCHMARKS}/fit_router/tasks.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=small_memory,
        runtime=small_minutes,
    params:
        job=lambda wildcards: job_text("fit_router.py"),
        tasks=expand(TASK, task=STUDY.tasks),
    shell:
        'python "$SCRIPTS"/fit_router.py --job {params.job:q} --tasks {params.tasks:q}'
        " --output {output:q} > {log:q} 2>&1"


# All strategies of a student and a seed, each at most once however often the job is run.
rule train_integrated:
    input:
        data=task_data(STUDY.tasks),
        base=f"{BASE}/model".replace("{base}", STUDY.bases[0]),
        specialists=[
            path.replace("{base}", STUDY.bases[0])
            for path in of_study_tasks(f"{SPECIALIST}/predictions.safetensors")
        ],
        router=rules.fit_router.output,
        model=integrated_inputs,
    output:
        expand(
            f"{INTEGRATED}/predictions.safetensors", strategy=STUDY.strategies, allow_missing=True
        ),
    log:
        f"{LOGS}/train_integrated/{{student}}/seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/train_integrated/{{student}}/seed{{seed}}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: lambda wildcards: integrated_of(wildcards).resources.threads
    resources:
        gpu=lambda wildcards: integrated_of(wildcards).resources.gpu,
        mem_mb=lambda wildcards, attempt: integrated_of(wildcards).resources.mem_mb
        * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: integrated_of(wildcards).resources.runtime
        * len(STUDY.strategies)
        * tries_of_time(attempt),
    params:
        job=integration_job,
        tasks=expand(TASK, task=STUDY.tasks),
        fetched=integrated_fetched,
        gpu=lambda wildcards, input: integrated_of(wildcards).resources.gpu,
        state=STATE,
    shell:
        'python "$SCRIPTS"/train_integrated.py --job {params.job:q} --tasks {params.tasks:q}'
        " --base {input.base:q} --specialists {input.specialists:q} --router {input.router:q}"
        " {params.fetched} --state {params.state:q}"
        " --threads {threads} --gpu {params.gpu} $ALLOW_CPU"
        ' --save-minutes "$SAVE_MINUTES" --outputs {output:q} > {log:q} 2>&1'
