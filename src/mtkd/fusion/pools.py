"""Pooling operators as strategies: by name or a user's own function, with weights and temperatures.

A cell's soft labels are ``softmax(fused / T)``; a pool of distributions becomes fused logits that
way round, so that everything downstream is the same for operators and for strategies over logits.
"""

from __future__ import annotations

import importlib
import importlib.util
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from mtkd.fusion.operators import OPERATORS, Operator, soften

# What a class of probability 0 has instead, whose logarithm is finite: nothing in float32 sums.
LEAST = 1e-30
TOLERANCE = 1e-6


def pooled_logits(
    definition: Mapping[str, Any], teachers: Sequence[str], logits: np.ndarray, T: float
) -> np.ndarray:
    """Logits [N, C] whose softmax at T is the pool of teachers' logits [K, N, C] at T.

    ``definition`` holds ``operator`` (see ``find_operator``) and optionally, by teacher,
    ``weights`` (equal by default) and ``T``, a teacher's own temperature instead of the cell's.
    Raises ValueError, naming the operator, where its result is no distribution.
    """
    own = definition.get("T", {})
    temperatures = np.array([float(own.get(name, T)) for name in teachers])
    shares = definition.get("weights") or dict.fromkeys(teachers, 1 / len(teachers))
    weights = np.tile([float(shares[name]) for name in teachers], (logits.shape[1], 1))
    operator = find_operator(definition["operator"])
    q = operator(soften(logits, temperatures), weights / weights.sum(axis=1, keepdims=True))
    return (T * np.log(np.maximum(q, LEAST))).astype(logits.dtype)


@cache
def find_operator(spec: str) -> Operator:
    """A registered operator, or a user's: ``file.py:function`` or ``module:function``.

    A user's function gets log-probabilities [K, N, C] and weights [N, K] and returns distributions
    [N, C], which is checked at every call. Raises ValueError where there is no such function.
    """
    if spec in OPERATORS:
        return OPERATORS[spec]
    source, _, name = spec.rpartition(":")
    try:
        function = getattr(_load(source), name)
    except Exception as error:
        raise ValueError(f"operator {spec!r}: {type(error).__name__}: {error}") from error
    return lambda log_p, weights: _checked(spec, function, log_p, weights)


def _load(source: str) -> ModuleType:
    if not source.endswith(".py"):
        return importlib.import_module(source)
    if not Path(source).is_file():
        raise FileNotFoundError(f"no file {source}")
    spec = importlib.util.spec_from_file_location(Path(source).stem, source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _checked(spec: str, function: Operator, log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What a user's operator returns, if these are distributions."""
    K, N, C = log_p.shape
    try:
        q = np.asarray(function(log_p, np.broadcast_to(weights, (N, K))), dtype=np.float64)
    except Exception as error:
        line = traceback.extract_tb(error.__traceback__)[-1].lineno
        raise ValueError(
            f"operator {spec!r}: {type(error).__name__} in line {line}: {error}"
        ) from error
    if q.shape != (N, C):
        raise ValueError(f"operator {spec!r} returned {list(q.shape)}, not [{N}, {C}]")
    off = np.maximum(-q.min(axis=-1), np.abs(q.sum(axis=-1) - 1))
    if not (off <= TOLERANCE).all():
        worst = int(np.nan_to_num(off, nan=np.inf).argmax())
        given = np.exp(log_p[:, worst]).round(6).tolist()
        raise ValueError(
            f"operator {spec!r} returned {q[worst].round(6).tolist()}, which is no distribution, "
            f"for teachers {given} with weights {np.broadcast_to(weights, (N, K))[worst].tolist()}"
        )
    return q
