"""Merging specialists by their weights, without training: soups, task arithmetic, TIES, DARE.

Weights are dicts of float arrays by name, the same names and shapes in each. A task vector is a
specialist's weights less its base's. The methods are written from their papers. mergekit 0.1.5
installs beside the project's versions, with accelerate and peft, and on one tensor its task
arithmetic and TIES give the same; but it merges checkpoints of the architectures that it knows, and
trims tensor by tensor, where TIES' authors trim the whole vector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mtkd.errors import InputError

Weights = Mapping[str, np.ndarray]


def merge(
    base: Weights, specialists: Sequence[Weights], settings: Mapping[str, Any], seed: int = 0
) -> dict[str, np.ndarray]:
    """One model's weights of several, as a merge of a suite says (``mtkd.config.specialists``).

    ``settings``: ``method``, and where they apply ``scale``, ``density`` and ``drop``, the share of
    each task vector that DARE drops before the method; the ``seed`` is of what it draws. Raises
    InputError for weights of other names or shapes than the base's.
    """
    for weights in specialists:
        check_shapes(base, weights)
    if settings["method"] == "average":
        return soup(specialists)
    vectors = [task_vector(base, weights) for weights in specialists]
    if drop := settings.get("drop", 0.0):
        vectors = [dare(vector, drop, [seed, place]) for place, vector in enumerate(vectors)]
    if settings["method"] == "ties":
        vectors = [ties(vectors, settings["density"])]
    return task_arithmetic(base, vectors, settings["scale"])


def check_shapes(base: Weights, weights: Weights) -> None:
    """Raises InputError where two models' weights differ in name or shape."""
    for name in [*base, *weights]:
        shapes = [one[name].shape if name in one else None for one in (base, weights)]
        if shapes[0] != shapes[1]:
            of = " and ".join("none" if shape is None else str(shape) for shape in shapes)
            raise InputError(
                f"weights {name!r} have shapes {of}: models of different shapes cannot be merged; "
                "take specialists of one architecture"
            )


def soup(specialists: Sequence[Weights]) -> dict[str, np.ndarray]:
    """The mean of weights: a uniform soup (Wortsman et al. 2022, arXiv:2203.05482)."""
    return _each(lambda *arrays: np.mean(arrays, axis=0), *specialists)


def task_vector(base: Weights, weights: Weights) -> dict[str, np.ndarray]:
    """A specialist's weights less its base's."""
    return _each(np.subtract, weights, base)


def task_arithmetic(
    base: Weights, vectors: Sequence[Weights], scale: float
) -> dict[str, np.ndarray]:
    """The base plus ``scale`` times the sum of task vectors (Ilharco et al. 2023,
    arXiv:2212.04089)."""
    return _each(lambda own, *arrays: own + scale * np.sum(arrays, axis=0), base, *vectors)


def ties(vectors: Sequence[Weights], density: float) -> dict[str, np.ndarray]:
    """One task vector of several (TIES, Yadav et al. 2023, arXiv:2306.01708).

    Each is trimmed to the share ``density`` of its values that are greatest in size, over the whole
    vector. The sign of each place is the one with more mass in all; there the mean is taken of the
    values of this sign alone. Where nothing is left, it is 0.
    """
    return _each(_elected, *(trim(vector, density) for vector in vectors))


def trim(vector: Weights, density: float) -> dict[str, np.ndarray]:
    """A task vector with all but its greatest values, the share ``density`` of all, set to 0.

    Of values of one size the first are kept.
    """
    sizes = np.concatenate([np.abs(array).ravel() for array in vector.values()])
    kept = np.zeros(len(sizes), dtype=bool)
    kept[np.argsort(-sizes, kind="stable")[: round(density * len(sizes))]] = True
    parts = np.split(kept, np.cumsum([array.size for array in vector.values()])[:-1])
    return {
        name: np.where(part.reshape(array.shape), array, 0).astype(array.dtype)
        for (name, array), part in zip(vector.items(), parts, strict=True)
    }


def dare(vector: Weights, drop: float, seed: Sequence[int]) -> dict[str, np.ndarray]:
    """A task vector of which each value is dropped with probability ``drop``, the others rescaled
    by ``1 / (1 - drop)`` (DARE, Yu et al. 2024, arXiv:2311.03099)."""
    rng = np.random.default_rng(seed)
    return _each(
        lambda array: np.where(rng.random(array.shape) < drop, 0, array / (1 - drop)), vector
    )


def _elected(*trimmed: np.ndarray) -> np.ndarray:
    """The mean [...] of those of K arrays' values whose sign is that of their sum."""
    values = np.stack(trimmed)
    agrees = (np.sign(values) == np.sign(values.sum(axis=0))) & (values != 0)
    return (values * agrees).sum(axis=0) / np.maximum(agrees.sum(axis=0), 1)


def _each(function: Callable[..., np.ndarray], *models: Weights) -> dict[str, np.ndarray]:
    """A function of each tensor of some models, in the type of the first's."""
    return {
        name: function(*(model[name].astype(np.float64) for model in models)).astype(array.dtype)
        for name, array in models[0].items()
    }
