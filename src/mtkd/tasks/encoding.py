"""Tokenised splits as flat arrays, made once per task and tokenizer and memory-mapped after."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mtkd.records.files import digest_bytes, discard_folder, is_whole, keep_folder
from mtkd.tasks.corpus import Split


class Encoded(NamedTuple):
    """N token sequences end to end: tokens [total], segments [total] (0 or 1), offsets [N + 1]."""

    tokens: np.ndarray
    segments: np.ndarray
    offsets: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)


# Raised when a split's files or their meaning change, so that no old ones are found.
FORMAT = "2"


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
    """Like ``encode``, but kept under ``cache`` and memory-mapped from there the next time.

    ``digest`` names the split's content; with the tokenizer's own content, truncation included, it
    names the arrays, so no change can find stale ones. Two writers at once do no harm. Arrays that
    are not what was written are reported, removed and made again. Raises InputError for a full
    disk.
    """
    # The backend's state is settled before it is read: it is part of the key, and is saved with a
    # teacher, where it must not depend on whether the cache was warm.
    backend = _backend(tokenizer, max_length)
    key = digest_bytes(part.encode() for part in (FORMAT, digest, backend.to_str()))
    folder = cache / key
    names = [f"{name}.npy" for name in Encoded._fields]
    if folder.is_dir():
        if is_whole(folder, names):
            return Encoded(*(np.load(folder / n, mmap_mode="r", allow_pickle=False) for n in names))
        print(f"{folder}: damaged, removed; the split is encoded again", file=sys.stderr)
        discard_folder(folder)
    encoded = encode(tokenizer, split, max_length)

    def save(temporary: Path) -> None:
        for name, array in zip(names, encoded, strict=True):
            # A disk that is full is known by an errno, which numpy's own writing does not say.
            buffer = io.BytesIO()
            np.save(buffer, array)
            (temporary / name).write_bytes(buffer.getbuffer())

    keep_folder(folder, save)
    return encoded


def _backend(tokenizer, max_length: int):
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.enable_truncation(max_length)
    return backend
