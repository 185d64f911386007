"""Tables of word vectors: read, put side by side, reduced, averaged over texts; without torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from mtkd.errors import InputError
from mtkd.models.words import words_of
from mtkd.records.pointers import refuse_pointer


def read_vectors(paths: Iterable[Path]) -> tuple[list[str], np.ndarray]:
    """Words and their vectors [V, D] float32, of several tables side by side.

    A table is the tensor ``vectors`` of a safetensors file, with ``vocabulary.txt`` beside it. The
    words are those of all tables, each once, the first table's first; where a table lacks a word,
    its columns are zero. Raises InputError.
    """
    tables = [_read_table(path) for path in paths]
    words = list(dict.fromkeys(word for own, _ in tables for word in own))
    place = {word: row for row, word in enumerate(words)}
    width = sum(table.shape[1] for _, table in tables)
    joined, column = np.zeros((len(words), width), np.float32), 0
    for own, table in tables:
        after = column + table.shape[1]
        joined[[place[word] for word in own], column:after] = table
        column = after
    return words, joined


def principal_components(table: np.ndarray, size: int) -> np.ndarray:
    """The rows of ``table`` [V, D], centred, on their first ``size`` principal axes: [V, size].

    Of the two directions of an axis the one is taken in which its largest entry is positive, so the
    same rows give the same numbers wherever the linear algebra does.
    """
    centred = table.astype(np.float64) - table.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :size]  # eigenvalues come in ascending order
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(size)]
    return (centred @ (axes * np.sign(largest))).astype(np.float32)


def mean_vectors(
    texts: Iterable[str], words: Sequence[str], table: np.ndarray
) -> tuple[np.ndarray, int]:
    """The mean vector of each text's known words [N, D], and how many texts have none.

    The latter have zeros. Words are counted as often as they occur.
    """
    row = {word: index for index, word in enumerate(words)}
    known = [[row[word] for word in text if word in row] for text in words_of(texts)]
    zero = np.zeros(table.shape[1], np.float32)
    means = [table[rows].mean(axis=0) if rows else zero for rows in known]
    return np.array(means, np.float32).reshape(-1, table.shape[1]), sum(not rows for rows in known)


def _read_table(path: Path) -> tuple[list[str], np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    words_path = path.with_name("vocabulary.txt")
    refuse_pointer(path)
    refuse_pointer(words_path)
    try:
        vectors = load_file(path)["vectors"].astype(np.float32)
        words = words_path.read_text(encoding="utf-8").splitlines()
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read as word vectors ({error})") from None
    if vectors.ndim != 2 or len(words) != len(vectors):
        raise InputError(f"{path}: vectors of shape {vectors.shape} for {len(words)} words")
    return words, vectors
