"""The TF-IDF reference: every language and shape of data, columns in the order of the labels."""

import random

import numpy as np
import pytest

from mtkd.tasks.corpus import Split
from mtkd.tasks.reference import fit_words

GOOD = {"zh": "这部电影很精彩", "ja": "この映画はとても素晴らしい", "th": "หนังเรื่องนี้สนุกมาก"}
BAD = {"zh": "剧情太差劲了", "ja": "退屈でつまらない作品だった", "th": "น่าเบื่อและแย่มาก"}
# Letters of each language that make every sentence, and so every "word", another one.
LETTERS = {"zh": "天地人山水火木金土日月", "ja": "あかさたなはまやらわん", "th": "กขคงจชซดตถทนบปผ"}


def split(texts, labels, text_b=None):
    return Split(np.array([str(i) for i in range(len(texts))]), texts, text_b, np.array(labels))


def splits_of(texts, labels, text_b=None, selection=10):
    """The last ``selection`` rows are selection, and report as well."""
    at = len(texts) - selection
    held = split(texts[at:], labels[at:], text_b and text_b[at:])
    train = split(texts[:at], labels[:at], text_b and text_b[:at])
    return {"train": train, "selection": held, "report": held._replace(labels=None)}


def fitted(splits, labels):
    return fit_words(splits, labels, range(len(splits["train"].ids)))


def checked(splits, labels):
    """The reference of splits: its predictions are log-probabilities of every row and label."""
    reference = fitted(splits, labels)
    assert set(reference.predictions) == set(splits) - {"train"}
    for name, values in reference.predictions.items():
        assert values.shape == (len(splits[name].ids), labels)
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        np.testing.assert_allclose(np.exp(values).sum(axis=1), 1, atol=1e-5)
    return reference


def accuracy(reference, splits):
    return (reference.predictions["selection"].argmax(1) == splits["selection"].labels).mean()


@pytest.mark.parametrize("language", GOOD)
def test_texts_without_spaces_are_read_by_characters(language):
    rng = random.Random(0)
    labels = [row % 2 for row in range(50)]
    noise = ["".join(rng.choices(LETTERS[language], k=6)) for _ in labels]
    texts = [n + (GOOD if label else BAD)[language] for n, label in zip(noise, labels, strict=True)]
    splits = splits_of(texts, labels)
    reference = checked(splits, 2)
    assert reference.chosen["features"] == "characters"
    assert accuracy(reference, splits) == 1


def test_words_that_recur_are_read_as_words():
    labels = [row % 2 for row in range(50)]
    texts = [f"the film number {row} is {'good' if row % 2 else 'poor'}" for row in range(50)]
    splits = splits_of(texts, labels)
    reference = checked(splits, 2)
    assert reference.chosen["features"] == "words"
    assert accuracy(reference, splits) == 1


SHAPES = {
    "single letters": (["a b", "b c", "a c", "c d"] * 6, [0, 0, 1, 1] * 6, "characters"),
    "twelve rows": (
        [f"row {n} of {'good' if n % 2 else 'bad'} films" for n in range(12)],
        None,
        None,
    ),
    "one class": ([f"text {n % 3} again" for n in range(24)], [1] * 24, "class shares"),
    "nothing in common": ([chr(0x4E00 + n) for n in range(24)], None, "class shares"),
    "empty texts": ([""] * 24, None, "class shares"),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pairs", [False, True])
def test_every_shape_has_a_reference(shape, pairs):
    texts, labels, features = SHAPES[shape]
    labels = labels or [n % 2 for n in range(len(texts))]
    splits = splits_of(texts, labels, texts[::-1] if pairs else None, selection=4)
    reference = checked(splits, 2)
    # Each pair's texts are another pair's as well: they have something in common.
    assert pairs or features is None or reference.chosen["features"] == features


def test_columns_follow_the_labels_whatever_train_has_seen():
    labels = [2 * (row % 2) for row in range(40)]  # label 1 of 0, 1, 2 has no row
    texts = [f"a film that is {'good' if label else 'poor'}" for label in labels]
    splits = splits_of(texts, labels)
    reference = checked(splits, 3)
    assert accuracy(reference, splits) == 1
    assert np.exp(reference.predictions["report"][:, 1]) == pytest.approx(1 / 31)
    # As probable relative to each other as without the third label.
    two = fitted(splits_of(texts, [label // 2 for label in labels]), 2)
    both = reference.predictions["report"]
    np.testing.assert_allclose(
        both[:, 0] - both[:, 2], -np.diff(two.predictions["report"])[:, 0], atol=1e-5
    )
    alone = fitted(splits_of(texts, [2] * 40), 3)
    np.testing.assert_allclose(
        np.exp(alone.predictions["report"]), np.tile([1 / 32, 1 / 32, 30 / 32], (10, 1)), rtol=1e-5
    )
