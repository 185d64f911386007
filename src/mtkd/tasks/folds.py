"""Folds of train's labelled rows: labels spread over them, whole groups together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from mtkd.errors import InputError
from mtkd.records.files import digest_bytes
from mtkd.tasks.corpus import NO_LABEL, Split, read_groups
from mtkd.tasks.splits import text_keys

# Folds are the same for every teacher and every seed: their seed is not an axis.
FOLD_SEED = 0
# By which factor the rows of a fold may miss an equal share.
TOO_FAR = 3.0


def split_folds(
    labels: np.ndarray, groups: Sequence, number: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The rows outside and inside each fold: labels [N] spread over them, groups [N] whole."""
    codes = pd.factorize(pd.Series(groups, dtype=object))[0]
    # The one that knows groups takes minutes for some hundred thousand of them.
    alone = len(np.unique(codes)) == len(codes)
    kind = StratifiedKFold if alone else StratifiedGroupKFold
    splitter = kind(number, shuffle=True, random_state=FOLD_SEED)
    yield from splitter.split(labels, labels, None if alone else codes)


def fold_groups(folder: Path, train: Split) -> np.ndarray:
    """What rows of train [N] are of one group: numbers, equal where rows must share a fold.

    Rows of a group of the task's, and rows of equal texts, which carving keeps together, too: who
    learnt the one has seen the other. Raises InputError.
    """
    texts = {"text_a": train.text_a} | ({"text_b": train.text_b} if train.text_b else {})
    groups, keys = (
        pd.factorize(pd.Series(values, dtype=object))[0]
        for values in (read_groups(folder), text_keys(pd.DataFrame(texts)))
    )
    # A graph of groups and texts, with an edge a row.
    size = groups.max() + keys.max() + 2
    edges = coo_array((np.ones(len(keys)), (groups, groups.max() + 1 + keys)), (size, size))
    return connected_components(edges, directed=False)[1][groups]


def assign_folds(
    labels: np.ndarray, groups: np.ndarray, number: int, names: Sequence[str]
) -> np.ndarray:
    """The fold of each row [N], from 0; -1 of rows without a label, which no teacher learns.

    ``labels`` [N] are indices into the labels' ``names``, equal ``groups`` [N] stay in one fold.
    Raises InputError where a label has fewer groups than folds, where the rows outside a fold lack
    a label, and where groups are so large that a fold has a third of an equal share, or three.
    """
    folds = np.full(len(labels), -1)
    known = np.flatnonzero(labels != NO_LABEL)
    own, given = groups[known], labels[known]
    for label in np.unique(given):
        here = len(np.unique(own[given == label]))
        if here < number:
            raise InputError(
                f"crossfit: {number} folds need as many rows of each label in train, of different "
                f"groups and texts, and {names[label]!r} has {here}; take fewer folds, or more "
                "labelled rows"
            )
    share = len(known) / number
    for fold, (fitted, held) in enumerate(split_folds(given, own, number)):
        if missing := np.setdiff1d(given, given[fitted]).tolist():
            raise InputError(
                f"crossfit: outside fold {fold + 1} of {number} no row of train has label "
                f"{names[missing[0]]!r}: groups stay whole; take other folds, or smaller groups"
            )
        off = max(len(held) / share, share / max(len(held), 1))
        if off > TOO_FAR and abs(len(held) - share) > len(names):
            raise InputError(
                f"crossfit: fold {fold + 1} of {number} has {len(held)} of the {len(known)} "
                "labelled rows of train: groups stay whole; take other folds, or smaller groups"
            )
        folds[known[held]] = fold
    return folds


def folds_digest(ids: np.ndarray, folds: np.ndarray) -> str:
    """Digest of which fold each row [N] is in, whatever the rows' order."""
    order = np.argsort(ids, kind="stable")
    return digest_bytes([*(str(ids[row]).encode() for row in order), folds[order].tobytes()])
