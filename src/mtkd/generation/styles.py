"""Column addition: its prompts, and the grammars ("styles") in which teachers work them out.

A prompt is two numbers of D digits, zero-padded, ``37+85=``. A response is the thought, steps with
commas between them, then ``;`` and the answer of D + 1 digits, ``7+5=12,3+8=11;122``. A step is a
column's operands and its sum of two digits. In some styles the sum holds the carry of the step
before; in the others carries are left to the end. What a response is worth stands in ``verify``,
whose style it is in ``hybrids``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mtkd.errors import InputError

ALPHABET = "0123456789+=,;pq"
# So that sums and the number of pairs are far from what 64 bits hold.
MOST_DIGITS = 9
# Prompts in a style that are worked out once, for the many students that are judged by them.
RESPONSES = 2**14
_PROMPT = re.compile(rf"([0-9]{{1,{MOST_DIGITS}}})\+([0-9]{{1,{MOST_DIGITS}}})=")
_STEP = re.compile(r"([^0-9+=,;]*)(?:([0-9]+(?:\+[0-9]+)*)=)?([0-9]+)")


class Step(NamedTuple):
    """One step as it is written: operands, the carry among them, the sum, and text before it."""

    operands: tuple[str, ...]
    sum: str
    announces: str = ""

    @property
    def text(self) -> str:
        return self.announces + ("+".join(self.operands) + "=" if self.operands else "") + self.sum


class Style(NamedTuple):
    """A grammar: the order of the columns, what a step shows of them, what the sums hold.

    ``order`` is "right" from the units up, "left" from the highest place down, "" without steps.
    ``operands`` are of "a", "b" and "carry". ``carries``: sums hold the carry in. ``announces`` is
    written before the first step.
    """

    name: str
    order: str
    operands: tuple[str, ...] = ("a", "b")
    carries: bool = False
    announces: str = ""

    def places(self, digits: int) -> list[int]:
        """The places of the columns, 0 for units, in the order in which they are worked."""
        up = list(range(digits)) if self.order else []
        return up[::-1] if self.order == "left" else up

    def steps(self, a: int, b: int, digits: int) -> list[Step]:
        """The steps of a + b. Raises InputError for numbers of more digits."""
        return _worked(self, write_prompt(a, b, digits), lambda _, right: right)

    def write(self, a: int, b: int, digits: int) -> str:
        """The whole response to a + b. Raises InputError for numbers of more digits."""
        return f"{_thought(self.steps(a, b, digits))};{a + b:0{digits + 1}}"


STYLES = {
    style.name: style
    for style in (
        Style("carry", "right", ("a", "b", "carry"), carries=True),
        Style("right", "right"),
        Style("left", "left"),
        Style("terse", "right", (), carries=True),
        Style("right-swapped", "right", ("b", "a")),
        Style("left-swapped", "left", ("b", "a")),
        Style("p-right", "right", announces="p"),
        Style("q-left", "left", announces="q"),
        Style("direct", "", ()),
    )
}


def style_of(name: str) -> Style:
    """The style of a name. Raises InputError where there is none."""
    if name not in STYLES:
        raise InputError(f"style {name!r} is none; give one of {', '.join(STYLES)}")
    return STYLES[name]


def write_prompt(a: int, b: int, digits: int) -> str:
    """``37+85=``. Raises InputError for numbers that do not have so many digits."""
    if not 1 <= digits <= MOST_DIGITS:
        raise InputError(f"prompts of {digits} digits: give 1 to {MOST_DIGITS}")
    if not (0 <= a < 10**digits and 0 <= b < 10**digits):
        raise InputError(f"{a} + {b} is no sum of two numbers of {digits} digits")
    return f"{a:0{digits}}+{b:0{digits}}="


def digits_of(prompt: str) -> int:
    """The number of digits of a prompt's numbers. Raises InputError for another text."""
    return _read(prompt)[2]


def right_answer(prompt: str) -> str:
    """The answer, zero-padded to D + 1 digits. Raises InputError for what is no prompt."""
    a, b, digits = _read(prompt)
    return f"{a + b:0{digits + 1}}"


def is_low(prompt: str) -> bool:
    """Whether the first number is in the lower half of its range. Raises InputError as it reads."""
    a, _, digits = _read(prompt)
    return 2 * a < 10**digits


def carries(prompt: str) -> int:
    """How many columns of a sum carry, carries into them counted. Raises InputError as it reads."""
    a, b, digits = _read(prompt)
    ends = [10**place for place in range(1, digits + 1)]
    return sum(a % end + b % end >= end for end in ends)


