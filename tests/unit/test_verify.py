"""What responses answer, whether that is right, and whether it follows from the thought."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_suites import sums

from mtkd.errors import InputError
from mtkd.generation.styles import (
    ALPHABET,
    STYLES,
    implied_answer,
    right_answer,
    steps,
    with_wrong_steps,
    write,
)
from mtkd.generation.thoughts import implied, join, split, with_forced_error
from mtkd.generation.verify import answer_of, follows, is_right, right_steps

P = "37+85="
ALL = list(STYLES)
WORKED = [name for name in STYLES if name != "direct"]


@pytest.mark.parametrize("style", ALL)
def test_what_a_style_writes_is_right_follows_and_has_right_steps(style):
    response = write(style, P)
    assert answer_of("integer", response) == "122" and is_right("integer", "122", "122")
    worked = style != "direct"
    assert follows(response, P, [style]) is (True if worked else None)
    assert follows(response, P, ALL) is (True if worked else None)
    steps_right = right_steps(response, P, [style])
    assert steps_right == 1 if worked else math.isnan(steps_right)


@pytest.mark.parametrize("style", WORKED)
def test_a_forced_error_is_one_wrong_sum_and_implies_a_wrong_answer(style):
    rng = np.random.default_rng(0)
    places = set()
    for prompt in sums(3, 20, 0):
        thought = with_forced_error(style, prompt, rng)
        told = implied(thought, prompt, [style])
        assert told == implied_answer(style, thought, 3) != right_answer(prompt)
        assert follows(join(thought, told), prompt, [style]) is True
        assert follows(join(thought, right_answer(prompt)), prompt, [style]) is False
        pairs = list(zip(thought.split(","), steps(style, prompt), strict=True))
        wrong = [n for n, (text, step) in enumerate(pairs) if text != step.text]
        places.add(wrong[0])
        # With carries later steps may be others, as they follow.
        assert STYLES[style].carries or len(wrong) == 1
    assert places == {0, 1, 2}


def test_a_style_without_steps_cannot_be_made_wrong():
    with pytest.raises(InputError, match="no steps"):
        with_forced_error("direct", P, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("thought", "styles", "told"),
    [
        ("7+5=12,3+8=12", ["right", "left"], "132"),
        ("3+8=12,7+5=12", ["right", "left"], "132"),
        # A hybrid whose styles have one order implies what both do; else nothing.
        ("7+5=12,8+3=11", ["right", "right-swapped"], "122"),
        ("7+5=12,7+5=13", ["right", "left"], None),
        ("7+5=12,7+5=12", ["right", "left"], "132"),
        ("7+5+0=12,3+8+1=12", ["right", "carry"], "122"),
        ("7+4=11,3+8=11", ["right"], "121"),
        ("", ["right", "direct"], None),
        ("7+5=12", ["right"], None),
        ("what", ["right"], None),
        ("7+5=12,3+8=11", [], None),
    ],
)
def test_what_thoughts_imply(thought, styles, told):
    assert implied(thought, P, styles) == told


def test_a_wrong_sum_where_digits_coincide_implies_nothing_that_is_sure():
    assert implied("3+8=11,3+8=12", "33+88=", ["right"]) == "131"
    assert implied("3+8=11,3+8=12", "33+88=", ["right", "left"]) is None


@pytest.mark.parametrize(
    ("response", "styles", "share"),
    [
        ("7+5=12,3+8=12;132", ["right"], 0.5),
        ("7+5=12,3+8=11", ["right"], 1),
        ("3+8=11,7+5=12;122", ["right"], 0),
        ("3+8=11,7+5=12;122", ["right", "left"], 1),
        ("7+5=12,7+5=12;132", ["right", "left"], 0.5),
        ("7+5=12;122", ["right"], 0.5),
        ("7+5=12,3+8=11,0+0=00,0+0=00;122", ["right"], 0.5),
        (";122", ["right"], 0),
        ("nothing", ["right"], 0),
        ("12,12;122", ["direct"], 0),
        ("12,12;122", ["direct", "terse"], 1),
    ],
)
def test_shares_of_right_steps(response, styles, share):
    assert right_steps(response, P, styles) == share


def test_there_is_no_share_of_no_steps():
    assert math.isnan(right_steps(";122", P, ["right", "direct"]))
    assert math.isnan(right_steps("7+5=12,3+8=11;122", P, []))


def test_wrong_steps_cost_answers_but_not_what_follows():
    rng = np.random.default_rng(0)
    for style in WORKED:
        for prompt in sums(2, 30, 3):
            response = with_wrong_steps(style, prompt, 0.3, rng)
            right = is_right("integer", answer_of("integer", response), right_answer(prompt))
            assert follows(response, prompt, [style]) is True
            assert (right_steps(response, prompt, [style]) == 1) <= right


@pytest.mark.parametrize(
    ("response", "answer"),
    [("a;122", "122"), ("a;1; 2 ", "2"), (";", None), ("122", None), ("", None), ("a;12x", "12x")],
)
def test_integers_stand_behind_the_last_semicolon(response, answer):
    assert answer_of("integer", response) == answer


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        ("122", "122", True),
        ("0122", "122", True),
        ("+5", "5", True),
        ("-5", "5", False),
        ("-0", "000", True),
        ("12", "122", False),
        ("1220", "122", False),
        ("12x", "12", False),
        ("1_2", "12", False),
        ("١٢", "12", False),
        ("", "0", False),
        (None, "0", False),
        # More digits than int takes.
        ("9" * 5000, "9" * 5000, True),
        ("9" * 5000, "122", False),
    ],
)
def test_integers_are_compared_by_value(answer, gold, right):
    assert is_right("integer", answer, gold) is right


@given(st.text(ALPHABET + "x\\boxed{}#$ \n", max_size=40))
@settings(max_examples=50)
def test_any_text_has_verdicts(text):
    for verifier in ("integer", "math"):
        answer = answer_of(verifier, text)
        assert answer is None or answer == answer.strip() != ""
    assert is_right("integer", answer_of("integer", text), "5") in (True, False)
    assert follows(text, P, ALL) in (True, False, None)
    assert math.isnan(share := right_steps(text, P, ALL)) or 0 <= share <= 1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: answer_of("exact", "5"), "verifier 'exact' is none; give one of integer, math"),
        (lambda: is_right("exact", "5", "5"), "verifier 'exact'"),
        (lambda: is_right("integer", "5", "five"), "gold 'five' is no integer"),
        (lambda: is_right("integer", None, ""), "gold '' is no integer"),
        (lambda: follows(";5", "3+4", ["right"]), "as in '37"),
        (lambda: right_steps(";5", P, ["up"]), "style 'up' is none"),
    ],
)
def test_what_cannot_be_verified_gets_one_line(call, said):
    with pytest.raises(InputError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (r"so $\boxed{\frac{1}{2}}$, not 3", r"\frac{1}{2}"),
        (r"\boxed{1} or rather \boxed{2}", "2"),
        (r"\boxed{a \boxed{4}}", "4"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\fbox{3} \boxed 7 and 8", "7"),
        (r"\boxed{5} then \boxed{6", "5"),
        (r"cut off: \boxed{12", "12"),
        ("3 * 4 = 12\n#### 1,234", "1,234"),
        ("#### 5\nno:\n#### $6 ", "$6"),
        (r"#### 5 \boxed{6}", "6"),
        ("It costs $3.50.", "3.50"),
        ("8 apples, 10-7 pears", "7"),
        ("it is -7.", "-7"),
        ("x=-.5", "-.5"),
        ("1/2 of 50%", "50%"),
        ("12,345 not 1,2", "2"),
        (r"\boxed{}", None),
        ("no number", None),
        ("", None),
        (r"\boxed{" * 20000, None),
    ],
    ids=range(20),
)
def test_answers_of_worked_texts(response, answer):
    assert answer_of("math", response) == answer


def test_math_needs_its_extra_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "math_verify", None)
    with pytest.raises(InputError, match=r"pip install 'mtkd\[math\]'") as caught:
        is_right("math", "5", "5")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        (r"\frac{1}{2}", "0.5", True),
        (r"\dfrac12", "1/2", True),
        ("1,234", "He pays 1200 + 34.\n#### 1234", True),
        ("x^2+1", r"so \boxed{1+x^2}", True),
        ("$18", "18", True),
        (r"10 \text{ cm}", "10", True),
        (r"\{1,2\}", r"\{2,1\}", True),
        ("7", "-7", False),
        ("18", "19", False),
        (r"}}{{$\frac", "3", False),
        (None, "3", False),
    ],
)
def test_math_is_compared_by_value(answer, gold, right):
    pytest.importorskip("math_verify", reason="the extra math is not installed")
    assert is_right("math", answer, gold) is right


@pytest.mark.parametrize("gold", ["", r"\boxed{}"])
def test_math_that_cannot_be_read_as_gold_is_refused(gold):
    pytest.importorskip("math_verify", reason="the extra math is not installed")
    with pytest.raises(InputError, match="nothing that Math-Verify reads"):
        is_right("math", "3", gold)


def test_splitting_is_undone_by_joining():
    for style in ALL:
        assert join(*split(write(style, P))) == write(style, P)
