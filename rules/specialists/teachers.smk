# Bases, and a specialist of each task from its base: one job for those of a base and a seed.
include: "functions/teachers.smk"


rule train_specialists:
    input:
        data=task_data(STUDY.tasks),
        learnt=lambda wildcards: task_data(base_of(wildcards).tasks),
        model=lambda wildcards: model_inputs(base_of(wildcards)),
    output:
        starts=[directory(f"{BASE}/model")],
        records=[f"{BASE}/model.json"],
        models=[directory(path) for path in of_study_tasks(f"{SPECIALIST}/model")],
        predictions=of_study_tasks(f"{SPECIALIST}/predictions.safetensors"),
    log:
        f"{LOGS}/train_specialists/{{base}}/seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/train_specialists/{{base}}/seed{{seed}}.tsv"
    wildcard_constraints:
        base=one_of(SHARED),
    conda:
        "../../envs/torch.yaml"
    threads: lambda wildcards: base_of(wildcards).resources.threads
    resources:
        gpu=lambda wildcards: base_of(wildcards).resources.gpu,
        mem_mb=lambda wildcards, attempt: base_of(wildcards).resources.mem_mb
        * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: base_of(wildcards).resources.runtime
        * (1 + len(STUDY.tasks))
        * tries_of_time(attempt),
    params:
        job=specialists_job,
        tasks=expand(TASK, task=STUDY.tasks),
        base_tasks=lambda wildcards: base_tasks(wildcards),
        fetched=lambda wildcards: fetched_option(base_of(wildcards)),
        gpu=lambda wildcards, input: base_of(wildcards).resources.gpu,
        state=STATE,
    shell:
        'python "$SCRIPTS"/train_specialists.py --job {params.job:q}'
        " --base {wildcards.base:q} --seed {wildcards.seed} --tasks {params.tasks:q}"
        " --base-tasks {params.base_tasks:q} {params.fetched} --state {params.state:q}"
        " --threads {threads} --gpu {params.gpu} $ALLOW_CPU"
        ' --save-minutes "$SAVE_MINUTES" --starts {output.starts:q}'
        " --outputs {output.predictions:q} > {log:q} 2>&1"


# Where each specialist has a base for its own.
use rule train_specialists as train_own_specialists with:
    output:
        starts=[directory(path) for path in of_study_tasks(f"{OWN_BASE}/model")],
        records=of_study_tasks(f"{OWN_BASE}/model.json"),
        models=[directory(path) for path in of_study_tasks(f"{SPECIALIST}/model")],
        predictions=of_study_tasks(f"{SPECIALIST}/predictions.safetensors"),
    log:
        f"{LOGS}/train_own_specialists/{{base}}/seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/train_own_specialists/{{base}}/seed{{seed}}.tsv"
    wildcard_constraints:
        base=one_of(OWN),
    resources:
        gpu=lambda wildcards: base_of(wildcards).resources.gpu,
        mem_mb=lambda wildcards, attempt: base_of(wildcards).resources.mem_mb
        * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: base_of(wildcards).resources.runtime
        * 2
        * len(STUDY.tasks)
        * tries_of_time(attempt),
