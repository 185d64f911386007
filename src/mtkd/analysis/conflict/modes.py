"""Students that were told which teacher speaks: accuracy and obedience under each mode token.

A mixture is marked where its students answer in modes that are its teachers' names. Right tokens
are those, each teacher's for itself; beside them stand a token that no mixture had (``unseen``) and
the neutral one of unmarked students (``any``).
"""

from __future__ import annotations

import pandas as pd

from mtkd.analysis.conflict.arms import Arm, ArmSettings, ConflictStudy, arms_of, counterpart
from mtkd.analysis.conflict.intervals import level
from mtkd.analysis.conflict.read import Asked, Scores, by_prompt, modes_of, seeds_of
from mtkd.study.generation_words import (
    ANY_MODE,
    AT_ONCE,
    DROPPED,
    MARKED,
    MIXTURE,
    REMEDY,
    SHUFFLED,
    TWO_MODES,
    UNSEEN_MODE,
)

KEYS = ["student", "task", "teachers", "recipe", "n"]
COLUMNS = [*KEYS, "kind", "mode", "token", "decode", "seeds", "prompts"]
COLUMNS += ["accuracy", "accuracy_low", "accuracy_high", "obeys", "hybrid"]
RIGHT, NONE = "of a teacher", "neutral"
# Remedies that are a token and nothing else.
TOKENS = (MARKED, SHUFFLED, DROPPED)


def right_tokens(arm: Arm, decode: str) -> list[Asked]:
    """A marked arm in the mode of each of its teachers."""
    return [Asked(arm, name, decode) for name in arm.names]


def is_marked(scores: Scores, arm: Arm, kind: str = "") -> bool:
    """Whether an arm is marked: settings say so, or its students answered in all of its modes."""
    return kind in TOKENS or set(arm.names) <= set(modes_of(scores, arm))


def unmarked(arm: Arm, settings: ArmSettings) -> Arm | None:
    """The same without tokens, where the study has it.

    Of an arm that is marked beside another remedy it is not known.
    """
    return counterpart(arm, settings) if settings.get("kind", "") in (*TOKENS, "") else None


def modes_table(scores: Scores, study: ConflictStudy) -> pd.DataFrame:
    """COLUMNS: of marked arms by mode, and of the same without tokens beside them, in percent.

    Those that answer without a thought when they are told to are among the marked ones.

    ``obeys`` is the share of responses in the style of the mode's teacher, of any kind; empty in
    modes that are no teacher's and where no style is known.
    """
    arms = arms_of(study, MIXTURE, REMEDY)
    shown: dict[Arm, None] = {}
    for arm, settings in arms:
        if settings.get("kind") in (TWO_MODES, AT_ONCE):
            shown[arm] = None
        elif is_marked(scores, arm, settings.get("kind", "")):
            shown |= dict.fromkeys((arm, unmarked(arm, settings)))
    rows = []
    for arm, settings in arms:
        if arm not in shown:
            continue
        for mode in modes_of(scores, arm):
            for decode in scores.decodes:
                asked = Asked(arm, mode, decode)
                if not (seeds := seeds_of(scores, [asked], study)):
                    continue
                styled = by_prompt(scores, asked, seeds, "known").any()
                values = by_prompt(scores, asked, seeds)
                obeys = by_prompt(scores, asked, seeds, "obeys").mean()
                hybrid = by_prompt(scores, asked, seeds, "hybrid").mean()
                rows.append(
                    {**arm._asdict(), "kind": settings.get("kind", settings["role"]), "mode": mode}
                    | {
                        "token": {ANY_MODE: NONE, UNSEEN_MODE: UNSEEN_MODE}.get(mode, RIGHT),
                        "decode": decode,
                    }
                    | {"seeds": len(seeds), "prompts": values.shape[1]}
                    | level(values, "accuracy")
                    | {"obeys": obeys if styled and mode not in (ANY_MODE, UNSEEN_MODE) else None}
                    | {"hybrid": hybrid if styled else None}
                )
    return pd.DataFrame(rows, columns=COLUMNS)
