"""Mixtures: which of its teachers' traces a student learns from, and what stands before each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mtkd.config.generation import Mixing
from mtkd.errors import InputError
from mtkd.generation.columns import assigned
from mtkd.generation.rewriting import Rewriter, rewritten
from mtkd.generation.routes import routed
from mtkd.generation.thoughts import join, split
from mtkd.generation.tokens import ANY, MODES
from mtkd.generation.verify import answer_alone, answer_of, follows, is_right


class Written(NamedTuple):
    """What a teacher wrote on the transfer prompts: ``traces`` with id, prompt, answer, response.

    A prompt that it did not answer has the response None. ``style`` is its way of working, where it
    is known.
    """

    traces: pd.DataFrame
    style: str | None


# The mean log-likelihood in nats a token of each of some pairs, with columns prompt and response,
# under a student that learnt from others.
Likelihood = Callable[[pd.DataFrame, pd.DataFrame], np.ndarray]


def build_mixture(
    mixing: Mapping[str, Any],
    written: Mapping[str, Written],
    teachers: Sequence[str],
    n: int,
    seed: int,
    verifier: str,
    likelihood: Likelihood | None = None,
    rewriter: Rewriter | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The rows that a student learns from, and what is to be said of them.

    A row has id, teacher, mode (the token before its prompt), prompt and response.
    ``mixing`` holds a strategy's settings that are not the default, ``written`` what the teachers,
    and who else it names, wrote on the same prompts. Each teacher gives ``n`` traces, or its share
    of ``n`` a teacher, or those that are routed to it, for which a route may need the
    ``likelihood``; the ``rewriter`` is for strategies that rewrite. Beside those with a thought
    each may give as many without, of other prompts. The order of the prompts depends on the
    ``seed`` alone. Said is how many traces were looked at for those that were accepted, by
    teacher. Raises InputError for a teacher with fewer accepted traces than it is to give.
    """
    first = written[teachers[0]].traces
    order = np.random.default_rng([seed, 1]).permutation(len(first)).tolist()
    responses = [_responses(mixing, written, teacher) for teacher in teachers]
    modes = list(MODES) if mixing.get("mode", "none") != "none" else [ANY] * len(teachers)
    names, said = list(teachers), {}
    if "direct" in mixing:
        names, responses, modes = _without_thoughts(mixing, names, responses, modes, verifier)
    if "rewrite" in mixing:
        how = Mixing.model_validate(mixing)
        into, count = teachers.index(how.rewrite.into), how.rewritten_pairs(n)
        order, responses, said["rewritten"] = rewritten(
            into, count, first, order, responses, teachers, verifier, rewriter
        )
    if "route" in mixing:
        rows, looked_at = _by_route(
            mixing, first, teachers, n, seed, verifier, order, responses, likelihood
        )
    elif "by_column" in mixing:
        rows, looked_at = _by_column(mixing, first, teachers, n, seed, order, responses)
    else:
        again = said.get("rewritten", ())
        rows, looked_at = _by_share(mixing, written, names, n, verifier, order, responses, again)
    parts = []
    for place, teacher in enumerate(names):
        if not rows[place]:
            continue
        chosen = first.iloc[rows[place]]
        parts.append(
            pd.DataFrame(
                {
                    "id": chosen["id"].to_numpy(),
                    "teacher": teacher,
                    "mode": modes[place],
                    "prompt": chosen["prompt"].to_numpy(),
                    "response": [responses[place][row] for row in rows[place]],
                }
            )
        )
    mixture = pd.concat(parts, ignore_index=True)
    rng = np.random.default_rng([seed, 2])
    if mixing.get("mode") == "shuffled":
        mixture["mode"] = rng.permutation(mixture["mode"].to_numpy())
    if dropout := mixing.get("mode_dropout", 0):
        mixture.loc[rng.random(len(mixture)) < dropout, "mode"] = ANY
    traces = {name: int((mixture["teacher"] == name).sum()) for name in teachers}
    return mixture, {"looked_at": looked_at, "traces": traces, **said}


def _without_thoughts(
    mixing: Mapping[str, Any],
    teachers: list[str],
    responses: list[list[str | None]],
    modes: list[str],
    verifier: str,
) -> tuple[list[str], list[list[str | None]], list[str]]:
    """Teachers, their responses and modes, with those without a thought: behind them, or alone."""
    answers = [[answer_alone(verifier, one) for one in own] for own in responses]
    token = [MODES[len(teachers)]] * len(teachers)
    if mixing["direct"] == "alone":
        return teachers, answers, token
    return [*teachers, *teachers], [*responses, *answers], [*modes, *token]


