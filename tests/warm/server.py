"""Starts Python processes by forking itself, once it has imported what takes seconds to import.

    python server.py FOLDER

``client.py`` stands in for ``python``: what it was asked to run, runs in a fork of this process,
with the client's arguments, environment, working folder, limits and open streams. The project is
imported here too, and each fork has it as the checkout has it that it runs (``project.py``).
Nothing is imported before the first request comes.

Two sockets listen in FOLDER: ``all``, and ``no-hub`` for processes whose libraries are to read
other settings of the hub as they are imported. The first one's server is a fork of the second's.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import marshal
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
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import project
import snakemake_sooner

SOURCE = Path(__file__).resolve().parents[2] / "src"
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
    "transformers.conversion_mapping",
    "safetensors.torch",
    "tokenizers",
    "datasets",
    "evaluate",
)
# Of Linux, as prctl takes it: the signal that comes when the parent ends.
PR_SET_PDEATHSIG = 1
BELOW_THE_HUB = "below-the-hub"
HUB = ("huggingface_hub", "transformers", "safetensors", "tokenizers", "datasets", "evaluate")


def serve(folder: Path) -> dict:
    """Answer requests until SIGTERM; in each fork, return the request that it is to run."""
    # It ends with the tests, also where these are killed.
    with suppress(AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    listeners = {name: _listen(folder / name) for name in ("all", "no-hub")}
    # Ctrl-C is for the tests, which then end this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    select.select(list(listeners.values()), [], [])
    # Nothing that is imported is garbage.
    gc.disable()
    _import(MODULES)
    # Looks for plug-ins in all that is installed.
    sys.modules["snakemake.cli"].get_argument_parser()
    (folder / "included").mkdir()
    snakemake_sooner.keep_in(folder / "included")
    snakemake_sooner.read_settings_fast()
    project.load(SOURCE, without=HUB)
    if other := os.fork():
        listeners.pop("all").close()
        signal.signal(signal.SIGTERM, lambda *_: _end(other))
        listener = listeners["no-hub"]
        select.select([listener], [], [])
        for module in _below_the_hub(folder):
            # Some are no modules of their own: libraries put them in sys.modules by hand.
            with suppress(ModuleNotFoundError):
                importlib.import_module(module)
        project.follow(SOURCE)
        _settle()
        _use_large_pages()
        return _answer(listener)
    listeners.pop("no-hub").close()
    listener = listeners["all"]
    select.select([listener], [], [])
    known = set(sys.modules)
    _import(OF_THE_HUB)
    new = [name for name in sys.modules if name not in known and name.split(".")[0] not in HUB]
    (folder / BELOW_THE_HUB).write_text(" ".join(new))
    # Hundreds of patterns are compiled before the first weights are saved.
    sys.modules["transformers.conversion_mapping"].get_checkpoint_conversion_mapping("bert")
    project.load(SOURCE)
    _settle()
    # Pytest's workers ask first, and this goes on while they look for tests.
    return _answer(listener, at_rest=_rehearse)


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


def _below_the_hub(folder: Path) -> list[str]:
    """What the hub's libraries import besides each other, from the server that imports them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(folder / "all"))
        connection.shutdown(socket.SHUT_WR)
        # Who asks for nothing is sent nothing, once it is ready.
        connection.recv(1)
    return (folder / BELOW_THE_HUB).read_text().split()


def _settle() -> None:
    """Have forks leave alone what is there."""
    # Nobody's garbage: to look for it would copy its pages. To look at each few hundred new objects
    # slows libraries down.
    gc.freeze()
    gc.set_threshold(20_000)
    # Torch takes back at exit each operator that it registered, which copies as many pages again.
    weakref.finalize._registry.clear()
    if compiler := sys.modules.get("torch._dynamo.utils"):
        atexit.unregister(compiler.dump_compile_times)


def _rehearse() -> None:
    """Make the forks to come cheaper still, which takes seconds."""
    project.follow(SOURCE)
    project.rehearse(SOURCE)
    _settle()
    _use_large_pages()


