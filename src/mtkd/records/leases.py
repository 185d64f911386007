"""Claims on outputs: of two writers for one path, the one that came last publishes.

A node that its scheduler gave up can go on computing while the job runs again elsewhere. Each job
claims its output when it starts and checks the claim before it publishes; the orphan finds another
name there and stops.
"""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from typing import NamedTuple

from mtkd.errors import InputError
from mtkd.records.files import digest_text, write_text


class Claim(NamedTuple):
    """A job's claim on an output: the file it stands in, and the words that make it this job's."""

    output: Path
    file: Path
    words: str


def claim_output(state: Path, output: Path) -> Claim:
    """Claim ``output`` for this process; an earlier claim ends here."""
    words = f"process {os.getpid()} on {socket.gethostname()} {secrets.token_hex(8)}\n"
    claim = Claim(output, Path(state) / "claims" / digest_text(str(output)), words)
    write_text(claim.file, words)
    return claim


def check_claim(claim: Claim) -> None:
    """Raise InputError when another job has claimed the output since, or has finished it."""
    try:
        words = claim.file.read_text(encoding="utf-8")
    except FileNotFoundError:
        words = "one that has finished"
    if words != claim.words:
        raise InputError(
            f"{claim.output}: another run took this over ({words.strip()}); this one publishes "
            "nothing, and nothing need be done"
        )


def release_claim(claim: Claim) -> None:
    """Take the claim back once everything is published."""
    check_claim(claim)
    claim.file.unlink(missing_ok=True)
