# The head, the process that runs the graph: what Snakemake and its SLURM plugin leave open, changed in
# one place. No rule is here.
from snakemake.logging import logger
from snakemake.persistence.file import FilePersistence

from mtkd.cluster import heads
from mtkd.cluster.executor import mend
from mtkd.cluster.requests import gpu_mistake
from mtkd.cluster.settings import forgetful_queue, limits_of_one_machine, slurm_mistake
from mtkd.cluster.stopping import stop_on_signals
from mtkd.cluster.submission import submit_limit

try:
    heads.keep_others_locks(FilePersistence)
except InputError as error:
    sys.exit(f"error: {error}")


def submitted_jobs():
    """One pending job of each rule that a cluster would run, since a rule's jobs ask for the same."""
    pending = (job for job in workflow.dag.needrun_jobs() if not job.is_local)
    return {job.rule.name: job for job in pending}.values()


def hold_jobs(limit):
    """Have no more jobs queued at a time than one less than SLURM's limit: the head can be one."""
    most = max(1, limit.jobs - 1)
    if most < workflow.resource_settings.nodes:
        workflow.scheduler.resources["_nodes"] = most
        workflow.scheduler.global_resources["_nodes"] = most
        logger.info(f"At most {most} jobs at a time: {limit.of} lets a user submit {limit.jobs}.")


def start_run():
    """Before a real run, not before a dry run: a graph can be looked at that could not be run.

    Refuses what would lose work, in one line; announces this process; takes the executor over.
    """
    settings = workflow.executor_settings
    on_slurm = hasattr(settings, "no_requeue")
    refused = unpinned_refusal() or unshared_refusal()
    if not workflow.local_exec:
        limits = workflow.resource_settings
        refused = refused or limits_of_one_machine(limits.cores, limits.resources)
        refused = refused or gpu_mistake({job.rule.name: job.resources for job in submitted_jobs()})
    if on_slurm:
        import snakemake_executor_plugin_slurm as plugin

        refused = refused or slurm_mistake(settings)
        refused = refused or forgetful_queue(settings, plugin.get_min_job_age())
        refused = refused or heads.jobs_left_running(settings.jobname_prefix, Path.cwd())
    if refused:
        sys.exit(f"error: {refused}")
    executor = workflow.scheduler._executor
    locks = [Path(lock).name for lock in workflow.persistence._lockfile.values()]
    try:
        heads.announce(Path.cwd(), executor.run_uuid if on_slurm else "", locks)
        if on_slurm:
            mend(executor, plugin, SUITE.interruptions)
    except InputError as error:
        sys.exit(f"error: {error}")
    if on_slurm:
        limit = submit_limit([job.resources for job in submitted_jobs()], settings.qos)
        if limit:
            hold_jobs(limit)
    begin_run()
    stop_on_signals()
