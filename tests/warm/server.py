"""Starts Python processes by forking itself, once it has imported what takes seconds to import.

    python server.py FOLDER

``client.py`` stands in for ``python``: what it was asked to run, runs in a fork of this process,
with the client's arguments, environment, working folder, limits and open streams. The project
itself is never imported here: each fork finds the checkout that its own PYTHONPATH names. Nothing
is imported before the first request comes.

Two sockets listen in FOLDER: ``all``, and ``no-hub`` for processes whose libraries are to read
other settings of the hub as they are imported. The first one's server is a fork of the second's.
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
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

# In this order each is imported when the ones it looks for are there.
MODULES = (
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "pydantic",
    "yaml",
    "torch",
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
    "snakemake.cli",
    "snakemake.workflow",
    "snakemake.assets",
    "snakemake.profiles",
    "snakemake.storage",
    "smart_open",
)
OF_THE_HUB = (
    "transformers",
    "transformers.models.auto.modeling_auto",
    "transformers.models.bert.modeling_bert",
    "transformers.models.distilbert.modeling_distilbert",
    "transformers.models.roberta.modeling_roberta",
    "transformers.models.deberta.modeling_deberta",
    "safetensors.torch",
    "tokenizers",
    "datasets",
    "evaluate",
)


def serve(folder: Path) -> dict:
    """Answer requests until SIGTERM; in each fork, return the request that it is to run."""
    listeners = {name: _listen(folder / name) for name in ("all", "no-hub")}
    # Ctrl-C is for the tests, which then end this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    select.select(list(listeners.values()), [], [])
    _import(MODULES)
    # Looks for plug-ins in all that is installed.
    sys.modules["snakemake.cli"].get_argument_parser()
    if other := os.fork():
        listeners.pop("all").close()
        signal.signal(signal.SIGTERM, lambda *_: _end(other))
        return _answer(listeners["no-hub"])
    listeners.pop("no-hub").close()
    listener = listeners["all"]
    select.select([listener], [], [])
    _import(OF_THE_HUB)
    return _answer(listener)


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Whoever finds the name finds it listening.
    listener.bind(f"{path}.new")
    listener.listen(64)
    os.rename(f"{path}.new", path)
    return listener


def _import(modules: Sequence[str]) -> None:
    for module in modules:
        importlib.import_module(module)
    # What is here already is nobody's garbage: collecting it would copy its pages.
    gc.collect()
    gc.freeze()


def _end(other: int) -> None:
    """End the other server, and this one: waited for, so that the time it took is counted."""
    os.kill(other, signal.SIGTERM)
    os.waitpid(other, 0)
    os._exit(0)


def _answer(listener: socket.socket) -> dict:
    ended, wake = socket.socketpair()
    for end in (ended, wake):
        end.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    waiting: dict[int, socket.socket] = {}
    while True:
        for ready in select.select([listener, ended], [], [])[0]:
            if ready is ended:
                ended.recv(4096)
                _report_ends(waiting)
                continue
            client, _ = listener.accept()
            request, streams = _read(client)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for own in (listener, ended, wake, client, *waiting.values()):
                    own.close()
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
    for pid in list(waiting):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            # The client may have been killed.
            with waiting.pop(pid) as client, suppress(OSError):
                client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def become(request: dict) -> None:
    """Take on what a new process has from its parent."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
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
    # Packages that are not there for it, whatever is installed.
    sys.modules.update(dict.fromkeys(os.environ.get("MTKD_WITHOUT", "").split()))


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
    request = serve(Path(sys.argv[1]))
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
