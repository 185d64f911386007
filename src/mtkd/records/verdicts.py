"""Verdicts on trainings of teachers that diverged, by a digest of all that determines them.

Such a training would end so again: a retry is told at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mtkd.errors import InputError
from mtkd.records.files import read_json, write_json


def verdict_file(state: Path, digest: str) -> Path:
    """Where the verdict on a training is, if there is one."""
    return Path(state) / "diverged" / f"{digest}.json"


def refuse_diverged(teacher: str, verdict: Path) -> None:
    """Raise InputError where a training diverged; ``teacher`` says whose it was."""
    if verdict.is_file():
        found = read_json(verdict)
        raise InputError(
            f"teacher {teacher} diverged: {found['reason']} (on {found['device']}); lower its "
            f"learning_rate: as it is set, it is not trained again while {verdict} is there"
        )


def keep_verdict(verdict: Path, reason: str, machine: dict[str, Any], **whose: Any) -> None:
    """Write down that a training diverged, why, and on which machine (its ``provenance``)."""
    device = f"{machine['device']}, {machine['precision']}"
    write_json(verdict, {**whose, "reason": reason, "device": device})
