"""The soft labels that a cell learns from: its teachers' logits, fused as its recipe says.

Training, the audit and the collection of examples all ask here. A recipe's ``fusion``
(``mtkd.study.recipes``) is the name of a strategy over logits, or a pooling operator's definition;
one with ``crossfit`` fuses out-of-fold logits, by the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from mtkd.config.schema import WEIGHTS_FROM
from mtkd.errors import InputError
from mtkd.fusion.pools import pooled_logits
from mtkd.fusion.strategies import STRATEGIES, score_weights
from mtkd.records.files import digest_bytes
from mtkd.records.logits import read_tensors
from mtkd.records.teachers import TeacherLogits, Teachers

# A gate's weights [N, K] by (teachers joined by "+", the student's seed).
Gates = Mapping[tuple[str, str], np.ndarray]
NO_GATES: Gates = MappingProxyType({})
Recipe = Mapping[str, Any]
# A strategy over logits by its name, or an operator with its weights and temperatures.
Fusion = str | Mapping[str, Any]


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


def fused_logits(
    fusion: Fusion,
    names: Sequence[str],
    logits: np.ndarray,
    T: float,
    scores: Sequence[float] = (),
    gate: np.ndarray | None = None,
) -> np.ndarray:
    """Teachers' logits [K, N, C] fused to [N, C]; their softmax at T are the soft labels.

    ``scores`` [K] on selection and the weights [N, K] of a ``gate`` are for fusions that take
    theirs from there. Raises InputError for scores that give no weights, and for an operator that
    does not give distributions.
    """
    if not isinstance(fusion, str):
        try:
            return pooled_logits(fusion, names, logits, T)
        except ValueError as error:
            raise InputError(str(error)) from None
    match WEIGHTS_FROM.get(fusion):
        case "scores":
            try:
                return STRATEGIES[fusion](logits, score_weights(scores))
            except InputError as error:
                raise InputError(f"{', '.join(names)}: {error}") from None
        case "gate":
            return STRATEGIES[fusion](logits, gate)
    return STRATEGIES[fusion](logits)


def fuse_teachers(
    axes: Mapping[str, str], recipe: Recipe, teachers: Teachers, gates: Gates
) -> np.ndarray:
    """Fused logits [N, C] of a distilled cell on its teachers' split.

    A row is fused from the teachers that have an answer to it, their weights as they are among
    themselves; from all of them where none with weight has (``answered_rows``). Errors are those of
    ``fused_logits``.
    """
    chosen = _chosen(axes, recipe, teachers)
    names, logits = axes["teachers"].split("+"), stacked_teachers(axes, recipe, teachers)
    scores = [teacher.score for teacher in chosen]
    gate = gates.get((axes["teachers"], axes["seed"]))
    fusion, T = recipe["fusion"], float(axes["T"])
    answered = _answers(chosen)
    heard = (answered & _weighed(fusion, names, scores, gate)).any(axis=0)
    try:
        fused = fused_logits(fusion, names, logits, T, scores, gate)
        for some in np.unique(answered[:, ~answered.all(axis=0)], axis=1).T:
            own, rows = np.flatnonzero(some), heard & (answered == some[:, None]).all(axis=0)
            if not rows.any():
                continue
            of_own = gate[rows][:, own] if gate is not None else None
            fused[rows] = fused_logits(
                _among(fusion, names, some),
                [names[k] for k in own],
                logits[own][:, rows],
                T,
                [scores[k] for k in own],
                of_own / of_own.sum(axis=1, keepdims=True) if of_own is not None else None,
            )
        return fused
    except InputError as error:
        raise InputError(f"strategy {axes['strategy']!r}: {error}") from None


def answered_rows(
    axes: Mapping[str, str], recipe: Recipe, teachers: Teachers, gates: Gates = NO_GATES
) -> np.ndarray | None:
    """Which rows [N] some teacher of a cell with weight has an answer to; None for all."""
    chosen, names = _chosen(axes, recipe, teachers), axes["teachers"].split("+")
    gate, scores = gates.get((axes["teachers"], axes["seed"])), [one.score for one in chosen]
    weighed = _weighed(recipe["fusion"], names, scores, gate)
    found = (_answers(chosen) & weighed).any(axis=0)
    return None if found.all() else found


def check_answers(
    axes: Mapping[str, str], recipe: Recipe, teachers: Teachers, rows: np.ndarray | None
) -> None:
    """Raises InputError where a teacher of a cell lacks an answer to one of some rows of train."""
    for one in _chosen(axes, recipe, teachers):
        lacking = ~_answers([one])[0][slice(None) if rows is None else rows]
        if lacking.any():
            raise InputError(
                f"strategy {axes['strategy']!r}: loss {recipe['loss']!r} reads each teacher's "
                f"logits, and {one.key} has no answer to {int(lacking.sum()):,} rows of train; "
                "take another loss, or let it answer them"
            )


def _answers(chosen: Sequence[TeacherLogits]) -> np.ndarray:
    """Which rows each teacher has an answer to [K, N]."""
    every = np.ones(len(chosen[0].logits), bool)
    return np.array([every if one.answered is None else one.answered for one in chosen])


def _weighed(
    fusion: Fusion, names: Sequence[str], scores: Sequence[float], gate: np.ndarray | None
) -> np.ndarray:
    """Which teachers have a weight above 0, of all rows [K, 1] or of each [K, N]."""
    if not isinstance(fusion, str):
        weights = fusion.get("weights") or {}
        return np.array([[float(weights.get(name, 1)) > 0] for name in names])
    match WEIGHTS_FROM.get(fusion):
        case "scores":
            return np.array(scores)[:, None] > 0
        case "gate" if gate is not None:
            return gate.T > 0
    return np.ones((len(names), 1), bool)


def _among(fusion: Fusion, names: Sequence[str], some: np.ndarray) -> Fusion:
    """A fusion of some of its teachers [K]: an operator's temperatures and weights are theirs."""
    if isinstance(fusion, str):
        return fusion
    own = [name for name, is_own in zip(names, some, strict=True) if is_own]
    parts = {key: fusion[key] for key in ("weights", "T") if fusion.get(key)}
    kept = {key: {n: v for n, v in part.items() if n in own} for key, part in parts.items()}
    return {**fusion, **kept}


