"""Pooling operators: K teachers' distributions over classes to one distribution.

An operator takes log-probabilities ``log_p`` [K, N, C], each row normalised, -inf where a
probability is 0, and weights [K] or [N, K], non-negative and summing to 1 over the teachers; it
returns probabilities [N, C] in double precision. A teacher of weight 0 has no part in any of them.
``fuse`` checks its input, operators themselves do not. Definitions and sources: docs/operators.md.

Where a definition gives no distribution (the log-linear pool of teachers with disjoint supports),
an operator returns its limit for teachers (1 - e) p_k + e / C as e falls to 0.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.special import entr, log_softmax, logsumexp, softmax

from mtkd.study.catalogue import Catalogue

Operator = Callable[[np.ndarray, np.ndarray], np.ndarray]

TRIM = 0.2
# Sums of weights that differ by rounding alone are ties.
ROUNDING = 1e-12
# The Karcher mean's last step, in radians, and a bound on the steps: one-hot teachers need 25.
ANGLE, STEPS = 1e-12, 1000


def soften(logits: np.ndarray, T: float | np.ndarray = 1.0) -> np.ndarray:
    """Log-probabilities [K, N, C] of softmax(logits / T), T one number or one per teacher [K].

    T = 0 and T = inf are the limits: mass shared by a teacher's largest logits; by all classes. A
    logit of -inf stays a probability of 0. Raises ValueError for NaN, +inf, a row without a finite
    logit and a T that is negative, NaN or of another shape.
    """
    z = np.asarray(logits, dtype=np.float64)
    T = np.asarray(T, dtype=np.float64)
    if z.ndim != 3 or T.shape not in ((), (len(z),)):
        raise ValueError(f"logits [K, N, C] and T or T [K], not {z.shape} and {T.shape}")
    if not (T >= 0).all():
        raise ValueError(f"temperatures {T.tolist()} are not all 0 or more")
    top = z.max(axis=-1, keepdims=True)
    if not np.isfinite(top).all():
        raise ValueError("a row of logits has NaN, +inf or no finite value")
    # Below the largest logit, so that no T overflows upwards.
    below = z - top
    T = np.broadcast_to(T.reshape(-1, 1, 1), below.shape)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scaled = below / T
    # 0 / 0 and -inf / inf.
    scaled = np.where(np.isnan(scaled), below, scaled)
    return log_softmax(scaled, axis=-1)


def fuse(
    name: str,
    logits: np.ndarray,
    weights: np.ndarray | None = None,
    T: float | np.ndarray = 1.0,
) -> np.ndarray:
    """Probabilities [N, C] of a registered operator over teachers' logits [K, N, C] at T.

    Weights [K] or [N, K] are equal by default. Raises ValueError for an unknown name, for weights
    that are no distribution over the teachers, and as ``soften`` does.
    """
    name = SAME_AS.get(name, name)
    if name not in OPERATORS:
        raise ValueError(f"no operator {name!r}; there are {', '.join([*OPERATORS, *SAME_AS])}")
    log_p = soften(logits, T)
    K, N, _ = log_p.shape
    w = np.full(K, 1 / K) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape not in ((K,), (N, K)):
        raise ValueError(f"weights [{K}] or [{N}, {K}], not {list(w.shape)}")
    totals = w.sum(axis=-1, keepdims=True)
    if not ((w >= 0).all() and (np.abs(totals - 1) <= 1e-5).all()):
        raise ValueError("weights must be non-negative and sum to 1 over the teachers")
    return OPERATORS[name](log_p, w / totals)


def linear_pool(log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """q = sum_k w_k p_k (Stone 1961). It minimises sum_k w_k KL(p_k || q)."""
    return (_by_teacher(weights) * np.exp(log_p)).sum(axis=0)


def log_linear_pool(log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """q proportional to prod_k p_k^w_k (Genest and Zidek 1986).

    It minimises sum_k w_k KL(q || p_k). One teacher's zero is a veto; where every class is vetoed,
    those vetoed by the least weight remain.
    """
    w = _by_teacher(weights)
    zero = np.isneginf(log_p)
    vetoes = (w * zero).sum(axis=0)
    log_q = (w * np.where(zero, 0.0, log_p)).sum(axis=0)
    fewest = vetoes.min(axis=-1, keepdims=True)
    return softmax(np.where(vetoes > fewest * (1 + ROUNDING), -np.inf, log_q), axis=-1)


def power_mean(log_p: np.ndarray, weights: np.ndarray, exponent: float) -> np.ndarray:
    """q proportional to (sum_k w_k p_k^r)^(1/r): Cooke (1991), Garg et al. (2004), Amari (2007).

    r = 1 is the linear pool, r -> 0 the log-linear pool, r = -1 the harmonic pool, and r = 1/2
    minimises the squared Hellinger distance sum_k w_k H^2(q, p_k). Raises ValueError for an
    exponent that is not finite.
    """
    if not np.isfinite(exponent):
        raise ValueError(f"a power mean's exponent is finite, not {exponent}")
    if exponent == 0:
        return log_linear_pool(log_p, weights)
    w = _by_teacher(weights)
    # logsumexp takes a weight of 0 times an infinite power for NaN.
    powers = np.where(w > 0, exponent * log_p, -np.inf)
    log_q = logsumexp(powers, axis=0, b=w) / exponent
    vetoed = np.isneginf(log_q).all(axis=-1)
    if vetoed.any():
        # Only a negative exponent vetoes; then the mean is e (vetoing weight)^(1/r) as e falls.
        vetoes = (w * np.isneginf(log_p)).sum(axis=0)
        log_q[vetoed] = np.log(vetoes[vetoed]) / exponent
    return softmax(log_q, axis=-1)


def fisher_rao_barycentre(log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The minimiser of sum_k w_k d^2(q, p_k), d the Fisher-Rao distance 2 arccos sum sqrt(q p_k).

    Square roots of distributions lie on the unit sphere, where d is twice the angle: this is their
    Karcher mean, iterated from the Hellinger barycentre (Buss and Fillmore 2001, algorithm A1). It
    is unique, the points being in one orthant, so in a ball of radius under pi / 2 (Afsari 2011).
    """
    w = np.broadcast_to(_by_teacher(weights), (*log_p.shape[:2], 1))
    points = np.exp(log_p / 2)
    mean = _unit((w * points).sum(axis=0))
    moving = np.arange(len(mean))
    for _ in range(STEPS):
        m, x = mean[moving], points[:, moving]
        cosine = np.clip((x * m).sum(axis=-1, keepdims=True), -1, 1)
        # theta / sin(theta), 1 at 0; angles are at most pi / 2 here.
        stretch = 1 / np.sinc(np.arccos(cosine) / np.pi)
        step = (w[:, moving] * stretch * (x - cosine * m)).sum(axis=0)
        length = np.linalg.norm(step, axis=-1, keepdims=True)
        mean[moving] = _unit(np.cos(length) * m + np.sinc(length / np.pi) * step)
        moving = moving[length[:, 0] > ANGLE]
        if not len(moving):
            break
    return _normalised(mean**2)


