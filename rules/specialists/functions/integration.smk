# What merges and students of specialists are made of.


def starts_of(base):
    """A base's model folder of each seed; of bases of their own the first task's."""
    pattern = BASE if base in SHARED else OWN_BASE
    return expand(f"{pattern}/model", base=base, task=STUDY.tasks[0], seed=STUDY.seeds)


def models_of(base):
    """The specialists' model folders of a base, seed by seed."""
    return [
        f"{SPECIALIST}/model".format(base=base, seed=seed, task=task)
        for seed in STUDY.seeds
        for task in STUDY.tasks
    ]


def merged(pattern):
    """A pattern's path of each merge, seed by seed; the base is left."""
    return [
        pattern.replace("{merge}", merge).replace("{seed}", seed)
        for seed in STUDY.seeds
        for merge in sorted(SUITE.merges)
    ]


def integrated_of(wildcards):
    return SUITE.students[wildcards.student]


def integration_job(wildcards):
    return job_text(
        "train_integrated.py",
        settings=(specialists.integration_settings, wildcards.student),
        strategies=(specialists.integrations,),
    )


def integrated_inputs(wildcards):
    """What a student's model comes from where it is not the base."""
    return model_inputs(integrated_of(wildcards)) if integrated_of(wildcards).model else []


def integrated_fetched(wildcards):
    learner = integrated_of(wildcards)
    return fetched_option(learner) if learner.model else ""
