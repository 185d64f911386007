# A dry run ends with a plan: cells to train, jobs and hours to expect. Snakemake calls no handler in
# a dry run (onstart, onsuccess and onerror are for real ones), so the plan is printed as the process
# ends. Cluster jobs, which parse this file too, pay nothing for it.
import atexit
import json

from snakemake.settings.enums import Quietness

from mtkd.study.jobs import same_training
from mtkd.study.requests import expected_logits

# So many jobs a cluster has at a time; without one, nothing is asked for.
NODES = workflow.resource_settings.nodes
TRAIN_CELLS = ("train_students", "train_undistilled")


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

    That is all of them where their inputs have changed, and else those that are missing or were
    trained otherwise: the others are restored.
    """
    if job.rule.name not in TRAIN_CELLS:
        return []
    cells = [path for path in job.output if path.endswith("predictions.safetensors")]
    anew = workflow.dag.reason(job).updated_input or any(
        map(has_changed, workflow.dag.dependencies[job])
    )
    strategies = {path: paths.parse_cell(path)["strategy"] for path in cells}
    return [strategies[path] for path in cells if anew or not is_kept(job, path, strategies[path])]


def is_kept(job, path, strategy):
    """Whether a cell is there as the job would train it, whoever was trained together with it."""
    recorded = workflow.persistence.params(path) if os.path.exists(path) else None
    return bool(recorded) and any(
        same_training(before, job.params.job, strategy) for before in recorded
    )


def learners_of(job):
    """Those that a job trains or predicts with."""
    if job.rule.name in (*TRAIN_CELLS, "student_weights"):
        return [student_of(job.wildcards)]
    if job.rule.name in ("train_teacher", "crossfit_logits"):
        return [teacher_of(job.wildcards)]
    names = FOLDED_TRAINED or [job.wildcards.get("teacher")]
    return [SUITE.teachers[name] for name in names] if job.rule.name == "teacher_logits" else []


def guessed_seconds(job, cells):
    """The suite's guess of what a job takes; None without one."""
    task = job.wildcards.get("task")
    if job.rule.name == "teacher_logits":
        minutes = [expected_logits(teacher, task) for teacher in learners_of(job)]
    else:
        minutes = [learner.resources.expected.get(task) for learner in learners_of(job)]
    if not minutes or None in minutes:
        return None
    trainings = len(cells) if job.rule.name in TRAIN_CELLS else int(job.wildcards.get("folds", 1))
    return 60 * sum(minutes) * trainings


def pending_job(job):
    """What a plan needs to know of one of Snakemake's jobs."""
    from mtkd.study.forecast import PendingJob

    cells = strategies_to_train(job)
    # In a dry run all jobs are local by job.is_local.
    here = job.rule.name in workflow._localrules or job.rule.norun
    submitted = NODES is not None and not here
    place = job.resources.get("slurm_partition", "none")
    return PendingJob(
        job.rule.name,
        task=job.wildcards.get("task"),
        cells=cells,
        gpu=job.resources.get("gpu", 0),
        partition="here" if NODES and not submitted else place,
        record=job.benchmark and os.path.relpath(job.benchmark, BENCHMARKS),
        minutes=job.resources.get("runtime") if submitted else None,
        guess=guessed_seconds(job, cells),
    )


def weights_of(learner):
    """A learner's weights. Raises OSError where they are not here yet."""
    from mtkd.study.disk import Weights, config_width

    model = learner.model
    if model.architecture:
        return Weights(0, config_width(model.config))
    return weights_in(model_inputs(learner)[0] if model.hub else model.folder)


@cache
def weights_in(place):
    """The weights of a folder, or of the download that a record tells of."""
    from mtkd.study.disk import folder_weights

    is_record = place.endswith(".json")
    return folder_weights(json.loads(Path(place).read_text())["folder"] if is_record else place)


@cache
def rows_of(task):
    """Rows of a task's raw tables. Raises OSError where they are not here yet."""
    from mtkd.study.disk import table_rows

    return sum(map(table_rows, set(tables_of(task).values())))


def stored_by(job, learners):
    """What a job stores. Raises OSError where its learners' weights or tables are not here yet."""
    from mtkd.study.disk import stored

    task = job.wildcards.get("task")
    return stored(
        job.rule.name,
        outputs=len(job.output),
        cells=len(strategies_to_train(job)),
        models=[weights_of(learner) for learner in learners],
        rows=rows_of(task) if learners else 0,
        classes=len(SUITE.tasks[task].labels) if learners else 0,
        folds=int(job.wildcards.get("folds", 0)),
    )


def disk_plan(jobs):
    """What pending jobs store, in a line."""
    from mtkd.study.disk import disk_text

    at_a_time = NODES or workflow.resource_settings.cores
    try:
        return disk_text([stored_by(job, learners_of(job)) for job in jobs], at_a_time)
    except OSError:
        files = sum(stored_by(job, []).files for job in jobs)
        return f"Disk: {files:,} files; bytes once models and datasets are here (target fetch)"


# Where paths begin; as a process ends, Snakemake is no longer in its working folder.
FOLDER = os.getcwd()


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
    plan = plan_text([pending_job(job) for job in jobs], Path(BENCHMARKS), Path(LOGS))
    if plan:
        print(f"\n{plan}\n\n{disk_plan(jobs)}")


if workflow.output_settings.dryrun and Quietness.ALL not in (workflow.output_settings.quiet or ()):
    atexit.register(print_plan)