def median(log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each class's weighted median over teachers, renormalised (cf. Yin et al. 2018).

    The midpoint where half of the weight lies on either side. Where all medians are 0, uniform.
    """
    p, cumulative = _sorted(log_p, weights)
    low = (cumulative >= 0.5 - ROUNDING).argmax(axis=0)[None]
    high = (cumulative > 0.5 + ROUNDING).argmax(axis=0)[None]
    middle = np.take_along_axis(p, low, axis=0) + np.take_along_axis(p, high, axis=0)
    return _normalised(middle[0])


def trimmed_mean(log_p: np.ndarray, weights: np.ndarray, trim: float = TRIM) -> np.ndarray:
    """Each class's mean over teachers without the ``trim`` of weight at either end, renormalised.

    A trimmed opinion pool (Jose, Grushka-Cockayne and Lichtendahl 2014); a teacher on the edge
    counts by the part of its weight inside. Where all means are 0, uniform.
    """
    p, cumulative = _sorted(log_p, weights)
    edges = np.clip(cumulative, trim, 1 - trim)
    kept = np.diff(edges, axis=0, prepend=trim)
    # Dust of a teacher just outside would be all there is where the rest is 0.
    kept[kept < ROUNDING] = 0
    return _normalised((kept * p).sum(axis=0))


def majority_vote(log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """One-hot: the class that most weight predicts (Lam and Suen 1997), the earlier on ties."""
    K, N, C = log_p.shape
    w = np.broadcast_to(_by_teacher(weights), (K, N, 1))
    rows, tally = np.arange(N), np.zeros((N, C))
    for k in range(K):
        tally[rows, log_p[k].argmax(axis=-1)] += w[k, :, 0]
    winner = (tally >= tally.max(axis=-1, keepdims=True) - ROUNDING).argmax(axis=-1)
    return np.eye(C)[winner]


def best_per_sample(log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The distribution of lowest entropy among teachers of positive weight, earlier on ties.

    The entropy is that of ``log_p``, so at the temperature pooled; the fusion strategy of the same
    name compares at T = 1, which for three or more classes can choose another teacher.
    """
    w = _by_teacher(weights)[..., 0]
    return _chosen(log_p, np.where(w > 0, _entropy(log_p), np.inf).argmin(axis=0))


def entropy_weighted(log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The linear pool with weights proportional to w_k exp(-H(p_k)) (cf. Kwon et al. 2020)."""
    return _reweighted(log_p, weights, np.exp(-_entropy(log_p)))


def confidence_weighted(log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The linear pool with weights proportional to w_k max_c p_k(c)."""
    return _reweighted(log_p, weights, np.exp(log_p.max(axis=-1)))


def dictator(log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The distribution of the teacher of the largest weight, the earlier on ties."""
    heaviest = _by_teacher(weights)[..., 0].argmax(axis=0)
    return _chosen(log_p, np.broadcast_to(heaviest, log_p.shape[1]))


def random_teacher(log_p: np.ndarray, weights: np.ndarray, seed: int = 0) -> np.ndarray:
    """The distribution of one teacher, drawn with probability w_k (Fukuda et al. 2017).

    One draw for the call, since the draw is per training step: pass another seed at each step. At
    a fixed seed this is a function like the others; over seeds its mean is the linear pool, and so
    is the mean of a gradient that is linear in the soft labels, as that of KL(q || student) is.
    """
    drawn = np.random.default_rng(seed).random()
    cumulative = _by_teacher(weights)[..., 0].cumsum(axis=0)
    # The last sum may be rounded to less than the draw.
    cumulative[-1] = 1
    return _chosen(log_p, np.broadcast_to((cumulative > drawn).argmax(axis=0), log_p.shape[1]))


def _by_teacher(weights: np.ndarray) -> np.ndarray:
    """Weights [K, 1, 1] or [K, N, 1] of weights [K] or [N, K]."""
    return weights[:, None, None] if weights.ndim == 1 else weights.T[:, :, None]


def _entropy(log_p: np.ndarray) -> np.ndarray:
    return entr(np.exp(log_p)).sum(axis=-1)


def _chosen(log_p: np.ndarray, teacher: np.ndarray) -> np.ndarray:
    return np.exp(log_p[teacher, np.arange(log_p.shape[1])])


def _reweighted(log_p: np.ndarray, weights: np.ndarray, factors: np.ndarray) -> np.ndarray:
    products = (_by_teacher(weights)[..., 0] * factors).T
    return linear_pool(log_p, products / products.sum(axis=-1, keepdims=True))


def _sorted(log_p: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [K, N, C] in ascending order over teachers, and cumulated weights."""
    p = np.exp(log_p)
    order = p.argsort(axis=0)
    w = np.take_along_axis(np.broadcast_to(_by_teacher(weights), p.shape), order, axis=0)
    return np.take_along_axis(p, order, axis=0), w.cumsum(axis=0)


def _normalised(q: np.ndarray) -> np.ndarray:
    """Rows [N, C] divided by their sums; a row of zeros becomes uniform."""
    totals = q.sum(axis=-1, keepdims=True)
    return np.where(totals > 0, q, 1 / q.shape[-1]) / np.where(totals > 0, totals, 1)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


# By the name in a config. A new one needs no more than its line here to get its certificate.
OPERATORS: Catalogue[str, Operator] = {
    "linear-pool": linear_pool,
    "log-linear-pool": log_linear_pool,
    "hellinger-barycentre": partial(power_mean, exponent=0.5),
    "fisher-rao-barycentre": fisher_rao_barycentre,
    "quadratic-mean": partial(power_mean, exponent=2.0),
    "harmonic-pool": partial(power_mean, exponent=-1.0),
    "median": median,
    "trimmed-mean": trimmed_mean,
    "majority-vote": majority_vote,
    "best-per-sample": best_per_sample,
    "entropy-weighted": entropy_weighted,
    "confidence-weighted": confidence_weighted,
    "dictator": dictator,
    "random-teacher": random_teacher,
}
# Other definitions of the same functions.
SAME_AS = {
    "forward-kl-projection": "linear-pool",  # argmin over q of sum_k w_k KL(p_k || q)
    "reverse-kl-projection": "log-linear-pool",  # argmin over q of sum_k w_k KL(q || p_k)
}