def stacked_teachers(axes: Mapping[str, str], recipe: Recipe, teachers: Teachers) -> np.ndarray:
    """The logits [K, N, C] of a cell's teachers, in its order."""
    return np.stack([teacher.logits for teacher in _chosen(axes, recipe, teachers)])


def lacks_gate(axes: Mapping[str, str], recipe: Recipe, gates: Gates) -> bool:
    """Whether a cell's weights come from a gate that there is not."""
    gated = isinstance(recipe["fusion"], str) and WEIGHTS_FROM.get(recipe["fusion"]) == "gate"
    return gated and (axes["teachers"], axes["seed"]) not in gates


def teacher_determinants(
    axes: Mapping[str, str], recipe: Recipe, teachers: Teachers, gates: Gates
) -> dict[str, list]:
    """What of the teachers determines a cell's numbers, by teacher: order, logits, weights."""
    fusion = recipe["fusion"]
    if fusion is None:
        return {}
    source = WEIGHTS_FROM.get(fusion) if isinstance(fusion, str) else None
    result = {}
    for place, teacher in enumerate(_chosen(axes, recipe, teachers)):
        weight = None
        if source == "scores":
            weight = teacher.score
        elif source == "gate" and not lacks_gate(axes, recipe, gates):
            weight = digest_bytes([gates[axes["teachers"], axes["seed"]].tobytes()])
        result[teacher.key] = [place, teacher.digest, teacher.model_digest, weight]
    return result


def _chosen(axes: Mapping[str, str], recipe: Recipe, teachers: Teachers) -> list[TeacherLogits]:
    folds = recipe.get("crossfit")
    return [teachers.of(name, axes["seed"], folds) for name in axes["teachers"].split("+")]
