# What a real run begins with; a dry run shows what could not be run, too.
import atexit

from snakemake_interface_executor_plugins.settings import SharedFSUsage


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


def begin_run():
    """Record suite and code for jobs, which stop when they find others (mtkd.study.started).

    The record stays until this process ends, and behind one that is killed, whose jobs live on.
    """
    record = started.record_run(Path(STATE) / "runs", SUITE)
    atexit.register(record.unlink, missing_ok=True)
