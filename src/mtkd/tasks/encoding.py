"""Tokenised splits as flat arrays, made once per task and tokenizer and memory-mapped after."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mtkd.records.files import digest_bytes
from mtkd.tasks.corpus import Split


class Encoded(NamedTuple):
    """N token sequences end to end: tokens [total], segments [total] (0 or 1), offsets [N + 1]."""

    tokens: np.ndarray
    segments: np.ndarray
    offsets: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)


# Raised when the arrays of a split change their meaning, so that no old ones are found.
FORMAT = "1"


def encode(tokenizer, split: Split, max_length: int) -> Encoded:
    """Tokenise a split, truncated to ``max_length`` tokens, without padding."""
    backend = _backend(tokenizer, max_length)
    texts = split.text_a if split.text_b is None else list(zip(split.text_a, split.text_b))  # noqa: B905
    encodings = backend.encode_batch_fast(texts)
    lengths = [len(encoding.ids) for encoding in encodings]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    tokens = np.fromiter((t for e in encodings for t in e.ids), np.int32, offsets[-1])
    segments = np.fromiter((t for e in encodings for t in e.type_ids), np.uint8, offsets[-1])
    return Encoded(tokens, segments, offsets)


def encode_cached(tokenizer, split: Split, max_length: int, cache: Path, digest: str) -> Encoded:
    """Like ``encode``, but kept under ``cache`` and memory-mapped from there.

    ``digest`` names the split's content; with the tokenizer's own content, truncation included, it
    names the arrays, so no change can find stale ones. Two writers at once do no harm.
    """
    # The backend's state is settled before it is read: it is part of the key, and is saved with a
    # teacher, where it must not depend on whether the cache was warm.
    backend = _backend(tokenizer, max_length)
    key = digest_bytes(part.encode() for part in (FORMAT, digest, backend.to_str()))
    folder = cache / key
    if not folder.is_dir():
        temporary = cache / f".{key}.{os.getpid()}.{secrets.token_hex(4)}"
        temporary.mkdir(parents=True)
        for name, array in encode(tokenizer, split, max_length)._asdict().items():
            np.save(temporary / f"{name}.npy", array)
        try:
            os.rename(temporary, folder)
        except OSError:  # another process was first
            shutil.rmtree(temporary)
    return Encoded(
        *(
            np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in Encoded._fields
        )
    )


def _backend(tokenizer, max_length: int):
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.enable_truncation(max_length)
    return backend
