"""Whose style a response is in, of several teachers', and whether it mixes them.

Kinds, the most charitable of those that hold where digits coincide:

- ``pure``: a teacher's response, step by step, with all sums right and the answer;
- ``slip``: each step is of one teacher, but for a sum, a carry or the answer;
- ``mixed``: each step is of some teacher, no single one all through;
- ``cross``: each operand of each step is of some teacher, and some teacher writes as many there;
- ``broken``: anything else.

The carry that a step shows is computed, as sums are: a wrong one is a slip. What stands before a
step to announce a style is a part of it, like an operand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from mtkd.errors import InputError
from mtkd.generation.styles import Step, read_steps, write
from mtkd.generation.thoughts import copied, fits, part_fits, split, styles_of

PURE, SLIP, MIXED, CROSS, BROKEN = KINDS = ("pure", "slip", "mixed", "cross", "broken")
HYBRIDS = (MIXED, CROSS)
_DIGITS = re.compile("[0-9]+")


class Kind(NamedTuple):
    """A kind of ``KINDS``, and the style of a pure response or a slip, else ""."""

    kind: str
    style: str = ""


def classify(response: str, prompt: str, styles: Sequence[str]) -> Kind:
    """The kind of a response against teachers' styles; the first of these where digits coincide.

    Raises InputError for what is no style, or no prompt.
    """
    pure = [name for name in styles if response == write(name, prompt)]
    if pure:
        return Kind(PURE, pure[0])
    thought, answer = split(response)
    written = read_steps(thought)
    if written is None or answer is None or not _DIGITS.fullmatch(answer):
        return Kind(BROKEN)
    if own := styles_of(thought, prompt, styles):
        return Kind(SLIP, own[0])
    return Kind(_hybrid(written, [copied(name, prompt) for name in styles]))


def _hybrid(written: list[Step], teachers: list[tuple[tuple[str, ...], ...]]) -> str:
    """The kind of steps that are of no single teacher all through, given what each copies."""
    at_positions = list(zip(*(own for own in teachers if len(own) == len(written)), strict=True))
    # No teacher has so many steps, or none at all.
    if not at_positions:
        return BROKEN
    pairs = list(zip(written, at_positions, strict=True))
    if all(any(fits(step, parts) for parts in expected) for step, expected in pairs):
        return MIXED
    crossed = all(
        any(len(parts) == 1 + len(step.operands) for parts in expected)
        and all(
            any(part_fits(step, part, parts) for parts in expected)
            for part in range(1 + len(step.operands))
        )
        for step, expected in pairs
    )
    return CROSS if crossed else BROKEN


def memoryless(prompts: Sequence[str], styles: Sequence[str], shares: Sequence[float]) -> float:
    """The expected share of hybrids of a student that draws a teacher anew at each step.

    It draws each style with its share, in any unit, among those who write a step at that position
    (or end there), and copies that step rightly. So its hybrids are mixed, never cross. Less than
    one of independent draws where digits coincide, for which the prompts are gone through one by
    one. Raises InputError for what is no style or no prompt, for no prompts, and for shares that do
    not fit.
    """
    if not prompts:
        raise InputError("rate of a memoryless student: no prompts; give one or more")
    if (
        len(shares) != len(styles)
        or not all(0 <= share < math.inf for share in shares)
        or not sum(shares)
    ):
        raise InputError(
            f"shares {list(shares)} of styles {list(styles)}: give each a number of 0 or more, and"
            " not 0 to all"
        )
    return sum(_hybrid_rate(prompt, styles, shares) for prompt in prompts) / len(prompts)


def _hybrid_rate(prompt: str, styles: Sequence[str], shares: Sequence[float]) -> float:
    # None stands for the end, which is a choice like a step.
    sequences = [(*copied(name, prompt), None) for name in styles]
    single = 0.0
    for sequence in set(sequences):
        probability = 1.0
        for position, step in enumerate(sequence):
            drawn = [
                (own[position], share)
                for own, share in zip(sequences, shares, strict=True)
                if position < len(own)
            ]
            total = sum(share for _, share in drawn)
            # Without a share no teacher comes so far.
            probability *= total and sum(share for own, share in drawn if own == step) / total
        single += probability
    return 1 - single
