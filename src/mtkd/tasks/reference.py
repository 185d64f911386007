"""The references of a task: logistic regressions on the words, or the word vectors, of its texts.

They stand in every table beside students and teachers, and learn from the same labels: from rows of
train that have one. What is tuned is tuned by cross-validation inside these rows; selection is
predicted like report, and chooses nothing here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from mtkd.errors import InputError
from mtkd.tasks.corpus import Split
from mtkd.tasks.folds import split_folds

CANDIDATES_C = (0.3, 1.0, 3.0, 10.0, 30.0)
# Of features whose standard deviation is 1, where as much weight costs less.
CANDIDATES_C_VECTORS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
CANDIDATES_MIN_DF = (1, 2)
# What is taken where there are too few rows to choose.
UNTUNED_C = 1.0
FEATURES = {
    "words": {"ngram_range": (1, 2)},
    "characters": {"analyzer": "char", "ngram_range": (1, 4)},
}
# Words carry a text where most of them occur in other texts too. Unspaced languages, and a handful
# of texts, have few such words.
RECURRING = 0.5
FOLDS = 5
# Of many rows not every fold is needed: so many held-out rows know an accuracy to 0.9 points.
HELD_OUT = 3000


class Reference(NamedTuple):
    """Log-probabilities [N, C] of every split but train, and what was fitted.

    ``chosen``, JSON-ready: ``features`` ("words", "characters", "vectors", or "class shares" where
    there is nothing to fit), ``C``, of words ``min_df``, and ``folds``, on how many of which they
    were chosen: 0 where a label has too few rows for that.
    """

    predictions: dict[str, np.ndarray]
    chosen: dict[str, Any]


# Makes features of a split; learnt from the rows of train that are fitted.
_Transform = Callable[[Any], Any]
# The rows of N that are fitted, and those held out.
_Fold = tuple[np.ndarray, np.ndarray]


class _Counted(NamedTuple):
    """How often each feature occurs in N texts, or in each of N pairs' two, by kind of features."""

    rows: int
    counts: dict[str, tuple[sparse.csr_matrix, ...]]


class _Kind(NamedTuple):
    """Features to be tried: how they are learnt from train, which C, and what is said of them."""

    learn: Callable[[Any], _Transform]
    candidates_C: tuple[float, ...]
    said: dict[str, Any]


def fit_words(splits: Mapping[str, Split], labels: int, groups: Sequence) -> Reference:
    """TF-IDF and logistic regression; ``labels`` is their number, which train need not hold all of.

    Words and word pairs; where few words recur from text to text, as in Chinese, also one to four
    characters in a row; sublinear counts. Which of them, C, and in how many texts a feature must
    occur is chosen by cross-validated accuracy on the rows of train that have a label; ``groups``
    [N of train] are held out whole. A pair of texts is its difference, the difference's size, and
    its product, so that both ordered and symmetric tasks can be learnt. A label without train rows
    is as likely as one row would make it. With rows of one label alone, or no two texts with a
    feature in common, the predictions are the labels' shares.
    """
    rows = np.flatnonzero(splits["train"].labels >= 0)
    given, own = splits["train"].labels[rows], [groups[row] for row in rows]
    train = _rows_of(splits["train"], rows)
    counters = _counters(train.text_a + (train.text_b or []))
    kinds = [
        _Kind(partial(_learn_words, features, min_df), CANDIDATES_C, said)
        for features in counters
        for min_df in CANDIDATES_MIN_DF
        for said in [{"features": features, "min_df": min_df}]
    ]
    # Counted once: a fold's TF-IDF is made of its rows of the counts.
    counted = {
        name: _Counted(
            len(split.ids),
            {features: _counts(counter, split) for features, counter in counters.items()},
        )
        for name, split in {**splits, "train": train}.items()
    }
    return _fit(counted.pop("train"), given, own, counted, labels, kinds)


