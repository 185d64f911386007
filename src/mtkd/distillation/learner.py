"""A teacher or student ready to train: its tokenizer, its model, and its encoded splits, tried."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mtkd.config.schema import Model
from mtkd.distillation.trial import check_case, check_sizes, check_tokens, padding_side
from mtkd.errors import InputError
from mtkd.models import build
from mtkd.models.sources import settled_folder
from mtkd.models.tokenizers import load_tokenizer, train_tokenizer
from mtkd.models.vectors import read_vectors
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import Split, TaskInfo
from mtkd.tasks.encoding import encode_cached


class Source(NamedTuple):
    """Where a model comes from, settled: a folder with weights, or an architecture with vectors."""

    model: Model
    folder: Path | None
    vectors: tuple[list[str], np.ndarray] | None

    @property
    def name(self) -> str:
        """What the suite calls it."""
        return self.model.hub or self.model.folder or self.model.architecture


class Learner(NamedTuple):
    """A model on its device, not trained yet; ``warnings`` are for its run's record."""

    tokenizer: object
    model: torch.nn.Module
    tokens: dict[str, DeviceTokens]
    warnings: list[str]


def settle_source(model: Model, fetched: Path | None) -> Source:
    """Find a model's folder or word vectors; ``fetched`` is the record of a hub download.

    Raises InputError when a file is missing.
    """
    if folder := settled_folder(model.hub, model.folder, fetched):
        return Source(model, folder, None)
    paths = [Path(path) for path in model.vector_files]
    return Source(model, None, read_vectors(paths) if paths else None)


def make_tokenizer(source: Source, train: Split, max_length: int):
    """The tokenizer in the source's folder, or one trained on the train texts."""
    if source.folder:
        return load_tokenizer(source.folder, max_length)
    texts = train.text_a + (train.text_b or [])
    tokenizer = source.model.tokenizer
    words = source.vectors[0] if source.vectors and tokenizer.kind == "word" else None
    return train_tokenizer(tokenizer.kind, texts, tokenizer.vocab_size, max_length, words)


def make_model(
    source: Source, tokenizer, labels: list[str], seed: int, trained: bool = False
) -> torch.nn.Module:
    """The model before training; what is not pretrained is initialised from ``seed``.

    ``trained``: it is to be a ready-made classifier, used as it is; others are refused.
    """
    if source.folder:
        model = build.load_pretrained(source.folder, labels, seed, trained, source.model.layers)
        build.share_padding(model, tokenizer, source.name)
        return model
    if trained:
        raise InputError(
            f"architecture {source.name} is built without trained weights: 'epochs: 0' takes a "
            "ready-made classifier, anything else has to be trained"
        )
    return build.build_model(
        source.model.architecture, source.model.config, labels, tokenizer, seed, source.vectors
    )


def load_learner(
    source: Source,
    trained: bool,
    max_length: int,
    info: TaskInfo,
    labels: list[str],
    splits: dict[str, Split],
    seed: int,
    cache: Path,
    device: torch.device,
) -> Learner:
    """Load a model and encode the splits, and try whether the one can be trained on the other.

    The one way to a model, wherever it comes from. ``labels`` names its outputs; ``trained`` as in
    ``make_model``. Raises InputError for what cannot be trained as it is, see ``trial``.
    """
    tokenizer = make_tokenizer(source, splits["train"], max_length)
    model = make_model(source, tokenizer, labels, seed, trained)
    check_sizes(model, tokenizer, max_length, source.name)
    try:
        encoded = {
            name: encode_cached(tokenizer, split, max_length, cache, f"{info.digest}/{name}")
            for name, split in splits.items()
        }
    except InputError:
        raise
    # The library's bare one: a word is unknown, and the vocabulary has no token that says so.
    except Exception as error:
        cause = " ".join(str(error).split())
        raise InputError(f"the tokenizer of {source.name} cannot encode a text: {cause}") from error
    if source.folder:
        check_case(tokenizer, splits["train"], max_length, source.name)
    warnings = check_tokens(
        tokenizer,
        len(model.get_input_embeddings().weight),
        encoded["train"],
        splits["train"],
        max_length,
        source.name,
        "use a model that was made for texts of this language and script"
        if source.folder
        else "use one of kind wordpiece or bpe, which know parts of words, or a larger vocab_size",
    )
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    pad = build.padding_id(model)
    tokens = {name: DeviceTokens(arrays, pad, device) for name, arrays in encoded.items()}
    model = model.to(device)
    side = padding_side(model, [*tokens.values()], max_length, source.name)
    for one in (tokenizer, *tokens.values()):
        one.padding_side = side
    return Learner(tokenizer, model, tokens, warnings)
