"""Second opinions on the claims: tests that assume less."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtkd.analysis.claims import shared_seeds
from mtkd.analysis.statistics.significance import mcnemar, sign_flip_p
from mtkd.records.examples import Examples
from mtkd.study.arms import AVERAGE, WITHOUT, is_plain_average

FLIP_SEED = 0
COLUMNS = ["task", "split", "a", "b", "seeds", "difference", "mcnemar_p", "seeds_p", "examples_p"]


def checks_table(examples: Examples) -> pd.DataFrame:
    """Each distilled arm against the undistilled student, and each fusion against the average.

    Columns task, split, a, b, seeds, difference (points of accuracy); ``mcnemar_p``, the median
    over seeds of McNemar's mid-p; ``seeds_p`` and ``examples_p`` of flipping the signs of the
    differences of seeds, and of examples (mean over seeds). None of these sees both sources of
    variance, and each takes its units for independent: the claims do not, and no verdict hangs on
    these.
    """
    arms = examples.record["arms"]
    pairs, rows = _pairs(arms), []
    for split in examples.report_splits if pairs else []:
        labels = examples.labels[split]
        for a, b in pairs:
            seeds = shared_seeds([arms[a], arms[b]])
            if not seeds:
                continue
            logits = [
                examples.students[split][i][[arms[i]["seeds"].index(s) for s in seeds]]
                for i in (a, b)
            ]
            first, second = (of_arm.argmax(-1) for of_arm in logits)
            difference = (first == labels).astype(float) - (second == labels)
            tests = [mcnemar(x, y, labels) for x, y in zip(first, second, strict=True)]
            rows.append(
                {
                    "task": examples.record["task"],
                    "split": split,
                    "a": arms[a]["name"],
                    "b": arms[b]["name"],
                    "seeds": len(seeds),
                    "difference": 100 * difference.mean(),
                    "mcnemar_p": float(np.median([test.mid_p for test in tests])),
                    "seeds_p": sign_flip_p(difference.mean(axis=1), FLIP_SEED),
                    "examples_p": sign_flip_p(difference.mean(axis=0), FLIP_SEED),
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def _pairs(arms: list[dict]) -> list[tuple[int, int]]:
    """Numbers of the arms compared."""
    place = {(arm["strategy"], arm["teachers"]): i for i, arm in enumerate(arms)}
    none = place.get(WITHOUT)
    pairs = [(i, none) for i in range(len(arms)) if none is not None and i != none]
    for i, arm in enumerate(arms):
        average = place.get((AVERAGE, arm["teachers"]))
        if arm["family"] == "several" and not is_plain_average(arm) and average is not None:
            pairs.append((i, average))
    return pairs
