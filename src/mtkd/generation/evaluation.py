"""What a student of text is asked in each of its modes, and what it writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mtkd.config.generation import DIRECT
from mtkd.generation.hybrids import classify
from mtkd.generation.prompts import Prompts
from mtkd.generation.styles import STYLES
from mtkd.generation.thoughts import with_forced_error
from mtkd.generation.tokens import ANY, MODES, UNSEEN, read_as
from mtkd.generation.verify import answer_of, is_right
from mtkd.study.generation_words import ANY_MODE, DRAWN, GREEDY, UNSEEN_MODE


def is_marked(mixing: Mapping[str, Any]) -> bool:
    """Whether a strategy's traces have a token before them that says whose they are."""
    return mixing.get("mode", "none") != "none"


def own_modes(mixing: Mapping[str, Any], teachers: Sequence[str]) -> dict[str, str]:
    """The modes that a student is to be asked in, by name: each teacher's, or nobody's.

    One that learns without thoughts has a mode of its own for that.
    """
    if "direct" in mixing:
        thinks = {ANY_MODE: ANY} if mixing["direct"] == "beside" else {}
        return {**thinks, DIRECT: MODES[len(teachers)]}
    return dict(zip(teachers, MODES, strict=False)) if is_marked(mixing) else {ANY_MODE: ANY}


def right_share(verifier: str, responses: Sequence[str], prompts: Prompts) -> float:
    """The share of responses to prompts whose answer is right."""
    pairs = zip(responses, prompts.answers, strict=True)
    return float(
        np.mean([is_right(verifier, answer_of(verifier, one), gold) for one, gold in pairs])
    )


def wrong_thoughts(
    prompts: Sequence[str], responses: Sequence[str], styles: Sequence[str], seed: int
) -> dict[int, str]:
    """Thoughts with one wrong step in the style that a student itself chose, by their row.

    Of responses in none of ``styles`` all through, and in one without steps, there is none.
    """
    rng = np.random.default_rng([seed, 3])
    found = {}
    for row, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
        style = classify(response, prompt, styles).style
        if style and STYLES[style].order:
            found[row] = with_forced_error(style, prompt, rng)
    return found


def nothing_written() -> pd.DataFrame:
    """What ``generations`` gives of a student that never wrote."""
    return pd.DataFrame(columns=["id", "mode", "decode", "sample", "forced", "response"])


def generations(
    continued: Callable[..., list[str]],
    report: Prompts,
    own: Mapping[str, str],
    marked: bool,
    styles: Sequence[str],
    samples: int,
    seed: int,
    template: str = "{prompt}",
) -> pd.DataFrame:
    """What a student writes on the report's prompts, in each mode and way of decoding.

    In its own modes greedily, drawn ``samples`` times at temperature 1, and behind thoughts with
    one wrong step (where teachers' ``styles`` are known); one that is ``marked`` without its token
    and with one that it never saw, too. ``continued`` takes prompts, a temperature and a seed.
    """
    parts = []

    def add(mode: str, decode: str, sample: int, forced: bool, ids, responses) -> None:
        parts.append(
            pd.DataFrame(
                {
                    "id": ids,
                    "mode": mode,
                    "decode": decode,
                    "sample": sample,
                    "forced": forced,
                    "response": responses,
                }
            )
        )

    for mode, token in own.items():
        prompts = [read_as(template, token, prompt) for prompt in report.texts]
        greedy = continued(prompts)
        add(mode, GREEDY, 0, False, report.ids, greedy)
        for sample in range(samples):
            drawn = continued(prompts, 1.0, 1000 * seed + sample)
            add(mode, DRAWN, sample, False, report.ids, drawn)
        if wrong := wrong_thoughts(report.texts, greedy, styles, seed):
            answers = continued([f"{prompts[row]}{thought};" for row, thought in wrong.items()])
            said = [f"{thought};{a}" for thought, a in zip(wrong.values(), answers, strict=True)]
            add(mode, GREEDY, 0, True, [report.ids[row] for row in wrong], said)
    if marked:
        for mode, token in ((ANY_MODE, ANY), (UNSEEN_MODE, UNSEEN)):
            responses = continued([read_as(template, token, prompt) for prompt in report.texts])
            add(mode, GREEDY, 0, False, report.ids, responses)
    return pd.concat(parts, ignore_index=True)
