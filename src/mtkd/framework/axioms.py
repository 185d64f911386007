"""Axioms and claims for pooling operators, as predicates that measure how far one is broken.

A predicate takes an operator, log-probabilities ``log_p`` [K, N, C] and weights [N, K], and returns
the excess [N], in the axiom's own units: above the axiom's tolerance, the example is a violation;
at or below 0, it leaves room. "Teachers" are those of positive weight.

The five axioms are named by Flouro and Chadwick (arXiv:2601.09165). Their exact wording not being
at hand, each stands here in two readings of our own, of which the strong implies the weak, and so
do three claims made of operators that satisfy them. Statements: ``AXIOMS`` and docs/operators.md.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from scipy.optimize import nnls
from scipy.special import entr, log_softmax

from mtkd.fusion.operators import Operator

# What the floating-point error of an exact statement stays under, and a jump stays above.
EXACT, JUMP = 1e-7, 1e-3
# A step that no continuous operator shows, and one that only a zero can notice.
STEP, SPECK = 1e-9, 1e-300
INTERIOR = 1e-3
RAISED = (0.1, 0.5)
# The rest of AXIOMS are axioms proper.
CLAIMS = ("attenuation", "log-loss", "entropy in T")
TEMPERATURES = (0.5, 2.0, 5.0)
COLD_TO_HOT = (0.1, 0.2, 0.35, 0.6, 1.0, 1.7, 3.0, 5.0, 9.0, 20.0)
HOT = 1e6


class Predicate(Protocol):
    def __call__(
        self, operator: Operator, log_p: np.ndarray, weights: np.ndarray
    ) -> np.ndarray: ...


class Axiom(NamedTuple):
    """One reading of one axiom; ``statement`` is a sentence about every input."""

    predicate: Predicate
    tolerance: float
    statement: str


def off_simplex(operator: Operator, log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The most negative probability, or the distance of the sum from 1."""
    q = operator(log_p, weights)
    return np.maximum(-q.min(axis=-1), np.abs(q.sum(axis=-1) - 1))