def refit_words(
    train: Split, chosen: Mapping[str, Any]
) -> tuple[Callable[[Split], sparse.csr_matrix], LogisticRegression]:
    """What ``fit_words`` has ``chosen``, fitted again: features [N, D] of texts, the regression.

    Raises InputError where it chose the labels' shares, which take no features.
    """
    if "min_df" not in chosen:
        raise InputError("a reference on words was fitted to rows that have none in common")
    own = _rows_of(train, np.flatnonzero(train.labels >= 0))
    features = chosen["features"]
    counter = CountVectorizer(**FEATURES[features]).fit(own.text_a + (own.text_b or []))

    def counted(split: Split) -> _Counted:
        return _Counted(len(split.ids), {features: _counts(counter, split)})

    transform = _learn_words(features, chosen["min_df"], counted(own))
    regression = _regression(chosen["C"]).fit(transform(counted(own)), own.labels)
    return lambda split: transform(counted(split)), regression


def fit_vectors(
    vectors: Mapping[str, np.ndarray], train_labels: np.ndarray, labels: int, groups: Sequence
) -> Reference:
    """Logistic regression on numbers of each example of a split [N, D], such as mean word vectors.

    ``train_labels`` are below 0 where a row of train has none. Columns are brought to mean 0 and
    standard deviation 1 on the rows that have one; all else as for ``fit_words``.
    """
    rows = np.flatnonzero(train_labels >= 0)
    kind = _Kind(_learn_scale, CANDIDATES_C_VECTORS, {"features": "vectors"})
    held = {name: values for name, values in vectors.items() if name != "train"}
    own = [groups[row] for row in rows]
    return _fit(vectors["train"][rows], train_labels[rows], own, held, labels, [kind])


def paired(first: Any, second: Any | None) -> Any:
    """Features [N, D] of a pair's two texts as its own, [N, 3D]; those of a single text stay."""
    if second is None:
        return first
    difference = first - second
    if sparse.issparse(first):
        return sparse.hstack([difference, abs(difference), first.multiply(second)]).tocsr()
    return np.hstack([difference, abs(difference), first * second])


def _fit(
    train: Any,
    given: np.ndarray,
    groups: Sequence,
    held: Mapping[str, Any],
    labels: int,
    kinds: Sequence[_Kind],
) -> Reference:
    """Fit the best of the kinds to train, labels ``given`` [N], and predict the splits ``held``."""
    if len(np.unique(given)) < 2 or not kinds:
        seen, counts = np.unique(given, return_counts=True)
        shares = np.log(counts / counts.sum())
        found = {
            name: np.tile(shares, (len(data) if isinstance(data, np.ndarray) else data.rows, 1))
            for name, data in held.items()
        }
        chosen = {"features": "class shares", "C": None, "folds": 0}
    else:
        folds = _folds(given, groups)
        kind, C = _choose(train, given, folds, kinds)
        transform = kind.learn(train)
        model = _regression(C).fit(transform(train), given)
        seen = model.classes_
        found = {name: model.predict_log_proba(transform(split)) for name, split in held.items()}
        chosen = {**kind.said, "C": C, "folds": len(folds)}
    predictions = {
        name: _all_labels(values, seen, labels, len(given)).astype(np.float32)
        for name, values in found.items()
    }
    return Reference(predictions, chosen)


def _choose(
    train: Any, given: np.ndarray, folds: list[_Fold], kinds: Sequence[_Kind]
) -> tuple[_Kind, float]:
    """The kind and the C that are right on most held-out rows; ties go to the first and smallest.

    Without folds, the first kind and ``UNTUNED_C``.
    """
    if not folds:
        return kinds[0], UNTUNED_C
    best = None
    for kind in kinds:
        right = np.zeros(len(kind.candidates_C))
        for fitted, out in folds:
            transform = kind.learn(_take(train, fitted))
            features, held = transform(_take(train, fitted)), transform(_take(train, out))
            # Each C goes on from the solution of the one below, which is near.
            model = _regression(warm_start=True)
            for place, C in enumerate(kind.candidates_C):
                model.set_params(C=C).fit(features, given[fitted])
                right[place] += (model.predict(held) == given[out]).sum()
        if best is None or right.max() > best[0]:
            best = right.max(), kind, kind.candidates_C[int(right.argmax())]
    return best[1:]


