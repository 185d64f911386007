"""What ``make`` installs with: uv where it is there and finds what pip would, else pip."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Stand-ins that say what they were asked to do.
PYTHON = """#!/bin/sh
echo "python $*" >> "$ASKED"
case "$*" in
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python";;
  "-m pip config list") printf "$SETTINGS";;
esac
"""
UV = """#!/bin/sh
echo "uv $*" >> "$ASKED"
exit $UV_STATUS
"""
NEEDED = "--constraint constraints.txt --editable .[test]"
BY_UV = f"uv pip install --python .venv/bin/python {NEEDED}"
BY_PIP = f"python -m pip install --no-compile --progress-bar off {NEEDED}"


@pytest.mark.parametrize(
    ("uv", "settings", "installed"),
    [
        (None, "", [BY_PIP]),
        (0, "", [BY_UV]),
        (0, "global.timeout='60'\n:env:.disable-pip-version-check='1'\n", [BY_UV]),
        (0, "global.extra-index-url='wheels/cpu'\n", [BY_PIP]),
        (0, "global.timeout='60'\n:env:.index-url='mirror'\n", [BY_PIP]),
        (0, ":env:.find-links='wheels'\n", [BY_PIP]),
        (1, "", [BY_UV, BY_PIP]),
    ],
)
def test_uv_installs_where_it_finds_what_pip_would(tmp_path, uv, settings, installed):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    programs = tmp_path / "programs"
    programs.mkdir()
    # Nothing else is on the path, a uv of this machine's above all.
    for name in ("sh", "bash", "mkdir", "cp", "grep", "awk", "touch", "printf"):
        (programs / name).symlink_to(shutil.which(name))
    for name, text in {"python3": PYTHON, "uv": UV}.items():
        if name != "uv" or uv is not None:
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
    said = subprocess.run(
        [shutil.which("make"), ".venv/ready"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": str(programs),
            "ASKED": str(tmp_path / "asked"),
            "SETTINGS": settings,
            "UV_STATUS": str(uv),
        },
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    asked = (tmp_path / "asked").read_text().splitlines()
    assert [line for line in asked if "install" in line and "--upgrade" not in line] == installed
    # Which pip would have done while it installs.
    assert ("python -m compileall" in "".join(asked)) == (installed[-1] == BY_PIP)
    assert ("uv could not; pip will try" in said.stdout) == (len(installed) == 2)
    assert (tmp_path / ".venv/ready").exists()
