# Before a night is spent: one training step of a small model wherever the profile sends jobs of the
# study's learners, that is on each partition (GPU model, constraint, ...); without one, here.


localrules:
    smoke,


# The stages that train or predict, with the most GPUs that a job of theirs asks for.
STAGES = {
    **dict.fromkeys(
        ["train_teacher", "teacher_logits"],
        max((SUITE.teachers[name].resources.gpu for name in STUDY_TEACHERS), default=None),
    ),
    **dict.fromkeys(["train_students", "train_undistilled"], STUDENT.resources.gpu),
}
# How much and how long a stage's own jobs ask for is nothing that a step needs.
AMOUNTS = ("mem", "mem_mb", "mem_mb_per_cpu", "runtime", "disk", "disk_mb", "cpus_per_task")


def place_of(stage):
    """What a profile sets for a stage's jobs, amounts left out."""
    given = workflow.resource_settings.overwrite_resources.get(stage, {})
    return {name: value for name, value in given.items() if name not in AMOUNTS}


# Of stages that share a place, the first stands for all.
PLACES = {}
for stage in [stage for stage, gpus in STAGES.items() if gpus is not None]:
    where = sorted((name, str(value.raw)) for name, value in place_of(stage).items())
    PLACES.setdefault((STAGES[stage], *where), []).append(stage)
PLACES = {stages[0]: stages for stages in PLACES.values()}


def placed(name):
    """A resource of the stage that a step stands for: as the profile sets it, or by default."""
    defaults = dict((workflow.resource_settings.default_resources or {}).items())
    # As for the stage's own rule, whose number of GPUs no default replaces.
    defaults.pop("gpu", None)

    def value(wildcards, input, attempt, threads, rulename, async_run):
        given = {**defaults, **place_of(wildcards.stage)}.get(name)
        if given is None:
            return STAGES[wildcards.stage] if name == "gpu" else None
        return given.evaluate(
            wildcards,
            input=input,
            attempt=attempt,
            threads=threads,
            rulename=rulename,
            async_run=async_run,
        ).value

    return value


rule smoke_step:
    output:
        f"results/{SUITE.suite}/smoke/{{stage}}.txt",
    log:
        f"{LOGS}/smoke/{{stage}}.log",
    wildcard_constraints:
        stage=one_of(PLACES),
    # What is wrong with a place is wrong there at the next try.
    retries: 0
    conda:
        "../envs/torch.yaml"
    resources:
        **{name: placed(name) for stage in PLACES for name in ["gpu", *place_of(stage)]},
        mem_mb=small_memory,
        runtime=lambda wildcards, attempt: 10 * tries_of_time(attempt),
    params:
        stages=lambda wildcards: PLACES[wildcards.stage],
        gpus=lambda wildcards: STAGES[wildcards.stage],
    shell:
        'python "$SCRIPTS"/smoke.py --threads {threads} --gpu {params.gpus} $ALLOW_CPU'
        " --stages {params.stages} --output {output:q} > {log:q} 2>&1"


# What each has found. Not kept: whoever asks again wants to know how it is then.
rule smoke:
    input:
        expand(rules.smoke_step.output, stage=PLACES),
    log:
        f"{LOGS}/smoke/smoke.log",
    conda:
        "../envs/analysis.yaml"
    shell:
        "cat {input:q} | tee {log:q} && rm {input:q}"
