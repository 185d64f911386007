# What a real run begins with: what would lose work is refused in one line, the process that runs the
# graph (the head) is announced, and what it runs is recorded. A dry run shows what could not be run, too.
import atexit
import subprocess

from snakemake.persistence.file import FilePersistence
from snakemake_interface_executor_plugins.settings import SharedFSUsage

from mtkd.cluster import heads
from mtkd.cluster.stopping import stop_on_signals

try:
    heads.keep_others_locks(FilePersistence)
except InputError as error:
    sys.exit(f"error: {error}")


def unpinned_refusal():
    """Why a suite with an empty revision must not run, in one line; None when it may."""
    if SUITE.unpinned() and not SUITE.allow_unpinned:
        return (
            f"{', '.join(map(str, workflow.configfiles))}: no commit is given at "
            f"{', '.join(SUITE.unpinned())}; fill it in, or accept whatever the hub serves today "
            "with --config allow_unpinned=true"
        )
    return None


def unshared_refusal():
    """Why jobs that share no files with this process would fail, in one line; None when they do.

    Models lie in the hub's cache and states beside the results; rules name neither as an input.
    """
    needed = {SharedFSUsage.INPUT_OUTPUT, SharedFSUsage.PERSISTENCE, SharedFSUsage.SOURCES}
    if needed <= set(workflow.storage_settings.shared_fs_usage):
        return None
    return (
        "this executor, or --shared-fs-usage, has jobs see no files of this machine; Kubernetes and "
        "cloud batch services are not supported: the study, its results and the hub's cache have to "
        "lie on a file system that all nodes share"
    )


def announce_head():
    """Announce this process, the one that runs the graph, to others in this folder."""
    run = workflow.scheduler._executor.run_uuid if on_slurm() else ""
    locks = [Path(lock).name for lock in workflow.persistence._lockfile.values()]
    heads.announce(Path.cwd(), run, locks)


def begin_run():
    """Record suite and code for jobs, which stop when they find others (mtkd.study.started).

    The record stays until this process ends, and behind one that is killed, whose jobs live on.
    """
    record = started.record_run(Path(STATE) / "runs", SUITE)
    atexit.register(record.unlink, missing_ok=True)


def register_study():
    """Write down what the study will claim, in a run that is to train students of it.

    What a later run would claim otherwise is a line more. Raises InputError where it cannot be
    written, since nothing must be trained then.
    """
    if not any(job.rule.name in TRAIN_CELLS for job in workflow.dag.needrun_jobs()):
        return
    script = str(SOURCE / "workflow" / "scripts" / "register.py")
    given = {"job": registration_job(), "students": STUDENTS, "record": REGISTRATIONS}
    options = [part for name, value in given.items() for part in (f"--{name}", value)]
    done = subprocess.run([sys.executable, script, *options], capture_output=True, text=True)
    if done.returncode:
        raise InputError(done.stderr.strip().removeprefix("error: "))
    print(done.stderr, end="", file=sys.stderr)


onstart:
    refused = unpinned_refusal() or unshared_refusal() or cluster_refusal() or slurm_refusal()
    if refused:
        sys.exit(f"error: {refused}")
    try:
        announce_head()
        register_study()
        if on_slurm():
            mend_executor()
    except InputError as error:
        sys.exit(f"error: {error}")
    if on_slurm():
        hold_jobs()
    begin_run()
    stop_on_signals()
