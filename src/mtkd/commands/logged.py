"""Why jobs ran that have ended, in the words of Snakemake's logs.

Version 9.27 writes one log a run, ``.snakemake/log/{time}.snakemake.log``, with each job's reason
(``Reason.__str__``); not where ``--quiet`` leaves out rules or reasons.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

LOGS = Path(".snakemake/log")
_JOB = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):\n((?:    .*\n)+)", re.MULTILINE)
_OUTPUT, _REASON = (re.compile(rf"^    {key}: (.*)$", re.MULTILINE) for key in ("output", "reason"))
_UPSTREAM = re.compile(r"(?:; )?Input files updated by another job: (.*?)(?=; [A-Z]|$)")
_PARAMETERS = re.compile(
    r"(?:; )?Params have changed since last execution: Union of exclusive params before and now "
    r"across all output: before: (.*) now: (.*?) (?=; [A-Z]|$)"
)
_NONE = "<nothing exclusive>"
# Where outputs were not there.
MISSING = "Missing output files"


class Ran(NamedTuple):
    """A job that ran: its rule, its outputs, and why, in Snakemake's words."""

    rule: str
    output: tuple[str, ...]
    reason: str

    def upstream(self) -> list[str]:
        """The inputs that were made again before it."""
        found = _UPSTREAM.search(self.reason)
        return found[1].split(", ") if found else []

    def parameters(self) -> tuple[list[str], list[str]] | None:
        """The parameters that were other before, and then, each as its ``repr``."""
        found = _PARAMETERS.search(self.reason)
        return (_parts(found[1]), _parts(found[2])) if found else None

    def others(self) -> list[tuple[str, list[str]]]:
        """The reasons that are neither, and the files that each names."""
        rest = _PARAMETERS.sub("", _UPSTREAM.sub("", self.reason)).removeprefix("; ")
        found = []
        for reason in filter(None, re.split(r"; (?=[A-Z])", rest)):
            what, _, paths = reason.partition(": ")
            found.append((what, paths.split(", ") if paths else []))
        return found


def _parts(text: str) -> list[str]:
    """What Snakemake joined with commas, which may stand in the parts too."""
    if text == _NONE:
        return []
    try:
        return [repr(value) for value in ast.literal_eval(f"[{text}]")]
    except (ValueError, SyntaxError):
        return [text]


def last_run(project: Path, target: str) -> tuple[Path, list[Ran]] | None:
    """The log of the last run that made an output, and of its jobs those that led to it.

    The output's own job comes first, then those whose outputs it, or one of them, took as made
    again. None where no log has it.
    """
    for log in sorted((project / LOGS).glob("*.snakemake.log"), reverse=True):
        text = log.read_text(encoding="utf-8", errors="replace")
        makers = {path: job for job in map(_ran, _JOB.finditer(text)) for path in job.output}
        if target in makers and makers[target].reason:
            found = {makers[target]: None}
            waiting = [*found]
            while waiting:
                makers_of = map(makers.get, waiting.pop(0).upstream())
                new = dict.fromkeys(job for job in makers_of if job and job not in found)
                found |= new
                waiting += new
            return log, [*found]
    return None


def _ran(match: re.Match[str]) -> Ran:
    output, reason = (pattern.search(match[2]) for pattern in (_OUTPUT, _REASON))
    outputs = output[1].split(", ") if output else []
    return Ran(match[1], tuple(outputs), reason[1] if reason else "")