def untwinned(prompt: str) -> str:
    """The prompt with its smaller number first: the same for ``37+85=`` and its twin ``85+37=``.

    Raises InputError for what is no prompt.
    """
    a, b, digits = _read(prompt)
    return write_prompt(min(a, b), max(a, b), digits)


@lru_cache(RESPONSES)
def steps(style: str, prompt: str) -> tuple[Step, ...]:
    """The steps of a prompt in a style. Raises InputError for what is no style, or no prompt."""
    return tuple(style_of(style).steps(*_read(prompt)))


@lru_cache(RESPONSES)
def write(style: str, prompt: str) -> str:
    """The response to a prompt in a style. Raises InputError for what is no style, or no prompt."""
    return style_of(style).write(*_read(prompt))


def with_wrong_steps(style: str, prompt: str, share: float, rng: np.random.Generator) -> str:
    """The response of one who adds wrongly in this share of steps, each step by itself.

    A wrong sum is any other that a column can have. Later steps and the answer follow from what
    was written. Raises InputError for what is no share, style or prompt, and for a style that has
    no steps to be wrong.
    """
    if not 0 <= share <= 1:
        raise InputError(f"share of wrong steps: {share} is not between 0 and 1")
    wrong = rng.random(len(steps(style, prompt))) < share
    if share and not len(wrong):
        raise InputError(f"share of wrong steps: style {style!r} has no steps; give 0")
    thought = thought_with_errors(style, prompt, np.flatnonzero(wrong).tolist(), rng)
    answer = implied_answer(style, thought, digits_of(prompt)) or right_answer(prompt)
    return f"{thought};{answer}"


def thought_with_errors(
    style: str, prompt: str, positions: Collection[int], rng: np.random.Generator
) -> str:
    """The thought whose sums at these positions are wrong, and whose later steps follow from them.

    Raises InputError for what is no style, or no prompt.
    """
    found = style_of(style)

    def said(position: int, right: int) -> int:
        # Any other sum of a column: 0 to 18, and 19 with a carry.
        most = 19 if found.carries else 18
        return (right + int(rng.integers(1, most + 1))) % (most + 1)

    return _thought(
        _worked(found, prompt, lambda n, right: said(n, right) if n in positions else right)
    )


def read_steps(thought: str) -> list[Step] | None:
    """The steps of a thought of any style, or None where some text is no step of any."""
    found = [_STEP.fullmatch(text) for text in thought.split(",")] if thought else []
    if not all(found):
        return None
    return [
        Step(tuple(operands.split("+")) if operands else (), total, announces)
        for announces, operands, total in (match.groups() for match in found)
    ]


def implied_answer(style: str, thought: str, digits: int) -> str | None:
    """The answer that the written sums make, read in a style's order, whatever the operands say.

    None where the style has no steps, and where the thought is not D steps with sums of two digits.
    Raises InputError for what is no style.
    """
    found, written = style_of(style), read_steps(thought)
    places = found.places(digits)
    if not places or written is None or len(written) != len(places):
        return None
    if any(len(step.sum) != 2 for step in written):
        return None
    sums = [int(step.sum) for step in written]
    if found.carries:
        # Each step but the last has handed its tens on.
        sums[:-1] = [total % 10 for total in sums[:-1]]
    total = sum(value * 10**place for value, place in zip(sums, places, strict=True))
    return f"{total:0{digits + 1}}"


def _read(prompt: str) -> tuple[int, int, int]:
    match = _PROMPT.fullmatch(prompt)
    if not match or len(match[1]) != len(match[2]):
        raise InputError(
            f"prompt {prompt[:40]!r}: write two numbers of as many digits, 1 to {MOST_DIGITS} each,"
            " as in '37+85='"
        )
    return int(match[1]), int(match[2]), len(match[1])


def _worked(style: Style, prompt: str, said: Callable[[int, int], int]) -> list[Step]:
    """The steps of one who writes ``said(position, right sum)`` and goes on from it."""
    a, b, digits = _read(prompt)
    carry, found = 0, []
    for position, place in enumerate(style.places(digits)):
        column = {"a": a // 10**place % 10, "b": b // 10**place % 10, "carry": carry}
        right = column["a"] + column["b"] + (carry if style.carries else 0)
        total = said(position, right)
        shown = tuple(str(column[name]) for name in style.operands)
        found.append(Step(shown, f"{total:02}", "" if position else style.announces))
        carry = total // 10
    return found


def _thought(steps: list[Step]) -> str:
    return ",".join(step.text for step in steps)
