"""What a training minimises: a loss on its teachers, weighed against gold labels."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional
from transformers import PreTrainedConfig

from mtkd.config.losses import declared_losses
from mtkd.distillation.losses.base import Batch, Sizes
from mtkd.errors import InputError

# The student's logits [B, C] in float32, its hidden states where wanted, rows of train [B], and the
# share of all steps that is done; to a scalar.
Value = Callable[[torch.Tensor, tuple[torch.Tensor, ...] | None, torch.Tensor, float], torch.Tensor]


class Objective(NamedTuple):
    """A scalar to minimise, and what of it a training has to keep besides the model."""

    value: Value
    states: bool = False  # whether it reads hidden states
    generator: torch.Generator | None = None
    parameters: torch.nn.Module | None = None  # trained along


def hard_labels(labels: torch.Tensor) -> Objective:
    """Mean cross-entropy in nats of logits [B, C] with gold labels, of all of train [N]."""
    return Objective(
        lambda logits, states, rows, progress: functional.cross_entropy(logits, labels[rows])
    )


def distillation(
    recipe: Mapping[str, Any],
    T: float,
    alpha: float,
    labels: torch.Tensor,
    fused: np.ndarray,
    teachers: np.ndarray,
    config: PreTrainedConfig,
    seed: int,
) -> Objective:
    """``alpha`` times a recipe's loss plus ``1 - alpha`` times the cross-entropy with gold labels.

    Means over examples. ``labels`` [N], fused logits [N, C], whose softmax at T are the soft
    labels, and each teacher's [K, N, C] are those of all of train, ``config`` is the student's. The
    ``seed`` determines what a loss draws and its own parameters' beginnings, apart from the
    student's. Raises InputError for a student without the hidden states that the loss reads.
    """
    name, options = recipe["loss"], recipe["options"]
    needs = declared_losses()[name].needs
    module = importlib.import_module(f"mtkd.distillation.losses.{name.replace('-', '_')}")
    device = labels.device
    soft = (torch.from_numpy(fused).to(device) / T).softmax(dim=-1)
    each = torch.from_numpy(teachers).to(device) if "teachers" in needs else None
    generator = parameters = None
    if "generator" in needs:
        generator = torch.Generator().manual_seed(_seed(seed))
    if hasattr(module, "parameters"):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_seed(seed))
            sizes = Sizes(fused.shape[1], len(teachers), getattr(config, "hidden_size", 0))
            parameters = module.parameters(sizes, **options).to(device)

    def value(logits, states, rows, progress):
        if "states" in needs and not states:
            raise InputError(
                f"loss {name!r} reads hidden states, and a {config.model_type} has none to show; "
                "take another student or another loss"
            )
        batch = Batch(
            logits,
            labels[rows],
            soft[rows],
            T,
            progress,
            each[:, rows] if each is not None else None,
            states,
            generator,
            parameters,
        )
        hard = functional.cross_entropy(logits, batch.labels)
        return alpha * module.loss(batch, **options).mean() + (1 - alpha) * hard

    return Objective(value, "states" in needs, generator, parameters)


def _seed(seed: int) -> int:
    """A seed for a loss apart from those of initialisation, data order and dropout."""
    return 2_000_003 * (seed + 1)
