"""What a label column's values mean, whichever file they come from."""

from decimal import Decimal

import pytest

from mtkd.errors import InputError
from mtkd.tasks.labels import (
    UNLABELLED,
    compare_class_names,
    label_indices,
    no_label,
    possible_texts,
)

STARS = ["1", "2", "3", "4", "5"]
NAMES = ["bad", "good"]


def place(row):
    return f"row {row + 1}"


def indices(values, names, typed=True, class_names=None):
    return label_indices(values, names, place, typed=typed, class_names=class_names).tolist()


@pytest.mark.parametrize(
    ("values", "names", "expected"),
    [
        (["good", "bad"], NAMES, [1, 0]),
        ([1, 0], NAMES, [1, 0]),
        ([1.0, 0.0], NAMES, [1, 0]),
        ([Decimal("1.00"), Decimal(0)], NAMES, [1, 0]),
        ([True, False], ["False", "True"], [1, 0]),
        ([True, False], ["true", "false"], [0, 1]),
        ([True, False], ["0", "1"], [1, 0]),
        ([1, 5, 3], STARS, [0, 4, 2]),
        ([1.0, 5.0], STARS, [0, 4]),
        (["1", "5"], STARS, [0, 4]),
        ([5, 1], STARS[::-1], [0, 4]),
        ([-1, 1], ["-1", "1"], [0, 1]),
        ([-1, 0, 1], ["-1", "0", "1"], [0, 1, 2]),
        ([-1, 1], ["-1", "+1"], [0, 1]),
        ([0.5, 1.5], ["0.5", "1.5"], [0, 1]),
        ([1, 0], ["0", "other"], [1, 0]),
        ([1, "other"], ["1", "other"], [0, 1]),
        (["caf\u00e9"], ["tea", "cafe\u0301"], [1]),
        ([None, float("nan"), "", " ", -1], NAMES, [UNLABELLED] * 5),
        ([-1, 0], ["0", "1"], [UNLABELLED, 0]),
        ([], NAMES, []),
    ],
)
def test_a_value_is_a_name_or_an_index_or_nothing(values, names, expected):
    assert indices(values, names) == expected


@pytest.mark.parametrize(
    ("texts", "names", "expected"),
    [
        (["1", "0"], NAMES, [1, 0]),
        (["1.0", "0.0", " 1"], NAMES, [1, 0, 1]),
        (["True", "FALSE", "true"], ["False", "True"], [1, 0, 1]),
        (["true", "false"], ["TRUE", "FALSE"], [0, 1]),
        (["1", "5.0"], STARS, [0, 4]),
        (["-1", "1"], ["-1", "1"], [0, 1]),
        (["1.5", "1.50"], ["1.5", "1.50"], [0, 1]),
        (["good", "", "-1"], NAMES, [1, UNLABELLED, UNLABELLED]),
        (["007", "7"], ["007", "7"], [0, 1]),
    ],
)
def test_text_of_a_csv_is_what_it_looks_like(texts, names, expected):
    assert indices(texts, names, typed=False) == expected


