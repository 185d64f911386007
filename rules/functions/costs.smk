# What measuring takes: the models of the study, and as many threads as there are.


def references_on_words():
    """The predictions of the references on words, whose records say what they are made of."""
    names = settings.costs_settings(SUITE)["references"]
    return expand(f"{REFERENCE}/predictions.safetensors", task=STUDY.tasks, reference=names)


def fetched_records():
    """KIND/NAME=record of each model that comes from the hub."""
    return [
        f"{kind}/{name}={model_inputs(learner)[0]}"
        for kind, names in LEARNERS.items()
        for name in names
        for learner in [getattr(SUITE, kind)[name]]
        if learner.model.hub
    ]


def measuring_requests():
    """The most that a job of any of the learners asks for."""
    return greatest_requests([learner.resources for learner in learners()], 30)


def measuring_threads(wildcards):
    """All cores, so that nothing runs beside it; of a cluster as many as learners ask for."""
    submitted = workflow.resource_settings.nodes is not None
    return measuring_requests().threads if submitted else workflow.resource_settings.cores or 1
