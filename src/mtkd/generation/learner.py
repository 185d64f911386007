"""A causal model with its tokenizer, from wherever it comes, and its training on pairs of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from mtkd.config.generation import CausalModel
from mtkd.config.schema import Training
from mtkd.distillation.checkpoints import Checkpoint
from mtkd.distillation.device import autocast
from mtkd.distillation.objective import Objective
from mtkd.distillation.training import Outcome, train, train_together
from mtkd.errors import InputError
from mtkd.generation.models import build_causal, load_causal, positions_of
from mtkd.generation.objective import next_tokens, response_loss, response_losses
from mtkd.generation.styles import ALPHABET
from mtkd.generation.tokens import (
    ANY,
    MODES,
    UNSEEN,
    character_tokenizer,
    check_mode_tokens,
    encode_pairs,
)
from mtkd.models.build import share_padding
from mtkd.models.inside import logits_and_inside
from mtkd.models.packed import copy_out, pack
from mtkd.models.sources import settled_folder
from mtkd.models.tokenizers import load_tokenizer
from mtkd.tasks.batches import DeviceTokens, evaluation_batches

# Rows whose likelihood is computed at a time.
ROWS = 256


class CausalSource(NamedTuple):
    """Where a causal model comes from, settled: a folder with weights, or an architecture."""

    model: CausalModel
    folder: Path | None

    @property
    def name(self) -> str:
        """What the suite calls it."""
        return self.model.hub or self.model.folder or self.model.architecture


def settle_causal(model: CausalModel, fetched: Path | None) -> CausalSource:
    """Find a model's folder; ``fetched`` is the record of a hub download. Raises InputError."""
    return CausalSource(model, settled_folder(model.hub, model.folder, fetched))


def load_tokens(source: CausalSource) -> PreTrainedTokenizerBase:
    """The tokenizer of a source: that in its folder with the mode tokens added, or of characters.

    Raises InputError.
    """
    if source.folder is None:
        return character_tokenizer(ALPHABET)
    tokenizer = load_tokenizer(source.folder, 10**9)
    if tokenizer.eos_token is None:
        raise InputError(
            f"the tokenizer of {source.name} has no end token; name one as 'eos_token' in its "
            "tokenizer_config.json"
        )
    lacking = [token for token in (ANY, UNSEEN, *MODES) if token not in tokenizer.get_vocab()]
    tokenizer.add_special_tokens({"additional_special_tokens": lacking}, False)
    check_mode_tokens(tokenizer, (ANY, UNSEEN, *MODES))
    return tokenizer


def make_causal(
    source: CausalSource, tokenizer: PreTrainedTokenizerBase, seed: int
) -> PreTrainedModel:
    """The model before training; one from scratch depends on ``seed``. Raises InputError."""
    if source.folder is None:
        return build_causal(source.model.architecture, source.model.config, tokenizer, seed)
    model = load_causal(source.folder)
    share_padding(model, tokenizer, source.name)
    if len(tokenizer) > len(model.get_input_embeddings().weight):
        # Mode tokens begin as the mean of all tokens, the same in every process.
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        with torch.no_grad():
            for table in {model.get_input_embeddings(), model.get_output_embeddings()}:
                known = len(tokenizer) - len((ANY, UNSEEN, *MODES))
                table.weight[known:] = table.weight[:known].mean(dim=0)
    return model


def train_on_pairs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    responses: Sequence[str],
    training: Training,
    seed: int,
    device: torch.device,
    checkpoint: Checkpoint | None = None,
    after_epoch: Callable[[int], dict] | None = None,
    objective: Callable[[DeviceTokens], Objective] = response_loss,
) -> Outcome:
    """Train a causal model in place on responses to prompts, by the project's loop.

    Prompts are as the model is to see them, mode token included; the ``objective`` is made of the
    pairs' tokens. Raises InputError for a pair that the model has no positions for.
    """
    encoded = encode_pairs(tokenizer, prompts, responses, positions_of(model))
    tokens = DeviceTokens(encoded, tokenizer.pad_token_id, device)
    return train(
        model,
        tokens,
        objective(tokens),
        training,
        seed,
        after_epoch=after_epoch,
        checkpoint=checkpoint,
    )


def train_on_pairs_together(
    models: Sequence[PreTrainedModel],
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[tuple[Sequence[str], Sequence[str]]],
    training: Training,
    seed: int,
    device: torch.device,
    checkpoint: Checkpoint,
    after_epoch: Callable[[int, int], dict] | None,
) -> list[Outcome]:
    """As ``train_on_pairs``, K models of one kind, each on as many prompts with their responses.

    What ``after_epoch`` is given beside the epoch is the place of a model, whose weights are then
    those of the epoch. Raises InputError, also for models that cannot be packed.
    """
    packed = pack(models)
    encoded = encode_pairs(
        tokenizer,
        [prompt for prompts, _ in texts for prompt in prompts],
        [response for _, responses in texts for response in responses],
        positions_of(models[0]),
    )
    tokens = DeviceTokens(encoded, tokenizer.pad_token_id, device)
    rows = np.arange(len(encoded.lengths)).reshape(len(models), -1)

    def evaluated(epoch: int, place: int) -> dict:
        copy_out(packed, place, models[place])
        return after_epoch(epoch, place) if after_epoch else {}

    return train_together(
        packed,
        tokens,
        response_losses(tokens, len(models)),
        training,
        seed,
        rows,
        evaluated,
        checkpoint,
    )


@torch.no_grad()
def log_likelihoods(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    responses: Sequence[str],
    precision: str,
) -> tuple[np.ndarray, np.ndarray]:
    """The log-likelihood in nats of each of N responses behind its prompt [N], and its tokens [N].

    The end token is one of them. Raises InputError as ``train_on_pairs`` does.
    """
    model.eval()
    device = next(model.parameters()).device
    encoded = encode_pairs(tokenizer, prompts, responses, positions_of(model))
    tokens = DeviceTokens(encoded, tokenizer.pad_token_id, device)
    sums, counts = np.zeros(len(prompts)), np.zeros(len(prompts), int)
    for rows in evaluation_batches(tokens.cpu_lengths, ROWS):
        chosen = torch.from_numpy(rows).to(device)
        longest = int(tokens.cpu_lengths[rows].max())
        with autocast(device, precision):
            logits, _ = logits_and_inside(model, tokens.batch(chosen, longest), ())
        targets, learnt = next_tokens(tokens, chosen, longest)
        losses = functional.cross_entropy(logits[:, :-1].float().mT, targets, reduction="none")
        sums[rows] = -(losses * learnt).sum(dim=1).cpu().numpy()
        counts[rows] = learnt.sum(dim=1).cpu().numpy()
    return sums, counts