def _by_share(
    mixing: Mapping[str, Any],
    written: Mapping[str, Written],
    teachers: Sequence[str],
    n: int,
    verifier: str,
    order: Sequence[int],
    responses: Sequence[list[str]],
    again: Collection[str] = (),
) -> tuple[list[list[int]], dict[str, int]]:
    """Each teacher's rows, so many as it is to give, and how many were looked at for them.

    A teacher is there once for each way in which it responded. Of those whose traces were written
    ``again``, right ones are accepted.
    """
    shares = mixing.get("ratio") or [1 / len(teachers)]
    shares = np.resize(shares, len(teachers))
    counts = _counts(shares / shares.sum(), n * len(teachers))
    is_union = mixing.get("protocol") == "union"
    taken: set[int] = set()
    found, looked_at = [], dict.fromkeys(teachers, 0)
    for place, (teacher, count) in enumerate(zip(teachers, counts, strict=True)):
        chosen: list[int] = []
        seen = 0
        accepting = {"filter": "correct"} if teacher in again else mixing
        for row in order:
            if len(chosen) == count:
                break
            if row in taken or responses[place][row] is None:
                continue
            seen += 1
            if _accepted(accepting, written[teacher], row, responses[place], verifier):
                chosen.append(row)
        if len(chosen) < count:
            raise InputError(
                f"teacher {teacher}: {len(chosen)} of its {seen} traces are accepted "
                f"({accepting.get('filter', 'none')}), and the mixture takes {count}; ask for "
                "fewer traces (n) or write on more prompts (rows.transfer)"
            )
        if not is_union:
            taken |= set(chosen)
        looked_at[teacher] += seen
        found.append(chosen)
    return found, looked_at


def _by_route(
    mixing: Mapping[str, Any],
    first: pd.DataFrame,
    teachers: Sequence[str],
    n: int,
    seed: int,
    verifier: str,
    order: Sequence[int],
    responses: Sequence[list[str]],
    likelihood: Likelihood | None,
) -> tuple[list[list[int]], dict[str, int]]:
    """The rows of the prompts that go to each teacher; all teachers' traces were looked at.

    The student whose likelihoods count has learnt from prompts at the other end of the order.
    """
    settled = Mixing.model_validate(mixing)
    prompts, gold = first["prompt"].tolist(), first["answer"].tolist()
    known = _answered_by_all(teachers, n, order, responses)
    rows = known[: n * len(teachers)]

    def right(response: str, row: int) -> bool:
        return is_right(verifier, answer_of(verifier, response), gold[row])

    def pairs(chosen: Sequence[Sequence[int]]) -> pd.DataFrame:
        """Teachers' traces of some rows each, one teacher behind the other."""
        found = [
            (prompts[row], own[row])
            for own, some in zip(responses, chosen, strict=True)
            for row in some
        ]
        return pd.DataFrame(found, columns=["prompt", "response"])

    quality = np.array([[right(own[row], row) for row in rows] for own in responses])
    likelihoods, seen = None, len(rows)
    if count := settled.warmup_traces(n):
        last = known[::-1]
        warmup = [last[place * count : (place + 1) * count] for place in range(len(teachers))]
        found = likelihood(pairs(warmup), pairs([rows] * len(teachers)))
        likelihoods, seen = found.reshape(quality.shape), seen + count
    to = routed(settled.route, quality, likelihoods, seed)
    return _dealt(rows, to, teachers), dict.fromkeys(teachers, seen)


def _by_column(
    mixing: Mapping[str, Any],
    first: pd.DataFrame,
    teachers: Sequence[str],
    n: int,
    seed: int,
    order: Sequence[int],
    responses: Sequence[list[str]],
) -> tuple[list[list[int]], dict[str, int]]:
    """The rows of the prompts whose column names each teacher, which are all that it was asked."""
    how = Mixing.model_validate(mixing).by_column
    rows = _answered_by_all(teachers, n, order, responses)[: n * len(teachers)]
    chosen = _dealt(rows, assigned(how, first.iloc[rows], teachers, seed), teachers)
    return chosen, {name: len(some) for name, some in zip(teachers, chosen, strict=True)}


def _answered_by_all(
    teachers: Sequence[str], n: int, order: Sequence[int], responses: Sequence[list[str]]
) -> list[int]:
    """The rows to which every teacher responded. Raises InputError for fewer than ``n`` each."""
    # Of traces that there are, some prompts have none.
    known = [row for row in order if all(own[row] is not None for own in responses)]
    if len(known) < n * len(teachers):
        raise InputError(
            f"{len(known)} prompts have a trace of each of {', '.join(teachers)}, and the mixture "
            f"takes {n * len(teachers)}; ask for fewer traces (n)"
        )
    return known


def _dealt(rows: Sequence[int], to: np.ndarray, teachers: Sequence[str]) -> list[list[int]]:
    """Some rows by the teacher whose place each goes to."""
    return [
        [row for row, place in zip(rows, to, strict=True) if place == number]
        for number in range(len(teachers))
    ]


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
