"""Stand-ins for SLURM's commands, in shell: what is asked of them is kept, what they say is given.

No job runs. ``states`` gives the state of the first submitted job, of the second, and so on, from
the first question on; jobs beyond those run for ever.
"""

import os
import subprocess
import sys
from pathlib import Path

import warm

# $HERE is the folder of the answers.
COMMANDS = {
    "sbatch": """
printf '%s\\n' "$*" >> tried
if [ -s refusals ]; then
    said=$(head -n 1 refusals); sed -i 1d refusals
    if [ "$said" != accepted ]; then echo "sbatch: error: $said" >&2; exit 1; fi
fi
printf '%s\\n' "$*" >> submitted
wc -l < submitted
""",
    # The plugin asks for states by number; which of sacct and squeue does, its settings say.
    "sacct": """
case "$*" in
*JobIdRaw,State*) numbered ;;
*Elapsed,Timelimit*) cat times ;;
*nodelist*) echo gpu1 ;;
esac
""",
    "squeue": """
case "$*" in
*--states=all*%i*) numbered ;;
*%j*) cat queue ;;
*%k*) cat comments ;;
esac
""",
    "scontrol": """
case "$*" in
*config*) cat config ;;
*partition*) cat partitions ;;
esac
""",
    "sacctmgr": """
case "$*" in
*associations*account=*) cat shared ;;
*associations*) cat associations ;;
*qos*) cat qos ;;
*) echo study ;;
esac
""",
    "sinfo": 'echo "cpu*"\n',
    "scancel": "printf '%s\\n' \"$*\" >> cancelled\n",
}
HEAD = """#!/bin/sh
cd {here}
numbered() {{
    [ ! -f submitted ] || seq "$(wc -l < submitted)" | while read -r number; do
        state=$(sed -n "${{number}}p" states)
        echo "$number|${{state:-RUNNING}}"
    done
}}
"""
FILES = ("states", "refusals", "queue", "comments", "times", "partitions", "shared")
FILES += ("associations", "qos", "tried", "cancelled", "config")


class FakeSlurm:
    """A SLURM for one test, first on PATH."""

    def __init__(self, folder: Path):
        self.folder = folder
        bin_folder = folder / "bin"
        bin_folder.mkdir(parents=True)
        for name, text in COMMANDS.items():
            program = bin_folder / name
            program.write_text(HEAD.format(here=folder) + text)
            program.chmod(0o755)
        for name in FILES:
            self.say(name)
        self.say("config", "MinJobAge               = 300 sec")
        self.path = os.pathsep.join([str(bin_folder), os.environ["PATH"]])

    def say(self, name: str, *answers: str) -> None:
        """What is answered from now on: the lines of one of FILES."""
        (self.folder / name).write_text("".join(f"{line}\n" for line in answers))

    def lines(self, name: str) -> list[str]:
        """What was asked: of sbatch (``tried``, ``submitted``), of scancel (``cancelled``)."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []


def submission(*arguments: str, python: str | None = None) -> list[str]:
    """The command of a run on a cluster, its intervals cut to a second."""
    options = ["--seconds-between-status-checks", "1"]
    options += ["--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "0"]
    return [python or warm.python(), "-m", "snakemake", *arguments, *options]


def submit(slurm: FakeSlurm, folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """A finished run; ``stdout`` holds all that was printed."""
    return subprocess.run(
        submission(*arguments),
        cwd=folder,
        env={**os.environ, "PATH": slurm.path},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
    )


def start(slurm: FakeSlurm, folder: Path, *arguments: str) -> subprocess.Popen:
    """A run that a test disturbs: a fresh interpreter, whose output goes to ``head.log``."""
    with open(folder / "head.log", "a") as log:
        return subprocess.Popen(
            submission(*arguments, python=sys.executable),
            cwd=folder,
            env={**os.environ, "PATH": slurm.path},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
