"""Prompts of column addition and how each style works them out, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_suites import sums as worked_prompts

from mtkd.errors import InputError
from mtkd.generation.styles import (
    ALPHABET,
    STYLES,
    Step,
    digits_of,
    implied_answer,
    read_steps,
    right_answer,
    steps,
    thought_with_errors,
    with_wrong_steps,
    write,
    write_prompt,
)

WRITTEN = {
    "carry": "7+5+0=12,3+8+1=12;122",
    "right": "7+5=12,3+8=11;122",
    "left": "3+8=11,7+5=12;122",
    "terse": "12,12;122",
    "right-swapped": "5+7=12,8+3=11;122",
    "left-swapped": "8+3=11,5+7=12;122",
    "p-right": "p7+5=12,3+8=11;122",
    "q-left": "q3+8=11,7+5=12;122",
    "direct": ";122",
}
WORKED = [name for name in STYLES if name != "direct"]


@st.composite
def sums(draw):
    digits = draw(st.integers(1, 6))
    a, b = (draw(st.integers(0, 10**digits - 1)) for _ in range(2))
    return a, b, digits


def test_each_style_as_it_is_written():
    assert {name: write(name, "37+85=") for name in STYLES} == WRITTEN
    assert write("carry", "09+04=") == "9+4+0=13,0+0+1=01;013"
    assert write("left", "4+1=") == "4+1=05;05"
    assert steps("p-right", "37+85=") == (Step(("7", "5"), "12", "p"), Step(("3", "8"), "11"))
    assert STYLES["terse"].steps(37, 85, 2) == [Step((), "12"), Step((), "12")]


@given(sums())
@settings(max_examples=30)
def test_what_is_written_is_read_back_and_implies_the_right_answer(numbers):
    a, b, digits = numbers
    prompt = write_prompt(a, b, digits)
    assert digits_of(prompt) == digits
    assert right_answer(prompt) == str(a + b).zfill(digits + 1)
    for name, style in STYLES.items():
        response = style.write(a, b, digits)
        thought, answer = response.split(";")
        assert response == write(name, prompt) and set(prompt + response) <= set(ALPHABET)
        assert tuple(read_steps(thought)) == steps(name, prompt)
        assert answer == right_answer(prompt)
        assert implied_answer(name, thought, digits) == (answer if name in WORKED else None)


@given(sums(), st.sampled_from(WORKED), st.integers(0, 2**32))
@settings(max_examples=50)
def test_one_wrong_step_makes_a_wrong_answer_and_later_steps_follow(numbers, style, seed):
    a, b, digits = numbers
    prompt = write_prompt(a, b, digits)
    rng = np.random.default_rng(seed)
    wrong = int(rng.integers(digits))
    found = read_steps(thought := thought_with_errors(style, prompt, [wrong], rng))
    right = steps(style, prompt)
    assert tuple(found[:wrong]) == right[:wrong]
    assert found[wrong].operands == right[wrong].operands and found[wrong].sum != right[wrong].sum
    implied = implied_answer(style, thought, digits)
    assert len(implied) == digits + 1 and implied != right_answer(prompt)
    carry = 0
    for step in found:
        if style == "carry":
            assert step.operands[-1] == str(carry)
        carry = int(step.sum) // 10
        assert 0 <= int(step.sum) <= 19


def test_a_share_of_steps_is_wrong_and_the_answer_follows():
    rng = np.random.default_rng(0)
    some = worked_prompts(3, 400, 1)
    for style in ("carry", "left"):
        wrong = []
        for prompt in some:
            thought, answer = with_wrong_steps(style, prompt, 0.2, rng).split(";")
            assert answer == implied_answer(style, thought, 3)
            sums = [(s.sum, sum(map(int, s.operands))) for s in read_steps(thought)]
            wrong += [int(written) != right for written, right in sums]
        assert np.mean(wrong) == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / len(wrong)))
    for style in STYLES:
        assert with_wrong_steps(style, some[0], 0, rng) == write(style, some[0])
    assert "12" not in with_wrong_steps("right", "77+55=", 1, rng).split(";")[0]


NO_PROMPTS = [
    "",
    "37+85",
    "37+8=",
    "37-85=",
    "a+b=",
    "37+85=\n",
    " 3+8=",
    "٣+٤=",
    "1" * 5000 + "+1=",
]


@pytest.mark.parametrize("prompt", NO_PROMPTS, ids=range(len(NO_PROMPTS)))
def test_what_is_no_prompt_gets_one_line(prompt):
    for call in (
        lambda: digits_of(prompt),
        lambda: write("right", prompt),
        lambda: with_wrong_steps("carry", prompt, 0.5, np.random.default_rng(0)),
    ):
        with pytest.raises(InputError, match="as in '37") as caught:
            call()
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda rng: write("upside-down", "3+8="),
            "is none; give one of carry",
        ),
        (lambda rng: implied_answer("up", "3+8=11", 1), "style 'up' is none"),
        (lambda rng: STYLES["right"].write(100, 5, 2), "100 . 5 is no sum"),
        (lambda rng: STYLES["left"].steps(-1, 5, 2), "-1 . 5 is no sum"),
        (lambda rng: write_prompt(0, 0, 0), "prompts of 0 digits"),
        (lambda rng: write_prompt(0, 1, 10), "prompts of 10 digits"),
        (lambda rng: with_wrong_steps("right", "3+8=", 1.5, rng), "not between 0 and 1"),
        (lambda rng: with_wrong_steps("right", "3+8=", float("nan"), rng), "not between 0 and 1"),
        (lambda rng: with_wrong_steps("direct", "3+8=", 0.2, rng), "has no steps; give 0"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, said):
    with pytest.raises(InputError, match=said):
        call(np.random.default_rng(0))


@pytest.mark.parametrize(
    "thought", ["", "12", "7+5=12", "7+5=1,3+8=11", "7+5=,3+8=11", "x,y", "7+5=123,3+8=11", ","]
)
def test_a_thought_that_is_not_all_steps_implies_nothing(thought):
    assert implied_answer("right", thought, 2) is None


@given(st.text(ALPHABET + "x\n", max_size=20))
@settings(max_examples=50)
def test_any_text_is_read_or_not_without_a_traceback(text):
    found = read_steps(text)
    assert found is None or ",".join(step.text for step in found) == text
    for style in STYLES:
        implied_answer(style, text, 2)
