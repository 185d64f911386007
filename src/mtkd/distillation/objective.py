"""What a training minimises: a loss on its teachers, weighed against gold labels."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from mtkd.config.losses import declared_losses
from mtkd.distillation.losses.base import Batch, Sizes
from mtkd.errors import InputError
from mtkd.models.inside import SHOWN, Inside
from mtkd.tasks.corpus import NO_LABEL

# The student's logits [B, C] in float32, what it shows of its inside where wanted, rows of train
# [B], and the share of all steps that is done; to a scalar, or a number for each model of a pack.
Value = Callable[[torch.Tensor, Inside | None, torch.Tensor, float], torch.Tensor]
# What each teacher that is run along shows of some rows of train [B].
TeachersInside = Callable[[torch.Tensor], tuple[Inside, ...]]


class Objective(NamedTuple):
    """What to minimise, and what of it a training has to keep besides the model."""

    value: Value
    shown: frozenset[str] = frozenset()  # of mtkd.models.inside.SHOWN, what it reads
    generator: torch.Generator | None = None
    parameters: torch.nn.Module | None = None  # trained along


def with_labels(labels: np.ndarray) -> np.ndarray | None:
    """The rows of train that have a gold label [n], of N labels; None where all have."""
    return np.flatnonzero(labels != NO_LABEL) if (labels == NO_LABEL).any() else None


def taught_rows(
    recipe: Mapping[str, Any],
    labels: np.ndarray,
    confidence: np.ndarray | None,
    answered: np.ndarray | None = None,
) -> np.ndarray | None:
    """The rows of train that a cell learns from [n], of N gold labels; None for all of them.

    Without soft labels those with a gold label, and so where the recipe's ``rows`` says it. A
    ``confidence`` threshold leaves rows without gold out whose greatest fused probability at T = 1
    [N] is below it, and so are those that no teacher has ``answered`` [N].
    """
    if recipe["fusion"] is None or recipe.get("rows") == "labelled":
        return with_labels(labels)
    taught = np.ones(len(labels), bool) if answered is None else answered
    if "confidence" in recipe:
        taught = taught & (confidence >= recipe["confidence"])
    taught = taught | (labels != NO_LABEL)
    return None if "confidence" not in recipe and taught.all() else np.flatnonzero(taught)


def hard_labels(labels: torch.Tensor) -> Objective:
    """Mean cross-entropy in nats of logits [B, C] with gold labels, of all of train [N].

    Rows without one are for the caller to leave out.
    """
    return Objective(
        lambda logits, inside, rows, progress: functional.cross_entropy(logits, labels[rows])
    )


def distillation(
    recipe: Mapping[str, Any],
    T: float,
    alpha: float,
    labels: torch.Tensor,
    fused: np.ndarray,
    teachers: np.ndarray,
    hidden: int,
    seed: int,
    teachers_inside: TeachersInside | None = None,
    learnt: np.ndarray | None = None,
    answered: np.ndarray | None = None,
) -> Objective:
    """``alpha`` times a recipe's loss plus ``1 - alpha`` times the cross-entropy with gold labels.

    Means over examples; on rows without gold, whose label is -1, the recipe's ``alpha_unlabelled``
    times the loss is all, and on those that no teacher has ``answered`` [N] the cross-entropy. A
    recipe of ``labels: hard`` teaches the likeliest fused class, at T = 1.
    ``labels`` [N], fused logits [N, C], whose softmax at T are the soft labels, and each teacher's
    [K, N, C] are those of all of train, of which the rows ``learnt`` are learnt from (None for
    all); ``hidden`` is the student's width. The ``seed`` determines what a loss draws and its own
    parameters' beginnings, apart from the student's. Raises InputError for a student or a teacher
    without what the loss reads of its inside, and for rows without gold where it reads that.
    """
    name, options = recipe["loss"], recipe["options"]
    needs = declared_losses()[name].needs
    shown = SHOWN & needs
    without_gold = labels == NO_LABEL
    unlabelled = bool((without_gold if learnt is None else without_gold[learnt]).any())
    if unlabelled and "gold" in needs:
        raise InputError(
            f"loss {name!r} reads every row's gold label, and {int(without_gold.sum())} rows of "
            "train have none; take another loss"
        )
    alphas = torch.where(without_gold, recipe.get("alpha_unlabelled", 1.0), alpha)
    mixed = unlabelled
    if answered is not None and not (answered if learnt is None else answered[learnt]).all():
        alphas, mixed = torch.where(torch.from_numpy(answered).to(labels.device), alphas, 0.0), True
    module = importlib.import_module(f"mtkd.distillation.losses.{name.replace('-', '_')}")
    device = labels.device
    if recipe.get("labels") == "hard":
        T = 1.0
        likeliest = torch.from_numpy(fused.argmax(axis=-1)).to(device)
        soft = functional.one_hot(likeliest, fused.shape[1]).float()
    else:
        soft = (torch.from_numpy(fused).to(device) / T).softmax(dim=-1)
    each = torch.from_numpy(teachers).to(device) if "teachers" in needs else None
    generator = parameters = None
    if "generator" in needs:
        generator = torch.Generator().manual_seed(_seed(seed))
    if hasattr(module, "parameters"):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_seed(seed))
            sizes = Sizes(fused.shape[1], len(teachers), hidden)
            parameters = module.parameters(sizes, **options).to(device)

    def value(logits, inside, rows, progress):
        others = teachers_inside(rows) if "along" in needs else None
        for whose, one in [("the student", inside), *(("a teacher", one) for one in others or ())]:
            if lacking := [part for part in sorted(shown) if not getattr(one, part)]:
                raise InputError(
                    f"loss {name!r} reads the {' and '.join(lacking)} of layers, and {whose} has "
                    "none to show; take another one or another loss"
                )
        gold = labels[rows]
        batch = Batch(
            logits,
            soft[rows],
            T,
            progress,
            gold if "gold" in needs else None,
            each[:, rows] if each is not None else None,
            inside,
            others,
            generator,
            parameters,
        )
        soft_part = module.loss(batch, **options)
        if not mixed:
            return alpha * soft_part.mean() + (1 - alpha) * functional.cross_entropy(logits, gold)
        share = alphas[rows]
        # One number for the whole batch is weighed as its rows are on average.
        weighed = (share * soft_part).mean() if soft_part.ndim else share.mean() * soft_part
        hard = functional.cross_entropy(logits, gold, ignore_index=NO_LABEL, reduction="none")
        return weighed + ((1 - share) * hard).mean()

    return Objective(value, shown, generator, parameters)


def _seed(seed: int) -> int:
    """A seed for a loss apart from those of initialisation, data order and dropout."""
    return 2_000_003 * (seed + 1)
