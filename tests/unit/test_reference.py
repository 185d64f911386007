"""The TF-IDF reference: every language and shape of data, columns in the order of the labels."""

import random

import numpy as np
import pytest

from mtkd.tasks.corpus import Split
from mtkd.tasks.reference import CANDIDATES_C, _folds, fit_vectors, fit_words, paired

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


def fitted(splits, labels, groups=None):
    return fit_words(splits, labels, groups or range(len(splits["train"].ids)))


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


def rated(rows, rng=0):
    """Texts of which every second word that is there says the label, most of the time."""
    rng = random.Random(rng)
    labels = [rng.randrange(2) for _ in range(rows)]
    words = [["good", "bad"][label if rng.random() > 0.2 else 1 - label] for label in labels]
    noise = [" ".join(rng.choices([f"w{n}" for n in range(40)], k=6)) for _ in labels]
    return [f"{word} {rest}" for word, rest in zip(words, noise, strict=True)], labels


def test_settings_are_tuned_inside_train_and_selection_is_predicted_alone():
    splits = splits_of(*rated(150))
    first = fitted(splits, 2)
    assert first.chosen["folds"] == 5
    assert first.chosen["C"] in CANDIDATES_C and first.chosen["min_df"] in (1, 2)
    turned = splits["selection"]._replace(labels=1 - splits["selection"].labels)
    again = fitted(splits | {"selection": turned}, 2)
    assert again.chosen == first.chosen
    np.testing.assert_array_equal(again.predictions["report"], first.predictions["report"])


def test_rows_without_a_label_are_as_if_they_were_not_there():
    splits = splits_of(*rated(80))
    train = splits["train"]
    more = split(
        [*train.text_a, *(f"good w{n} transfer text" for n in range(30))],
        [*train.labels, *[-1] * 30],
    )
    plain, padded = fitted(splits, 2), fitted(splits | {"train": more}, 2)
    assert plain.chosen == padded.chosen
    np.testing.assert_array_equal(plain.predictions["report"], padded.predictions["report"])
    values = np.random.default_rng(0).normal(size=(100, 3))
    vectors = {"train": values[:70], "report": values[:5]}
    expected = fit_vectors(vectors, train.labels, 2, range(70))
    found = fit_vectors(vectors | {"train": values}, more.labels, 2, range(100))
    assert found.chosen == expected.chosen
    np.testing.assert_array_equal(found.predictions["report"], expected.predictions["report"])


def test_folds_are_of_whole_groups_and_hold_every_label():
    labels = np.array([0, 1, 1, 0] * 30)
    groups = [f"review {row // 4}" for row in range(120)]
    folds = _folds(labels, groups)
    assert len(folds) == 5
    for fitted_rows, held in folds:
        assert not {groups[row] for row in fitted_rows} & {groups[row] for row in held}
        assert set(labels[fitted_rows]) == set(labels[held]) == {0, 1}
    assert sorted(row for _, held in folds for row in held) == list(range(120))


@pytest.mark.parametrize(
    ("labels", "groups", "expected"),
    [
        ([0, 1] * 10, range(20), 5),
        ([0] * 20 + [1] * 3, range(23), 3),
        ([0] * 20 + [1], range(21), 0),
        ([0] * 20 + [1] * 6, [*range(20), *["one"] * 6], 0),
        ([0, 1] * 5000, range(10000), 2),  # so many rows that two folds hold out 3,000
    ],
)
def test_fewer_rows_of_a_label_make_fewer_folds_and_many_rows_need_fewer(labels, groups, expected):
    assert len(_folds(np.array(labels), groups)) == expected


def test_a_label_of_one_row_is_fitted_untuned_and_said_to_be():
    texts = [f"the film is {'good' if row else 'poor'} again" for row in [0] * 20 + [1] + [0] * 10]
    reference = checked(splits_of(texts, [0] * 20 + [1] + [0] * 10), 2)
    assert reference.chosen == {"features": "words", "min_df": 1, "C": 1.0, "folds": 0}


@pytest.mark.parametrize("pairs", [False, True])
def test_vectors_are_regressed_on_whatever_their_scale(pairs):
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 300, 4))
    labels = (first[:, 0] > (second[:, 0] if pairs else 0)).astype(int)
    features = paired(first, second if pairs else None)
    assert features.shape == (300, 12 if pairs else 4)
    # A column without any spread, and one of another unit.
    features = np.hstack([features, np.full((300, 1), 7.0)]) * np.array(
        [1e-3, *[50] * features.shape[1]]
    )
    vectors = {"train": features[:200], "selection": features[200:]}
    reference = fit_vectors(vectors, labels[:200], 2, range(200))
    assert reference.chosen["features"] == "vectors" and reference.chosen["folds"] == 5
    assert (reference.predictions["selection"].argmax(1) == labels[200:]).mean() > 0.93
    np.testing.assert_allclose(np.exp(reference.predictions["selection"]).sum(1), 1, atol=1e-5)
