"""Each teacher's share of what a student learnt, so that one that was starved shows.

A student's record says of each of its teachers which share of the traces, of their tokens and of
the finished student's loss on them is its own, and that loss in nats a token.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtkd.analysis.conflict.arms import ConflictStudy, expected_arms
from mtkd.analysis.conflict.read import Scores

COLUMNS = ["student", "task", "teachers", "recipe", "n", "teacher", "seeds"]
COLUMNS += ["rows", "rows_low", "rows_high", "tokens", "loss_share", "loss"]


def shares_table(scores: Scores, study: ConflictStudy) -> pd.DataFrame:
    """COLUMNS, of every student of several teachers: means over seeds, shares in percent.

    ``rows_low`` and ``rows_high`` are the smallest and the greatest share of the traces of a seed.
    ``loss`` is empty for a teacher without a trace.
    """
    rows = []
    for arm in expected_arms(study):
        if len(arm.names) == 1:
            continue
        records = [scores.records.get((arm, seed), {}) for seed in study["seeds"]]
        known = [one["by_teacher"] for one in records if "by_teacher" in one]
        for teacher in arm.names if known else ():
            own = pd.DataFrame([one[teacher] for one in known]).astype(float)
            given = 100 * own["rows"]
            rows.append(
                {**arm._asdict(), "teacher": teacher, "seeds": len(known)}
                | {"rows": given.mean(), "rows_low": given.min(), "rows_high": given.max()}
                | {"tokens": 100 * own["tokens"].mean()}
                | {"loss_share": 100 * own["loss_share"].mean()}
                | {"loss": np.nan if own["loss"].isna().all() else own["loss"].mean()}
            )
    return pd.DataFrame(rows, columns=COLUMNS)
