"""The reference every table shows: TF-IDF features and logistic regression."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from mtkd.tasks.corpus import Split

CANDIDATES_C = (0.3, 1.0, 3.0, 10.0)


def fit_reference(splits: dict[str, Split]) -> tuple[dict[str, np.ndarray], float]:
    """Log-probabilities [N, C] of every split but train, and C, chosen by selection accuracy.

    Words and word pairs, sublinear counts. A pair of texts is its difference, the difference's
    size, and its product, so that both ordered and symmetric tasks can be learnt.
    """
    train = splits["train"]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    vectorizer.fit(train.text_a + (train.text_b or []))
    features = {name: _features(vectorizer, split) for name, split in splits.items()}
    fitted = []
    for C in CANDIDATES_C:
        model = LogisticRegression(C=C, max_iter=1000).fit(features["train"], train.labels)
        fitted.append((model.score(features["selection"], splits["selection"].labels), C, model))
    _, C, model = max(fitted, key=lambda item: (item[0], -item[1]))
    predictions = {
        name: model.predict_log_proba(matrix).astype(np.float32)
        for name, matrix in features.items()
        if name != "train"
    }
    return predictions, C


def _features(vectorizer: TfidfVectorizer, split: Split) -> sparse.csr_matrix:
    first = vectorizer.transform(split.text_a)
    if split.text_b is None:
        return first
    second = vectorizer.transform(split.text_b)
    difference = first - second
    return sparse.hstack([difference, abs(difference), first.multiply(second)]).tocsr()
