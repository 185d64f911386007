"""A teacher that asks the nearest labelled texts of train, by TF-IDF or by mean word vectors.

What a row of train is said to be comes from other rows: never from itself, nor from one of its
group or with its text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors

from mtkd.errors import InputError
from mtkd.tasks.answers import Given
from mtkd.tasks.corpus import Split

# As many rows the labels' shares in train count for: no probability is 0, and a text that is near
# none has these shares.
PRIOR_ROWS = 1.0
# Rows whose neighbours are looked for at a time.
AT_A_TIME = 2000
NOTHING_IN_COMMON = 1 - 1e-9


def neighbour_logits(
    k: int,
    labels: int,
    splits: Mapping[str, Split],
    features: Mapping[str, Any],
    groups: np.ndarray,
) -> Given:
    """Log-probabilities of every split: shares of the ``labels`` among each text's neighbours.

    They are the ``k`` most similar labelled rows of train, by the cosine of ``features`` [N, F], of
    those that a text has something in common with; ``groups`` [N] of train are never each other's.
    ``alone`` in the account is how many texts of a split have none.
    """
    train = splits["train"]
    known = np.flatnonzero(train.labels >= 0)
    gold, theirs = np.eye(labels)[train.labels[known]], groups[known]
    index = NearestNeighbors(metric="cosine", algorithm="brute").fit(features["train"][known])
    # So many more are asked for that k are left without those of a row's own group.
    largest = int(np.unique(theirs, return_counts=True)[1].max())
    logits, alone = {}, {}
    for name, of_split in features.items():
        own = groups if name == "train" else np.full(of_split.shape[0], -1)
        wanted = min(k + (largest if name == "train" else 0), len(known))
        parts, without = [], 0
        for start in range(0, of_split.shape[0], AT_A_TIME):
            some = slice(start, start + AT_A_TIME)
            distances, rows = index.kneighbors(of_split[some], n_neighbors=wanted)
            # A distance of 1 is that of texts without anything in common.
            usable = (theirs[rows] != own[some, None]) & (distances < NOTHING_IN_COMMON)
            usable &= usable.cumsum(axis=1) <= k
            without += int((~usable.any(axis=1)).sum())
            parts.append(_shares(np.einsum("nm,nmc->nc", usable, gold[rows]), gold))
        logits[name] = np.log(np.concatenate(parts))
        if without:
            alone[name] = without
    answered = {name: np.ones(len(split.ids), bool) for name, split in splits.items()}
    rows_of = {name: len(split.ids) for name, split in splits.items()}
    account = {"rows": rows_of, "missing": {}, "asked": len(known), "alone": alone}
    return Given(logits, answered, account)


def alone_lines(account: Mapping[str, Any]) -> list[str]:
    """A line for each split of how many of its texts have no neighbour."""
    return [
        f"{number:,} of {account['rows'][name]:,} rows of {name} share nothing with another "
        "labelled text, and are said to be what train is on the whole"
        for name, number in account["alone"].items()
    ]


def word_features(splits: Mapping[str, Split]) -> dict[str, sparse.csr_matrix]:
    """TF-IDF of words and word pairs [N, F], learnt from all texts of train and no label.

    A pair's two texts stand side by side. Raises InputError where train has no word.
    """
    train = splits["train"]
    counter = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    try:
        counter.fit(train.text_a + (train.text_b or []))
    except ValueError:
        raise InputError(
            "no text of train has a word, that is two letters or digits side by side; give "
            "'neighbours' word 'vectors', or take another teacher"
        ) from None
    return {
        name: sparse.hstack(
            [counter.transform(texts) for texts in (split.text_a, split.text_b) if texts]
        ).tocsr()
        for name, split in splits.items()
    }


def _shares(votes: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Shares [N, C] of votes [N, C] and of ``PRIOR_ROWS`` more, which vote as train [M, C] does."""
    # A label without a row in train counts as with one.
    prior = np.maximum(gold.sum(axis=0), 1)
    votes = votes + PRIOR_ROWS * prior / prior.sum()
    return votes / votes.sum(axis=1, keepdims=True)
