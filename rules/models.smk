# Students that are taken away: a cell's weights, its folder with a card, its ONNX forms; and which
# student of a study selection chooses.
include: "functions/models.smk"


localrules:
    choose_students,
    chosen_student,


ANY_CELL = {
    "teachers": r"[^/]+",
    "T": one_of([*STUDY.T, NOT_APPLICABLE]),
    "alpha": one_of([*STUDY.alpha, NOT_APPLICABLE]),
}


# The cell's own weights where the study keeps all; else it is trained again, alone, and has to give the
# predictions that were scored.
rule student_weights:
    input:
        predictions=f"{CELL}/predictions.safetensors",
        train=rules.prepare_task.output.train,
        data=rules.prepare_task.output[1:3],
        info=rules.prepare_task.output.info,
        model=lambda wildcards: model_inputs(student_of(wildcards)),
        logits=cell_logits,
        gates=cell_gates,
        models=cell_models,
        gold=cell_gold,
    output:
        directory(f"{CELL}/weights"),
    log:
        f"{LOGS}/student_weights/{name_of([CELL])}.log",
    benchmark:
        f"{BENCHMARKS}/student_weights/{name_of([CELL])}.tsv"
    wildcard_constraints:
        **ANY_CELL,
    conda:
        "../envs/torch.yaml"
    threads: lambda wildcards: student_of(wildcards).resources.threads
    resources:
        gpu=lambda wildcards: student_of(wildcards).resources.gpu,
        mem_mb=lambda wildcards, attempt: student_of(wildcards).resources.mem_mb
        * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: minutes_of("train_students", wildcards, 1)
        * tries_of_time(attempt),
        state_mb=lambda wildcards: state_megabytes_of(student_of(wildcards)),
    params:
        job=lambda wildcards: students_job(wildcards, [arm_of(wildcards).strategy]),
        text=lambda wildcards: SUITE.tasks[wildcards.task].text,
        fetched=lambda wildcards: fetched_option(student_of(wildcards)),
        folder=subpath(input.info, parent=True),
        gpu=lambda wildcards, input: student_of(wildcards).resources.gpu,
        teacher_seed=lambda wildcards, input: SUITE.teacher_seed,
        state=STATE,
    shell:
        'python "$SCRIPTS"/student_weights.py --job {params.job:q}'
        " --predictions {input.predictions:q} --text {params.text:q} --task {params.folder:q}"
        " --logits {input.logits:q} --teacher-seed {params.teacher_seed:q}"
        " --models {input.models:q} --gates {input.gates:q} --gold {input.gold:q} {params.fetched}"
        " --state {params.state:q} --threads {threads} --gpu {params.gpu} $ALLOW_CPU"
        ' --save-minutes "$SAVE_MINUTES" --output {output:q} > {log:q} 2>&1'


# What is taken away: the weights with a card, which says what the student is worth on report, and what
# of its teachers was lost.
rule student_model:
    input:
        weights=rules.student_weights.output,
        undistilled=undistilled_beside,
        logits=cell_answers,
        gates=cell_gates,
        train=rules.prepare_task.output.train,
        selection=rules.prepare_task.output.selection,
        report_labels=rules.prepare_task.output.report_labels,
        info=rules.prepare_task.output.info,
    output:
        directory(f"{CELL}/model"),
    log:
        f"{LOGS}/student_model/{name_of([CELL])}.log",
    benchmark:
        f"{BENCHMARKS}/student_model/{name_of([CELL])}.tsv"
    wildcard_constraints:
        **ANY_CELL,
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: 20 * tries_of_time(attempt),
    params:
        job=lambda wildcards: taken_job("student_model.py", wildcards),
        task=subpath(input.info, parent=True),
        teacher_seed=lambda wildcards, input: SUITE.teacher_seed,
    shell:
        'python "$SCRIPTS"/student_model.py --job {params.job:q}'
        " --task {params.task:q} --weights {input.weights:q} --undistilled {input.undistilled:q}"
        " --logits {input.logits:q} --teacher-seed {params.teacher_seed:q}"
        " --gates {input.gates:q} --output {output:q} > {log:q} 2>&1"


# The same student for ONNX Runtime, as it is and in whole numbers of eight bits.
rule student_onnx:
    input:
        model=rules.student_model.output,
        report=rules.prepare_task.output.report,
        report_labels=rules.prepare_task.output.report_labels,
        info=rules.prepare_task.output.info,
    output:
        directory(f"{CELL}/onnx"),
    log:
        f"{LOGS}/student_onnx/{name_of([CELL])}.log",
    benchmark:
        f"{BENCHMARKS}/student_onnx/{name_of([CELL])}.tsv"
    wildcard_constraints:
        **ANY_CELL,
    conda:
        "../envs/onnx.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: student_of(wildcards).resources.mem_mb
        * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: 30 * tries_of_time(attempt),
    params:
        job=lambda wildcards: taken_job("student_onnx.py", wildcards),
        task=subpath(input.info, parent=True),
    shell:
        'python "$SCRIPTS"/student_onnx.py --job {params.job:q} --task {params.task:q}'
        " --model {input.model:q} --output {output:q} > {log:q} 2>&1"


# Which arm, T, alpha and seed selection chooses for each task: known when all students are scored.
checkpoint choose_students:
    input:
        runs=rules.make_tables.output.runs,
    output:
        f"{TABLES}/models.csv",
    log:
        f"{LOGS}/choose_students/{OWNER}.log",
    benchmark:
        f"{BENCHMARKS}/choose_students/{OWNER}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text(
            "choose_students.py", settings=(settings.table_settings, whose(wildcards))
        ),
    shell:
        'python "$SCRIPTS"/choose_students.py --job {params.job:q} --runs {input.runs:q}'
        " --output {output:q} > {log:q} 2>&1"


# It, under a name that does not depend on the choice.
rule chosen_student:
    input:
        model=chosen_model,
    output:
        directory(CHOSEN),
    log:
        f"{LOGS}/chosen_student/{OWNER}/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/chosen_student/{OWNER}/{{task}}.tsv"
    conda:
        "../envs/analysis.yaml"
    shell:
        'python "$SCRIPTS"/chosen_student.py --model {input.model:q} --output {output:q}'
        " > {log:q} 2>&1"
