"""Decoupled distillation (Zhao et al. 2022, CVPR, equation 7), as a contributor would add it."""

from __future__ import annotations

import torch
from torch.nn import functional

from mtkd.distillation.losses.base import Batch

NEEDS = ("gold",)
# With two classes there is nothing but the target to tell apart.
CLASSES = (3, None)
OPTIONS = {"target": 1.0, "others": 8.0}


def loss(batch: Batch, target: float, others: float) -> torch.Tensor:
    """``T^2 (target TCKD + others NCKD)`` of each example [B], in nats."""
    gold = functional.one_hot(batch.labels, batch.logits.shape[1]).bool()
    log_q = functional.log_softmax(batch.logits / batch.T, dim=-1)
    log_p = batch.soft.clamp_min(torch.finfo(batch.soft.dtype).tiny).log()
    of_target = _divergence(_binary(log_p, gold), _binary(log_q, gold))
    of_others = _divergence(_without(log_p, gold), _without(log_q, gold))
    return batch.T**2 * (target * of_target + others * of_others)


def _binary(log_p: torch.Tensor, gold: torch.Tensor) -> torch.Tensor:
    """Log-probabilities [B, 2] of the target and of all others."""
    rest = log_p.masked_fill(gold, -torch.inf).logsumexp(dim=-1)
    return torch.stack([log_p[gold], rest], dim=-1)


def _without(log_p: torch.Tensor, gold: torch.Tensor) -> torch.Tensor:
    """Log-probabilities [B, C - 1] of the other classes among themselves."""
    rest = log_p[~gold].reshape(len(log_p), -1)
    return rest.log_softmax(dim=-1)


def _divergence(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    return (log_p.exp() * (log_p - log_q)).sum(dim=-1)
