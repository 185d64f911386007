"""How different K teachers are: their errors, their distributions, their features.

``predictions`` are [K, N] classes, ``labels`` [N] gold, ``weights`` [K] non-negative with sum
one; all refuse other shapes and no examples. Shares are fractions, logarithms natural.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import log_softmax
from sklearn.metrics import cohen_kappa_score

from mtkd.analysis.measures.divergences import distributions, jensen_shannon, kl_divergence

PAIR_COLUMNS = ["first", "second", "disagreement", "q", "kappa", "double_fault", "correlation"]


class Ambiguity(NamedTuple):
    """Mean losses of a pool and of its members (weighted), and pool = members - ambiguity."""

    pool: float
    members: float
    ambiguity: float


class Oracle(NamedTuple):
    """Share with some teacher right, accuracy of the best single teacher, and the difference."""

    oracle: float
    best_single: float
    headroom: float


def pairwise(predictions: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """One row for each pair of teachers (their indices), as in Kuncheva & Whitaker 2003.

    Of right (1) and wrong (0), by shares N11 .. N00 of the examples:
    ``disagreement`` N10 + N01, one right and the other wrong (two different wrong classes are
    none; the predictions themselves are compared by ``kappa``);
    ``q`` Yule's Q, (N11 N00 - N01 N10) / (N11 N00 + N01 N10);
    ``double_fault`` N00;
    ``correlation`` phi, the correlation of the errors.
    ``kappa`` is Cohen's, between the two predictions.

    NaN where undefined: q with both products 0, kappa with one and the same class throughout,
    correlation with a teacher that is always right or always wrong.
    """
    right = _right(predictions, labels)
    rows = []
    for i, j in itertools.combinations(range(len(predictions)), 2):
        n11, n10 = np.mean(right[i] & right[j]), np.mean(right[i] & ~right[j])
        n01, n00 = np.mean(~right[i] & right[j]), np.mean(~right[i] & ~right[j])
        same, other = n11 * n00, n01 * n10
        spread = math.sqrt((n11 + n10) * (n01 + n00) * (n11 + n01) * (n10 + n00))
        one_class = (predictions[[i, j]] == predictions[i, 0]).all()
        kappa = math.nan if one_class else cohen_kappa_score(predictions[i], predictions[j])
        rows.append(
            (
                i,
                j,
                n10 + n01,
                (same - other) / (same + other) if same + other else math.nan,
                kappa,
                n00,
                (same - other) / spread if spread else math.nan,
            )
        )
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def effective_teachers(predictions: np.ndarray, labels: np.ndarray) -> float | None:
    """How many teachers of uncorrelated errors K teachers are worth, in 1..K.

    K / (1 + (K - 1) r), r the mean correlation of errors (wrong or not) over pairs: K by Kish's
    design effect (Survey Sampling, 1965), as the variance of a mean of K equally correlated
    variables falls by that much. 1 where errors are the same, K where they are uncorrelated; K
    also where r is below 0, as more teachers than there are is nothing to claim. (The
    participation ratio of the eigenvalues, K^2 / sum of r_ij^2, is bounded without that, but
    counts opposite errors as equal ones and has no such reading.)

    None where a teacher is always right or always wrong, so that r is undefined. One teacher is
    one.
    """
    wrong = ~_right(predictions, labels)
    K = len(wrong)
    if K == 1:
        return 1.0
    if (wrong.all(axis=1) | ~wrong.any(axis=1)).any():
        return None
    r = np.corrcoef(wrong)[np.triu_indices(K, 1)].mean()
    return float(np.clip(K / (1 + (K - 1) * max(r, 0.0)), 1, K))


def oracle(predictions: np.ndarray, labels: np.ndarray) -> Oracle:
    """What always asking the right teacher would give, and its headroom over the best one.

    The best single teacher is the best on these very labels: a bound, not a choice of teacher.
    """
    right = _right(predictions, labels)
    some, best = float(right.any(axis=0).mean()), float(right.mean(axis=1).max())
    return Oracle(some, best, some - best)


def brier_ambiguity(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> Ambiguity:
    """The linear pool's Brier score (summed over classes) = members' - ambiguity, exactly.

    ``probabilities`` [K, N, C]; the pool is sum_k w_k p_k, the ambiguity the weighted mean of
    ||p_k - pool||^2. Krogh & Vedelsby 1995, "Neural Network Ensembles, Cross Validation, and
    Active Learning", class by class.
    """
    p, weights = distributions(probabilities), _checked_weights(probabilities, weights)
    gold = np.eye(p.shape[2])[_checked_labels(p, labels)]
    pool = np.tensordot(weights, p, axes=1)
    members = ((p - gold) ** 2).sum(axis=2).mean(axis=1)
    ambiguity = ((p - pool) ** 2).sum(axis=2).mean(axis=1)
    pool_loss = ((pool - gold) ** 2).sum(axis=1).mean()
    return Ambiguity(float(pool_loss), float(weights @ members), float(weights @ ambiguity))


def nll_ambiguity(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Ambiguity:
    """The log-linear pool's NLL = members' - ambiguity, exactly; nats.

    ``logits`` [K, N, C], at the temperature in question; the pool is softmax(sum_k w_k z_k), that
    of ``average`` with equal weights. Since log pool = sum_k w_k log p_k - log Z, the ambiguity
    sum_k w_k KL(pool || p_k) is -log Z whatever the label: the pool comes first. Heskes 1998,
    "Bias/Variance Decompositions for Likelihood-Based Estimators"; Wood et al. 2023, "A
    Unified Theory of Diversity in Ensemble Learning".
    """
    if not np.isfinite(logits).all():
        raise ValueError("logits must be finite")
    weights, labels = _checked_weights(logits, weights), _checked_labels(logits, labels)
    log_p = log_softmax(logits.astype(np.float64), axis=2)
    log_pool = log_softmax(np.tensordot(weights, log_p, axes=1), axis=1)
    examples = np.arange(len(labels))
    members = -log_p[:, examples, labels].mean(axis=1)
    ambiguity = kl_divergence(np.exp(log_pool), log_p).mean(axis=1)
    pool_loss = -log_pool[examples, labels].mean()
    return Ambiguity(float(pool_loss), float(weights @ members), float(weights @ ambiguity))


def generalised_jsd(probabilities: np.ndarray, weights: np.ndarray) -> float:
    """Mean over examples of the Jensen-Shannon divergence of K distributions [K, N, C], in nats.

    H(sum_k w_k p_k) - sum_k w_k H(p_k) (Lin 1991): from 0, all the same, to log K, equal weights
    on distributions without a class in common; with C < K classes no more than log C.
    """
    weights = _checked_weights(probabilities, weights)
    return float(jensen_shannon(distributions(probabilities), weights).mean())


def linear_cka(first: np.ndarray, second: np.ndarray) -> float | None:
    """Linear centred kernel alignment of features [N, d1] and [N, d2], in 0..1.

    Kornblith et al. 2019, "Similarity of Neural Network Representations Revisited", in
    feature space: ||Y'X||^2 / (||X'X|| ||Y'Y||), Frobenius, columns centred. Invariant to
    rotation and to one scale for all features, and biased upwards where N is not well above d.
    None where features do not vary.
    """
    if first.ndim != 2 or second.ndim != 2 or len(first) != len(second):
        raise ValueError(f"features must be of the same rows, not {first.shape}, {second.shape}")
    if not (len(first) and np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("features must be finite, of one example or more")
    x, y = (features.astype(np.float64) for features in (first, second))
    # A mean of equal numbers rounds, so centring alone does not show a constant.
    if not (np.ptp(x, axis=0).any() and np.ptp(y, axis=0).any()):
        return None
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    # The measure is free of scale: at one, fourth powers neither overflow nor vanish.
    x, y = x / np.abs(x).max(), y / np.abs(y).max()
    alignment = np.linalg.norm(y.T @ x) ** 2
    return float(alignment / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)))


def _right(predictions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    if predictions.ndim != 2 or predictions.shape[1:] != labels.shape or not predictions.size:
        shapes = f"{predictions.shape} and {labels.shape}"
        raise ValueError(f"predictions and labels must be [K, N] and [N], not {shapes}")
    return predictions == labels


def _checked_weights(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if values.ndim != 3 or not values.size or weights.shape != values.shape[:1]:
        shapes = f"{values.shape} and {weights.shape}"
        raise ValueError(f"teachers and weights must be [K, N, C] and [K], not {shapes}")
    return distributions(weights)


def _checked_labels(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    if labels.shape != values.shape[1:2] or labels.min() < 0 or labels.max() >= values.shape[2]:
        raise ValueError(f"labels must be [{values.shape[1]}] in 0..{values.shape[2] - 1}")
    return labels