def _use_large_pages() -> None:
    """Memory in pages of 2 MiB, where the kernel has them: forks take two fifths of the time."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return
    library, size, collapse = ctypes.CDLL(None), 1 << 21, 25
    for line in maps.read_text().splitlines():
        place, rights, *_, file = [*line.split(maxsplit=5), ""][:6]
        if rights == "rw-p" and file.strip() in ("", "[heap]"):
            start, end = (int(number, 16) for number in place.split("-"))
            start, end = -(-start // size) * size, end // size * size
            if start < end:
                library.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), collapse)


def _end(other: int) -> None:
    """End the other server, and this one: waited for, so that the time it took is counted."""
    os.kill(other, signal.SIGTERM)
    os.waitpid(other, 0)
    os._exit(0)


def _answer(listener: socket.socket, at_rest: Callable[[], None] | None = None) -> dict:
    """Fork for each request, and return it in the fork; ``at_rest`` is done when nobody asks."""
    ended, wake = socket.socketpair()
    for end in (ended, wake):
        end.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    waiting: dict[int, socket.socket] = {}
    while True:
        found = select.select([listener, ended], [], [], 0.5 if at_rest else None)[0]
        if not found:
            at_rest = at_rest()
        for ready in found:
            if ready is ended:
                ended.recv(4096)
                _report_ends(waiting)
                continue
            client, _ = listener.accept()
            head, streams, _, _ = socket.recv_fds(client, 16, 3)
            request = _read(client, int(head or 0))
            if request is None:
                # It only wanted this process to get ready, or was killed.
                for end in (client.detach(), *streams):
                    os.close(end)
                continue
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for own in (listener, ended, wake, client, *waiting.values()):
                    own.close()
                return request | {"streams": streams}
            for stream in streams:
                os.close(stream)
            with suppress(OSError):
                client.sendall(b"%d\n" % pid)
            waiting[pid] = client


def _read(client: socket.socket, wanted: int) -> dict | None:
    """A request of so many bytes, as marshal wrote it; None where it ends before."""
    content = b""
    while len(content) < wanted and (more := client.recv(1 << 20)):
        content += more
    return marshal.loads(content) if wanted and len(content) == wanted else None


def _report_ends(waiting: dict[int, socket.socket]) -> None:
    for pid in list(waiting):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            # The client may have been killed.
            with waiting.pop(pid) as client, suppress(OSError):
                client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def become(request: dict) -> None:
    """Take on what a new process has from its parent."""
    gc.enable()
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
    # Torch has read it once, as it was imported.
    if threads := os.environ.get("OMP_NUM_THREADS"):
        sys.modules["torch"].set_num_threads(int(threads))
    # A new process would have drawn these.
    random.seed()
    sys.modules["numpy"].random.seed()
    if request["words"][0] != "-u":
        # Jobs that this process starts are to be forks as well; what a test starts, it says.
        sys.executable = request["executable"]
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[0:1] = paths
    if source := _source(request["words"], Path(request["folder"])):
        project.take(source, request["words"])
    # Packages that are not there for it, whatever is installed.
    sys.modules.update(dict.fromkeys(os.environ.get("MTKD_WITHOUT", "").split()))


def _source(words: list[str], folder: Path) -> Path | None:
    """Where a process will find the project: by its Snakefile, else the first on its path."""
    if words[:2] == ["-m", "snakemake"]:
        given = words[words.index("--snakefile") + 1] if "--snakefile" in words else "Snakefile"
        return (folder / given).parent / "src"
    here = [folder] if words[0] == "-m" else []
    return next((path for path in map(Path, [*here, *sys.path]) if (path / "mtkd").is_dir()), None)


def start(words: list[str]) -> None:
    """Run ``-m module ...``, ``file.py ...`` or ``-u -c code`` as the main program."""
    if words[:2] == ["-u", "-c"]:
        sys.argv = words[1:2]
        exec(compile(words[2], "<string>", "exec"), vars(sys.modules["__main__"]))
    elif words[0] == "-m":
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
