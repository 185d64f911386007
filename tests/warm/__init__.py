"""Python processes that start warm, for tests that start many.

Snakemake and each of its jobs import for seconds and then compute for a fraction of one. Here they
are forks of one process that has imported the libraries (``server.py``), started through a stand-in
for ``python`` (``client.py``): real processes, with real command lines, environments and exit
statuses. Where a signal, a limit or a fresh interpreter is what a test is about, it starts
``sys.executable`` instead.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

# Where the session's stand-in lies, for all its workers.
VARIABLE = "MTKD_WARM_PYTHON"
HERE = Path(__file__).parent


class Servers:
    """Servers for the time of a test session; its processes are told of them by VARIABLE."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="warm-"))
        python = self.folder / "bin" / "python"
        python.parent.mkdir()
        source = (HERE / "client.py").read_text(encoding="utf-8")
        python.write_text(f"#!{sys.executable} -IS\n{source}", encoding="utf-8")
        python.chmod(0o755)
        facts = {"executable": sys.executable, "environment": dict(os.environ)}
        (self.folder / "server.json").write_text(json.dumps(facts), encoding="utf-8")
        self.processes = [self._start(name) for name in ("all", "no-hub")]
        os.environ[VARIABLE] = str(python)

    def _start(self, name: str) -> subprocess.Popen:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(self.folder / f"{name}.socket"))
            listener.listen(64)
            return subprocess.Popen([sys.executable, HERE / "server.py", name], stdin=listener)

    def stop(self) -> None:
        """End the servers."""
        del os.environ[VARIABLE]
        for process in self.processes:
            process.terminate()
            process.wait()
        shutil.rmtree(self.folder)


def python() -> str:
    """The command for a process that starts warm: the stand-in, else the interpreter itself."""
    return os.environ.get(VARIABLE, sys.executable)
