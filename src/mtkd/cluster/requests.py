"""What a job asks of SLURM beyond what the plugin can say: GPUs of any site, an early warning."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mtkd.errors import InputError
from mtkd.study.disk import FLOAT32, STATE_COPIES, parameters

_NAME = r"[A-Za-z0-9_.-]+"
_MODEL = re.compile(_NAME)
_GRES = re.compile(rf"{_NAME}(:{_NAME})?(:\d+[KMGT]?)?")
# A state in bytes a second: hashed, written to a busy network file system, and synced.
_MB_A_SECOND = 50
# States up to this size are written within the 30 s that SLURM gives by default (KillWait).
_SMALL_MB = 500
# A training comes to the end of a step before it saves.
_STEP_SECONDS = 60


def gpu_options(resources: Mapping[str, Any]) -> str:
    """The options of sbatch for a job's GPUs and other generic resources.

    ``gres`` that names a GPU is the whole request: sites that take ``--gres`` refuse ``--gpus``.
    Raises InputError.
    """
    gres, model, number = (resources.get(name) for name in ("gres", "gpu_model", "gpu"))
    options = ""
    if gres:
        for part in str(gres).split(","):
            if not _GRES.fullmatch(part):
                raise InputError(
                    f"gres: {gres!r} is not name, name:number or name:type:number, or several of "
                    "these with commas"
                )
        options += f" --gres={gres}"
    if asks_gpu(gres):
        return options
    if number and not str(number).isdigit():
        raise InputError(f"gpu: {number!r} is not a number; their kind is gpu_model")
    if model and not _MODEL.fullmatch(str(model)):
        raise InputError(
            f"gpu_model: {model!r} is not the name of a GPU, such as a100 or h100-80gb"
        )
    if number or (model and number is None):
        options += f" --gpus={model}:{number or 1}" if model else f" --gpus={number}"
    return options


def asks_gpu(gres: Any) -> bool:
    """Whether a ``gres`` resource names a GPU."""
    return any(part.split(":")[0] == "gpu" for part in str(gres or "").split(","))


def gpu_mistake(asked: Mapping[str, Mapping[str, Any]]) -> str | None:
    """One line on a job whose GPUs cannot be asked for, or would be left idle; None without any.

    ``asked`` holds the resources of a job by its rule.
    """
    for rule, resources in asked.items():
        try:
            gpu_options(resources)
        except InputError as error:
            return f"{rule}: {error}"
        if (number := _gpus(resources)) > 1:
            return (
                f"{rule} asks for {number} GPUs and computes on one, so that the others would be "
                "paid for and idle; ask for one (gpu or gres, in set-resources)"
            )
    return None


def _gpus(resources: Mapping[str, Any]) -> int:
    named = [part for part in str(resources.get("gres") or "").split(",") if asks_gpu(part)]
    if not named:
        return int(resources.get("gpu") or 0)
    numbers = [part.split(":")[-1] for part in named]
    return sum(int(number) if number.isdigit() else 1 for number in numbers)


def state_megabytes(weights: Iterable[Path]) -> int:
    """How large the saved state of a training gets at most, from the files that it starts with."""
    return parameters(weights) * FLOAT32 * max(STATE_COPIES.values()) // 10**6


def warning_seconds(state_mb: int, minutes: float | None) -> int:
    """How long before its time limit a job is to be told, so that its state is written by then.

    0 where SLURM's own notice is enough. A quarter of the limit at most.
    """
    if state_mb <= _SMALL_MB or not minutes:
        return 0
    seconds = math.ceil((_STEP_SECONDS + state_mb / _MB_A_SECOND) / 30) * 30
    return min(seconds, int(minutes * 60 / 4))
