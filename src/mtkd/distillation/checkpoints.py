"""The state of a training in progress: saved now and then and when told to stop, taken up again.

It lies outside the declared outputs, which Snakemake deletes when a job fails. A state is used by
nothing but the training it belongs to, and only whole: its digest and its checksum say so.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from mtkd.errors import InputError
from mtkd.records.files import digest_bytes, digest_text, publish
from mtkd.records.leases import Claim, check_claim


class Saved(NamedTuple):
    """A state: tensors by name, and what else a training must know, as plain values."""

    tensors: dict[str, torch.Tensor]
    facts: dict[str, Any]


class Checkpoint:
    """Where the state of one training lies, whose it is, and when the next one is due.

    ``digest`` names all that determines the training's numbers. ``minutes`` lie between two saved
    states; 0 saves none but the one on a signal.
    """

    def __init__(self, state: Path, output: Path, digest: str, minutes: float, claim: Claim):
        self.path = Path(state) / "training" / f"{digest_text(str(output))}.safetensors"
        self.digest = digest
        self.minutes = minutes
        self.claim = claim
        self.last = time.monotonic()

    def due(self) -> bool:
        """Whether a state should be saved now: asked to stop, or the time has passed."""
        waited = time.monotonic() - self.last
        return bool(_signals) or (self.minutes > 0 and waited >= 60 * self.minutes)

    def save(self, tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
        """Publish a state; exit with the signal's status when one has come.

        A state that cannot be written (a full disk) is reported and does not end the training.
        Raises InputError when another job has taken the training over.
        """
        check_claim(self.claim)
        tensors = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
        header = json.dumps(facts, sort_keys=True)
        metadata = {
            "digest": self.digest,
            "facts": header,
            "checksum": _checksum(tensors, header),
        }
        where = f"step {facts['step']}"
        try:
            publish(self.path, lambda temporary: save_file(tensors, temporary, metadata))
            note = f"state of {where} saved"
        except (OSError, SafetensorError, InputError) as error:
            note = f"state of {where} NOT saved ({error})"
        if not _signals:
            print(note, file=sys.stderr, flush=True)
        else:
            name = signal.Signals(_signals[0]).name
            print(f"{name}: {note}; the same command goes on from there", file=sys.stderr)
            sys.exit(128 + _signals[0])
        self.last = time.monotonic()

    def load(self) -> Saved | None:
        """The state to go on from; None, with a line on why, where there is none of this run."""
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            whole = metadata["checksum"] == _checksum(tensors, metadata["facts"])
        except (OSError, SafetensorError, KeyError) as error:
            whole, metadata = False, {"fault": str(error)}
        if not whole:
            reason = f"is damaged ({metadata.get('fault', 'its checksum differs')})"
        elif metadata["digest"] != self.digest:
            reason = "belongs to other data, settings or code"
        else:
            facts = json.loads(metadata["facts"])
            print(f"going on from the state of step {facts['step']}", file=sys.stderr, flush=True)
            return Saved(tensors, facts)
        print(f"{self.path}: {reason}; refused, starting from the beginning", file=sys.stderr)
        self.path.unlink(missing_ok=True)
        return None

    def remove(self) -> None:
        """Delete the state, once what it led to is published."""
        self.path.unlink(missing_ok=True)


_signals: list[int] = []


def stop_on_signals() -> None:
    """From now on SIGTERM and SIGINT end a training at its next step, with its state saved.

    Repeated signals change nothing: schedulers send several, and the first must not be cut short.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda received, frame: _signals.append(received))


def _checksum(tensors: dict[str, torch.Tensor], header: str) -> str:
    parts = [header.encode()]
    for name in sorted(tensors):
        flat = tensors[name].contiguous().reshape(-1).view(torch.uint8)
        parts += [name.encode(), memoryview(flat.numpy())]
    return digest_bytes(parts)
