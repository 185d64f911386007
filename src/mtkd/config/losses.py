"""Which losses exist and what they declare, read from their files without importing them.

Each is a file of ``mtkd/distillation/losses``, with ``NEEDS``, ``CLASSES`` or ``OPTIONS`` where it
has something to declare.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from mtkd.config.declarations import read_declarations
from mtkd.errors import InputError

LOSSES_FOLDER = Path(__file__).parents[1] / "distillation" / "losses"
# What a loss may ask for: see mtkd.distillation.losses.base.
NEEDS = {"gold", "teachers", "generator", "states", "attentions", "along", "same-tokens"}
# Architectures of the project that have neither states of layers nor attention to show.
CLOSED = {"text-cnn", "bilstm", "word-average"}
# What is no loss there: the package itself and what all losses share.
_NO_LOSSES = {"__init__", "base"}


class Declared(NamedTuple):
    """What a loss says of itself: see ``mtkd.distillation.losses.base``."""

    needs: frozenset[str]
    classes: tuple[int, int | None]  # fewest and most
    options: dict[str, float]  # by name, what each is where a suite does not say


@cache
def declared_losses() -> dict[str, Declared]:
    """All losses by their names, which are their files' with hyphens."""
    files = sorted(LOSSES_FOLDER.glob("*.py"))
    return {
        file.stem.replace("_", "-"): _declared(file)
        for file in files
        if file.stem not in _NO_LOSSES
    }


def loss_file(name: str) -> Path:
    """The file of a loss."""
    return LOSSES_FOLDER / f"{name.replace('-', '_')}.py"


def _declared(file: Path) -> Declared:
    found = read_declarations(file, {"NEEDS": tuple, "CLASSES": tuple, "OPTIONS": dict})
    needs, classes = found.get("NEEDS", ()), found.get("CLASSES", (2, None))
    options = found.get("OPTIONS", {})
    if unknown := [need for need in needs if not isinstance(need, str) or need not in NEEDS]:
        raise InputError(
            f"{file}: NEEDS has {', '.join(map(repr, unknown))}; a loss may need "
            f"{', '.join(sorted(NEEDS))}"
        )
    if "along" in needs and not {"states", "attentions"} & set(needs):
        raise InputError(f"{file}: NEEDS has 'along' but neither 'states' nor 'attentions'")
    if "same-tokens" in needs and "along" not in needs:
        raise InputError(f"{file}: NEEDS has 'same-tokens' without 'along'")
    if [type(bound) for bound in classes] not in ([int, int], [int, type(None)]):
        raise InputError(f"{file}: CLASSES is {classes!r}, not the fewest and most, or None")
    if not all(type(k) is str and type(v) in (int, float) for k, v in options.items()):
        raise InputError(f"{file}: OPTIONS is {options!r}, not numbers by their names")
    return Declared(frozenset(needs), classes, options)
