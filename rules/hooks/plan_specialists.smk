# A dry run of a study of specialists ends with a plan: students to train, jobs and hours to expect. Printed
# as the process ends, since Snakemake calls no handler in a dry run.
import atexit

from snakemake.settings.enums import Quietness

NODES = workflow.resource_settings.nodes
FOLDER = os.getcwd()


def pending_specialists(job):
    """What a plan needs to know of one of Snakemake's jobs."""
    from mtkd.study.forecast import PendingJob

    trains = job.rule.name == "train_integrated"
    missing = [path for path in job.output if not os.path.exists(path)] if trains else []
    here = job.rule.name in workflow._localrules or job.rule.norun
    place = job.resources.get("slurm_partition", "none")
    return PendingJob(
        job.rule.name,
        task=job.wildcards.get("task", "all"),
        cells=[paths.parse_integrated(path)["strategy"] for path in missing],
        gpu=job.resources.get("gpu", 0),
        partition="here" if NODES and here else place,
        record=job.benchmark and os.path.relpath(job.benchmark, BENCHMARKS),
        minutes=job.resources.get("runtime") if NODES and not here else None,
    )


def print_plan():
    from mtkd.study.forecast import plan_text

    # Without a scheduler the graph could not be built: Snakemake has said why.
    if workflow.scheduler is None:
        return
    os.chdir(FOLDER)
    jobs = [pending_specialists(job) for job in workflow.dag.needrun_jobs(exclude_finished=False)]
    plan = plan_text(jobs, Path(BENCHMARKS), Path(LOGS))
    if plan:
        print(f"\n{plan}")


if workflow.output_settings.dryrun and Quietness.ALL not in (workflow.output_settings.quiet or ()):
    atexit.register(print_plan)
