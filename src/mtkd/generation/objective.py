"""What a student of text minimises: the tokens of its teachers' responses, or the distance to their
next-token distributions along a text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.nn import functional
from transformers import PreTrainedModel

from mtkd.distillation.device import autocast
from mtkd.distillation.objective import Objective
from mtkd.models.inside import logits_and_inside
from mtkd.tasks.batches import DeviceTokens


class Along(NamedTuple):
    """A teacher that is run along: its model, and the student's texts as it reads them."""

    model: PreTrainedModel
    tokens: DeviceTokens


def next_tokens(
    tokens: DeviceTokens, rows: torch.Tensor, longest: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The token behind each place of some rows [B, longest - 1], and whether it is learnt.

    Those of segment 1, a response's, are; a prompt's and what is behind a text's end are not.
    """
    # Not by a batch, which was made for the model at every step and would be made again.
    places = torch.arange(1, longest, device=rows.device)[None, :]
    lengths = tokens.lengths[rows][:, None]
    at = tokens.starts[rows][:, None] + places.minimum(lengths - 1)
    return tokens.tokens[at], (tokens.segments[at] == 1) & (places < lengths)


def learnt_places(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Whether the token behind each place of a batch is one of a response [B, longest - 1]."""
    return (batch["token_type_ids"] * batch["attention_mask"])[:, 1:].bool()


def response_loss(tokens: DeviceTokens) -> Objective:
    """Mean cross-entropy in nats of the tokens of responses, over all of a batch's.

    A model's logits are [B, longest, V]; those at a place foretell the token behind it.
    """

    def value(logits, inside, rows, progress):
        targets, learnt = next_tokens(tokens, rows, logits.shape[1])
        return functional.cross_entropy(logits[:, :-1][learnt], targets[learnt])

    return Objective(value)


def response_losses(tokens: DeviceTokens, models: int) -> Objective:
    """The loss of ``response_loss`` of each of K models [K] that are trained together.

    Rows are those of each in turn, as many of each.
    """

    def value(logits, inside, rows, progress):
        targets, learnt = next_tokens(tokens, rows, logits.shape[1])
        losses = functional.cross_entropy(logits[:, :-1][learnt], targets[learnt], reduction="none")
        counts = learnt.view(models, -1).sum(dim=1).tolist()
        return torch.stack([own.mean() for own in losses.split(counts)])

    return Objective(value)


def pool_loss(
    tokens: DeviceTokens, teachers: Sequence[Along], pool: str, size: int, precision: str
) -> Objective:
    """Mean KL(pool || student) in nats at the tokens of responses, over all of a batch's, at T = 1.

    The pool is that of K teachers' next-token distributions over the first ``size`` tokens of the
    vocabulary, along the same responses, each behind its prompt as the teacher reads it.
    """

    def value(logits, inside, rows, progress):
        _, learnt = next_tokens(tokens, rows, logits.shape[1])
        log_p = torch.stack(
            [
                next_log_probabilities(
                    one.model,
                    one.tokens.batch(rows, int(one.tokens.lengths[rows].max())),
                    size,
                    precision,
                )
                for one in teachers
            ]
        )
        own = logits[:, :-1][learnt][:, :size].log_softmax(dim=-1)
        pooled = POOLS[pool](log_p)
        return functional.kl_div(own, pooled, reduction="batchmean", log_target=True)

    return Objective(value)


@torch.no_grad()
def next_log_probabilities(
    model: PreTrainedModel, batch: dict[str, torch.Tensor], size: int, precision: str
) -> torch.Tensor:
    """A teacher's log-probabilities [M, size] of the M tokens of a batch's responses, in order."""
    with autocast(batch["input_ids"].device, precision):
        logits, _ = logits_and_inside(model, batch, ())
    return logits[:, :-1][learnt_places(batch)][:, :size].float().log_softmax(dim=-1)


def linear_pool(log_p: torch.Tensor) -> torch.Tensor:
    """Logarithm [M, V] of the mean of K distributions, of which it takes logarithms [K, M, V]."""
    return log_p.logsumexp(dim=0) - math.log(len(log_p))


def log_linear_pool(log_p: torch.Tensor) -> torch.Tensor:
    """Logarithm [M, V] of the normalised geometric mean of K distributions, as ``linear_pool``."""
    return log_p.mean(dim=0).log_softmax(dim=-1)


# As in mtkd.fusion.operators, with equal weights and for distributions without zeros.
POOLS = {"linear-pool": linear_pool, "log-linear-pool": log_linear_pool}
