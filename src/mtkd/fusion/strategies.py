"""Fusion strategies: K teachers' logits [K, N, C] to fused logits [N, C].

The soft labels of a cell are ``softmax(fused / T)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import log_softmax

from mtkd.errors import InputError
from mtkd.study.catalogue import Catalogue


def single(logits: np.ndarray) -> np.ndarray:
    """The one teacher's logits [1, N, C] as they are."""
    if len(logits) != 1:
        raise ValueError(f"strategy 'single' takes one teacher, not {len(logits)}")
    return logits[0]


def average(logits: np.ndarray) -> np.ndarray:
    """Mean of logits. Normalised, it is the log-linear (geometric) pool, not the linear pool."""
    return logits.mean(axis=0, dtype=np.float64).astype(logits.dtype)


def weighted(logits: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum of w_k z_k, with weights [K] for all examples or [N, K] for each."""
    _check_weights(weights)
    spec = "k,knc->nc" if weights.ndim == 1 else "nk,knc->nc"
    return np.einsum(spec, weights.astype(np.float64), logits).astype(logits.dtype)


def best_per_sample(logits: np.ndarray) -> np.ndarray:
    """The logits of the teacher with the lowest entropy at T=1; ties go to the earlier teacher."""
    chosen = entropy(logits).argmin(axis=0)
    return logits[chosen, np.arange(logits.shape[1])]


def by_column(logits: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """For each example the logits of the one teacher that ``chosen`` [N] numbers."""
    return logits[chosen, np.arange(logits.shape[1])]


def named_teachers(column: Sequence[str], teachers: Sequence[str]) -> np.ndarray:
    """The number of the teacher [N] that a column names for each row.

    Raises InputError for a name that no teacher has.
    """
    numbers = {name: number for number, name in enumerate(teachers)}
    if unknown := [name for name in dict.fromkeys(column) if name not in numbers]:
        raise InputError(
            f"by-column: the column names {unknown[0]!r} as a row's teacher, and there are "
            f"{', '.join(teachers)}; add that teacher, or leave these rows out"
        )
    return np.array([numbers[name] for name in column], dtype=np.int64)


def entropy(logits: np.ndarray) -> np.ndarray:
    """Entropy in nats [K, N] of softmax(logits [K, N, C]), in double precision."""
    log_p = log_softmax(logits.astype(np.float64), axis=-1)
    # exp(log_p) * log_p is 0 * -inf, not 0, where a probability underflows.
    return -(np.exp(log_p) * np.maximum(log_p, np.finfo(np.float64).min)).sum(axis=-1)


def score_weights(scores: list[float]) -> np.ndarray:
    """Weights [K] proportional to the teachers' selection scores, of which greater is better.

    Raises InputError where that gives no weights: a score is negative, or all are 0.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if not (np.isfinite(scores).all() and (scores >= 0).all() and scores.sum() > 0):
        raise InputError(
            f"selection scores {scores.tolist()} give no weights; train the teachers for longer, "
            "or leave the arm out"
        )
    return scores / scores.sum()


def _check_weights(weights: np.ndarray) -> None:
    if (weights < 0).any() or not np.allclose(weights.sum(axis=-1), 1, atol=1e-5):
        raise ValueError("weights must be non-negative and sum to 1 over the teachers")


# By the name in a config.
STRATEGIES: Catalogue[str, Callable[..., np.ndarray]] = {
    "single": single,
    "average": average,
    "weighted": weighted,
    "best-per-sample": best_per_sample,
    "gating": weighted,
}
