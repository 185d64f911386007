"""Merges of weights: worked by hand, and what must hold of any of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtkd.errors import InputError
from mtkd.specialists.merging import dare, merge, soup, task_arithmetic, task_vector, ties, trim

MERGES = {
    "average": {"method": "average"},
    "arithmetic": {"method": "task-arithmetic", "scale": 1},
    "scaled": {"method": "task-arithmetic", "scale": 0.3},
    "ties": {"method": "ties", "density": 0.3, "scale": 1},
    "ties of all": {"method": "ties", "density": 1, "scale": 1},
    "dare": {"method": "task-arithmetic", "scale": 1, "drop": 0.9},
    "dare, ties": {"method": "ties", "density": 0.5, "scale": 1, "drop": 0.5},
}


def vectors(*rows):
    return [{"a": np.array(row[:2], float), "b": np.array([row[2:]], float)} for row in rows]


def flat(weights):
    return np.concatenate([array.ravel() for array in weights.values()])


def model(seed):
    rng = np.random.default_rng(seed)
    return {"a": rng.normal(size=5), "b": rng.normal(size=(3, 4)).astype(np.float32)}


def same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].dtype == other[name].dtype
        np.testing.assert_allclose(one[name], other[name], rtol=1e-6, atol=1e-7)


def test_ties_by_hand():
    first, second, third = vectors([4, -1, 3, 0.5], [-2, 3, 2, 0.1], [1, -2, -4, 0.2])
    # Of each the greater two, over both tensors.
    assert flat(trim(first, 0.5)).tolist() == [4, 0, 3, 0]
    assert flat(trim(second, 0.5)).tolist() == [-2, 3, 0, 0]
    assert flat(trim(third, 0.5)).tolist() == [0, -2, -4, 0]
    # Sums 2, 1, -1, 0: the mean of those of that sign.
    merged = ties([first, second, third], 0.5)
    assert flat(merged).tolist() == [4, 3, -4, 0]
    base = {"a": np.array([1.0, 1.0]), "b": np.array([[1.0, 1.0]])}
    how = {"method": "ties", "density": 0.5, "scale": 0.5}
    models = [task_arithmetic(base, [vector], 1) for vector in (first, second, third)]
    assert flat(merge(base, models, how)).tolist() == [3, 2.5, -1, 1]


def test_task_arithmetic_and_the_soup_by_hand():
    base, *models = vectors([1, 1, 1, 1], [2, 1, 0, 1], [4, 1, 2, -1])
    assert flat(soup(models)).tolist() == [3, 1, 1, 0]
    how = {"method": "task-arithmetic", "scale": 0.5}
    assert flat(merge(base, models, how)).tolist() == [3, 1, 1, 0]
    assert flat(merge(base, models, {**how, "scale": 1})).tolist() == [5, 1, 1, -1]


def test_dare_drops_the_share_and_keeps_the_mean():
    vector = {"a": np.ones(20_000)}
    dropped = dare(vector, 0.9, [1, 0])["a"]
    assert set(np.round(dropped, 9)) == {0, 10}
    assert abs((dropped == 0).mean() - 0.9) < 0.01 and abs(dropped.mean() - 1) < 0.1
    same(dare(vector, 0.9, [1, 0]), {"a": dropped})
    assert (dare(vector, 0.9, [2, 0])["a"] != dropped).any()
    same(dare(vector, 0.0, [1, 0]), vector)


# What is dropped is drawn anew for each copy, and what is trimmed is gone.
@pytest.mark.parametrize("name", ["average", "arithmetic", "ties of all"])
@given(copies=st.integers(1, 4), seed=st.integers(0, 99))
def test_a_model_merged_with_itself_is_itself(name, copies, seed):
    how, base, own = MERGES[name], model(0), model(seed + 1)
    sums = how["method"] == "task-arithmetic"
    same(merge(base, [own] * copies, {**how, "scale": 1 / copies} if sums else how), own)


@pytest.mark.parametrize("name", [name for name, how in MERGES.items() if name != "average"])
def test_a_scale_of_nothing_is_the_base(name):
    base = model(0)
    same(merge(base, [model(1), model(2)], {**MERGES[name], "scale": 0}), base)


@pytest.mark.parametrize("how", MERGES.values(), ids=MERGES)
def test_specialists_that_are_the_base_stay_it(how):
    same(merge(model(0), [model(0), model(0)], how), model(0))


def test_trimming_keeps_the_share_of_the_whole_vector():
    vector = task_vector(model(1), model(2))
    for density in (0.1, 0.5, 1.0):
        assert (flat(trim(vector, density)) != 0).sum() == round(density * 17)


@pytest.mark.parametrize("how", MERGES.values(), ids=MERGES)
def test_models_of_other_shapes_are_refused_in_one_line(how):
    other = {**model(1), "b": np.ones((3, 5))}
    with pytest.raises(InputError, match=r"'b' have shapes \(3, 4\) and \(3, 5\): .* one arch"):
        merge(model(0), [model(1), other], how)
    lacking = {"a": model(1)["a"]}
    with pytest.raises(InputError, match=r"'b' have shapes \(3, 4\) and none"):
        merge(model(0), [lacking], how)
    with pytest.raises(InputError, match="'c' have shapes none"):
        merge(model(0), [{**model(1), "c": np.ones(2)}], how)
