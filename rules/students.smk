# Students: one rule body for every arm, one job per bundle of cells.
from mtkd.config import schema


include: "functions/students.smk"


PLAIN = UNDISTILLED.replace("{strategy}", schema.UNDISTILLED)
CELLS = len(fold(CELL))
CELLS_UNDISTILLED = len(fold_undistilled(UNDISTILLED))


rule train_students:
    input:
        train=rules.prepare_task.output.train,
        data=rules.prepare_task.output[1:3],
        info=rules.prepare_task.output.info,
        model=lambda wildcards: model_inputs(student_of(wildcards)),
        logits=train_logits,
        gates=gates,
        models=models_along,
        gold=[],
    output:
        predictions=fold(f"{CELL}/predictions.safetensors"),
    log:
        f"{LOGS}/train_students/{name_of(fold(CELL))}.log",
    benchmark:
        f"{BENCHMARKS}/train_students/{name_of(fold(CELL))}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: lambda wildcards: student_of(wildcards).resources.threads
    resources:
        gpu=lambda wildcards: student_of(wildcards).resources.gpu,
        mem_mb=lambda wildcards, attempt: student_of(wildcards).resources.mem_mb
        * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: minutes_of("train_students", wildcards, CELLS)
        * tries_of_time(attempt),
        state_mb=lambda wildcards: state_megabytes_of(student_of(wildcards)),
    params:
        job=lambda wildcards: students_job(wildcards, (arm.strategy for arm in arms_of(wildcards))),
        fetched=lambda wildcards: fetched_option(student_of(wildcards)),
        features="",
        folder=subpath(input.info, parent=True),
        gpu=lambda wildcards, input: student_of(wildcards).resources.gpu,
        teacher_seed=lambda wildcards, input: SUITE.teacher_seed,
        state=STATE,
        weights=lambda wildcards, input: "--weights" if STUDY.keep == "all" else "",
    shell:
        'python "$SCRIPTS"/train_students.py --job {params.job:q}'
        " --task {params.folder:q} --logits {input.logits:q} --teacher-seed {params.teacher_seed:q}"
        " --models {input.models:q} --gates {input.gates:q} --gold {input.gold:q} {params.fetched}"
        " --state {params.state:q} --threads {threads} --gpu {params.gpu} $ALLOW_CPU"
        ' --save-minutes "$SAVE_MINUTES" {params.features} {params.weights}'
        " --outputs {output.predictions:q} > {log:q} 2>&1"


# The undistilled arms: T and alpha do not apply, and the gates see what the plain one's head sees.
use rule train_students as train_undistilled with:
    input:
        train=rules.prepare_task.output.train,
        data=rules.prepare_task.output[1:3],
        info=rules.prepare_task.output.info,
        model=lambda wildcards: model_inputs(student_of(wildcards)),
        logits=[],
        gates=[],
        models=[],
        gold=gold_of_transfer,
    output:
        predictions=fold_undistilled(f"{UNDISTILLED}/predictions.safetensors"),
        features=fold_undistilled(f"{UNDISTILLED}/features.safetensors"),
    log:
        f"{LOGS}/train_undistilled/{name_of(fold_undistilled(UNDISTILLED))}.log",
    benchmark:
        f"{BENCHMARKS}/train_undistilled/{name_of(fold_undistilled(UNDISTILLED))}.tsv"
    resources:
        gpu=lambda wildcards: student_of(wildcards).resources.gpu,
        mem_mb=lambda wildcards, attempt: student_of(wildcards).resources.mem_mb
        * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: minutes_of(
            "train_undistilled", wildcards, CELLS_UNDISTILLED
        )
        * tries_of_time(attempt),
        state_mb=lambda wildcards: state_megabytes_of(student_of(wildcards)),
    params:
        job=lambda wildcards: students_job(wildcards, undistilled_of(wildcards)),
        fetched=lambda wildcards: fetched_option(student_of(wildcards)),
        features="--features",
        folder=subpath(input.info, parent=True),
        gpu=lambda wildcards, input: student_of(wildcards).resources.gpu,
        teacher_seed=lambda wildcards, input: SUITE.teacher_seed,
        state=STATE,
        weights=lambda wildcards, input: "--weights" if STUDY.keep == "all" else "",


rule fit_gate:
    input:
        selection=rules.prepare_task.output.selection,
        info=rules.prepare_task.output.info,
        logits=selection_logits,
        features=fold_seeds(f"{PLAIN}/features.safetensors"),
    output:
        fold_seeds(f"{GATE}/weights.safetensors"),
    log:
        f"{LOGS}/fit_gate/{name_of(fold_seeds(GATE))}.log",
    benchmark:
        f"{BENCHMARKS}/fit_gate/{name_of(fold_seeds(GATE))}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: lambda wildcards: student_of(wildcards).resources.threads
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: 30 * tries_of_time(attempt),
    params:
        job=lambda wildcards: job_text("fit_gate.py"),
        folder=subpath(input.info, parent=True),
        teacher_seed=lambda wildcards, input: SUITE.teacher_seed,
    shell:
        'python "$SCRIPTS"/fit_gate.py --job {params.job:q}'
        " --task {params.folder:q} --teachers {wildcards.teachers:q} --logits {input.logits:q}"
        " --teacher-seed {params.teacher_seed:q}"
        " --features {input.features:q} --threads {threads} --outputs {output:q} > {log:q} 2>&1"
