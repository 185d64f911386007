# What a run on SLURM needs besides its profile.
from mtkd.config.slurm import jobs_left_running, slurm_mistake


def slurm_refusal(executor):
    """Why a run with these executor settings would lose work, in one line; None when it would not."""
    return slurm_mistake(executor) or jobs_left_running(executor.jobname_prefix, Path.cwd())


def retry_preempted(executor):
    """Let Snakemake restart a preempted job that SLURM was told not to requeue.

    Version 2.8 of the plugin leaves every preempted job to SLURM, and so would wait for ever.
    """
    import snakemake_executor_plugin_slurm as plugin

    query = plugin.query_job_status

    async def query_job_status(*arguments):
        states, seconds = await query(*arguments)
        if states:
            states = {
                job: "FAILED" if state == "PREEMPTED" else state for job, state in states.items()
            }
        return states, seconds

    if not executor.requeue:
        plugin.query_job_status = query_job_status
