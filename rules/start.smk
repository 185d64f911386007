# What a real run begins with; a dry run shows what could not be run, too.
import atexit


def begin_run():
    """Record suite and code for jobs, which stop when they find others (mtkd.study.started).

    The record stays until this process ends, and behind one that is killed, whose jobs live on.
    """
    record = started.record_run(Path(STATE) / "runs", SUITE)
    atexit.register(record.unlink, missing_ok=True)
