"""Whose style a response is in: kinds, what a memoryless student would mix, and what they cost."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_suites import sums

from mtkd.errors import InputError
from mtkd.generation.hybrids import KINDS, classify, memoryless
from mtkd.generation.styles import ALPHABET, STYLES, right_answer, steps, write
from mtkd.generation.thoughts import join, split, with_forced_error

ALL = list(STYLES)
HIDDEN = ["right", "left"]
P = "37+85="


def spliced(first, rest, prompt):
    """The first step of one style, later ones of another, and the right answer."""
    texts = [step.text for step in [steps(first, prompt)[0], *steps(rest, prompt)[1:]]]
    return join(",".join(texts), right_answer(prompt))


@pytest.mark.parametrize("style", ALL)
def test_what_a_style_writes_is_pure_of_it(style):
    # Without coinciding digits no other style writes the same.
    assert classify(write(style, P), P, ALL) == ("pure", style)
    for prompt in sums(3, 40, 0):
        assert classify(write(style, prompt), prompt, [style]) == ("pure", style)
        assert classify(write(style, prompt), prompt, ALL).kind == "pure"


@pytest.mark.parametrize("style", [name for name in ALL if name != "direct"])
def test_a_wrong_sum_that_is_followed_is_a_slip_of_its_style(style):
    rng = np.random.default_rng(0)
    for _ in range(10):
        thought = with_forced_error(style, P, rng)
        assert classify(join(thought, "122"), P, ALL) == ("slip", style)


@pytest.mark.parametrize(
    ("response", "styles", "found"),
    [
        ("7+5=12,3+8=11;121", HIDDEN, ("slip", "right")),
        ("7+5=12,3+8=11;0122", HIDDEN, ("slip", "right")),
        ("3+8=11,7+5=13;122", HIDDEN, ("slip", "left")),
        ("7+5+0=12,3+8+0=11;112", ["carry", "right"], ("slip", "carry")),
        (";121", ["right", "direct"], ("slip", "direct")),
        ("p7+5=12,3+8=10;122", ["p-right", "q-left"], ("slip", "p-right")),
        # Whole steps of two teachers.
        ("7+5=12,7+5=12;122", HIDDEN, ("mixed", "")),
        ("7+5=12,3+8+1=12;122", ["right", "carry"], ("mixed", "")),
        ("12,3+8=11;122", ["right", "terse"], ("mixed", "")),
        ("7+5=12,8+3=11;122", ["right", "right-swapped"], ("mixed", "")),
        ("p7+5=12,7+5=12;122", ["p-right", "q-left"], ("mixed", "")),
        # Operands of two teachers in one step, an announcement with the other's operands.
        ("7+8=15,3+5=08;095", HIDDEN, ("cross", "")),
        ("7+5=12,3+5=08;122", HIDDEN, ("cross", "")),
        ("q7+5=12,3+8=11;122", ["p-right", "q-left"], ("cross", "")),
        ("7+7=14,3+8=11;122", ["right", "right-swapped"], ("cross", "")),
        # Not of these teachers, though of others.
        ("7+8=15,3+5=08;095", ["right", "carry"], ("broken", "")),
        ("7+5=12,7+5=12;122", ["right", "right-swapped"], ("broken", "")),
        ("5+7=12,8+3=11;122", HIDDEN, ("broken", "")),
        ("7+5=12;122", HIDDEN, ("broken", "")),
        ("7+5=12,3+8=11,3+8=11;122", HIDDEN, ("broken", "")),
        ("7+5=12,3+8=11", HIDDEN, ("broken", "")),
        ("7+5=12,3+8=11;", HIDDEN, ("broken", "")),
        ("7+5=12,3+8=11;12x", HIDDEN, ("broken", "")),
        ("7+5=12;3+8=11;122", HIDDEN, ("broken", "")),
        ("7+5=,3+8=11;122", HIDDEN, ("broken", "")),
        (";122", HIDDEN, ("broken", "")),
        ("12,12;122", ["direct"], ("broken", "")),
        ("", ["direct", *HIDDEN], ("broken", "")),
        ("7+5=12,3+8=11;122", [], ("broken", "")),
    ],
)
def test_kinds(response, styles, found):
    assert classify(response, P, styles) == found


def test_where_digits_coincide_the_most_charitable_holds():
    assert classify(write("left", "33+88="), "33+88=", HIDDEN) == ("pure", "right")
    assert classify(spliced("right", "left", "33+88="), "33+88=", HIDDEN).kind == "pure"
    # One operand of two is alike: a crossed step is a whole one of the other teacher.
    assert classify("7+5=12,3+5=08;092", "37+55=", HIDDEN) == ("pure", "right")
    assert classify("7+5=12,7+5=12;132", "37+55=", HIDDEN).kind == "mixed"


@given(st.text(ALPHABET + "x٣\n", max_size=24), st.lists(st.sampled_from(ALL), max_size=4))
@settings(max_examples=50)
def test_any_text_has_a_kind(text, styles):
    kind, style = classify(text, P, styles)
    assert kind in KINDS and (style in styles if kind in ("pure", "slip") else style == "")


@given(st.integers(0, 999), st.integers(0, 999), st.data())
@settings(max_examples=30)
def test_the_order_of_teachers_and_more_of_them_do_not_make_a_kind_worse(a, b, data):
    prompt = f"{a:03}+{b:03}="
    chosen = [step for step in data.draw(st.permutations(ALL[:-1]))[:3]]
    drawn = [steps(data.draw(st.sampled_from(chosen)), prompt)[n].text for n in range(3)]
    response = join(",".join(drawn), right_answer(prompt))
    kind = classify(response, prompt, chosen).kind
    assert kind in ("pure", "slip", "mixed")
    assert classify(response, prompt, chosen[::-1]).kind == kind
    assert KINDS.index(classify(response, prompt, ALL).kind) <= KINDS.index(kind)


@pytest.mark.parametrize("pair", [("right", "left"), ("carry", "left"), ("left", "right-swapped")])
def test_a_mixture_of_coherent_responses_has_no_hybrid_and_spliced_ones_are_hybrids(pair):
    some = sums(2, 200, 0)
    coherent = [classify(write(pair[n % 2], p), p, pair).kind for n, p in enumerate(some)]
    assert set(coherent) == {"pure"}
    kinds = [classify(spliced(*pair, p), p, pair).kind for p in some]
    # But for coinciding digits.
    assert set(kinds) <= {"pure", "mixed", "slip"} and kinds.count("mixed") / len(some) > 0.97


def enumerated(prompt, styles, shares):
    """The share of hybrids over all draws of a teacher for each step, one response after another.

    A teacher without steps can be drawn at the first alone, and ends the thought there.
    """
    total, found = sum(shares), 0.0
    weight = dict(zip(styles, shares, strict=True))
    worked = [name for name in styles if name != "direct"]
    for drawn in product(worked, repeat=len(steps(worked[0], prompt))):
        rest = sum(weight[name] for name in worked)
        probability = np.prod([weight[name] for name in drawn]) / total / rest ** (len(drawn) - 1)
        texts = [steps(name, prompt)[n].text for n, name in enumerate(drawn)]
        response = join(",".join(texts), right_answer(prompt))
        if classify(response, prompt, styles).kind in ("mixed", "cross"):
            found += probability
    return found


@pytest.mark.parametrize(
    ("styles", "shares"),
    [
        (HIDDEN, [1, 1]),
        (HIDDEN, [0.8, 0.2]),
        (["right", "left", "right-swapped", "left-swapped"], [1, 2, 3, 4]),
        (["carry", "right", "terse"], [0.5, 0.3, 0.2]),
        (["p-right", "q-left"], [1, 3]),
        (["direct", "right", "left"], [2, 1, 1]),
    ],
)
def test_a_memoryless_student_against_all_its_draws(styles, shares):
    some = [*sums(2, 10, 1), "33+88=", "37+55=", "37+73=", "55+55=", *sums(3, 4, 2)]
    expected = np.mean([enumerated(prompt, styles, shares) for prompt in some])
    assert memoryless(some, styles, shares) == pytest.approx(expected, abs=1e-12)


def test_a_memoryless_student_of_one_style_under_three_names_mixes_nothing():
    some = sums(2, 50, 0)
    assert memoryless(some, ["right"] * 3, [1, 1, 1]) == pytest.approx(0, abs=1e-12)
    assert memoryless(some, HIDDEN, [1, 0]) == pytest.approx(0, abs=1e-12)
    assert memoryless(some, ["direct", "right"], [1, 0]) == pytest.approx(0, abs=1e-12)
    assert memoryless([P], HIDDEN, [1, 1]) == 0.5
    assert memoryless(["33+88="], HIDDEN, [1, 1]) == 0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: classify("", "37+8", HIDDEN), "as in '37"),
        (lambda: classify("", P, ["up"]), "style 'up' is none"),
        (lambda: memoryless([], HIDDEN, [1, 1]), "no prompts"),
        (lambda: memoryless([P], HIDDEN, [1]), "give each a number"),
        (lambda: memoryless([P], HIDDEN, [1, -1]), "give each a number"),
        (lambda: memoryless([P], HIDDEN, [1, float("nan")]), "give each a number"),
        (lambda: memoryless([P], HIDDEN, [0, 0]), "not 0 to all"),
        (lambda: memoryless([P], HIDDEN, [1, float("inf")]), "give each a number"),
    ],
)
def test_what_cannot_be_compared_gets_one_line(call, said):
    with pytest.raises(InputError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_thoughts_and_answers_are_parted_at_the_last_semicolon():
    assert split("a;b;c") == ("a;b", "c") and split("a;") == ("a", "") and split(";1") == ("", "1")
    assert split("a") == ("a", None) and split("") == ("", None)
    assert join(*split("7+5=12;12")) == "7+5=12;12"
