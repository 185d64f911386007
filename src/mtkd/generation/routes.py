"""Routes: which teacher's trace of each prompt a student learns, by its verdict and likelihood.

PerSyn's reward (arXiv 2510.10925), computed on traces that there are: PerSyn has a router learn it
from prompts alone, so that a teacher need only write on its own.
"""

from __future__ import annotations

import numpy as np

from mtkd.config.generation import Route


def routed(
    route: Route, right: np.ndarray, likelihoods: np.ndarray | None, seed: int
) -> np.ndarray:
    """The place of the teacher to whom each of N prompts goes [N].

    ``right`` [K, N]: whether each of K teachers' traces is. ``likelihoods`` [K, N]: their mean
    log-likelihood in nats a token, for a route that weighs learnability. Ties are drawn by seed.
    """
    scores = route.quality * right.astype(float)
    if route.learnability:
        scores = scores + route.learnability * likelihoods
    rng = np.random.default_rng([seed, 4])
    best = np.where(scores == scores.max(axis=0), rng.random(scores.shape), -1).argmax(axis=0)
    return rng.permutation(best) if route.shuffled else best
