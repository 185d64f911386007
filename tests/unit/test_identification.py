"""Telling teachers by their soft labels: chance where they are alike, more where they differ."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from mtkd.analysis.measures import identification as measure
from mtkd.analysis.measures.identification import identification
from mtkd.analysis.soft_label_tables import identification_table


def teachers(*scales, n=200, classes=3, shared=0.9, seed=0):
    """Logits [K, N, C]: of what all say, and of each teacher's own; each as sure as its scale."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(len(scales), n, classes))
    said = shared * rng.normal(size=(n, classes)) + np.sqrt(1 - shared**2) * own
    return np.array(scales)[:, None, None] * said


@pytest.mark.parametrize("scales", [(1, 1), (1, 1, 1, 1)])
def test_teachers_that_say_the_same_are_told_by_chance_alone(scales):
    same = teachers(*scales, shared=1.0)
    found = identification(same, 1.0)
    assert found.accuracy == pytest.approx(found.chance) == pytest.approx(1 / len(scales))
    assert (found.low, found.high) == pytest.approx((found.chance, found.chance))
    assert found.n == 200


def test_exchangeable_teachers_are_not_told_though_they_differ():
    inside = [identification(teachers(1, 1, seed=s, shared=0.3), 1.0) for s in range(10)]
    assert sum(found.low <= found.chance <= found.high for found in inside) >= 9
    assert np.mean([found.accuracy for found in inside]) == pytest.approx(0.5, abs=0.03)


def test_a_surer_teacher_is_told_on_two_labels_too():
    found = identification(teachers(1, 6, classes=2), 1.0)
    assert found.low > found.chance + 0.1


def test_an_examples_soft_labels_stay_in_one_fold():
    """Texts that come back would tell a teacher: each example's K rows are learned or named."""
    rng = np.random.default_rng(0)
    n, K = 60, 3
    z = rng.normal(size=(K, n, 2))
    found = identification(z, 2.0)
    order = np.random.RandomState(0).permutation(n)
    folds = np.array_split(order, measure.FOLDS)
    right = np.empty((K, n))
    log_p = log_softmax(z / 2.0, axis=-1)
    for test in folds:
        train = np.setdiff1d(np.arange(n), test)
        scaler = StandardScaler().fit(log_p[:, train].reshape(-1, 2))
        model = LogisticRegression(max_iter=1000).fit(
            scaler.transform(log_p[:, train].reshape(-1, 2)), np.repeat(range(K), len(train))
        )
        for k in range(K):
            right[k, test] = model.predict(scaler.transform(log_p[k, test])) == k
    assert found.accuracy == pytest.approx(right.mean())


def test_what_cannot_be_told_has_no_row():
    assert identification(teachers(1), 1.0) is None
    assert identification(teachers(1, 1, n=9), 1.0) is None
    logits = {"train": teachers(1, 2, n=30)[:, None], "report": teachers(1, 2, n=3)[:, None]}
    table = identification_table("t", logits, ["1", "4"])
    assert table[["split", "T", "n"]].to_numpy().tolist() == [
        ["train", "1", 30],
        ["train", "4", 30],
    ]
    assert set(table.teachers) == {2} and set(table.chance) == {0.5}
    alone = identification_table("t", {"train": logits["train"][:1]}, ["1"])
    assert alone.empty and isinstance(alone, pd.DataFrame)


def test_at_most_so_many_examples_are_looked_at(monkeypatch):
    monkeypatch.setattr(measure, "MOST", 50)
    assert identification(teachers(1, 2), 1.0).n == 50
