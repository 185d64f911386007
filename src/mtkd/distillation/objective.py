"""The distillation objective."""

from __future__ import annotations

import torch
from torch.nn import functional


def soft_labels(fused: torch.Tensor, T: float) -> torch.Tensor:
    """Soft labels ``softmax(fused / T)`` [N, C] of fused logits [N, C]."""
    return (fused / T).softmax(dim=-1)


def distillation_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    soft: torch.Tensor,
    T: float,
    alpha: float,
) -> torch.Tensor:
    """``alpha T^2 KL(soft || softmax(logits / T)) + (1 - alpha) CE(softmax(logits), labels)``.

    Means over examples, in nats. ``logits`` [B, C] are the student's, ``labels`` [B] gold
    indices, ``soft`` [B, C] the soft labels at T. Hinton, Vinyals & Dean (2015), section 2: T^2
    keeps the gradients of the soft part at the size of the hard part's.
    """
    log_p = functional.log_softmax(logits / T, dim=-1)
    divergence = functional.kl_div(log_p, soft, reduction="batchmean")
    hard = functional.cross_entropy(logits, labels)
    return alpha * T**2 * divergence + (1 - alpha) * hard


def hard_label_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy in nats of student logits [B, C] with gold labels [B]."""
    return functional.cross_entropy(logits, labels)
