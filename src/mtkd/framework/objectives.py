"""Distilling from the mixture of teachers against distilling from each: losses, gradients, paths.

The student is a table: free logits for every example, so that nothing but the objective decides
where it goes. Losses are in nats. Proofs: docs/operators.md, section "The framework's experiments".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import entr, log_softmax, softmax

from mtkd.analysis.measures.divergences import jensen_shannon, kl_divergence
from mtkd.fusion.operators import OPERATORS

# Temperatures that teachers have in turns where each has its own.
OWN_T = (1.0, 2.0, 4.0)
# Euclidean norm that a term's gradient at one example is cut to.
CLIP = 0.25
# A step that descends: the Hessian of KL(q || softmax(v)) has no eigenvalue above 1/2.
RATE = 2.0
STEPS = (0, 1, 2, 3, 5, 8, 13, 20, 35, 60, 100, 180, 320, 560, 1000)


class Objective(NamedTuple):
    """sum_m weights_m KL(targets_m || softmax(v / T_m)), for targets [M, N, C].

    ``clip`` bounds the norm of each term's gradient at each example.
    """

    targets: np.ndarray
    weights: np.ndarray
    T: np.ndarray
    clip: float = np.inf

    def loss(self, v: np.ndarray) -> np.ndarray:
        """Loss [N] of student logits v [N, C], without regard to ``clip``."""
        log_s = log_softmax(v / self.T[:, None, None], axis=-1)
        return np.tensordot(self.weights, kl_divergence(self.targets, log_s), axes=1)

    def gradient(self, v: np.ndarray) -> np.ndarray:
        """Gradient [N, C] of the loss in v, terms clipped."""
        T = self.T[:, None, None]
        terms = (softmax(v / T, axis=-1) - self.targets) / T
        norm = np.linalg.norm(terms, axis=-1, keepdims=True)
        kept = np.minimum(1.0, self.clip / np.where(norm > 0, norm, 1.0))
        return np.tensordot(self.weights, kept * terms, axes=1)


def mixture(
    targets: np.ndarray, weights: np.ndarray, clip: float = np.inf, T: float = 1.0
) -> Objective:
    """KL(q || s) of the linear pool q of ``targets`` [K, N, C]."""
    q = np.tensordot(weights, targets, axes=1)
    return Objective(q[None], np.ones(1), np.array([T]), clip)


def cases(logits: np.ndarray, weights: np.ndarray) -> dict[str, tuple[Objective, Objective]]:
    """The mixture objective and the separate one, where they should agree and where they differ.

    Teachers' logits [K, N, C]. The first two differ by a constant; the last three do not.
    """
    own = np.resize(OWN_T, len(logits))
    one, same = np.ones(len(logits)), softmax(logits, axis=-1)
    soft = softmax(logits / own[:, None, None], axis=-1)
    squared = weights * own**2 / (weights @ own**2)
    return {
        "one T": (mixture(same, weights), Objective(same, weights, one)),
        "own T, teachers' side": (mixture(soft, weights), Objective(soft, weights, one)),
        "own T, both sides": (mixture(soft, weights), Objective(soft, weights, own)),
        "weights times T²": (mixture(soft, weights), Objective(soft, squared, one)),
        "terms clipped": (mixture(same, weights, CLIP), Objective(same, weights, one, CLIP)),
    }


def descend(objective: Objective, start: np.ndarray, steps: Sequence[int]) -> list[np.ndarray]:
    """Student logits [N, C] after each of ``steps`` of gradient descent, example by example."""
    v, path = start, []
    for step in range(max(steps) + 1):
        if step in steps:
            path.append(v)
        v = v - RATE * objective.gradient(v)
    return path


def objectives_table(task: str, logits: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """Both objectives descended from a uniform student, by case and step: logits [K, N, C].

    ``mixture`` and ``separate`` are each objective's mean loss on its own path. On the mixture's
    path: ``gap`` is the mean of separate less mixture, ``gap_error`` the largest distance from
    the teachers' generalised Jensen-Shannon divergence, ``gradient_difference`` the largest
    absolute one. ``apart`` and ``apart_most``: mean and largest total variation between the two
    students at T = 1.
    """
    z, rows = logits.astype(np.float64), []
    for case, (pooled, separate) in cases(z, weights).items():
        jsd = jensen_shannon(separate.targets, weights)
        start = np.zeros(z.shape[1:])
        paths = (descend(pooled, start, STEPS), descend(separate, start, STEPS))
        for step, v, other in zip(STEPS, *paths, strict=True):
            gap = separate.loss(v) - pooled.loss(v)
            apart = np.abs(softmax(v, axis=-1) - softmax(other, axis=-1)).sum(axis=-1) / 2
            row = {"task": task, "case": case, "step": step}
            row |= {"mixture": pooled.loss(v).mean(), "separate": separate.loss(other).mean()}
            row |= {"gap": gap.mean(), "gap_error": np.abs(gap - jsd).max()}
            row["gradient_difference"] = np.abs(pooled.gradient(v) - separate.gradient(v)).max()
            rows.append(row | {"apart": apart.mean(), "apart_most": apart.max()})
    return pd.DataFrame(rows)


def least_gaps(logits: np.ndarray, weights: np.ndarray, operator: str) -> np.ndarray:
    """Least sum_k w_k KL(p_k || s) - KL(g || s) [N] over some students s, g an operator's pool.

    The students are the teachers [K, N, C] themselves, the uniform one and the linear pool.
    """
    log_p = log_softmax(logits.astype(np.float64), axis=-1)
    p = np.exp(log_p)
    g, q = OPERATORS[operator](log_p, weights), np.tensordot(weights, p, axes=1)
    students = [*log_p, np.full_like(q, -np.log(q.shape[-1])), np.log(q)]
    return np.min([_gap(p, weights, g, log_s) for log_s in students], axis=0)


def _gap(p: np.ndarray, weights: np.ndarray, g: np.ndarray, log_s: np.ndarray) -> np.ndarray:
    """The gap [N] as entropies and a term that is linear in log s, so that nothing is cut at 0."""
    q = np.tensordot(weights, p, axes=1)
    entropies = entr(g).sum(axis=-1) - np.tensordot(weights, entr(p).sum(axis=-1), axes=1)
    return entropies + np.where(g != q, (g - q) * log_s, 0.0).sum(axis=-1)
