"""A response's thought and its answer apart: what the thought implies, and thoughts made wrong.

Whether the answer is right or follows stands in ``verify``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from mtkd.errors import InputError
from mtkd.generation.styles import (
    RESPONSES,
    Step,
    digits_of,
    implied_answer,
    read_steps,
    steps,
    style_of,
    thought_with_errors,
)

# In the place of an operand that is computed, not copied from the prompt.
COMPUTED = "computed"


def split(response: str) -> tuple[str, str | None]:
    """The thought, and what stands behind the last ``;``: None where the response has none."""
    thought, parted, answer = response.rpartition(";")
    return (thought, answer) if parted else (response, None)


def join(thought: str, answer: str) -> str:
    """The response of a thought and an answer."""
    return f"{thought};{answer}"


def with_forced_error(style: str, prompt: str, rng: np.random.Generator) -> str:
    """The thought in a style with one step's sum wrong, any step; later steps follow from it.

    It always implies a wrong answer. Raises InputError for what is no style or no prompt, and for a
    style without steps.
    """
    if not (count := len(steps(style, prompt))):
        raise InputError(f"style {style!r} has no steps that could be wrong; give another")
    return thought_with_errors(style, prompt, [int(rng.integers(count))], rng)


@lru_cache(RESPONSES)
def copied(style: str, prompt: str) -> tuple[tuple[str, ...], ...]:
    """What a style copies in each step: the text before it, and operands or ``COMPUTED``.

    Raises InputError for what is no style, or no prompt.
    """
    names = style_of(style).operands
    return tuple(
        (
            step.announces,
            *(
                COMPUTED if name == "carry" else operand
                for name, operand in zip(names, step.operands, strict=True)
            ),
        )
        for step in steps(style, prompt)
    )


def fits(step: Step, expected: tuple[str, ...]) -> bool:
    """Whether a written step shows what a style copies there, with any digit where it computes."""
    shown = (step.announces, *step.operands)
    return len(shown) == len(expected) and all(map(_fits, shown, expected))


def part_fits(step: Step, part: int, expected: tuple[str, ...]) -> bool:
    """Whether one part of a step, 0 for the text before it, is what a style has in that place."""
    shown = (step.announces, *step.operands)
    return part < len(expected) and _fits(shown[part], expected[part])


def _fits(shown: str, expected: str) -> bool:
    return shown == expected or (expected == COMPUTED and len(shown) == 1 and shown.isdecimal())


def styles_of(thought: str, prompt: str, styles: Sequence[str]) -> list[str]:
    """The styles, of some, whose steps the thought shows all through, whatever the sums.

    More than one where digits coincide. Raises InputError for what is no style, or no prompt.
    """
    written = read_steps(thought)
    expected = {name: copied(name, prompt) for name in styles}
    if written is None:
        return []
    return [
        name
        for name, parts in expected.items()
        if len(parts) == len(written) and all(map(fits, written, parts))
    ]


def implied(thought: str, prompt: str, styles: Sequence[str]) -> str | None:
    """The answer that a thought's sums make in the order of the style that it is in.

    Where it is in several of them, or in none all through, as hybrids are, what all of these imply,
    if it is one answer. None where it is not, and where sums cannot be read. Raises InputError for
    what is no style, or no prompt.
    """
    digits = digits_of(prompt)
    read_as = styles_of(thought, prompt, styles) or styles
    answers = {implied_answer(name, thought, digits) for name in read_as}
    return answers.pop() if len(answers) == 1 else None