def _folds(given: np.ndarray, groups: Sequence) -> list[_Fold]:
    """Folds of whole groups, each label spread over them; fewer where a label has few groups.

    Of the folds, the first that hold out ``HELD_OUT`` rows between them. Those without two labels
    to fit are left out, and none is left where a label has a single group.
    """
    groups = pd.factorize(pd.Series(groups, dtype=object))[0]
    number = min(FOLDS, *(len(np.unique(groups[given == label])) for label in np.unique(given)))
    if number < 2:
        return []
    folds, out = [], 0
    for fitted, held in split_folds(given, groups, number):
        if out < HELD_OUT and len(held) and len(np.unique(given[fitted])) > 1:
            folds.append((fitted, held))
            out += len(held)
    return folds


def _regression(C: float = 1.0, **options: Any) -> LogisticRegression:
    return LogisticRegression(C=C, max_iter=1000, **options)


def _take(data: Any, rows: np.ndarray) -> Any:
    """Some rows of counts, or of an array."""
    if isinstance(data, np.ndarray):
        return data[rows]
    counts = {
        features: tuple(matrix[rows] for matrix in matrices)
        for features, matrices in data.counts.items()
    }
    return _Counted(len(rows), counts)


def _rows_of(split: Split, rows: np.ndarray) -> Split:
    texts = [own and [own[row] for row in rows] for own in (split.text_a, split.text_b)]
    return Split(split.ids[rows], *texts, split.labels[rows])


def _counters(texts: list[str]) -> dict[str, CountVectorizer]:
    """What counts each kind of features to be tried; none where texts have nothing in common."""
    found = {}
    for features, options in FEATURES.items():
        counter = CountVectorizer(**options)
        try:
            counts = counter.fit_transform(texts)
        except ValueError:  # said of an empty vocabulary alone: the arguments are ours
            continue
        if _texts_with(counts).max() > 1:
            found[features] = counter
        if features == "words" and features in found and _recurring(texts) > RECURRING:
            return found
    # Ties go to the first.
    return {features: found[features] for features in ("characters", "words") if features in found}


def _counts(counter: CountVectorizer, split: Split) -> tuple[sparse.csr_matrix, ...]:
    """Counts [N, features] of a text, or of a pair's two."""
    return tuple(counter.transform(texts) for texts in (split.text_a, split.text_b) if texts)


def _texts_with(counts: sparse.csr_matrix) -> np.ndarray:
    """In how many texts each feature occurs."""
    return np.bincount(counts.indices, minlength=counts.shape[1])


def _recurring(texts: list[str]) -> float:
    """The share of train's words, as spaces part them, that occur in more than one text."""
    words = [set(text.lower().split()) for text in texts]
    counts = Counter(word for text in words for word in text)
    occurrences = sum(counts.values())
    return sum(n for n in counts.values() if n > 1) / max(occurrences, 1)


def _learn_words(features: str, min_df: int, train: _Counted) -> _Transform:
    """TF-IDF of the features that occur in so many texts of train; of all, where none does."""
    counts = sparse.vstack(train.counts[features]).tocsr()
    texts_with = _texts_with(counts)
    kept = np.flatnonzero(texts_with >= min(min_df, texts_with.max()))
    weights = TfidfTransformer(sublinear_tf=True).fit(counts[:, kept])

    def transform(data: _Counted) -> sparse.csr_matrix:
        first, *second = (weights.transform(own[:, kept]) for own in data.counts[features])
        return paired(first, second[0] if second else None)

    return transform


def _learn_scale(train: np.ndarray) -> _Transform:
    return StandardScaler().fit(train.astype(np.float64)).transform


def _all_labels(values: np.ndarray, seen: np.ndarray, labels: int, rows: int) -> np.ndarray:
    """Log-probabilities [N, labels] from those of the labels seen in ``rows`` rows.

    An unseen label gets the share of one more row; where there is none, nothing changes.
    """
    unseen = labels - len(seen)
    if not unseen:
        return values
    full = np.full((len(values), labels), -np.log(rows + unseen))
    full[:, seen] = values + np.log(rows / (rows + unseen))
    return full
