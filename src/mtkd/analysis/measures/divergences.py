"""Divergences between distributions over classes, example by example, in nats."""

from __future__ import annotations

import numpy as np
from scipy.special import entr, xlogy


def distributions(values: np.ndarray) -> np.ndarray:
    """Probabilities [..., C] in double precision, each row summing to one exactly enough.

    Single-precision rows sum to one within 1e-6 or so, which would show in a small divergence.
    Refuses negative and non-finite values and sums further than 1e-4 from one.
    """
    values = np.asarray(values, dtype=np.float64)
    totals = values.sum(axis=-1, keepdims=True)
    # Written so that NaN fails it.
    if not ((values >= 0).all() and (np.abs(totals - 1) <= 1e-4).all()):
        raise ValueError("a distribution is non-negative and sums to 1 over the last axis")
    return values / totals


def kl_divergence(p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """KL(p || q) [...] of probabilities p [..., C] from log-probabilities log_q [..., C].

    Zeros of p add nothing, and need nothing of q. The second argument comes in logs because
    there a softmax, which underflows to 0 past 745 nats, stays finite. Never negative: rounding
    below 0 is cut.
    """
    cross = np.where(p > 0, p * np.where(p > 0, log_q, 0.0), 0.0)
    return np.maximum((xlogy(p, p) - cross).sum(axis=-1), 0.0)


def jensen_shannon(p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """H(sum_k w_k p_k) - sum_k w_k H(p_k) [N], for p [K, N, C] and weights [K] (Lin 1991).

    At most H(w), so log K, and at most log C. Never negative: rounding below 0 is cut.
    """
    mixture = entr(np.tensordot(weights, p, axes=1)).sum(axis=-1)
    return np.maximum(mixture - np.tensordot(weights, entr(p).sum(axis=-1), axes=1), 0.0)
