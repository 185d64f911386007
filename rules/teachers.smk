# Teachers: fine-tuned once per task and teacher seed, their logits cached on every split.
#
# Here and with students, params.gpu is what the suite gives a job, whichever option of sbatch asks for
# it (resources: gpu or gres). It is a function of the input, which Snakemake does not compare.
include: "functions/teachers.smk"


rule train_teacher:
    input:
        train=rules.prepare_task.output.train,
        selection=rules.prepare_task.output.selection,
        info=rules.prepare_task.output.info,
        model=lambda wildcards: model_inputs(teacher_of(wildcards)),
    output:
        model=directory(f"{TEACHER}/model"),
        metrics=f"{TEACHER}/metrics.json",
    log:
        f"{LOGS}/train_teacher/{{task}}/{{teacher}}/seed{{teacher_seed}}.log",
    benchmark:
        f"{BENCHMARKS}/train_teacher/{{task}}/{{teacher}}/seed{{teacher_seed}}.tsv"
    wildcard_constraints:
        teacher=one_of(name for name in SUITE.teachers if name not in GIVEN_TEACHERS),
    conda:
        "../envs/torch.yaml"
    threads: lambda wildcards: teacher_of(wildcards).resources.threads
    resources:
        gpu=lambda wildcards: teacher_of(wildcards).resources.gpu,
        mem_mb=lambda wildcards, attempt: teacher_of(wildcards).resources.mem_mb
        * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: teacher_minutes(wildcards) * tries_of_time(attempt),
        state_mb=lambda wildcards: state_megabytes_of(teacher_of(wildcards)),
    params:
        job=lambda wildcards: job_text(
            "train_teacher.py",
            settings=(settings.teacher_settings, wildcards.task, wildcards.teacher),
            metrics=(metric_digests, SUITE.tasks[wildcards.task].metrics[0]),
        ),
        fetched=lambda wildcards: fetched_option(teacher_of(wildcards)),
        folder=subpath(input.info, parent=True),
        gpu=lambda wildcards, input: teacher_of(wildcards).resources.gpu,
        state=STATE,
    shell:
        'python "$SCRIPTS"/train_teacher.py --job {params.job:q}'
        " --task {params.folder:q} --teacher {wildcards.teacher:q}"
        " --seed {wildcards.teacher_seed:q} {params.fetched} --state {params.state:q}"
        " --threads {threads} --gpu {params.gpu} $ALLOW_CPU"
        ' --save-minutes "$SAVE_MINUTES"'
        " --model {output.model:q} --metrics {output.metrics:q} > {log:q} 2>&1"


rule teacher_logits:
    input:
        data=rules.prepare_task.output[:3],
        info=rules.prepare_task.output.info,
        models=fold_trained(rules.train_teacher.output.model),
        metrics=fold_trained(rules.train_teacher.output.metrics),
    output:
        train=fold_trained(f"{TEACHER}/logits/train.safetensors"),
        selection=fold_trained(f"{TEACHER}/logits/selection.safetensors"),
        report=fold_trained(f"{TEACHER}/logits/report.safetensors"),
    log:
        f"{LOGS}/teacher_logits/{name_of(fold_trained(TEACHER))}.log",
    benchmark:
        f"{BENCHMARKS}/teacher_logits/{name_of(fold_trained(TEACHER))}.tsv"
    wildcard_constraints:
        teacher=one_of(name for name in SUITE.teachers if name not in GIVEN_TEACHERS),
    conda:
        "../envs/torch.yaml"
    threads: lambda wildcards: logits_requests(wildcards).threads
    resources:
        gpu=lambda wildcards: logits_requests(wildcards).gpu,
        mem_mb=lambda wildcards, attempt: logits_requests(wildcards).mem_mb
        * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: logits_requests(wildcards).runtime
        * tries_of_time(attempt),
    params:
        job=lambda wildcards: job_text(
            "teacher_logits.py", settings=(settings.logits_settings, wildcards.task)
        ),
        folder=subpath(input.info, parent=True),
        gpu=lambda wildcards, input: logits_requests(wildcards).gpu,
        state=STATE,
    shell:
        'python "$SCRIPTS"/teacher_logits.py --job {params.job:q}'
        " --task {params.folder:q} --models {input.models:q} --metrics {input.metrics:q}"
        " --state {params.state:q} --threads {threads} --gpu {params.gpu} $ALLOW_CPU"
        " --outputs {output:q} > {log:q} 2>&1"


