"""The reference every table shows: TF-IDF features and logistic regression."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from mtkd.tasks.corpus import Split, with_labels

CANDIDATES_C = (0.3, 1.0, 3.0, 10.0)
FEATURES = {
    "words": {"ngram_range": (1, 2)},
    "characters": {"analyzer": "char", "ngram_range": (1, 4)},
}
# Words carry a text where most of them occur in other texts too. Unspaced languages, and a handful
# of texts, have few such words.
RECURRING = 0.5


class Reference(NamedTuple):
    """Log-probabilities [N, C] of every split but train, and what was chosen on selection."""

    predictions: dict[str, np.ndarray]
    features: str  # a key of FEATURES, or "class shares" where there is nothing to fit
    C: float | None


def fit_reference(splits: dict[str, Split], labels: int) -> Reference:
    """Fit on train; ``labels`` is their number, which train need not hold all of.

    Words and word pairs; where few words recur from text to text, as in Chinese, also one to four
    characters in a row. Which of them, and C, is chosen by selection accuracy; sublinear counts. A
    pair of texts is its difference, the difference's size, and its product, so that both ordered
    and symmetric tasks can be learnt. A label without train rows is as likely as one row would make
    it. With rows of one label alone, or no two texts with a feature in common, the predictions are
    the labels' shares.
    """
    train, selection = with_labels(splits["train"]), splits["selection"]
    splits = {**splits, "train": train}
    texts = train.text_a + (train.text_b or [])
    best = None
    for features, vectorizer in _vectorizers(texts) if len(np.unique(train.labels)) > 1 else []:
        matrices = {name: _matrix(vectorizer, split) for name, split in splits.items()}
        for C in CANDIDATES_C:
            model = LogisticRegression(C=C, max_iter=1000).fit(matrices["train"], train.labels)
            score = model.score(matrices["selection"], selection.labels)
            # Ties go to the smallest C.
            if best is None or score > best[0]:
                best = score, features, C, model, matrices
    if best is None:
        seen, counts = np.unique(train.labels, return_counts=True)
        shares = np.log(counts / counts.sum())
        found = {n: np.tile(shares, (len(s.ids), 1)) for n, s in splits.items()}
        features, C = "class shares", None
    else:
        _, features, C, model, matrices = best
        seen = model.classes_
        found = {name: model.predict_log_proba(matrix) for name, matrix in matrices.items()}
    rows = len(train.ids)
    predictions = {
        name: _all_labels(values, seen, labels, rows).astype(np.float32)
        for name, values in found.items()
        if name != "train"
    }
    return Reference(predictions, features, C)


def _recurring(texts: list[str]) -> float:
    """The share of train's words, as spaces part them, that occur in more than one text."""
    words = [set(text.lower().split()) for text in texts]
    counts = Counter(word for text in words for word in text)
    occurrences = sum(counts.values())
    return sum(n for n in counts.values() if n > 1) / max(occurrences, 1)


def _vectorizers(texts: list[str]) -> list[tuple[str, TfidfVectorizer]]:
    """Those to be tried, with their features' names; none where texts have nothing in common."""
    words = _fit_vectorizer(texts, "words")
    if words and _recurring(texts) > RECURRING:
        return [("words", words)]
    # Ties go to the first.
    tried = [("characters", _fit_vectorizer(texts, "characters")), ("words", words)]
    return [(features, vectorizer) for features, vectorizer in tried if vectorizer]


def _fit_vectorizer(texts: list[str], features: str) -> TfidfVectorizer | None:
    """None where the texts have no such feature in common."""
    vectorizer = TfidfVectorizer(**FEATURES[features], sublinear_tf=True, min_df=2)
    try:
        return vectorizer.fit(texts)
    except ValueError:  # said of an empty vocabulary alone: the arguments are ours
        return None


def _matrix(vectorizer: TfidfVectorizer, split: Split) -> sparse.csr_matrix:
    first = vectorizer.transform(split.text_a)
    if split.text_b is None:
        return first
    second = vectorizer.transform(split.text_b)
    difference = first - second
    return sparse.hstack([difference, abs(difference), first.multiply(second)]).tocsr()


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
