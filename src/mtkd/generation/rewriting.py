"""Rewriting: traces of other teachers in the way of one, by a student of that one who reads them.

It learns from pairs: prompts apart that both answered, another's trace before it, the one's own to
write. What it makes of further traces is learnt where the verifier finds the right answer in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mtkd.errors import InputError
from mtkd.generation.verify import answer_of, is_right

# What a student that learnt from pairs (columns prompt, response, rewritten) makes of some traces
# (prompt, response).
Rewriter = Callable[[pd.DataFrame, pd.DataFrame], list[str]]
_NUMBER = re.compile("[0-9]+")


def rewritten(
    into: int,
    count: int,
    prompts: pd.DataFrame,
    order: Sequence[int],
    responses: Sequence[Sequence[str | None]],
    teachers: Sequence[str],
    verifier: str,
    rewriter: Rewriter,
) -> tuple[list[int], list[list[str | None]], dict[str, Any]]:
    """The order of the prompts that are left, responses to them, and what was made of each teacher.

    The traces of all teachers but that at place ``into`` are rewritten. The student that does it
    learns from the last ``count`` prompts of the order to which all responded. Said is, of each
    teacher that was rewritten, the share of traces whose rewriting is right, whose answer it kept,
    and the mean share of a trace's numbers that it has. Raises InputError for too few prompts.
    """
    known = [row for row in order if all(own[row] is not None for own in responses)]
    if len(known) <= count:
        raise InputError(
            f"{len(known)} prompts have a trace of each of {', '.join(teachers)}, and the student "
            f"that rewrites learns from {count} of them (rewrite.pairs); ask for fewer"
        )
    apart = set(known[-count:])
    left = [row for row in order if row not in apart]
    texts, gold = prompts["prompt"].tolist(), prompts["answer"].tolist()
    others = [place for place in range(len(teachers)) if place != into]

    def traces(rows: Sequence[int], place: int) -> list[tuple[str, str]]:
        own = responses[place]
        return [(texts[row], own[row]) for row in rows if own[row] is not None]

    pairs = pd.DataFrame(
        [
            (texts[row], responses[place][row], responses[into][row])
            for place in others
            for row in known[-count:]
        ],
        columns=["prompt", "response", "rewritten"],
    )
    before = [(place, row) for place in others for row in left if responses[place][row] is not None]
    made = rewriter(
        pairs,
        pd.DataFrame(
            [(texts[row], responses[place][row]) for place, row in before],
            columns=["prompt", "response"],
        ),
    )
    found = [
        list(own) if place == into else [None] * len(own) for place, own in enumerate(responses)
    ]
    said: dict[str, list[tuple[bool, bool, float]]] = {}
    for (place, row), text in zip(before, made, strict=True):
        found[place][row] = text
        was, now = responses[place][row], answer_of(verifier, text)
        kept = now is not None and now == answer_of(verifier, was)
        right = is_right(verifier, now, gold[row])
        said.setdefault(teachers[place], []).append((right, kept, numbers_kept(was, text)))
    return left, found, {name: _shares(rows) for name, rows in said.items()}


def numbers_kept(before: str, after: str) -> float:
    """The share of the numbers of one text, each as often as it stands there, that another has."""
    own, other = Counter(_NUMBER.findall(before)), Counter(_NUMBER.findall(after))
    return (own & other).total() / own.total() if own else 1.0


def _shares(rows: Sequence[tuple[bool, bool, float]]) -> Mapping[str, float]:
    right, kept, numbers = np.array(rows, float).mean(axis=0)
    return {
        "rewritten": len(rows),
        "right": float(right),
        "answer_kept": float(kept),
        "numbers_kept": float(numbers),
    }
