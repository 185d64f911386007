"""Telling teachers by their thoughts: chance where they are alike, more where it shows."""

from __future__ import annotations

import pytest
from tiny_suites import sums

from mtkd.generation.identify import hidden_style, identification
from mtkd.generation.styles import write
from mtkd.generation.thoughts import split

SOME = sums(2, 160)


def traces(*styles, some=SOME):
    """Prompts, responses and teachers' names, each teacher on all prompts."""
    names = [f"teacher {number}" for number in range(len(styles))]
    return (
        list(some) * len(styles),
        [write(style, prompt) for style in styles for prompt in some],
        [name for name in names for _ in some],
    )


def test_one_teacher_under_three_names_is_told_at_chance():
    same = traces("right", "right", "right", some=SOME[:40])
    found = identification(*same, 0)
    assert found == {
        "alone": pytest.approx(1 / 3),
        "given_prompt": pytest.approx(1 / 3),
        "chance": 1 / 3,
        "prompts": 40,
    }
    assert hidden_style(*same, 0) == pytest.approx(0)


def test_the_order_of_columns_shows_to_one_who_knows_the_prompt_alone():
    hidden = traces("right", "left")
    found = identification(*hidden, 0)
    assert found["alone"] == pytest.approx(0.5, abs=0.1)
    assert found["given_prompt"] > 0.97
    assert hidden_style(*hidden, 0) == pytest.approx(0.5, abs=0.1)


def test_carries_show_in_the_text_itself_but_not_at_the_fork():
    announced = traces("carry", "right", some=SOME[:100])
    found = identification(*announced, 0)
    assert found["alone"] > 0.95 and found["given_prompt"] > 0.95
    assert hidden_style(*announced, 0) == pytest.approx(0, abs=1e-12)


def test_what_announces_itself_hides_nothing():
    announced = traces("p-right", "q-left", some=SOME[:100])
    assert identification(*announced, 0)["alone"] > 0.98
    assert hidden_style(*announced, 0) == pytest.approx(0, abs=0.02)


def test_the_answer_is_not_looked_at():
    where, said, who = traces("right", "left", some=SOME[:40])
    marked = [f"{split(text)[0]};{name[-1] * 3}" for text, name in zip(said, who, strict=True)]
    assert identification(where, marked, who, 0) == identification(where, said, who, 0)


def test_a_semicolon_in_worked_text_parts_nothing():
    where = [f"How many are {number}?" for number in range(20)] * 2
    said = [
        f"It is {number % 20}; {'so' if number < 20 else 'thus'} it is." for number in range(40)
    ]
    assert identification(where, said, ["a"] * 20 + ["b"] * 20, 0)["alone"] == 1


def test_a_prompt_and_its_twin_are_in_one_fold():
    """Texts that come back would tell a teacher: each prompt's traces are learned or named."""
    a_prompt = [f"problem {number}" for number in range(60)]
    # Each teacher says of each prompt what no other says, and nothing else.
    texts = [f"{chr(0x4E00 + 2 * n + k)};1" for k in range(2) for n in range(60)]
    names = [str(k) for k in range(2) for _ in range(60)]
    assert identification(a_prompt * 2, texts, names, 0)["alone"] == pytest.approx(0.5, abs=0.05)
    twins = ["{1}+{0}=".format(*prompt[:-1].split("+")) for prompt in SOME[:60]]
    both = SOME[:60] * 2 + twins * 2
    found = identification(both, texts * 2, names * 2, 0)
    assert found["prompts"] == 60 and found["alone"] == pytest.approx(0.5, abs=0.05)


def test_a_seed_is_all():
    apart = traces("right", "right-swapped", some=SOME[:30])
    assert hidden_style(*apart, 3) == hidden_style(*apart, 3)


def test_teachers_with_prompts_of_their_own_and_of_unequal_number_are_compared():
    first, second = traces("carry", some=SOME[:120]), traces("right", some=SOME[120:])
    names = ["a"] * 120 + ["b"] * 40
    found = identification(first[0] + second[0], first[1] + second[1], names, 0)
    assert found["alone"] > 0.9 and found["prompts"] == 160


def test_at_most_so_many_prompts_are_looked_at(monkeypatch):
    monkeypatch.setattr("mtkd.generation.identify.MOST", 30)
    assert identification(*traces("p-right", "q-left"), 0)["prompts"] == 30


@pytest.mark.parametrize("which", [("right",), ()])
def test_one_teacher_has_nobody_to_be_told_from(which):
    assert identification(*traces(*which), 0) is None and hidden_style(*traces(*which), 0) is None


def test_few_prompts_tell_nothing():
    few = traces("right", "left", some=SOME[:9])
    assert identification(*few, 0) is None and hidden_style(*few, 0) is None


def test_odd_texts_are_classified_like_any():
    where, said, who = traces("right", "left", some=SOME[:20])
    assert identification(where, [""] * 40, who, 0)["alone"] == pytest.approx(0.5)
    assert identification(["?", *where[1:]], ["٣\n😀", *said[1:]], who, 0)["prompts"] == 21
