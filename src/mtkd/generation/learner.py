"""A causal model with its tokenizer, from wherever it comes, and its training on pairs of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from mtkd.config.generation import CausalModel
from mtkd.config.schema import Training
from mtkd.distillation.checkpoints import Checkpoint
from mtkd.distillation.training import Outcome, train
from mtkd.errors import InputError
from mtkd.generation.models import build_causal, load_causal, positions_of
from mtkd.generation.objective import response_loss
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
from mtkd.models.sources import settled_folder
from mtkd.models.tokenizers import load_tokenizer
from mtkd.tasks.batches import DeviceTokens


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
) -> Outcome:
    """Train a causal model in place on responses to prompts, by the project's loop.

    Prompts are as the model is to see them, mode token included. Raises InputError for a pair that
    the model has no positions for.
    """
    encoded = encode_pairs(tokenizer, prompts, responses, positions_of(model))
    tokens = DeviceTokens(encoded, tokenizer.pad_token_id, device)
    return train(
        model,
        tokens,
        response_loss(tokens),
        training,
        seed,
        after_epoch=after_epoch,
        checkpoint=checkpoint,
    )
