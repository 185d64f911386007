"""Supervisory bias: what is left in the pool of a bias that some teachers have, or all of them.

A teacher's bias for a class is the mean over examples of what it gives the class less what the
class is due. The framework's claim is that pooling attenuates it, and that it does not where all
teachers share it. What is proved, and what these experiments are for: docs/operators.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import softmax

from mtkd.analysis.statistics.paired import crossed_difference
from mtkd.framework.pooling import POOLS
from mtkd.fusion.operators import fuse

COLUMNS = ["task", "scenario", "class", "operator", "biased", "members"]
COLUMNS += ["teachers", "pool", "left", "excess", "low", "high"]
AS_THEY_ARE, PLANTED = "as they are", "planted"
# What the class's logit gains at each biased teacher.
SHIFT = 1.0
# Teachers of which all subsets are biased in turn; of more, the first ones.
MOST_SUBSETS = 5


def bias_table(
    task: str,
    logits: np.ndarray,
    target: np.ndarray,
    clusters: np.ndarray | None = None,
    operators: Sequence[str] = POOLS,
) -> pd.DataFrame:
    """Biases of teachers and of their pools, equal weights: COLUMNS, in probability.

    Logits [K, N, C], target [N, C] the distribution that is due (raters' shares, or one-hot),
    ``clusters`` as of ``crossed_difference``.

    ``as they are``: for each class ``teachers`` is the mean size of the teachers' biases, ``pool``
    that of the pool's, ``biased`` how many teachers are biased in the direction of most.
    ``planted``: the logit of the class that is due most gains SHIFT at ``biased`` of the K
    teachers, each such group in turn; ``teachers`` is by how much these give the class more,
    ``pool`` by how much the pool does, both means over groups. ``left`` is pool / teachers;
    ``excess`` pool less teachers with its 95 % interval over examples.
    """
    z = logits.astype(np.float64)
    rows = [
        {"task": task, **row}
        for operator in operators
        for of in (_as_they_are, _planted)
        for row in of(z, target, operator, clusters)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _as_they_are(
    z: np.ndarray, target: np.ndarray, operator: str, clusters: np.ndarray | None
) -> list[dict]:
    errors, own = softmax(z, axis=-1) - target, _pooled(operator, z) - target
    rows = []
    for c in range(z.shape[-1]):
        biases, signs = errors[..., c].mean(axis=1), np.sign(errors[..., c].mean(axis=1))
        of_pool = np.sign(own[:, c].mean()) * own[:, c]
        # With the signs as they are, the sizes are means over examples.
        of_teachers = (signs[:, None] * errors[..., c]).mean(axis=0)
        alike = max((signs > 0).sum(), (signs < 0).sum())
        row = {"scenario": AS_THEY_ARE, "class": c, "operator": operator, "biased": int(alike)}
        row |= {"members": len(z), "teachers": np.abs(biases).mean()}
        rows.append(row | _left(of_pool, of_teachers, clusters))
    return rows


def _planted(
    z: np.ndarray, target: np.ndarray, operator: str, clusters: np.ndarray | None
) -> list[dict]:
    K, c = len(z), int(target.mean(axis=0).argmax())
    before, of_members = _pooled(operator, z)[:, c], softmax(z, axis=-1)[..., c]
    rows = []
    for biased in range(1, K + 1):
        groups = list(combinations(range(K), biased))
        if K > MOST_SUBSETS:
            groups = groups[:1]
        pools, teachers = [], []
        for group in groups:
            moved = z.copy()
            moved[list(group), :, c] += SHIFT
            pools.append(_pooled(operator, moved)[:, c] - before)
            gained = softmax(moved, axis=-1)[..., c] - of_members
            teachers.append(gained[list(group)].mean(axis=0))
        row = {"scenario": PLANTED, "class": c, "operator": operator, "biased": biased}
        row |= {"members": K, "teachers": float(np.mean(teachers))}
        rows.append(row | _left(np.mean(pools, axis=0), np.mean(teachers, axis=0), clusters))
    return rows


def _left(pool: np.ndarray, teachers: np.ndarray, clusters: np.ndarray | None) -> dict[str, float]:
    """What the pool has of the teachers' bias, both by example [N]."""
    excess = crossed_difference((pool - teachers)[None], clusters=clusters)
    found = {"pool": float(pool.mean())}
    found["left"] = found["pool"] / float(teachers.mean()) if teachers.mean() else np.nan
    return found | {"excess": excess.estimate, "low": excess.low, "high": excess.high}


def _pooled(operator: str, z: np.ndarray) -> np.ndarray:
    return fuse(operator, z, np.full(len(z), 1 / len(z)))
