"""How well a student matches the soft labels it was trained on, right or wrong."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax

from mtkd.analysis.measures.divergences import distributions, kl_divergence


class Fidelity(NamedTuple):
    """By example [N]: whether the top class is the same, and KL(soft labels || student) in nats."""

    agreement: np.ndarray
    kl: np.ndarray


def fidelity(student: np.ndarray, soft_labels: np.ndarray, T: float) -> Fidelity:
    """Top-1 agreement and KL(q || p) of p = softmax(student / T) with soft labels q, by example.

    Stanton et al. 2021, "Does Knowledge Distillation Really Work?". ``student`` logits [N, C];
    ``soft_labels`` [N, C] probabilities *at T*, ``softmax(fused / T)`` or an
    operator's own. The KL is the objective's, without its factor T^2. Ties for the top class go
    to the first. Refuses other shapes, no examples, T not above 0, and rows that are no
    distribution.
    """
    if student.ndim != 2 or student.shape != soft_labels.shape or not len(student):
        shapes = f"{student.shape} and {soft_labels.shape}"
        raise ValueError(f"logits and soft labels must both be [N, C], N above 0, not {shapes}")
    if not (T > 0 and np.isfinite(student).all()):
        raise ValueError("a student's logits are finite and a temperature is above 0")
    q = distributions(soft_labels)
    log_p = log_softmax(student.astype(np.float64) / T, axis=1)
    agreement = student.argmax(axis=1) == soft_labels.argmax(axis=1)
    return Fidelity(agreement, kl_divergence(q, log_p))
