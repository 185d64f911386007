"""Which losses exist and what they declare, read from their files without importing them.

Each is a file of ``mtkd/distillation/losses`` that begins a line with ``NEEDS``, ``CLASSES`` or
``OPTIONS`` where it has something to declare. Importing one would import torch, and every job of a
run validates its config again.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

LOSSES_FOLDER = Path(__file__).parents[1] / "distillation" / "losses"
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
    values: dict[str, Any] = {"NEEDS": (), "CLASSES": (2, None), "OPTIONS": {}}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) in values:
            values[node.targets[0].id] = ast.literal_eval(node.value)
    return Declared(frozenset(values["NEEDS"]), values["CLASSES"], values["OPTIONS"])
