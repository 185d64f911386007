"""How sharp a distribution over classes is: what is left of dark knowledge in soft labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from mtkd.fusion.strategies import entropy

HIGH = 0.95


class Confidence(NamedTuple):
    """Means over examples: largest probability, entropy in nats, share of examples above HIGH."""

    max_probability: float
    entropy: float
    high: float


def confidence(logits: np.ndarray, T: float) -> Confidence:
    """Confidence of softmax(logits [N, C] / T), over examples, as fractions and nats.

    The published diagnostic of teachers, there at T = 1 only; students learn from T > 1. Refuses
    no examples and T not above 0.
    """
    if logits.ndim != 2 or not len(logits):
        raise ValueError(f"logits must be [examples, classes], not {logits.shape}")
    if not T > 0:
        raise ValueError(f"a temperature is above 0, not {T}")
    tempered = logits.astype(np.float64) / T
    largest = softmax(tempered, axis=1).max(axis=1)
    return Confidence(
        float(largest.mean()), float(entropy(tempered).mean()), float((largest > HIGH).mean())
    )
