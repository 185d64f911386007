"""What a student of text minimises: the tokens of its teachers' responses."""

from __future__ import annotations

import torch
from torch.nn import functional

from mtkd.distillation.objective import Objective
from mtkd.tasks.batches import DeviceTokens


def next_tokens(
    tokens: DeviceTokens, rows: torch.Tensor, longest: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The token behind each place of some rows [B, longest - 1], and whether it is learnt.

    Those of segment 1, a response's, are; a prompt's and padding are not.
    """
    batch = tokens.batch(rows, longest)
    learnt = (batch["token_type_ids"] * batch["attention_mask"])[:, 1:].bool()
    return batch["input_ids"][:, 1:], learnt


def response_loss(tokens: DeviceTokens) -> Objective:
    """Mean cross-entropy in nats of the tokens of responses, over all of a batch's.

    A model's logits are [B, longest, V]; those at a place foretell the token behind it.
    """

    def value(logits, inside, rows, progress):
        targets, learnt = next_tokens(tokens, rows, logits.shape[1])
        return functional.cross_entropy(logits[:, :-1][learnt], targets[learnt])

    return Objective(value)
