"""Python processes that start warm, for tests that start many.

Snakemake and each of its jobs import for seconds and then compute for a fraction of one. Here they
are forks of one process that has imported the libraries (``server.py``), started through a stand-in
for ``python`` (``client.py``): real processes, with real command lines, environments and exit
statuses. Where a signal, a limit or a fresh interpreter is what a test is about, it starts
``sys.executable`` instead.

What ``MTKD_WITHOUT`` names, packages parted by spaces, a process finds missing.
"""

from __future__ import annotations

import marshal
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Where the session's stand-in lies, for all its workers.
VARIABLE = "MTKD_WARM_PYTHON"
HERE = Path(__file__).parent


class Server:
    """A server for the time of a test session; its processes are told of it by VARIABLE."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="warm-"))
        python = self.folder / "bin" / "python"
        python.parent.mkdir()
        source = (HERE / "client.py").read_text(encoding="utf-8")
        python.write_text(f"#!{sys.executable} -IS\n{source}", encoding="utf-8")
        python.chmod(0o755)
        facts = {"executable": sys.executable, "environment": dict(os.environ)}
        (self.folder / "server").write_bytes(marshal.dumps(facts))
        command = [sys.executable, str(HERE / "server.py"), str(self.folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        while not (self.folder / "no-hub").exists():
            time.sleep(0.01)
        os.environ[VARIABLE] = str(python)

    def prepare(self) -> None:
        """Have it import what it imports, before the first process is wanted."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(self.folder / "all"))

    def stop(self) -> None:
        """End it."""
        del os.environ[VARIABLE]
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder)


def python() -> str:
    """The command for a process that starts warm: the stand-in, else the interpreter itself."""
    return os.environ.get(VARIABLE, sys.executable)
