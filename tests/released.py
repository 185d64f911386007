"""What a study of this release is known by: its jobs' inputs, outputs and settings.

Snakemake compares them, and finished cells are found by them: one that differs is a training that
is done again, in every study there is. ``python tests/released.py`` writes
``fixtures/release.json`` anew; that is for changes which retrain on purpose, and say so in
CHANGELOG.md.

Digests of code are left out: they are there to differ when code does.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import warm

ROOT = Path(__file__).parents[1]
SUITE = Path(__file__).parent / "fixtures" / "release.yaml"
FIXTURE = SUITE.with_suffix(".json")


def jobs() -> dict[str, dict[str, Any]]:
    """Rule, inputs and settings of each job up to scored students, by its outputs."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("train.csv", "report.csv"):
            (Path(folder) / name).touch()
        call = ["-m", "snakemake", "students", "--dry-run", "--printshellcmds", "--cores", "1"]
        call += ["--snakefile", ROOT / "Snakefile", "--directory", folder, "--configfile", SUITE]
        result = subprocess.run(
            [warm.python(), *map(str, call)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    assert result.returncode == 0, result.stdout
    found = {}
    for rule, said in re.findall(r"^(?:local)?rule (\w+):\n(.*?)\n\n", result.stdout, re.M | re.S):
        lines = dict(re.findall(r"^ *([\w ]+): (.*)$", said, re.M))
        # Target rules have none.
        if (command := lines["Shell command"]) != "None":
            found[lines["output"]] = {
                "rule": rule,
                "input": sorted({*lines.get("input", "").split(", ")} - {""}),
                "job": without_digests(_job(command)),
            }
    return dict(sorted(found.items()))


def _job(command: str) -> dict[str, Any]:
    words = shlex.split(command)
    return json.loads(words[words.index("--job") + 1])


def without_digests(job: dict[str, Any]) -> dict[str, Any]:
    """A job's text (mtkd.study.jobs) without what tells of code; of metrics the names."""
    job = {part: value for part, value in job.items() if part != "code"}
    if "metrics" in job:
        job["metrics"] = sorted(job["metrics"])
    if "recipes" in job:
        job["recipes"] = {
            name: {key: value for key, value in recipe.items() if key != "code"}
            for name, recipe in job["recipes"].items()
        }
    return job


if __name__ == "__main__":
    # A line a job, so that a difference is seen.
    lines = [f"{json.dumps(name)}: {json.dumps(job)}" for name, job in jobs().items()]
    FIXTURE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{len(lines)} jobs", file=sys.stderr)
