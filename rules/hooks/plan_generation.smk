# A dry run of a generation study ends with a plan: students to train, jobs and hours to expect. Printed as
# the process ends, since Snakemake calls no handler in a dry run.
import atexit
import json

from snakemake.settings.enums import Quietness

NODES = workflow.resource_settings.nodes
FOLDER = os.getcwd()


def missing_students(job):
    """The students of text that a job trains and that are not there."""
    trains = job.rule.name in ("train_singles", "train_mixtures")
    return [path for path in job.output if not os.path.exists(path)] if trains else []


def learner_at_work(job):
    """Who is trained or asked by a job; None where nobody is."""
    if job.rule.name in ("train_singles", "train_mixtures"):
        return SUITE.students[job.wildcards.student]
    if job.rule.name in ("train_writer", "write_traces", "write_traces_by_vllm"):
        return SUITE.teachers[job.wildcards.teacher]
    if job.rule.name in LOTS:
        return SUITE.teachers[LOTS[job.rule.name][0]]
    return None


def guessed_seconds(job):
    """The suite's guess of what a job takes; None without one."""
    learner, trained = learner_at_work(job), missing_students(job) or LOTS.get(job.rule.name)
    minutes = learner and learner.resources.expected.get(job.wildcards.task)
    return None if minutes is None else 60 * minutes * len(trained or [learner])


def pending_writers(job):
    """What a plan needs to know of one of Snakemake's jobs."""
    from mtkd.study.forecast import PendingJob

    here = job.rule.name in workflow._localrules or job.rule.norun
    place = job.resources.get("slurm_partition", "none")
    return PendingJob(
        job.rule.name,
        task=job.wildcards.get("task"),
        cells=[paths.parse_writer(path)["strategy"] for path in missing_students(job)],
        gpu=job.resources.get("gpu", 0),
        partition="here" if NODES and here else place,
        record=job.benchmark and os.path.relpath(job.benchmark, BENCHMARKS),
        minutes=job.resources.get("runtime") if NODES and not here else None,
        guess=guessed_seconds(job),
    )


def weights_of(learner):
    """A learner's weights; of one from scratch none. Raises OSError where they are not here yet."""
    from mtkd.study.disk import Weights, folder_weights

    if learner is None or learner.model is None or learner.model.architecture:
        return Weights(0, 0)
    folder = learner.model.folder
    if learner.model.hub:
        record = Path(model_inputs(learner)[0])
        folder = json.loads(record.read_text(encoding="utf-8"))["folder"]
    return folder_weights(Path(folder))


def disk_plan(jobs):
    """What pending jobs store, in a line: states of trainings; a student's text is small."""
    from mtkd.study.disk import disk_text, stored

    def stored_by(job, learners):
        lot = LOTS.get(job.rule.name)
        return stored(
            "train_writer" if lot else job.rule.name,
            outputs=len(job.output),
            cells=len(missing_students(job)),
            models=[weights_of(learner) for learner in learners for _ in lot or [learner]],
        )

    at_a_time = NODES or workflow.resource_settings.cores
    try:
        return disk_text([stored_by(job, [learner_at_work(job)]) for job in jobs], at_a_time)
    except OSError:
        files = sum(stored_by(job, []).files for job in jobs)
        return f"Disk: {files:,} files; bytes once models are here (target fetch)"


def print_plan():
    from mtkd.study.forecast import plan_text

    # Without a scheduler the graph could not be built: Snakemake has said why.
    if workflow.scheduler is None:
        return
    os.chdir(FOLDER)
    # The text lists things in the order of the first job that has them: the study's, the graph's.
    tasks = {task: number for number, task in enumerate(STUDY.tasks)}
    order = {rule_.name: number for number, rule_ in enumerate(workflow.rules)}
    # A dry run "finishes" its jobs.
    jobs = sorted(
        workflow.dag.needrun_jobs(exclude_finished=False),
        key=lambda job: (tasks.get(job.wildcards.get("task"), -1), order[job.rule.name]),
    )
    plan = plan_text([pending_writers(job) for job in jobs], Path(BENCHMARKS), Path(LOGS))
    if plan:
        print(f"\n{plan}\n\n{disk_plan(jobs)}")


if workflow.output_settings.dryrun and Quietness.ALL not in (workflow.output_settings.quiet or ()):
    atexit.register(print_plan)
