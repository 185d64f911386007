"""What a student of several teachers loses, and why: decline = dilution + interference.

Of a mixture of K teachers with n traces each, in points of accuracy:

- decline ``S(1, K n) − S(K, K n)``: what its traces and steps would have given of one teacher;
- dilution ``S(1, K n) − S(1, n)``: what fewer traces of each teacher cost by themselves;
- interference ``S(1, n) − S(K, K n)``: what the others' traces cost beside as many of its own.

``S(1, ·)`` is the mean of its teachers' plain students. Interference below zero is a gain, and a
normal outcome: teachers share skills.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from mtkd.analysis.conflict.arms import Arm, ConflictStudy, arms_of, budgets, singles
from mtkd.analysis.conflict.intervals import ends, level
from mtkd.analysis.conflict.read import Asked, Scores, by_prompt, mean_of, seeds_of
from mtkd.analysis.statistics.paired import crossed_difference
from mtkd.study.generation_words import ANY_MODE, GREEDY, MIXTURE

TOGETHER, ALONE, BUDGET = "together", "alone", "alone, K times the traces"
INTERFERENCE, DECLINE, DILUTION = PARTS = ("interference", "decline", "dilution")
# Each part: what is taken away from what.
_OF = {
    INTERFERENCE: (ALONE, TOGETHER),
    DECLINE: (BUDGET, TOGETHER),
    DILUTION: (BUDGET, ALONE),
}
LEVEL_COLUMNS = ["student", "task", "mixture", "n", "decode", "what", "teachers", "traces"]
LEVEL_COLUMNS += ["seeds", "prompts", "accuracy", "accuracy_low", "accuracy_high", "sd", "steps"]
PART_COLUMNS = ["student", "task", "teachers", "K", "n", "decode", "part", "seeds", "prompts"]
PART_COLUMNS += ["points", "points_low", "points_high"]


class Sides(NamedTuple):
    """Accuracy [S, N] in percent of a mixture and its controls, on the seeds that all have."""

    seeds: list[str]
    values: dict[str, np.ndarray]  # TOGETHER, ALONE, BUDGET, as far as there are runs

    def part(self, name: str) -> np.ndarray | None:
        """The values [S, N] of a part, None where one of its two sides has no run."""
        more, less = _OF[name]
        if more not in self.values or less not in self.values:
            return None
        return self.values[more] - self.values[less]


def sides(scores: Scores, mixture: Arm, study: ConflictStudy, decode: str = GREEDY) -> Sides:
    """A mixture and its controls, paired: on the seeds that all of those have which have any.

    So the parts add up, and a control that has no run at all takes its own parts alone with it.
    """
    asked = {
        what: [Asked(arm, ANY_MODE, decode) for arm in arms]
        for what, arms in ((TOGETHER, [mixture]), (ALONE, singles(mixture)),
                           (BUDGET, budgets(mixture)))
    }  # fmt: skip
    there = {what: some for what, some in asked.items() if seeds_of(scores, some, study)}
    seeds = seeds_of(scores, [one for some in there.values() for one in some], study)
    if not seeds:
        return Sides([], {})
    return Sides(seeds, {what: mean_of(scores, some, seeds) for what, some in there.items()})


def parts_table(scores: Scores, study: ConflictStudy) -> pd.DataFrame:
    """PART_COLUMNS: every mixture's parts with 95 % intervals over seeds and prompts."""
    rows = []
    for mixture, decode in mixtures_of(scores, study):
        found = sides(scores, mixture, study, decode)
        for name in PARTS:
            values = found.part(name)
            if values is None:
                continue
            about = {"student": mixture.student, "task": mixture.task}
            about |= {"teachers": mixture.teachers, "K": len(mixture.names), "n": mixture.n}
            about |= {"decode": decode, "part": name, "seeds": len(values)}
            about |= {"prompts": values.shape[1]}
            rows.append(about | ends(crossed_difference(values), "points"))
    return pd.DataFrame(rows, columns=PART_COLUMNS)


def levels_table(scores: Scores, study: ConflictStudy) -> pd.DataFrame:
    """LEVEL_COLUMNS: the accuracy in percent of every mixture and of each of its controls.

    Each on all seeds of its own that finished; ``sd`` is over seeds, empty with one; ``steps`` the
    share of right steps in percent, empty where responses have none.
    """
    rows = []
    for mixture, decode in mixtures_of(scores, study):
        for what, arms in ((TOGETHER, [mixture]), (ALONE, singles(mixture)),
                           (BUDGET, budgets(mixture))):  # fmt: skip
            for arm in arms:
                asked = Asked(arm, ANY_MODE, decode)
                seeds = seeds_of(scores, [asked], study)
                if not seeds:
                    continue
                values = by_prompt(scores, asked, seeds)
                rows.append(
                    {"student": arm.student, "task": arm.task, "mixture": mixture.teachers}
                    | {"n": mixture.n, "decode": decode, "what": what, "teachers": arm.teachers}
                    | {"traces": len(arm.names) * arm.n, "seeds": len(seeds)}
                    | {"prompts": values.shape[1], **level(values, "accuracy")}
                    | {"sd": values.mean(axis=1).std(ddof=1) if len(seeds) > 1 else None}
                    | {"steps": _right_steps(scores, asked, seeds)}
                )
    return pd.DataFrame(rows, columns=LEVEL_COLUMNS)


def mixtures_of(scores: Scores, study: ConflictStudy) -> list[tuple[Arm, str]]:
    """Every mixture by every decoding of the study."""
    return [(arm, decode) for arm, _ in arms_of(study, MIXTURE) for decode in scores.decodes]


def _right_steps(scores: Scores, asked: Asked, seeds: list[str]) -> float | None:
    stepped = by_prompt(scores, asked, seeds, "stepped").mean()
    if not stepped > 0:
        return None
    return 100 * by_prompt(scores, asked, seeds, "steps").mean() / stepped
