"""Soft labels, as Hinton, Vinyals & Dean (2015) learn from them."""

from __future__ import annotations

import torch
from torch.nn import functional

from mtkd.distillation.losses.base import Batch


def loss(batch: Batch) -> torch.Tensor:
    """``T^2 KL(soft || softmax(logits / T))`` of each example [B], in nats.

    Section 2 of the paper: T^2 keeps the gradients of the soft part at the size of the hard part's.
    """
    log_p = functional.log_softmax(batch.logits / batch.T, dim=-1)
    return batch.T**2 * functional.kl_div(log_p, batch.soft, reduction="none").sum(dim=-1)
