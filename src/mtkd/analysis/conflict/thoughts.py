"""Whether answers follow from the thoughts before them.

Accuracy does not say so: a thought can be right and the answer wrong, or the reverse. The sharpest
question is a forced one: a thought with one wrong step is given, and the answer is the student's.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtkd.analysis.conflict.arms import ConflictStudy, expected_arms
from mtkd.analysis.conflict.intervals import ends, share_values
from mtkd.analysis.conflict.read import Asked, Scores, by_prompt, seeds_of
from mtkd.analysis.statistics.paired import crossed_difference
from mtkd.study.generation_words import ANY_MODE

KEYS = ["student", "task", "teachers", "recipe", "n"]
COLUMNS = [*KEYS, "decode", "seeds", "prompts", "quantity", "share", "share_low", "share_high"]
FOLLOWS = "answer is what the thought implies"
WRONG = "wrong answer after a right thought"
FORCED = "answer follows a forced wrong thought"
ANYWAY = "right answer after a forced wrong thought"
# Each quantity: the measure, of which measure it is a share, and whether the thought is forced.
_OF = {
    FOLLOWS: ("follows", "linked", False),
    WRONG: ("wrong_after_right", "right_thought", False),
    FORCED: ("follows", "linked", True),
    ANYWAY: ("correct", "", True),
}


def thought_values(
    scores: Scores, asked: Asked, seeds: list[str], quantity: str
) -> np.ndarray | None:
    """Pseudovalues [S, N] in percent of a quantity; None where no response is what it is of."""
    measure, of, forced = _OF[quantity]
    asked = asked._replace(forced=forced)
    part = by_prompt(scores, asked, seeds, measure)
    if not of:
        return part
    return share_values(part, by_prompt(scores, asked, seeds, of))


def thoughts_table(scores: Scores, study: ConflictStudy) -> pd.DataFrame:
    """COLUMNS: shares in percent, by arm in its unmarked mode and decoding.

    A share that no response is of has no row: students without thoughts, or who have no right one.
    """
    rows = []
    for arm in expected_arms(study):
        for decode in scores.decodes:
            for quantity, (_, _, forced) in _OF.items():
                asked = Asked(arm, ANY_MODE, decode, forced)
                if not (seeds := seeds_of(scores, [asked], study)):
                    continue
                values = thought_values(scores, asked, seeds, quantity)
                if values is None or values.shape[1] < 2:
                    continue
                rows.append(
                    {**arm._asdict(), "decode": decode, "seeds": len(seeds)}
                    | {"prompts": values.shape[1], "quantity": quantity}
                    | ends(crossed_difference(values), "share")
                )
    return pd.DataFrame(rows, columns=COLUMNS)
