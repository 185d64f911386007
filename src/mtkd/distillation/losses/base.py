"""What a loss may see of a batch, and what it declares.

A loss is a file of this package with a function ``loss(batch, **options)``. It returns a value per
example [B], or one number for the batch, in nats where it is a divergence; ``alpha`` weighs its
mean against the cross-entropy with gold labels (``mtkd.distillation.objective``). What the file
declares is read without importing it, when a suite is read (``mtkd.config.losses``):

- ``NEEDS``, a tuple of what it reads besides logits and soft labels: ``"gold"`` (every row's label;
  without it a loss learns from rows that have none, too), ``"teachers"`` (each one's logits),
  ``"generator"`` (draws of its own), ``"states"`` and ``"attentions"`` (the student's hidden states
  and attention, of every layer), ``"along"`` (the same of its teachers, which are run along with
  it) and ``"same-tokens"`` (with ``"along"``: teachers read texts in the student's own tokens);
- ``CLASSES``, the fewest and most classes it is for, ``None`` for no bound;
- ``OPTIONS``, its options with their defaults, which ``options`` in a strategy changes.

One that has parameters of its own, trained along and saved with the student's, defines
``parameters(batch_of)`` besides, which returns a module; ``batch_of`` is a ``Sizes``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from mtkd.models.inside import Inside


class Sizes(NamedTuple):
    """What a loss' own parameters may depend on."""

    classes: int
    teachers: int
    hidden: int


class Batch(NamedTuple):
    """B examples with C classes and K teachers, on one device. None is what was not asked for."""

    logits: torch.Tensor  # [B, C], the student's
    soft: torch.Tensor  # [B, C], fused soft labels at T
    T: float
    progress: float  # the share of all steps that is done, from 0
    labels: torch.Tensor | None = None  # [B], gold indices
    teachers: torch.Tensor | None = None  # [K, B, C], logits
    inside: Inside | None = None  # the student's states and attention
    teachers_inside: tuple[Inside, ...] | None = None  # each teacher's
    generator: torch.Generator | None = None  # draws on the processor
    parameters: torch.nn.Module | None = None
