# Jobs that others run: what is refused before they are submitted, and what Snakemake and its SLURM
# plugin leave open, changed in one place.
from snakemake.logging import logger

from mtkd.cluster.executor import mend
from mtkd.cluster.requests import gpu_mistake
from mtkd.cluster.settings import forgetful_queue, limits_of_one_machine, slurm_mistake
from mtkd.cluster.submission import submit_limit


def submitted_jobs():
    """One pending job of each rule that a cluster would run, since a rule's jobs ask for the same."""
    pending = (job for job in workflow.dag.needrun_jobs() if not job.is_local)
    return {job.rule.name: job for job in pending}.values()


def cluster_refusal():
    """Why jobs would not be run as they ask, in one line; None when they are, or all run here."""
    if workflow.local_exec:
        return None
    limits = workflow.resource_settings
    return limits_of_one_machine(limits.cores, limits.resources) or gpu_mistake(
        {job.rule.name: job.resources for job in submitted_jobs()}
    )


# Known once a run starts, not as this file is read.
def on_slurm():
    return hasattr(workflow.executor_settings, "no_requeue")


def slurm_refusal():
    """Why SLURM would lose work, in one line; None when it does not, or has no part in the run."""
    if not on_slurm():
        return None
    from snakemake_executor_plugin_slurm import get_min_job_age

    asked = workflow.executor_settings
    refused = slurm_mistake(asked) or forgetful_queue(asked, get_min_job_age())
    return refused or heads.jobs_left_running(asked.jobname_prefix, Path.cwd())


def mend_executor():
    """Have the plugin's executor do what it leaves open. Raises InputError."""
    import snakemake_executor_plugin_slurm as plugin

    mend(workflow.scheduler._executor, plugin, SUITE.interruptions)


def hold_jobs():
    """Have no more jobs queued at a time than one less than SLURM's limit: the head can be one."""
    asked = [job.resources for job in submitted_jobs()]
    limit = submit_limit(asked, workflow.executor_settings.qos)
    most = max(1, limit.jobs - 1) if limit else None
    if most and most < workflow.resource_settings.nodes:
        workflow.scheduler.resources["_nodes"] = most
        workflow.scheduler.global_resources["_nodes"] = most
        logger.info(f"At most {most} jobs at a time: {limit.of} lets a user submit {limit.jobs}.")
