"""New texts from the texts of a task, without labels: to be labelled by teachers.

The three changes of Tang et al. 2019 ("Distilling task-specific knowledge from BERT into simple
neural networks", section 3.2): words are masked, words are replaced, and n-grams are taken for the
whole text. There a word is replaced by one of the same part of speech; here, where nothing tags
words, by any word of the same texts, drawn as often as it occurs. What comes of it need not make
sense, and has no label but the one that a teacher gives it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from mtkd.errors import InputError

# A token of its own to all tokenizers that are trained here and to BERT's; to others, such as
# RoBERTa's, letters that say as little.
MASK = "[MASK]"
LONGEST_NGRAM = 5


class Augmentation(NamedTuple):
    """How many new texts are made of each text, and how probable each change is.

    A word is masked with probability ``mask``, else replaced with probability ``replace``; of the
    words of a whole example, that is of one of a pair's two texts, an n-gram of 1 to 5 words is
    taken with probability ``ngram``.
    """

    copies: int
    mask: float = 0.1
    replace: float = 0.1
    ngram: float = 0.25


class Augmented(NamedTuple):
    """N new examples, without labels: ids, one text or a pair each, and the ids they come from."""

    ids: list[str]
    text_a: list[str]
    text_b: list[str] | None
    origins: list[str]


def augment(
    ids: Sequence[str],
    text_a: Sequence[str],
    text_b: Sequence[str] | None,
    how: Augmentation,
    seed: int,
) -> Augmented:
    """New examples of each of N, the copies of one example after each other.

    Words are what white space parts. A copy that is its original's words, or an earlier copy's, is
    left out, as it would teach nothing new: so fewer than ``copies`` may come of an example, and of
    one without words, none. The id is ``{id}~{number}``. Each example's copies depend on seed, its
    own id and texts, and the words of all texts, not on the other examples' order.

    Raises InputError for numbers that are no probabilities, for no copies, and for ids that the new
    ones would repeat.
    """
    _check(ids, how)
    pairs = list(zip(text_a, text_b or [""] * len(text_a), strict=True))
    vocabulary = sorted(word for texts in pairs for text in texts for word in text.split())
    new = [
        (f"{key}~{number}", texts, key)
        for key, original in zip(ids, pairs, strict=True)
        for number, texts in _copies(key, original, vocabulary, how, seed)
    ]
    return Augmented(
        [key for key, _, _ in new],
        [texts[0] for _, texts, _ in new],
        None if text_b is None else [texts[1] for _, texts, _ in new],
        [origin for _, _, origin in new],
    )


def _check(ids: Sequence[str], how: Augmentation) -> None:
    for name in ("mask", "replace", "ngram"):
        if not 0 <= (value := getattr(how, name)) <= 1:
            raise InputError(f"augmentation: {name} is {value}, and no probability")
    if how.copies < 1:
        raise InputError(f"augmentation: {how.copies} copies of each text; give 1 or more")
    known = set(ids)
    for key in ids:
        origin, _, number = key.rpartition("~")
        if origin in known and number.isdecimal() and 1 <= int(number) <= how.copies:
            raise InputError(f"augmentation: id {key!r} would be that of a copy of {origin!r} too")


def _copies(
    key: str, original: tuple[str, str], vocabulary: list[str], how: Augmentation, seed: int
) -> Iterator[tuple[int, tuple[str, str]]]:
    """The numbers, from 1, and texts of one example's copies, those left out not counted."""
    digest = hashlib.sha256(f"{seed}/{key}".encode()).digest()
    generator = np.random.default_rng(np.frombuffer(digest, np.uint32))
    words = [text.split() for text in original]
    seen = {tuple(map(tuple, words))}
    for number in range(1, how.copies + 1):
        changed = [[_changed(word, vocabulary, how, generator) for word in own] for own in words]
        if generator.random() < how.ngram:
            place = int(generator.choice([n for n, own in enumerate(words) if own] or [0]))
            changed[place] = _ngram(changed[place], generator)
        if (identity := tuple(map(tuple, changed))) not in seen:
            seen.add(identity)
            yield number, tuple(" ".join(own) for own in changed)


def _changed(
    word: str, vocabulary: list[str], how: Augmentation, generator: np.random.Generator
) -> str:
    drawn = generator.random()
    if drawn < how.mask:
        return MASK
    # Of what is not masked, this share.
    if (drawn - how.mask) < how.replace * (1 - how.mask):
        return vocabulary[generator.integers(len(vocabulary))]
    return word


def _ngram(words: list[str], generator: np.random.Generator) -> list[str]:
    if not words:
        return words
    length = int(generator.integers(1, min(LONGEST_NGRAM, len(words)) + 1))
    start = int(generator.integers(len(words) - length + 1))
    return words[start : start + length]
