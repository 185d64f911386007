"""Proper scores and calibration errors of logits against gold labels, and a fitted temperature.

Everywhere ``logits`` are [N, C] and ``labels`` [N] classes in 0..C-1. Log-probabilities are
logits too. Everything is computed in double precision and refuses other shapes, no examples,
labels out of range, and logits that are NaN or give no distribution.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax
from scipy.stats import rankdata

BINS = 15
TEMPERATURES = (0.01, 100.0)
RELIABILITY_COLUMNS = ["low", "high", "n", "confidence", "accuracy"]


def nll(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log-likelihood in nats: the logarithmic score."""
    log_p = _log_probabilities(logits, labels)
    return float(-log_p[np.arange(len(labels)), labels].mean())


def brier(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean over examples of the squared error summed over all classes, in 0..2.

    Brier's own (1950) convention: with two classes twice the one-class score of scikit-learn.
    """
    p = np.exp(_log_probabilities(logits, labels))
    p[np.arange(len(labels)), labels] -= 1
    return float((p**2).sum(axis=1).mean())


def reliability(logits: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """The reliability curve of the largest probability, in ``BINS`` bins (low, high] of one width.

    One row a bin: its bounds, examples, their mean largest probability and their accuracy.
    Empty bins have no row. Ties for the largest probability go to the first class.
    """
    confidence, right = _top(logits, labels)
    edges, bins = _of_one_width(confidence)
    frame = _by_bin(bins, confidence, right)
    frame["low"], frame["high"] = edges[frame.index], edges[frame.index + 1]
    return frame[RELIABILITY_COLUMNS].reset_index(drop=True)


def ece(logits: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error of the largest probability over ``BINS`` bins of one width.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", eq. 3.
    """
    confidence, right = _top(logits, labels)
    return _expected_gap(_of_one_width(confidence)[1], confidence, right)


def ece_parts(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Each example's part [N] in ``ece``, which is their mean: for intervals, and paired ones.

    Where its bin is surer than right, by how much it is surer; else by how much less. That the
    sign of a bin's gap could have been the other is left aside.
    """
    confidence, right = _top(logits, labels)
    _, bins = _of_one_width(confidence)
    gap = right - confidence
    return gap * np.sign(np.bincount(bins, weights=gap))[bins]


def adaptive_ece(logits: np.ndarray, labels: np.ndarray) -> float:
    """Calibration error of the largest probability over bins of equal numbers of examples.

    The adaptive bins of Nixon et al. 2019, "Measuring Calibration in Deep Learning", on the
    predicted class alone; their ACE also averages over the other classes.
    """
    confidence, right = _top(logits, labels)
    return _expected_gap(_of_equal_numbers(confidence), confidence, right)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The T in ``TEMPERATURES`` that minimises ``nll(logits / T, labels)`` (Guo et al. 2017, 4.2).

    Fit on selection, never on report. The NLL is convex in 1/T, so T is where its derivative
    changes sign. Where it does not, T is exactly the bound: the lower one where no sharpening
    is too much (every label has the largest logit: separable data), the upper one where the
    logits tell against the labels. A T at a bound is a bound, not an estimate. Rows of equal
    logits fit every T; where all rows are, T is 1.
    """
    _log_probabilities(logits, labels)
    # Only differences matter; from the label's logit they keep their digits at any offset.
    z = logits.astype(np.float64)
    z = z - z[np.arange(len(labels)), labels][:, None]
    if not np.isfinite(z).all():
        raise ValueError("a temperature is fitted to finite logits")
    if not z.any():
        return 1.0

    def slope(log_inverse: float) -> float:
        """Derivative of the NLL by 1/T: the mean of E_p[z] - z_label."""
        return float((softmax(z * math.exp(log_inverse), axis=1) * z).sum(axis=1).mean())

    low, high = TEMPERATURES
    if slope(-math.log(low)) <= 0:
        return low
    if slope(-math.log(high)) >= 0:
        return high
    return math.exp(-brentq(slope, -math.log(high), -math.log(low)))


def _log_probabilities(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        shapes = f"{logits.shape} and {labels.shape}"
        raise ValueError(f"logits and labels must be [N, C] and [N], N above 0, not {shapes}")
    # A label of -1, GLUE's for "unknown", would otherwise pick the last class.
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(f"labels must be in 0..{logits.shape[1] - 1}")
    top = logits.max(axis=1)
    if not np.isfinite(top).all():
        raise ValueError("logits must not be NaN, and one of each row must be finite")
    return log_softmax(logits.astype(np.float64), axis=1)


def _top(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest probability [N] and whether its class is the label [N]."""
    log_p = _log_probabilities(logits, labels)
    # The class is that of the logits, as log-probabilities can round to a tie. Rounding can also
    # take a certain example a last digit above 1, out of the last bin.
    return np.minimum(np.exp(log_p.max(axis=1)), 1.0), logits.argmax(axis=1) == labels


def _by_bin(bins: np.ndarray, confidence: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    # One by one: named aggregations cost three times as much.
    confidences = pd.Series(confidence).groupby(bins)
    rights = pd.Series(right).groupby(bins)
    return pd.DataFrame(
        {
            "low": confidences.min(),
            "high": confidences.max(),
            "n": rights.size(),
            "confidence": confidences.mean(),
            "accuracy": rights.mean(),
        }
    )


def _of_one_width(confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the bins (low, high] of one width, and each example's bin [N]."""
    edges = np.linspace(0, 1, BINS + 1)
    return edges, np.searchsorted(edges, confidence, side="left") - 1


def _of_equal_numbers(confidence: np.ndarray) -> np.ndarray:
    """Each example's bin [N], of up to ``BINS`` of equal numbers of examples.

    Those of equal confidence share a bin, so that the order of examples does not matter; bins are
    then unequal.
    """
    ranks = rankdata(confidence, method="min").astype(int) - 1
    return ranks * BINS // len(ranks)


def _expected_gap(bins: np.ndarray, confidence: np.ndarray, right: np.ndarray) -> float:
    """The mean over examples of their bin's gap between confidence and accuracy."""
    return float(np.abs(np.bincount(bins, weights=right - confidence)).sum() / len(bins))
