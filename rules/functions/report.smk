# What the pages show.
from mtkd.records.files import digest_folder


def report_tables():
    names = ["master", "skill", "failed", "claims", "gap", "grid", "over_tasks", "profiles"]
    names += ["ranking", "audit_scored", "flags", "quality", "reliability", "agreement"]
    names += ["failures", "confidence", "fidelity", "human", "human_prediction", "checks"]
    names += FRAMEWORK_TABLES if has_pools() else []
    return expand(f"{TABLES}/{{table}}.csv", table=names, allow_missing=True)


def named_tasks(wildcards):
    """What each task's task.json is called, by the task's name."""
    return [f"{task}={TASK.format(task=task)}/task.json" for task in STUDY.tasks]


def framework_figures():
    """Certificates and experiments, for the report of a study whose arms are pooling operators."""
    if not has_pools():
        return []
    certificates = ["results/operators", *([OPERATORS] if OWN_OPERATORS else [])]
    experiments = expand(
        f"{RESULTS}/fusion/{{task}}/{{figure}}.png", task=STUDY.tasks, figure=FUSION_TABLES
    )
    return [f"{folder}/certificates.png" for folder in certificates] + experiments


def page_digest(suite):
    """A digest of the pages' templates, whatever the suite."""
    return digest_folder(SOURCE / "report")


def page_job(script, *made):
    """The text of a page's job; its settings are made by a function and arguments."""
    return job_text(script, settings=made, pages=(page_digest,))
