"""A run of Snakemake with little output: a line for each stage that is done, faults, and its log.

``python -m mtkd.commands.progress ARGUMENTS`` runs ``snakemake ARGUMENTS``.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable

# Seconds of silence after which a finished job says how far the run is, in the midst of a stage.
QUIET = 60.0
_STATED = re.compile(r"^(\w+) +(\d+)$")
_FINISHED = re.compile(r"^Finished jobid: \d+ \(Rule: (\w+)\)$")
_STEPS = re.compile(r"^(\d+) of (\d+) steps \(\d+%\) done$")
_FAULT = re.compile(
    r"^((\S+: )?error: |Error|\w*Error\b|\w*Exception\b|RuleException|Exiting|Trying to)"
)
# What ends a fault's text: the next job.
_NEXT = re.compile(r"^(\[.*\]$|Finished jobid|\d+ of \d+ steps|Select jobs|Execute \d+ jobs)")
_SAID = ("Nothing to be done", "Complete log")


def follow(lines: Iterable[str], say: Callable[[str], None], clock=time.monotonic) -> None:
    """Say of Snakemake's output what a person wants to see while it runs."""
    planned: Counter[str] = Counter()
    finished: Counter[str] = Counter()
    faulty = stated = False
    stage = ""
    start = last = clock()
    for line in map(str.rstrip, lines):
        if line == "Job stats:":
            stated = True
        elif stated and (counted := _STATED.match(line)):
            planned[counted[1]] += int(counted[2])
        elif stated and not line:
            stated = False
        if _NEXT.match(line):
            faulty = False
        if faulty or _FAULT.match(line) or line.startswith(_SAID):
            faulty = faulty or not line.startswith(_SAID)
            say(line)
        elif done := _FINISHED.match(line):
            stage = done[1]
            finished[stage] += 1
        elif (steps := _STEPS.match(line)) and stage:
            whole, now = finished[stage] == planned[stage], clock()
            if whole or now - last > QUIET:
                last = now
                say(_progress(stage, finished, planned, int(steps[1]), int(steps[2]), now - start))


def _progress(
    stage: str, finished: Counter, planned: Counter, done: int, jobs: int, seconds: float
) -> str:
    count = f"{finished[stage]} of {planned[stage]}" if planned[stage] > 1 else "done"
    left = (jobs - done) * seconds / done
    ahead = f", about {_minutes(left)} left" if done < jobs else ""
    return f"{done:>4} of {jobs} jobs  {stage:<20} {count:<12} after {_minutes(seconds)}{ahead}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def main(arguments: list[str]) -> int:
    """Run Snakemake and follow it; its exit status."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    # The terminal's Ctrl-C reaches Snakemake by itself, which cancels its jobs and then ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, frame: run.send_signal(received))
    follow(run.stdout, lambda line: print(line, flush=True))
    status = run.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