@pytest.mark.parametrize(
    ("values", "names", "typed", "words"),
    [
        (["good", "fine", "fine"], NAMES, True, "label 'fine' is not in the task's labels bad, "
         "good (row 2 and 1 more)"),
        ([0, 2], NAMES, True, "label 2 is not in the task's labels bad, good (row 2); whole "
         "numbers are indices, here 0 to 1"),
        ([1, 4], ["a", "b", "c", "d"], True, "label 4 is not in"),
        ([0, 1], STARS, True, "label 0 is not in the task's labels 1, 2, 3, 4, 5 (row 1); numbers "
         "are names here"),
        ([0.5], NAMES, True, "label 0.5 is not in"),
        ([True], NAMES, True, "label True is not in the task's labels bad, good (row 1); it is a "
         "boolean: name the labels False and True"),
        (["true"], ["no", "yes"], False, "label True is not in"),
        ([1, "bad"], NAMES, True, "label 1 is not in the task's labels bad, good (row 1); numbers "
         "are indices only where every row has one"),
        (["bad", "1"], NAMES, False, "label 1 is not in"),
        (["1", "0"], NAMES, True, "label '1' is not in"),
        (["1.5"], ["1.5 ", "1.50"], False, "label 1.5 is not in"),
        (["nan"], NAMES, False, "label 'nan' is not in"),
        (["good "], NAMES, False, "label 'good ' is not in the task's labels bad, good"),
        (["g\u043eod"], NAMES, True, r"label 'g\u043eod' is not in the task's labels bad, 'good' "),
        ([[0, 1]], NAMES, True, "the label column holds a list in row 1; give each row one name"),
        (["good", {"a": 1}], NAMES, True, "the label column holds a mapping in row 2"),
        ([b"good"], NAMES, True, "the label column holds bytes in row 1"),
        ([float("inf")], NAMES, True, "label inf is not in"),
    ],
)  # fmt: skip
def test_other_values_are_refused_with_their_row(values, names, typed, words):
    with pytest.raises(InputError) as refused:
        indices(values, names, typed)
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_integers_are_indices_of_the_names_that_the_file_has():
    assert indices([0, 4, -1], STARS, class_names=STARS) == [0, 4, UNLABELLED]
    assert indices([0, -1], ["-1", "1"], class_names=["-1", "1"]) == [0, UNLABELLED]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["good", None, ""], "row 2 and 1 more has no label; 'drop_unlabelled: true' leaves"),
        ([0, -1], "label -1 is not in the task's labels bad, good (row 2); 'drop_unlabelled"),
        ([1.0, float("nan"), 1.0], "row 2 has no label"),
    ],
)
def test_a_missing_label_is_said_of_its_own_row(values, words):
    found = label_indices(values, NAMES, place, typed=True)
    assert words in str(no_label(values, found, NAMES, place))


@pytest.mark.parametrize(
    ("known", "names"),
    [
        (["negative", "positive"], ["negative", "positive"]),
        (["Negative", "POSITIVE"], ["negative", "positive"]),
        (["not_equivalent", "equivalent"], ["not equivalent", "equivalent"]),
        (["cafe\u0301", "tea"], ["caf\u00e9", "tea"]),
        (["-1", "1"], ["-1", "1"]),
    ],
)
def test_the_files_own_label_names_in_the_same_order_are_fine(known, names):
    assert compare_class_names(known, names) is None


@pytest.mark.parametrize(
    ("known", "names"),
    [
        (["positive", "negative"], ["negative", "positive"]),
        (["POS", "NEG"], ["negative", "positive"]),
        (["neg", "neutral", "pos"], ["negative", "positive", "neutral"]),
        (["negative", "neutral", "positive"], ["negative", "positive"]),
        (["negative", "positive"], ["negative", "neutral", "positive"]),
        (["1", "-1"], ["-1", "1"]),
        (["1 star", "2 stars"], ["2", "1"]),
        (["equivalent", "not_equivalent"], ["not_equivalent", "equivalent"]),
    ],
)
def test_the_same_names_in_another_order_are_refused_with_both(known, names):
    with pytest.raises(InputError) as refused:
        compare_class_names(known, names)
    assert ", ".join(known) in str(refused.value) and ", ".join(names) in str(refused.value)


@pytest.mark.parametrize(
    ("known", "names"),
    [
        (["World", "Sports", "Sci/Tech"], ["world", "sports", "technology"]),
        (["0", "1"], NAMES),
        (["1 star", "10 stars"], ["one", "ten"]),
        (["bad", "good", "spam"], NAMES),
    ],
)
def test_other_names_are_said_and_taken_by_index(known, names):
    said = compare_class_names(known, names)
    assert ", ".join(known) in said and "index by index" in said


def test_what_can_stand_in_a_csv():
    assert possible_texts(["bad", "cafe\u0301"]) == {"bad", "caf\u00e9", "0", "1"}
