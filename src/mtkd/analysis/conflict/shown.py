"""Responses of students to the same report prompts, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mtkd.analysis.conflict.arms import ConflictStudy, arms_of, singles
from mtkd.analysis.conflict.read import Asked, Scores, seeds_of
from mtkd.generation.hybrids import HYBRIDS
from mtkd.records.parquet import read_parquet
from mtkd.study.generation_words import ANY_MODE, GREEDY, MIXTURE

SHOWN_COLUMNS = ["task", "student", "teachers", "n", "seed", "chosen", "id", "prompt"]
SHOWN_COLUMNS += ["who", "response", "kind", "style", "correct"]
FIRST, FIRST_HYBRIDS = "first report prompts", "first report prompts answered with a hybrid"
PROMPTS = 2  # of each choice, of each mixture


def read_prompts(paths: Mapping[str, Path]) -> dict[str, pd.DataFrame]:
    """Report prompts by task: prompt, by id."""
    return {
        task: _frame(path, ["id", "prompt"]).set_index("id")[["prompt"]]
        for task, path in paths.items()
    }


def shown_table(
    scores: Scores, study: ConflictStudy, prompts: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """SHOWN_COLUMNS: responses to a few report prompts, of the first seed that has all of them.

    Nothing is picked by hand: the first PROMPTS report prompts, and the first that the mixture's
    student answered with a hybrid, decoded greedily. Teachers write no traces of report prompts:
    each speaks by its student alone, who learned its style.
    """
    rows = []
    for arm, _ in arms_of(study, MIXTURE):
        alone = singles(arm)
        seeds = seeds_of(scores, [Asked(one) for one in (arm, *alone)], study)
        if not seeds:
            continue
        said = {one: _greedy(scores.rows[one, seeds[0]]) for one in (arm, *alone)}
        mixed = said[arm]
        hybrids = [name for name in scores.prompts[arm.task]
                   if mixed.loc[name, "kind"] in HYBRIDS][:PROMPTS]  # fmt: skip
        chosen = [(FIRST, name) for name in scores.prompts[arm.task][:PROMPTS]]
        for choice, name in [*chosen, *((FIRST_HYBRIDS, name) for name in hybrids)]:
            about = {"task": arm.task, "student": arm.student, "teachers": arm.teachers}
            about |= {"n": arm.n, "seed": seeds[0], "chosen": choice, "id": name}
            about |= {"prompt": prompts[arm.task].loc[name, "prompt"]}
            for single in alone:
                rows.append(about | _response(said[single], name, f"student of {single.teachers}"))
            rows.append(about | _response(mixed, name, f"student of {arm.teachers}"))
    return pd.DataFrame(rows, columns=SHOWN_COLUMNS)


def _greedy(rows: pd.DataFrame) -> pd.DataFrame:
    own = rows[(rows["mode"] == ANY_MODE) & (rows.decode == GREEDY) & ~rows.forced]
    return own.drop_duplicates("id").set_index("id")


def _response(rows: pd.DataFrame, name: str, who: str) -> dict:
    row = rows.loc[name]
    found = {"who": who, "response": row.response, "kind": row["kind"], "style": row["style"]}
    return found | {"correct": bool(row.correct)}


def _frame(path: Path, columns: list[str]) -> pd.DataFrame:
    rows = read_parquet(path, columns)
    return rows.assign(id=rows["id"].astype(str))