# Teachers that nobody trains here: a file of answers, or the labels of near texts. They have no seeds:
# the folder of each is of the same numbers.
rule given_logits:
    input:
        data=rules.prepare_task.output[:3],
        info=rules.prepare_task.output.info,
        files=answer_files,
    output:
        train=f"{TEACHER}/logits/train.safetensors",
        selection=f"{TEACHER}/logits/selection.safetensors",
        report=f"{TEACHER}/logits/report.safetensors",
    log:
        f"{LOGS}/given_logits/{{task}}/{{teacher}}/seed{{teacher_seed}}.log",
    benchmark:
        f"{BENCHMARKS}/given_logits/{{task}}/{{teacher}}/seed{{teacher_seed}}.tsv"
    wildcard_constraints:
        teacher=one_of(GIVEN_TEACHERS),
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=small_memory,
        runtime=small_minutes,
    params:
        job=lambda wildcards: job_text(
            "given_logits.py",
            settings=(settings.given_settings, wildcards.task, wildcards.teacher),
            metrics=(metric_digests, SUITE.tasks[wildcards.task].metrics[0]),
        ),
        folder=subpath(input.info, parent=True),
    shell:
        'python "$SCRIPTS"/given_logits.py --job {params.job:q}'
        " --task {params.folder:q} --teacher {wildcards.teacher:q}"
        " --seed {wildcards.teacher_seed:q} --outputs {output:q} > {log:q} 2>&1"


# What a teacher says of labelled rows that it has not seen: it is trained once for each fold of them.
rule crossfit_logits:
    input:
        train=rules.prepare_task.output.train,
        selection=rules.prepare_task.output.selection,
        info=rules.prepare_task.output.info,
        model=lambda wildcards: model_inputs(teacher_of(wildcards)),
        logits=f"{TEACHER}/logits/train.safetensors",
    output:
        OUT_OF_FOLD,
    log:
        f"{LOGS}/crossfit_logits/{{task}}/{{teacher}}_oof{{folds}}/seed{{teacher_seed}}.log",
    benchmark:
        f"{BENCHMARKS}/crossfit_logits/{{task}}/{{teacher}}_oof{{folds}}/seed{{teacher_seed}}.tsv"
    wildcard_constraints:
        folds=r"[2-9]|[1-9]\d+",
        teacher=one_of(name for name in SUITE.teachers if name not in GIVEN_TEACHERS),
    conda:
        "../envs/torch.yaml"
    threads: lambda wildcards: teacher_of(wildcards).resources.threads
    resources:
        gpu=lambda wildcards: teacher_of(wildcards).resources.gpu,
        mem_mb=lambda wildcards, attempt: teacher_of(wildcards).resources.mem_mb
        * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: teacher_minutes(wildcards, int(wildcards.folds))
        * tries_of_time(attempt),
        state_mb=lambda wildcards: state_megabytes_of(teacher_of(wildcards)),
    params:
        job=lambda wildcards: job_text(
            "crossfit_logits.py",
            settings=(settings.teacher_settings, wildcards.task, wildcards.teacher),
            metrics=(metric_digests, SUITE.tasks[wildcards.task].metrics[0]),
        ),
        fetched=lambda wildcards: fetched_option(teacher_of(wildcards)),
        folder=subpath(input.info, parent=True),
        gpu=lambda wildcards, input: teacher_of(wildcards).resources.gpu,
        state=STATE,
    shell:
        'python "$SCRIPTS"/crossfit_logits.py --job {params.job:q}'
        " --task {params.folder:q} --teacher {wildcards.teacher:q}"
        " --seed {wildcards.teacher_seed:q} --folds {wildcards.folds} --logits {input.logits:q}"
        " {params.fetched} --state {params.state:q}"
        " --threads {threads} --gpu {params.gpu} $ALLOW_CPU"
        ' --save-minutes "$SAVE_MINUTES" --output {output:q} > {log:q} 2>&1'
