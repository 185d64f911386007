"""What ends a head does what Ctrl-C in its terminal does.

Snakemake 9.27 waits on SIGTERM for the jobs that run, and is killed meanwhile where a scheduler or
a login node sent it; SIGHUP, of a terminal that is gone, kills it at once. Its jobs are then
orphans.
"""

from __future__ import annotations

import signal
from contextlib import suppress

import psutil

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def stop_on_signals() -> None:
    """From now on SIGTERM and SIGHUP interrupt this process and those that it has started.

    Called in the main thread, after Snakemake's scheduler has set its own handler. What is ignored
    (nohup) stays so. What comes after the first signal changes nothing: schedulers send several.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(number, frame) -> None:
    for later in _SIGNALS:
        signal.signal(later, lambda *_: None)
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.send_signal(signal.SIGINT)
    raise KeyboardInterrupt
