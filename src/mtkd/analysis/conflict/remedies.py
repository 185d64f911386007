"""Each remedy beside its counterpart: accuracy, hybrids, and what it took to make its traces."""

from __future__ import annotations

import pandas as pd

from mtkd.analysis.conflict.arms import Arm, ConflictStudy, arms_of, counterpart
from mtkd.analysis.conflict.intervals import ends, level
from mtkd.analysis.conflict.modes import is_marked, right_tokens
from mtkd.analysis.conflict.read import Asked, Scores, by_prompt, mean_of, seeds_of
from mtkd.analysis.statistics.paired import crossed_difference
from mtkd.study.generation_words import ANY_MODE, REMEDY

KEYS = ["student", "task", "teachers", "recipe", "n"]
COLUMNS = [*KEYS, "kind", "against", "asked", "decode", "seeds", "prompts"]
COLUMNS += ["accuracy", "accuracy_low", "accuracy_high", "counterpart"]
COLUMNS += ["gain", "gain_low", "gain_high", "hybrid", "hybrid_counterpart"]
IN_RIGHT_MODES = "right tokens, mean"


def asked_of(scores: Scores, arm: Arm, decode: str, kind: str = "") -> list[Asked]:
    """How an arm's students are asked: by the right tokens, in turn, where they are marked."""
    if is_marked(scores, arm, kind):
        return right_tokens(arm, decode)
    return [Asked(arm, ANY_MODE, decode)]


def remedies_table(scores: Scores, study: ConflictStudy) -> pd.DataFrame:
    """COLUMNS: every remedy against its counterpart in percent and points, ``gain`` above 0 better.

    Students of both sides are of the same seeds. One whose counterpart has no seed in common with
    it has no row here, and the claims name it; nor has one that has no counterpart.
    """
    rows = []
    for arm, settings in arms_of(study, REMEDY):
        if not (other := counterpart(arm, settings)):
            continue
        for decode in scores.decodes:
            asked = asked_of(scores, arm, decode, settings.get("kind", ""))
            against = asked_of(scores, other, decode)
            if not (seeds := seeds_of(scores, [*asked, *against], study)):
                continue
            a, b = mean_of(scores, asked, seeds), mean_of(scores, against, seeds)
            rows.append(
                {**arm._asdict(), "kind": settings.get("kind", REMEDY), "against": other.recipe}
                | {
                    "asked": ANY_MODE if asked[0].mode == ANY_MODE else IN_RIGHT_MODES,
                    "decode": decode,
                }
                | {"seeds": len(seeds), "prompts": a.shape[1], **level(a, "accuracy")}
                | {"counterpart": b.mean(), **ends(crossed_difference(a - b), "gain")}
                | {"hybrid": _hybrid(scores, asked, seeds)}
                | {"hybrid_counterpart": _hybrid(scores, against, seeds)}
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def _hybrid(scores: Scores, asked: list[Asked], seeds: list[str]) -> float | None:
    known = any(by_prompt(scores, one, seeds, "known").any() for one in asked)
    return mean_of(scores, asked, seeds, "hybrid").mean() if known else None