def off_hull(operator: Operator, log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Euclidean distance of q from the convex hull of the teachers (non-negative least squares)."""
    q, p = operator(log_p, weights), np.exp(log_p)
    _, N, C = p.shape
    distance = np.empty(N)
    for n in range(N):
        teachers = p[weights[n] > 0, n].T
        # The last row asks that the hull's weights sum to 1.
        system = np.vstack([teachers, np.ones(teachers.shape[1])])
        distance[n] = nnls(system, np.append(q[n], 1.0))[1]
    return np.maximum(distance, off_simplex(operator, log_p, weights))


def unanimous_mass_lost(operator: Operator, log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Largest probability that all teachers give at least to a class of q(i) = 0."""
    return _lost(operator(log_p, weights), _least(log_p, weights))


def any_mass_lost(operator: Operator, log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Largest probability that any teacher gives to a class of q(i) = 0."""
    return _lost(operator(log_p, weights), _most(log_p, weights))


def farther_from_raised(operator: Operator, log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Growth of the total variation between q and teacher k as w_k is raised, the worst k."""
    return _worst_raise(operator, log_p, weights, lambda near, far: (far - near).sum(axis=-1) / 2)


def class_farther_from_raised(
    operator: Operator, log_p: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Growth of |q(i) - p_k(i)| as w_k is raised, the worst class i and teacher k."""
    return _worst_raise(operator, log_p, weights, lambda near, far: (far - near).max(axis=-1))


def jump_inside(operator: Operator, log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Total variation moved by a step of one teacher towards one class; 0 near the boundary."""
    inside = (log_p >= np.log(INTERIOR)).all(axis=(0, 2)) & (weights > 0).all(axis=-1)
    return np.where(inside, _jump(operator, log_p, weights), 0.0)


def jump_anywhere(operator: Operator, log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """As ``jump_inside``, zeros included, and moved by a step of the weights to one teacher."""
    worst = _jump(operator, log_p, weights)
    q = operator(log_p, weights)
    for k in range(len(log_p)):
        step = np.where(weights[:, k] > 0, STEP, SPECK)[:, None]
        moved = (1 - step) * weights + step * np.eye(len(log_p))[k]
        worst = np.maximum(worst, _total_variation(operator(log_p, moved), q))
    return worst


def not_flattened(operator: Operator, log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Largest |q(i) - 1/C| at a very high common T; 0 where a teacher excludes a class."""
    q = operator(log_softmax(log_p / HOT, axis=-1), weights)
    return np.where(_full(log_p), np.abs(q - 1 / q.shape[-1]).max(axis=-1), 0.0)


def softening_matters(operator: Operator, log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Total variation between pooling softened teachers and softening the pool, the worst T.

    Or the excess of ``not_flattened``, where that is a violation; 0 where a teacher excludes a
    class, as there.
    """
    with np.errstate(divide="ignore"):
        log_q = np.log(operator(log_p, weights))
    flat = not_flattened(operator, log_p, weights)
    worst = np.where(flat > JUMP, flat, 0.0)
    for T in TEMPERATURES:
        softened = operator(log_softmax(log_p / T, axis=-1), weights)
        after = np.exp(log_softmax(log_q / T, axis=-1))
        worst = np.maximum(worst, _total_variation(softened, after))
    return np.where(_full(log_p), worst, 0.0)


def above_every_teacher(operator: Operator, log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Largest q(i) - max_j p_j(i)."""
    return (operator(log_p, weights) - _most(log_p, weights)).max(axis=-1)


def above_attenuation_bound(
    operator: Operator, log_p: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Largest q(i) - [(1 - w_k) max_j p_j(i) + w_k p_k(i)] over classes i and teachers k."""
    q, most = operator(log_p, weights), _most(log_p, weights)
    w = weights.T[:, :, None]
    bounds = (1 - w) * most + w * np.exp(log_p)
    return (q - bounds).max(axis=(0, 2))


def below_every_teacher(operator: Operator, log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Largest min_k p_k(y) - q(y): above 0, -log q(y) exceeds every teacher's -log p_k(y)."""
    return (_least(log_p, weights) - operator(log_p, weights)).max(axis=-1)


def below_weighted_likelihood(
    operator: Operator, log_p: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Largest prod_k p_k(y)^w_k - q(y): above 0, -log q(y) exceeds sum_k w_k (-log p_k(y)).

    In probabilities, where a certain error is a violation of finite size.
    """
    w = weights.T[:, :, None]
    weighted = np.where(w > 0, np.where(w > 0, w, 1) * log_p, 0.0).sum(axis=0)
    return (np.exp(weighted) - operator(log_p, weights)).max(axis=-1)


def sharper_when_hot(operator: Operator, log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Entropy of the pool, in nats, at T = 1 less that at a very high common T.

    0 where a teacher excludes a class: softmax teachers do not.
    """
    fall = _entropy_at(operator, log_p, weights, 1.0) - _entropy_at(operator, log_p, weights, HOT)
    return np.where(_full(log_p), fall, 0.0)


def entropy_falls(operator: Operator, log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Largest fall of the pool's entropy, in nats, from one common T to a higher one.

    0 where a teacher excludes a class, as in ``sharper_when_hot``.
    """
    at = np.stack([_entropy_at(operator, log_p, weights, T) for T in (*COLD_TO_HOT, HOT)])
    fall = (np.maximum.accumulate(at)[:-1] - at[1:]).max(axis=0)
    return np.where(_full(log_p), fall, 0.0)


def _full(log_p: np.ndarray) -> np.ndarray:
    """Whether all teachers give every class a positive probability [N]."""
    return np.isfinite(log_p).all(axis=(0, 2))


def _entropy_at(operator, log_p, weights, T: float) -> np.ndarray:
    return entr(operator(log_softmax(log_p / T, axis=-1), weights)).sum(axis=-1)


def _most(log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each class's largest probability [N, C] under a teacher of positive weight."""
    return np.where(weights.T[:, :, None] > 0, np.exp(log_p), 0.0).max(axis=0)


def _least(log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.where(weights.T[:, :, None] > 0, np.exp(log_p), 1.0).min(axis=0)


def _lost(q: np.ndarray, mass: np.ndarray) -> np.ndarray:
    return np.where(q == 0, mass, 0.0).max(axis=-1)


def _total_variation(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.abs(p - q).sum(axis=-1) / 2


def _worst_raise(operator, log_p, weights, growth) -> np.ndarray:
    """Largest growth(|q - p_k|, |q' - p_k|) where q' has weights (1 - t) w + t e_k."""
    q, worst = operator(log_p, weights), np.full(log_p.shape[1], -np.inf)
    for k, p in enumerate(np.exp(log_p)):
        for t in RAISED:
            raised = operator(log_p, (1 - t) * weights + t * np.eye(len(log_p))[k])
            worst = np.maximum(worst, growth(np.abs(q - p), np.abs(raised - p)))
    return worst


def _jump(operator, log_p, weights) -> np.ndarray:
    """Largest total variation moved as any p_k becomes (1 - e) p_k + e [class j].

    The step e is so small that only a jump shows, and smaller yet towards a class of p_k(j) = 0,
    where p_k(j)^w moves far in small steps without a jump.
    """
    K, _, C = log_p.shape
    q, worst = operator(log_p, weights), np.zeros(log_p.shape[1])
    for k in range(K):
        for j in range(C):
            step = np.where(np.isneginf(log_p[k, :, j]), SPECK, STEP)
            moved = log_p.copy()
            moved[k] += np.log1p(-step)[:, None]
            moved[k, :, j] = np.logaddexp(moved[k, :, j], np.log(step))
            worst = np.maximum(worst, _total_variation(operator(moved, weights), q))
    return worst


AXIOMS: dict[tuple[str, str], Axiom] = {
    ("convexity preservation", "weak"): Axiom(off_simplex, EXACT, "q is a distribution"),
    ("convexity preservation", "strong"): Axiom(
        off_hull, EXACT, "q lies in the convex hull of the teachers"
    ),
    ("positivity", "weak"): Axiom(
        unanimous_mass_lost, 0.0, "q(i) > 0 where every teacher has p_k(i) > 0"
    ),
    ("positivity", "strong"): Axiom(any_mass_lost, 0.0, "q(i) > 0 where any teacher has it"),
    ("weight monotonicity", "weak"): Axiom(
        farther_from_raised, EXACT, "raising w_k takes q no farther from p_k in total variation"
    ),
    ("weight monotonicity", "strong"): Axiom(
        class_farther_from_raised, EXACT, "raising w_k takes no q(i) farther from p_k(i)"
    ),
    ("continuity", "weak"): Axiom(
        jump_inside, JUMP, "q is continuous in the teachers where all probabilities are positive"
    ),
    ("continuity", "strong"): Axiom(
        jump_anywhere, JUMP, "q is continuous in teachers and weights, zeros included"
    ),
    ("temperature coherence", "weak"): Axiom(
        not_flattened, JUMP, "as a common T rises, q tends to the uniform distribution"
    ),
    ("temperature coherence", "strong"): Axiom(
        softening_matters,
        EXACT,
        "as weak, and pooling teachers softened at a common T is softening the pool at T",
    ),
    ("attenuation", "weak"): Axiom(above_every_teacher, EXACT, "q(i) <= max_j p_j(i)"),
    ("attenuation", "strong"): Axiom(
        above_attenuation_bound,
        EXACT,
        "q(i) <= (1 - w_k) max_j p_j(i) + w_k p_k(i) for every teacher k",
    ),
    ("log-loss", "weak"): Axiom(
        below_every_teacher, EXACT, "-log q(y) <= max_k -log p_k(y) for every class y"
    ),
    ("log-loss", "strong"): Axiom(
        below_weighted_likelihood, EXACT, "-log q(y) <= sum_k w_k (-log p_k(y)) for every class y"
    ),
    ("entropy in T", "weak"): Axiom(
        sharper_when_hot, EXACT, "q's entropy at T = 1 is at most its limit as a common T rises"
    ),
    ("entropy in T", "strong"): Axiom(
        entropy_falls, EXACT, "q's entropy never falls as a common T rises"
    ),
}
