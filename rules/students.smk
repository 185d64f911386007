# Students: one rule body for every arm, one job per bundle of cells.


def student_of(wildcards):
    return SUITE.students[wildcards.student]


def known_arm(wildcards):
    """Refuse an arm that the study does not have, in one clear line."""
    arms = {(arm.label, arm.strategy) for arm in STUDY.arms}
    if (wildcards.teachers, wildcards.strategy) not in arms:
        known = ", ".join(f"{teachers}/{strategy}" for teachers, strategy in sorted(arms))
        raise WorkflowError(
            f"{wildcards.teachers}/{wildcards.strategy} is no arm of study {SUITE.study_name!r}; "
            f"its arms are {known}"
        )


def logits_of(wildcards, split):
    """Logits of the arm's teachers on a split, for every teacher seed behind the students."""
    return expand(
        TEACHER + "/logits/{split}.safetensors",
        task=wildcards.task,
        teacher=wildcards.teachers.split("+"),
        teacher_seed=teacher_seeds(SUITE, seeds_of(wildcards)),
        split=split,
    )


def selection_logits(wildcards):
    return logits_of(wildcards, "selection")


def train_logits(wildcards):
    known_arm(wildcards)
    return logits_of(wildcards, "train")


def gates(wildcards):
    """The gate's weights, for the one arm that has a gate."""
    if wildcards.strategy != "gating":
        return []
    return expand(
        GATE + "/weights.safetensors",
        student=wildcards.student,
        task=wildcards.task,
        teachers=wildcards.teachers,
        seed=seeds_of(wildcards),
    )


rule train_students:
    input:
        train=rules.prepare_task.output.train,
        data=rules.prepare_task.output[1:3],
        info=rules.prepare_task.output.info,
        model=lambda wildcards: model_inputs(student_of(wildcards)),
        logits=train_logits,
        gates=gates,
    output:
        predictions=fold(CELL + "/predictions.safetensors"),
    params:
        settings=lambda wildcards: canonical(
            settings.student_settings, wildcards.task, wildcards.student
        ),
        code=code_of("train_students.py"),
        fetched=lambda wildcards: fetched_option(student_of(wildcards)),
        features="",
        folder=subpath(input.info, parent=True),
    log:
        f"{LOGS}/train_students/{name_of(CELL)}.log",
    benchmark:
        f"{BENCHMARKS}/train_students/{name_of(CELL)}.tsv"
    threads: lambda wildcards: student_of(wildcards).resources.threads
    resources:
        gpu=lambda wildcards: student_of(wildcards).resources.gpu,
        mem_mb=lambda wildcards, attempt: student_of(wildcards).resources.mem_mb * attempt,
        runtime=lambda wildcards, attempt: student_of(wildcards).resources.runtime * attempt,
    conda:
        "../envs/torch.yaml"
    shell:
        "python {SOURCE}/workflow/scripts/train_students.py --settings {params.settings:q}"
        " --code {params.code:q} --task {params.folder:q} --logits {input.logits:q}"
        " --gates {input.gates:q} {params.fetched} --state {STATE:q} --threads {threads}"
        " {params.features} --outputs {output.predictions:q} > {log:q} 2>&1"


# The undistilled arm: T and alpha do not apply, and its [CLS] states are what the gates see.
use rule train_students as train_undistilled with:
    input:
        train=rules.prepare_task.output.train,
        data=rules.prepare_task.output[1:3],
        info=rules.prepare_task.output.info,
        model=lambda wildcards: model_inputs(student_of(wildcards)),
        logits=[],
        gates=[],
    output:
        predictions=fold(UNDISTILLED + "/predictions.safetensors", FOLDED_SEEDS),
        features=fold(UNDISTILLED + "/features.safetensors", FOLDED_SEEDS),
    params:
        settings=lambda wildcards: canonical(
            settings.student_settings, wildcards.task, wildcards.student
        ),
        code=code_of("train_students.py"),
        fetched=lambda wildcards: fetched_option(student_of(wildcards)),
        features="--features",
        folder=subpath(input.info, parent=True),
    log:
        f"{LOGS}/train_undistilled/{name_of(UNDISTILLED, FOLDED_SEEDS)}.log",
    benchmark:
        f"{BENCHMARKS}/train_undistilled/{name_of(UNDISTILLED, FOLDED_SEEDS)}.tsv"


rule fit_gate:
    input:
        selection=rules.prepare_task.output.selection,
        info=rules.prepare_task.output.info,
        logits=selection_logits,
        features=fold(UNDISTILLED + "/features.safetensors", FOLDED_SEEDS),
    output:
        fold(GATE + "/weights.safetensors", FOLDED_SEEDS),
    params:
        code=code_of("fit_gate.py"),
        folder=subpath(input.info, parent=True),
    log:
        f"{LOGS}/fit_gate/{name_of(GATE, FOLDED_SEEDS)}.log",
    benchmark:
        f"{BENCHMARKS}/fit_gate/{name_of(GATE, FOLDED_SEEDS)}.tsv"
    threads: lambda wildcards: student_of(wildcards).resources.threads
    conda:
        "../envs/torch.yaml"
    shell:
        "python {SOURCE}/workflow/scripts/fit_gate.py --code {params.code:q}"
        " --task {params.folder:q} --teachers {wildcards.teachers:q} --logits {input.logits:q}"
        " --features {input.features:q} --threads {threads} --outputs {output:q} > {log:q} 2>&1"
