# A dry run ends with a plan: cells to train, jobs and hours to expect. Snakemake calls no handler in
# a dry run (onstart, onsuccess and onerror are for real ones), so the plan is printed as the process
# ends. Cluster jobs, which parse this file too, pay nothing for it.
import atexit

from snakemake.settings.enums import Quietness


@cache
def has_changed(job):
    """Whether a pending job would make other outputs than those it once made.

    Snakemake does not say so of a job with a missing output: it looks no further. A job upstream
    that has only lost outputs makes them again as they were.
    """
    if not workflow.dag.needrun(job):
        return False
    if workflow.dag.reason(job).updated_input or workflow.persistence.params_changed(job):
        return True
    return any(map(has_changed, workflow.dag.dependencies[job]))


def strategies_to_train(job):
    """The strategy of each cell that a job trains.

    That is all of them, or those that are missing where nothing but that is the matter: the others
    are restored.
    """
    if job.rule.name not in ("train_students", "train_undistilled"):
        return []
    cells = [path for path in job.output if path.endswith("predictions.safetensors")]
    missing = [path for path in cells if not os.path.exists(path)]
    restored = missing and not has_changed(job)
    return [paths.parse_cell(path)["strategy"] for path in (missing if restored else cells)]


def pending_job(job):
    """What a plan needs to know of one of Snakemake's jobs."""
    from mtkd.study.plan import PendingJob

    return PendingJob(
        job.rule.name,
        task=job.wildcards.get("task"),
        cells=strategies_to_train(job),
        gpu=job.resources.get("gpu", 0),
        partition=job.resources.get("slurm_partition", "none"),
        record=job.benchmark and os.path.relpath(job.benchmark, BENCHMARKS),
    )


def print_plan():
    from mtkd.study.plan import plan_text

    # Without a scheduler the graph could not be built: Snakemake has said why.
    if workflow.scheduler is None:
        return
    # The text lists things in the order of the first job that has them: the study's, the graph's.
    tasks = {task: number for number, task in enumerate(STUDY.tasks)}
    order = {rule_.name: number for number, rule_ in enumerate(workflow.rules)}
    # A dry run "finishes" its jobs.
    jobs = sorted(
        workflow.dag.needrun_jobs(exclude_finished=False),
        key=lambda job: (tasks.get(job.wildcards.get("task"), -1), order[job.rule.name]),
    )
    plan = plan_text([pending_job(job) for job in jobs], Path(BENCHMARKS), Path(LOGS))
    if plan:
        print(f"\n{plan}")


if workflow.output_settings.dryrun and Quietness.ALL not in (workflow.output_settings.quiet or ()):
    atexit.register(print_plan)
