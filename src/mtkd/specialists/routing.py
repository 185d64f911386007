"""Which specialist answers a text: a learned router, hard or soft, and what it is held against.

Logits are specialists' [K, N, C]; a router's weights [N, K] sum to 1 for each text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax, logsumexp
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from mtkd.errors import InputError
from mtkd.fusion.strategies import by_column

FOLDS = 5
C = 10.0
# Numbers of texts that routers are tried on, beside all there are.
SIZES = (30, 100, 300, 1000)
# What stands beside a learned router: it knows each text's domain, takes the next one's specialist,
# or asks all alike.
ROUTERS = ("oracle", "wrong", "hard-router", "soft-router", "ensemble")


class Router(NamedTuple):
    """A logistic regression of the domain on a text's words and word pairs."""

    words: TfidfVectorizer
    model: LogisticRegression


def fit_router(texts: Sequence[str], domains: np.ndarray) -> Router:
    """Learn which of K domains, numbered from 0, a text [N] is of; no label of a task is read.

    Raises InputError where there is one domain alone.
    """
    if len(np.unique(domains)) < 2:
        raise InputError("a router chooses between domains, and there is one; give several tasks")
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = LogisticRegression(C=C, max_iter=1000)
    return Router(words, model.fit(words.fit_transform(texts), domains))


def route(router: Router, texts: Sequence[str]) -> np.ndarray:
    """How probable each domain is [N, K]: the weights of the specialists."""
    return router.model.predict_proba(router.words.transform(texts))


def held_out_weights(texts: Sequence[str], domains: np.ndarray, seed: int) -> np.ndarray:
    """Weights [N, K] of the texts that a router learns from, each of one that has not seen it.

    A router knows the texts that it was fitted on; soft labels by what it says of them would be
    surer than its answers are.
    """
    weights = np.zeros((len(texts), domains.max() + 1))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for fitted, held in folds.split(weights, domains):
        router = fit_router([texts[row] for row in fitted], domains[fitted])
        weights[held] = route(router, [texts[row] for row in held])
    return weights


def routed(name: str, logits: np.ndarray, domains: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The answers [N, C] of the router of this name (``ROUTERS``), as logits."""
    match name:
        case "oracle":
            return by_column(logits, domains)
        case "wrong":
            return by_column(logits, (domains + 1) % len(logits))
        case "hard-router":
            return by_column(logits, weights.argmax(axis=1))
        case "soft-router":
            return mixture(logits, weights)
        case "ensemble":
            return mixture(logits, np.full(weights.shape, 1 / len(logits)))
    raise ValueError(f"no router: {name!r}")


def mixture(logits: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Log-probabilities [N, C] of the specialists' distributions, mixed by weights [N, K]."""
    with np.errstate(divide="ignore"):
        shares = np.log(weights.T)[:, :, None]
    mixed = logsumexp(shares + log_softmax(logits.astype(np.float64), axis=-1), axis=0)
    return mixed.astype(np.float32)


class Fitted(NamedTuple):
    """How often a router is right of the texts that it learnt from, and of others, by their
    number."""

    texts: int
    fitted: float
    held_out: float


def by_size(
    texts: Sequence[str],
    domains: np.ndarray,
    others: Sequence[str],
    of_others: np.ndarray,
    seed: int,
) -> list[Fitted]:
    """Routers fitted on more and more texts, drawn: what they know of those, and of others."""
    order = np.random.default_rng(seed).permutation(len(texts))
    found = []
    for size in [*(size for size in SIZES if size < len(order)), len(order)]:
        rows = order[:size]
        if len(np.unique(domains[rows])) < 2:
            continue
        own = [texts[row] for row in rows]
        router = fit_router(own, domains[rows])
        known = router.model.classes_
        right = known[route(router, own).argmax(axis=1)] == domains[rows]
        right_of_others = known[route(router, others).argmax(axis=1)] == of_others
        found.append(Fitted(size, float(right.mean()), float(right_of_others.mean())))
    return found
