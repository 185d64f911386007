# Where a profile sends the jobs of the study's learners: partition, GPU model, constraint, ...


# The stages that train or predict, with the most GPUs that a job of theirs asks for.
STAGES = {
    **dict.fromkeys(
        [
            "train_teacher",
            "teacher_logits",
            *(["crossfit_logits"] if any(map(crossfit_of, STUDY.arms)) else []),
        ],
        max((SUITE.teachers[name].resources.gpu for name in TRAINED_TEACHERS), default=None),
    ),
    **dict.fromkeys(
        ["train_students", "train_undistilled"],
        max(SUITE.students[name].resources.gpu for name in STUDY.students),
    ),
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
