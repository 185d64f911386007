"""Whether a soft label shows which teacher it came from: a measure of how far teachers diverge.

A classifier that sees nothing but a soft label names its teacher. Where teachers say the same, it
is right as often as chance is, 1 / K; the further their soft labels are apart, the more often.
Unlike a divergence averaged over examples it also sees what teachers do alike on every text, such
as being surer of themselves.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDS = 5
# Nadeau and Bengio 2003, "Inference for the Generalization Error": the variance of the mean over
# folds is 1 / folds + test rows / train rows of that of a fold, not 1 / folds.
WIDER = math.sqrt(1 + FOLDS / (FOLDS - 1))
# Examples that are looked at: more would cost minutes and tell little.
MOST = 2000


class Identification(NamedTuple):
    """Accuracy of naming the teacher, its 95 % interval over examples, chance, and examples."""

    accuracy: float
    low: float
    high: float
    chance: float
    n: int


def identification(logits: np.ndarray, T: float, seed: int = 0) -> Identification | None:
    """How often a soft label softmax(logits [K, N, C] / T) tells which of K teachers gave it.

    Multinomial logistic regression on log-probabilities, standardised, over ``FOLDS`` folds of the
    examples: the K soft labels of an example are always in the same fold, so that none is named by
    what was learned of its text. In log-probabilities how sure a teacher is is a linear question.
    At most ``MOST`` examples, evenly spread. The interval is over examples, ``WIDER`` than their
    variance alone has it, as all folds share their training rows. None with fewer than two teachers
    or than two examples a fold.
    """
    rows = np.unique(np.linspace(0, logits.shape[1] - 1, min(MOST, logits.shape[1])).astype(int))
    log_p = log_softmax(logits[:, rows].astype(np.float64) / T, axis=-1)
    K, N, C = log_p.shape
    if K < 2 or N < 2 * FOLDS:
        return None
    right = np.empty((K, N))
    for train, test in KFold(FOLDS, shuffle=True, random_state=seed).split(rows):
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        classifier.fit(log_p[:, train].reshape(-1, C), np.repeat(np.arange(K), len(train)))
        named = classifier.predict(log_p[:, test].reshape(-1, C)).reshape(K, -1)
        right[:, test] = named == np.arange(K)[:, None]
    by_example = right.mean(axis=0)
    accuracy, se = float(by_example.mean()), float(by_example.std(ddof=1)) / math.sqrt(N)
    half = WIDER * float(stats.t.ppf(0.975, N - 1)) * se
    return Identification(accuracy, max(accuracy - half, 0.0), min(accuracy + half, 1.0), 1 / K, N)
