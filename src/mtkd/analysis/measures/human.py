"""Soft labels against the shares of human raters that chose each class.

Evaluation against raters' shares: Peterson et al. 2019, "Human Uncertainty Makes Classification
More Robust"; Uma et al. 2021, "Learning from Disagreement: A Survey".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.special import entr, log_softmax

from mtkd.analysis.measures.divergences import distributions, jensen_shannon, kl_divergence


class HumanCloseness(NamedTuple):
    """Soft labels q against shares h, means over examples, and entropies' correlations over them.

    ``kl`` is KL(h || q) and ``jsd`` the Jensen-Shannon divergence, in nats (0..log 2);
    ``total_variation`` is half the absolute difference (0..1). ``pearson`` and ``spearman``
    correlate the entropies of h and q: whether the two are unsure of the same examples. None
    where one of them does not vary.
    """

    kl: float
    total_variation: float
    jsd: float
    pearson: float | None
    spearman: float | None


def human_closeness(shares: np.ndarray, logits: np.ndarray) -> HumanCloseness:
    """Closeness of q = softmax(logits [N, C]) to raters' shares h [N, C].

    Logits are at the temperature in question (``fused / T``, or the log of an operator's own
    distribution). Nothing is floored: KL takes log q from the logits, where a softmax never is 0.
    Refuses other shapes, no examples, logits that are not finite (a class that q rules out, where
    KL has no value), and shares that are no distribution.
    """
    if shares.ndim != 2 or shares.shape != logits.shape or not len(shares):
        shapes = f"{shares.shape} and {logits.shape}"
        raise ValueError(f"shares and logits must both be [N, C], N above 0, not {shapes}")
    if not np.isfinite(logits).all():
        raise ValueError("logits must be finite")
    h = distributions(shares)
    log_q = log_softmax(logits.astype(np.float64), axis=1)
    q = np.exp(log_q)
    h_entropy, q_entropy = entr(h).sum(axis=1), entr(q).sum(axis=1)
    return HumanCloseness(
        kl=float(kl_divergence(h, log_q).mean()),
        total_variation=float(np.abs(h - q).sum(axis=1).mean() / 2),
        jsd=float(jensen_shannon(np.stack([h, q]), np.array([0.5, 0.5])).mean()),
        pearson=_correlation(stats.pearsonr, h_entropy, q_entropy),
        spearman=_correlation(stats.spearmanr, h_entropy, q_entropy),
    )


def _correlation(correlate, first: np.ndarray, second: np.ndarray) -> float | None:
    # Entropies of equal distributions differ in the last digits by the order of the classes, and
    # a rank correlation would take that for variation.
    first, second = first.round(12), second.round(12)
    if not (np.ptp(first) and np.ptp(second)):
        return None
    return float(correlate(first, second).statistic)
