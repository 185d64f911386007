"""What a response answers, whether that is right, and whether it follows from the thought.

A verifier compares an answer with gold: ``integer`` by value, ``math`` by the rules of the library
Math-Verify, an extra of this package, for texts as language models write them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from mtkd.errors import InputError
from mtkd.generation.styles import steps
from mtkd.generation.thoughts import implied, join, split

VERIFIERS = ("integer", "math")
_INTEGER = re.compile(r"([+-]?)0*([0-9]+)")
# The beginning of a box, an escaped character, which closes nothing, or a brace.
_BRACES = re.compile(r"\\f?boxed\s*\{|\\.|[{}]", re.DOTALL)
_BARE_BOX = re.compile(r"\\f?boxed\s+([^\s{}$]+)")
_GSM8K = re.compile(r"####[ \t]*([^\n]*\S)")
# A minus behind a number is a difference.
_SIGN = r"(?:(?<![\w)])-)?"
_NUMBER = re.compile(
    _SIGN + r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?(?:/[0-9]+)?%?"
    rf"|{_SIGN}\.[0-9]+"
)


def answer_of(verifier: str, response: str) -> str | None:
    r"""What a response answers, or None.

    ``integer``: what stands behind the last ``;``. ``math``: what stands in the last box,
    ``\boxed{}``, else behind the last ``####``, as in GSM8K, else the last number. Raises
    InputError for what is no verifier.
    """
    if _known(verifier) == "integer":
        return (split(response)[1] or "").strip() or None
    numbers = _NUMBER.findall(response)
    return _marked(response) or (numbers[-1] if numbers else None)


def answer_alone(verifier: str, response: str | None) -> str | None:
    r"""A response without its thought: the answer as the verifier finds it, or None without one.

    ``;122`` for ``integer``, ``\boxed{122}`` for ``math``. Raises InputError for what is no
    verifier.
    """
    answer = None if response is None else answer_of(verifier, response)
    if answer is None:
        return None
    return join("", answer) if verifier == "integer" else _boxed(answer)


def is_right(verifier: str, answer: str | None, gold: str) -> bool:
    r"""Whether an answer is gold's. No answer is wrong.

    ``integer``: the same whole number, however padded. ``math``: equal by Math-Verify, in the main
    thread alone; where gold is a worked solution, what it marks by ``\boxed{}`` or ``####`` counts.
    Raises InputError for what is no verifier, for gold that is no integer (none that Math-Verify
    reads), and where Math-Verify is not installed.
    """
    if _known(verifier) == "integer":
        if (expected := _integer(gold)) is None:
            raise InputError(f"gold {gold[:40]!r} is no integer; mend it, or use another verifier")
        return answer is not None and _integer(answer) == expected
    return _equal_by_math_verify(answer, gold)


def follows(response: str, prompt: str, styles: Sequence[str]) -> bool | None:
    """Whether the answer is, to the letter, what the thought implies; None where it implies none.

    Raises InputError for what is no style, or no prompt.
    """
    thought, answer = split(response)
    expected = implied(thought, prompt, styles)
    return None if expected is None else answer == expected


def right_steps(response: str, prompt: str, styles: Sequence[str]) -> float:
    """The share of right steps: those that stand where one style has them, operands and sum.

    By the style of these that has the most; steps that are missing or too many are wrong. NaN where
    there is no thought and a style has none, and without styles. Raises InputError for what is no
    style, or no prompt.
    """
    thought, _ = split(response)
    written = thought.split(",") if thought else []
    shares = []
    for name in styles:
        expected = [step.text for step in steps(name, prompt)]
        if not written and not expected:
            return math.nan
        right = sum(own == step for own, step in zip(written, expected, strict=False))
        shares.append(right / max(len(written), len(expected)))
    return max(shares, default=math.nan)


def _known(verifier: str) -> str:
    if verifier not in VERIFIERS:
        raise InputError(f"verifier {verifier!r} is none; give one of {', '.join(VERIFIERS)}")
    return verifier


def _integer(text: str) -> tuple[bool, str] | None:
    """Whether it is below 0, and its digits. Not by ``int``, which refuses very long ones."""
    match = _INTEGER.fullmatch(text.strip())
    return match and (match[1] == "-" and match[2] != "0", match[2])


def _marked(text: str) -> str | None:
    """What the text marks as its answer: the last box that is closed, or what follows ``####``."""
    if (boxed := _boxed_answers(text)) or (boxed := _BARE_BOX.findall(text)):
        return boxed[-1].strip() or None
    found = _GSM8K.findall(text)
    return found[-1].strip() if found else None


def _boxed_answers(text: str) -> list[str]:
    """What stands in boxes that are closed, in the order of their beginnings."""
    opened, found = [], {}
    for match in _BRACES.finditer(text):
        if match[0].endswith("{") and match[0] != r"\{":
            opened.append((match.end(), match[0] != "{"))
        elif match[0] == "}" and opened:
            start, is_box = opened.pop()
            if is_box:
                found[start] = text[start : match.start()]
    return [found[start] for start in sorted(found)]


def _equal_by_math_verify(answer: str | None, gold: str) -> bool:
    try:
        # Here, since it is an extra.
        from math_verify import parse, verify
    except ImportError as error:
        raise InputError(
            "verifier 'math' needs Math-Verify: pip install 'mtkd[math]', or use another verifier"
        ) from error
    expected = parse(_boxed(_marked(gold) or gold))
    if not expected:
        raise InputError(f"gold {gold[:40]!r} is nothing that Math-Verify reads; mend it")
    return answer is not None and verify(expected, parse(_boxed(answer)))


def _boxed(answer: str) -> str:
    # Math-Verify looks for answers in texts; what is in a box is taken whole.
    return rf"\boxed{{{answer}}}"
