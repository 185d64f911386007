"""Which teachers' logits a cell learns from: fused, and named for its digest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mtkd.errors import InputError
from mtkd.fusion.pools import pooled_logits
from mtkd.fusion.strategies import STRATEGIES, score_weights
from mtkd.records.files import digest_bytes
from mtkd.records.logits import read_tensors
from mtkd.records.teachers import TeacherLogits, Teachers

# A gate's weights [N, K] by (teachers joined by "+", the student's seed).
Gates = dict[tuple[str, str], np.ndarray]


def read_gates(paths: list[Path], rows: int, data: str, split: str = "train") -> Gates:
    """Gates' weights [N, K] of a split's examples, by teachers and student's seed.

    A seed whose undistilled student diverged has no gate, and no entry. Raises InputError for a
    gate of another number of ``rows`` or of data with another digest than ``data``.
    """
    gates = {}
    for path in paths:
        weights, record = read_tensors(path)
        if record["status"] == "diverged":
            continue
        if len(weights[split]) != rows or record["digests"]["data"] != data:
            raise InputError(
                f"{path}: a gate of other data ({len(weights[split])} rows for {rows} {split} "
                "examples); rerun fit_gate"
            )
        gates[record["teachers"], record["seed"]] = weights[split]
    return gates


def fuse_teachers(
    axes: dict[str, str],
    teachers: Teachers,
    gates: Gates,
    pools: Mapping[str, Mapping[str, Any]],
) -> np.ndarray | None:
    """Fused logits [N, C] of a cell on its teachers' split, or None for the undistilled arm.

    Their softmax at the cell's T are its soft labels. ``pools`` defines, by name, the strategies
    that are pooling operators (``mtkd.study.settings.pool_settings``). Raises InputError for one
    that does not give distributions, and for weights by scores that are all 0.
    """
    strategy = axes["strategy"]
    if strategy == "none":
        return None
    chosen = _chosen(axes, teachers)
    logits = np.stack([teacher.logits for teacher in chosen])
    if strategy == "weighted":
        try:
            return STRATEGIES[strategy](logits, score_weights([t.score for t in chosen]))
        except InputError as error:
            raise InputError(f"{', '.join(teacher.key for teacher in chosen)}: {error}") from None
    if strategy == "gating":
        return STRATEGIES[strategy](logits, gates[axes["teachers"], axes["seed"]])
    if strategy in STRATEGIES:
        return STRATEGIES[strategy](logits)
    names = axes["teachers"].split("+")
    try:
        return pooled_logits(pools[strategy], names, logits, float(axes["T"]))
    except ValueError as error:
        raise InputError(f"strategy {strategy!r}: {error}") from None


def teacher_determinants(
    axes: dict[str, str],
    teachers: Teachers,
    gates: Gates,
    pools: Mapping[str, Mapping[str, Any]],
) -> dict[str, list]:
    """What of the teachers determines a cell's numbers, by teacher: order, logits, weights."""
    if axes["strategy"] == "none":
        return {}
    pool = pools.get(axes["strategy"])
    result = {}
    for place, teacher in enumerate(_chosen(axes, teachers)):
        weight = pool
        if axes["strategy"] == "weighted":
            weight = teacher.score
        elif axes["strategy"] == "gating" and (axes["teachers"], axes["seed"]) in gates:
            weight = digest_bytes([gates[axes["teachers"], axes["seed"]].tobytes()])
        result[teacher.key] = [place, teacher.digest, teacher.model_digest, weight]
    return result


def _chosen(axes: dict[str, str], teachers: Teachers) -> list[TeacherLogits]:
    return [teachers.of(name, axes["seed"]) for name in axes["teachers"].split("+")]
