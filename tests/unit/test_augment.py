"""New texts from train texts: of whom they come, how often what changes, and that a seed is all."""

import numpy as np
import pytest

from mtkd.errors import InputError
from mtkd.tasks.augment import LONGEST_NGRAM, MASK, Augmentation, augment

IDS = [f"t-{n}" for n in range(300)]
TEXTS = [" ".join(f"w{(n * k) % 97}" for k in range(1, 21)) for n in range(1, 301)]
SECOND = [text.replace("w", "v") for text in TEXTS]
NOTHING = {"mask": 0, "replace": 0, "ngram": 0}
# In n of some thousand words a share is known to within four of its standard errors.
ERRORS = 4


def test_copies_follow_their_origins_and_depend_on_seed_and_texts_alone():
    how = Augmentation(3)
    found = augment(IDS, TEXTS, None, how, 1)
    assert found == augment(IDS, TEXTS, None, how, 1) != augment(IDS, TEXTS, None, how, 2)
    assert found.text_b is None
    assert len(found.ids) == len(set(found.ids)) == len(found.text_a) > 2.9 * len(IDS)
    assert [key.rpartition("~")[0] for key in found.ids] == found.origins
    assert list(dict.fromkeys(found.origins)) == IDS
    turned = augment(IDS[::-1], TEXTS[::-1], None, how, 1)
    assert dict(zip(turned.ids, turned.text_a, strict=True)) == dict(
        zip(found.ids, found.text_a, strict=True)
    )


@pytest.mark.parametrize("mask", [0.1, 0.4])
@pytest.mark.parametrize("replace", [0.0, 0.3])
def test_words_are_masked_and_replaced_as_often_as_said(mask, replace):
    found = augment(IDS, TEXTS, None, Augmentation(1, mask, replace, 0), 3)
    before = dict(zip(IDS, TEXTS, strict=True))
    words = [
        pair
        for origin, text in zip(found.origins, found.text_a, strict=True)
        for pair in zip(before[origin].split(), text.split(), strict=True)
    ]
    masked = np.mean([new == MASK for _, new in words])
    other = np.mean([new not in (old, MASK) for old, new in words])
    error = ERRORS * np.sqrt(0.25 / len(words))
    assert masked == pytest.approx(mask, abs=error)
    # One word in 97 is replaced by itself.
    assert other == pytest.approx((1 - mask) * replace * 96 / 97, abs=error)
    assert {new for _, new in words} <= {MASK, *" ".join(TEXTS).split()}


def test_an_ngram_is_a_run_of_the_texts_own_words():
    found = augment(IDS, TEXTS, None, Augmentation(4, **NOTHING | {"ngram": 1}), 5)
    before = dict(zip(IDS, TEXTS, strict=True))
    lengths = {len(text.split()) for text in found.text_a}
    assert lengths == set(range(1, LONGEST_NGRAM + 1))
    for origin, text in zip(found.origins, found.text_a, strict=True):
        assert f" {text} " in f" {before[origin]} "
    some = augment(IDS, TEXTS, None, Augmentation(1, **NOTHING | {"ngram": 0.5}), 5)
    # The rest are their originals, which are left out.
    assert len(some.ids) / len(IDS) == pytest.approx(0.5, abs=ERRORS * np.sqrt(0.25 / len(IDS)))


def test_of_a_pair_one_text_at_most_becomes_an_ngram_and_none_changes_sides():
    found = augment(IDS, TEXTS, SECOND, Augmentation(2, **NOTHING | {"ngram": 1}), 7)
    whole = {*TEXTS}, {*SECOND}
    kept = [(a in whole[0], b in whole[1]) for a, b in zip(found.text_a, found.text_b, strict=True)]
    assert set(kept) == {(True, False), (False, True)}
    found = augment(IDS, TEXTS, SECOND, Augmentation(2, mask=0.3, replace=0, ngram=0), 7)
    assert all("v" not in text for text in found.text_a)
    assert all("w" not in text for text in found.text_b)


def test_copies_that_say_nothing_new_are_left_out():
    assert augment(IDS, TEXTS, None, Augmentation(5, **NOTHING), 1).ids == []
    assert augment(["a", "b"], ["", " "], None, Augmentation(2), 1).ids == []
    assert augment([], [], None, Augmentation(2), 1).ids == []
    # A single word has two copies at most, itself aside: masked, and the other text's.
    found = augment(["a", "b"], ["one", "two"], None, Augmentation(50, 0.4, 0.5, 0.5), 1)
    assert {key: found.origins.count(key) for key in "ab"} == {"a": 2, "b": 2}
    assert set(found.text_a) == {"one", "two", MASK}


@pytest.mark.parametrize(
    ("how", "ids", "said"),
    [
        (Augmentation(0), ["a"], "0 copies"),
        (Augmentation(1, mask=1.5), ["a"], "mask is 1.5, and no probability"),
        (Augmentation(1, ngram=float("nan")), ["a"], "ngram is nan, and no probability"),
        (Augmentation(2), ["a", "a~2"], "id 'a~2' would be that of a copy of 'a' too"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(how, ids, said):
    with pytest.raises(InputError, match=said) as refused:
        augment(ids, ["some words"] * len(ids), None, how, 1)
    assert "\n" not in str(refused.value)
    augment(["a", "a~3", "~1"], ["some words"] * 3, None, Augmentation(2), 1)
