"""A teacher or student ready to train: its tokenizer, its model, and its encoded splits."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mtkd.config.schema import Model
from mtkd.errors import InputError
from mtkd.models import build
from mtkd.models.tokenizers import load_tokenizer, train_tokenizer
from mtkd.records.files import read_json
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import Split, TaskInfo
from mtkd.tasks.encoding import encode_cached


class Source(NamedTuple):
    """Where a model comes from, settled: a folder with weights, or an architecture with vectors."""

    model: Model
    folder: Path | None
    vectors: tuple[list[str], np.ndarray] | None


def settle_source(model: Model, fetched: Path | None) -> Source:
    """Find a model's folder or word vectors; ``fetched`` is the record of a hub download.

    Raises InputError when a file is missing.
    """
    if model.hub:
        if fetched is None:
            raise InputError(f"model {model.hub}: not fetched; run rule fetch_model first")
        folder = Path(read_json(fetched)["folder"])
        if not folder.is_dir():
            raise InputError(
                f"model {model.hub}: {folder} is gone from the hub cache, or hidden from this "
                f"machine; delete {fetched} and run again, HF_HUB_CACHE being where jobs can read"
            )
        return Source(model, folder, None)
    if model.folder:
        return Source(model, Path(model.folder), None)
    return Source(model, None, read_vectors(Path(model.vectors)) if model.vectors else None)


def read_vectors(path: Path) -> tuple[list[str], np.ndarray]:
    """Word vectors: tensor ``vectors`` [V, D] of a safetensors file, and ``vocabulary.txt``."""
    from safetensors.numpy import load_file

    try:
        vectors = load_file(path)["vectors"].astype(np.float32)
        words = path.with_name("vocabulary.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, KeyError) as error:
        raise InputError(f"{path}: cannot be read as word vectors ({error})") from None
    if len(words) != len(vectors):
        raise InputError(f"{path}: {len(vectors)} vectors for {len(words)} words")
    return words, vectors


def make_tokenizer(source: Source, train: Split, max_length: int):
    """The tokenizer in the source's folder, or one trained on the train texts."""
    if source.folder:
        return load_tokenizer(source.folder, max_length)
    texts = train.text_a + (train.text_b or [])
    tokenizer = source.model.tokenizer
    words = source.vectors[0] if source.vectors and tokenizer.kind == "word" else None
    return train_tokenizer(tokenizer.kind, texts, tokenizer.vocab_size, max_length, words)


def make_model(source: Source, tokenizer, labels: list[str], seed: int) -> torch.nn.Module:
    """The model before training; what is not pretrained is initialised from ``seed``."""
    if source.folder:
        return build.load_pretrained(source.folder, labels, seed)
    return build.build_model(
        source.model.architecture, source.model.config, labels, tokenizer, seed, source.vectors
    )


def load_tokens(
    tokenizer, splits: dict[str, Split], info: TaskInfo, max_length: int, cache: Path, device
) -> dict[str, DeviceTokens]:
    """Encoded splits, resident on the device."""
    return {
        name: DeviceTokens(
            encode_cached(tokenizer, split, max_length, cache, f"{info.digest}/{name}"),
            tokenizer.pad_token_id,
            device,
        )
        for name, split in splits.items()
    }
