"""Starts Python processes by forking itself, once it has imported what takes seconds to import.

    python server.py all|no-hub < SOCKET

Its standard input is a socket that listens. ``client.py`` stands in for ``python``: what it was
asked to run, runs in a fork of this process, with the client's arguments, environment, working
folder, limits and open streams. The project itself is never imported here: each fork finds the
checkout that its own PYTHONPATH names. Nothing is imported before the first request comes.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import random
import resource
import runpy
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

LIGHT = ("numpy", "pandas", "pyarrow.parquet", "pydantic", "yaml")
# In this order each is imported when the ones it looks for are there.
MODULES = {
    # For processes in which the hub's libraries are to read other settings as they are imported.
    "no-hub": LIGHT,
    "all": (
        *LIGHT,
        "torch",
        "transformers",
        "transformers.models.auto.modeling_auto",
        "transformers.models.bert.modeling_bert",
        "transformers.models.distilbert.modeling_distilbert",
        "transformers.models.roberta.modeling_roberta",
        "transformers.models.deberta.modeling_deberta",
        "safetensors.torch",
        "tokenizers",
        "sklearn.linear_model",
        "sklearn.feature_extraction.text",
        "scipy.optimize",
        "scipy.special",
        "scipy.stats",
        "statsmodels.stats.multitest",
        "matplotlib.pyplot",
        "matplotlib.backends.backend_agg",
        "matplotlib.backends.backend_pdf",
        "seaborn",
        "jinja2",
        "datasets",
        "evaluate",
        "snakemake.cli",
        "snakemake.workflow",
    ),
}


def serve(modules: Sequence[str]) -> dict:
    """Answer requests for ever; in each fork, return the request that it is to run."""
    listener = socket.socket(fileno=os.dup(0))
    ended, wake = socket.socketpair()
    for end in (ended, wake):
        end.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # Ctrl-C is for the tests, which then end this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    waiting: dict[int, socket.socket] = {}
    imported = False
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(ended, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is ended:
                    ended.recv(4096)
                    _report_ends(waiting)
                    continue
                client, _ = listener.accept()
                if not imported:
                    for module in modules:
                        importlib.import_module(module)
                    # What is here already is nobody's garbage: collecting it copies its pages.
                    gc.collect()
                    gc.freeze()
                    imported = True
                request, streams = _read(client)
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    for own in (listener, ended, wake, client, *waiting.values()):
                        own.close()
                    selector.close()
                    return request | {"streams": streams}
                for stream in streams:
                    os.close(stream)
                client.sendall(b"%d\n" % pid)
                waiting[pid] = client


def _read(client: socket.socket) -> tuple[dict, list[int]]:
    """A request: its length, with the three streams, then JSON."""
    head, streams, _, _ = socket.recv_fds(client, 16, 3)
    wanted, content = int(head), b""
    while len(content) < wanted:
        content += client.recv(1 << 20)
    return json.loads(content), list(streams)


def _report_ends(waiting: dict[int, socket.socket]) -> None:
    while waiting:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        # The client may have been killed.
        with waiting.pop(pid) as client, suppress(OSError):
            client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def become(request: dict) -> None:
    """Take on what a new process has from its parent."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(request["streams"]):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["folder"])
    os.umask(request["umask"])
    resource.setrlimit(resource.RLIMIT_FSIZE, tuple(request["file_size"]))
    os.environ.clear()
    os.environ.update(request["environment"])
    # A new process would have drawn these.
    random.seed()
    sys.modules["numpy"].random.seed()
    # Jobs that this process starts are to be forks as well.
    sys.executable = request["executable"]
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[0:1] = paths


def start(words: list[str]) -> None:
    """Run ``-m module ...`` or ``file.py ...`` as the main program."""
    if words[0] == "-m":
        sys.argv = words[1:]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        sys.path.insert(0, str(Path(words[0]).resolve().parent))
        runpy.run_path(words[0], run_name="__main__")


def main() -> int:
    """Exit status of a request's program, as the interpreter would have it."""
    request = serve(MODULES[sys.argv[1]])
    become(request)
    try:
        start(request["words"])
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        kind, error, frames = sys.exc_info()
        traceback.print_exception(kind, error, frames.tb_next)
        return 130 if kind is KeyboardInterrupt else 1
    return 0


if __name__ == "__main__":
    status = main()
    # What the interpreter does at its end, but for taking all modules down, which costs most.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
