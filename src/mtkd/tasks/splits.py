"""Splits that can carry a study: selection carved from train, and texts that two splits share."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from mtkd.errors import InputError

# The carve of selection is part of the task, the same in every study: its seed is not an axis.
CARVE_SEED = 0
# By which factor the carved share may miss the one wanted: said beyond the first, refused beyond
# the second.
FAR, TOO_FAR = 1.5, 3.0


def carve(
    labels: np.ndarray, groups: Sequence, fraction: float, seed: int | tuple[int, ...] = CARVE_SEED
) -> np.ndarray:
    """Which of N rows are carved out [N]: stratified by label, whole groups together.

    ``labels`` [N] are indices, ``groups`` [N] any values; equal ones are a group. Groups are drawn
    in random order within the label of their first row, until the label has its fraction; where
    that was not enough, then from all that leave no label more than its fraction. The last group of
    a label is never drawn, and one larger than all the rows wanted only where too few rows would be
    drawn without it.
    """
    codes, names = pd.factorize(pd.Series(groups, dtype=object))
    sizes = np.bincount(codes)
    order = np.random.default_rng(seed).permutation(len(names))
    label = labels[np.unique(codes, return_index=True)[1]]
    # The labels of each group with their rows, and in how many groups of train each label still is.
    pairs, counts = np.unique(np.stack([codes, labels]), axis=1, return_counts=True)
    ends = np.flatnonzero(np.diff(pairs[0])) + 1
    labels_of, rows_of = np.split(pairs[1], ends), np.split(counts, ends)
    left = np.bincount(pairs[1])
    taken = np.zeros(len(names), dtype=bool)
    room = fraction * np.bincount(labels)

    def may_take(group: int) -> bool:
        return not taken[group] and bool((left[labels_of[group]] > 1).all())

    def take(candidates: Iterable[int], wanted: float, most: float) -> int:
        """Take groups until there are ``wanted`` rows, never more than ``most``; returns rows."""
        rows = 0
        for group in candidates:
            if rows >= wanted:
                break
            if rows + sizes[group] <= most and may_take(group):
                taken[group] = True
                left[labels_of[group]] -= 1
                room[labels_of[group]] -= rows_of[group]
                rows += sizes[group]
        return rows

    wanted = fraction * len(labels)
    for value in np.unique(label):
        members = order[label[order] == value]
        # At least one group of a label that has two: a tiny task still gets every label.
        share = max(fraction * sizes[members].sum(), 1 if len(members) > 1 else 0)
        if not take(members, share, max(FAR * share, share + 1)) and len(members) > 1:
            # All are larger than that: the smallest, if it is not larger than all rows wanted.
            take(members[np.argsort(sizes[members], kind="stable")], share, max(wanted, 1))
    rest = wanted - sizes[taken].sum()
    if rest > 0:
        # Asked when its turn has come: what was taken before has left less room.
        fitting = (group for group in order if (room[labels_of[group]] >= rows_of[group]).all())
        take(fitting, rest, rest)
    rows = sizes[taken].sum()
    if rows * TOO_FAR < wanted:
        free = [group for group in order if may_take(group)]
        off = [_factor(rows + sizes[group], wanted) for group in free]
        if free and min(off) < _factor(rows, wanted):
            taken[free[np.argmin(off)]] = True
    return taken[codes]


def check_share(selected: int, rows: int, fraction: float, labels: int) -> str | None:
    """What is to be said of a carved share that is far from the fraction wanted, or None.

    Raises InputError where it is too far off, unless one row for each label explains it.
    """
    factor = _factor(selected, fraction * rows)
    if factor <= FAR:
        return None
    said = (
        f"selection has {selected} of {rows} rows, a share of {selected / rows:.3g} where "
        f"{fraction:g} was wanted: groups (equal texts are one) are carved whole, and train "
        "keeps every label"
    )
    if factor > TOO_FAR and (not selected or abs(selected - fraction * rows) > labels):
        raise InputError(
            f"{said}; group by a column with smaller groups, change the fraction, or give a "
            "selection split"
        )
    return said


def check_drawn(drawn: int, wanted: int, key: str) -> None:
    """Refuse a draw that is far from the rows wanted. Raises InputError; ``key`` is the suite's."""
    if _factor(drawn, wanted) > FAR:
        raise InputError(
            f"{key}: {drawn} rows were drawn where {wanted} were wanted: groups (equal texts are "
            "one) are drawn whole, and of each label one at least; take more, or smaller groups"
        )


def text_keys(frame: pd.DataFrame) -> list:
    """What two examples with the same text, or pair, have in common: its words, without case."""
    texts = [frame[name].map(_normalised) for name in ("text_a", "text_b") if name in frame]
    return texts[0].tolist() if len(texts) == 1 else list(zip(*texts, strict=True))


def first_with(keys: Iterable, others: Iterable, ids: Iterable[str]) -> list[str | None]:
    """For each key the id of the first of ``others`` that equals it, or None."""
    first: dict = {}
    for other, name in zip(others, ids, strict=True):
        first.setdefault(other, name)
    return [first.get(key) for key in keys]


def _factor(rows: float, wanted: float) -> float:
    """By which factor a number of rows misses the one wanted, to either side."""
    return max(rows / wanted, wanted / rows) if rows else math.inf


def _normalised(text: str) -> str:
    """A text's words in NFKC, without case and punctuation; one without words as it stands."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(text.translate(_SPACED).split()) or " ".join(text.split())


class _Spaced(dict):
    """Of each character asked for, by its code: a space for punctuation, spaces and what is
    invisible, else itself. To look at all of Unicode takes longer than to prepare a small task."""

    def __missing__(self, code: int) -> str:
        kind = unicodedata.category(chr(code))
        self[code] = " " if kind.startswith(("P", "Z", "Cc", "Cf")) else chr(code)
        return self[code]


_SPACED = _Spaced()
