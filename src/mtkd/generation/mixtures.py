"""Mixtures: which of its teachers' traces a student learns from, and what stands before each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mtkd.errors import InputError
from mtkd.generation.thoughts import join, split
from mtkd.generation.tokens import ANY, MODES
from mtkd.generation.verify import answer_of, follows, is_right

COLUMNS = ("id", "teacher", "mode", "prompt", "response")


class Written(NamedTuple):
    """What a teacher wrote on the transfer prompts: ``traces`` with id, prompt, answer, response.

    A prompt that it did not answer has the response None. ``style`` is its way of working, where it
    is known.
    """

    traces: pd.DataFrame
    style: str | None


def build_mixture(
    mixing: Mapping[str, Any],
    written: Mapping[str, Written],
    teachers: Sequence[str],
    n: int,
    seed: int,
    verifier: str,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The rows that a student learns from (``COLUMNS``), and what is to be said of them.

    ``mixing`` holds a strategy's settings that are not the default, ``written`` what the teachers,
    and who else it names, wrote on the same prompts. Each teacher gives ``n`` traces, or its share
    of ``n`` a teacher. The order of the prompts depends on the ``seed`` alone. Said is how many
    traces were looked at for those that were accepted, by teacher. Raises InputError for a teacher
    with fewer accepted traces than it is to give.
    """
    first = written[teachers[0]].traces
    order = np.random.default_rng([seed, 1]).permutation(len(first))
    total = n * len(teachers)
    shares = mixing.get("ratio") or [1 / len(teachers)] * len(teachers)
    counts = _counts(shares, total)
    is_union = mixing.get("protocol") == "union"
    taken: set[int] = set()
    parts, looked_at = [], {}
    for place, (teacher, count) in enumerate(zip(teachers, counts, strict=True)):
        responses = _responses(mixing, written, teacher)
        chosen: list[int] = []
        seen = 0
        for row in order:
            if len(chosen) == count:
                break
            if row in taken or responses[row] is None:
                continue
            seen += 1
            if _accepted(mixing, written[teacher], int(row), responses, verifier):
                chosen.append(int(row))
        if len(chosen) < count:
            raise InputError(
                f"teacher {teacher}: {len(chosen)} of its {seen} traces are accepted "
                f"({mixing.get('filter', 'none')}), and the mixture takes {count}; ask for fewer "
                "traces (n) or write on more prompts (rows.transfer)"
            )
        if not is_union:
            taken |= set(chosen)
        looked_at[teacher] = seen
        rows = first.iloc[chosen]
        parts.append(
            pd.DataFrame(
                {
                    "id": rows["id"].to_numpy(),
                    "teacher": teacher,
                    "mode": MODES[place] if mixing.get("mode", "none") != "none" else ANY,
                    "prompt": rows["prompt"].to_numpy(),
                    "response": [responses[row] for row in chosen],
                }
            )
        )
    mixture = pd.concat(parts, ignore_index=True)
    rng = np.random.default_rng([seed, 2])
    if mixing.get("mode") == "shuffled":
        mixture["mode"] = rng.permutation(mixture["mode"].to_numpy())
    if dropout := mixing.get("mode_dropout", 0):
        mixture.loc[rng.random(len(mixture)) < dropout, "mode"] = ANY
    return mixture, {"looked_at": looked_at, "traces": dict(zip(teachers, counts, strict=True))}


def _counts(shares: Sequence[float], total: int) -> list[int]:
    """Whole numbers of traces by share, ``total`` in all: the largest remainders are rounded up."""
    exact = np.array(shares) * total
    counts = np.floor(exact + 1e-9).astype(int)
    for place in np.argsort(counts - exact, kind="stable")[: total - counts.sum()]:
        counts[place] += 1
    return counts.tolist()


def _responses(
    mixing: Mapping[str, Any], written: Mapping[str, Written], teacher: str
) -> list[str | None]:
    """What a teacher wrote, with the answers of another where the strategy says so.

    None where there is nothing, of one of them.
    """
    own = written[teacher].traces["response"].tolist()
    if "answers_of" not in mixing:
        return own
    others = written[mixing["answers_of"]].traces["response"]
    return [
        None if one is None or other is None else join(split(one)[0], split(other)[1] or "")
        for one, other in zip(own, others, strict=True)
    ]


def _accepted(
    mixing: Mapping[str, Any],
    teacher: Written,
    row: int,
    responses: list[str | None],
    verifier: str,
) -> bool:
    wanted = mixing.get("filter", "none")
    if wanted == "none":
        return True
    trace = teacher.traces.iloc[row]
    right = is_right(verifier, answer_of(verifier, responses[row]), trace["answer"])
    if wanted == "correct" or not right or not teacher.style:
        return right
    # What implies nothing, a response without a thought for one, contradicts nothing.
    return follows(responses[row], trace["prompt"], [teacher.style]) is not False
