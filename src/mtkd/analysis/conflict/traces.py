"""Teachers' traces, and responses of teachers and students side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from mtkd.analysis.conflict.arms import ConflictStudy, arms_of, singles
from mtkd.analysis.conflict.read import Asked, Scores, seeds_of
from mtkd.errors import InputError
from mtkd.generation.hybrids import HYBRIDS
from mtkd.records.parquet import read_parquet
from mtkd.study.generation_words import ANY_MODE, GREEDY, MIXTURE

SHOWN_COLUMNS = ["task", "student", "teachers", "n", "seed", "chosen", "id", "prompt"]
SHOWN_COLUMNS += ["who", "response", "kind", "style", "correct"]
FIRST, FIRST_HYBRIDS = "first report prompts", "first report prompts answered with a hybrid"
PROMPTS = 2  # of each choice, of each mixture
_PLACE = re.compile(r"([^/]+)/([^/]+)/seed([^/]+)/traces\.parquet$")


class Traces(NamedTuple):
    """A teacher's traces: id, prompt, response, and the verdicts on them where they are there."""

    task: str
    teacher: str
    seed: str
    rows: pd.DataFrame


def read_traces(paths: Iterable[Path]) -> list[Traces]:
    """Read ``{task}/{teacher}/seed{seed}/traces.parquet`` with verdicts.parquet beside it.

    Raises InputError.
    """
    found = []
    for path in map(Path, paths):
        place = _PLACE.search(path.as_posix())
        if not place:
            raise InputError(f"{path}: not where traces lie, task/teacher/seedS/traces.parquet")
        rows = _frame(path, ["id", "prompt", "response"])
        verdicts = _frame(path.with_name("verdicts.parquet"), ["id", "correct", "consistent"])
        if list(rows.id) != list(verdicts.id):
            raise InputError(f"{path}: verdicts beside it are of others; rerun verify_traces")
        rows = rows.assign(correct=verdicts.correct, consistent=verdicts.consistent)
        found.append(Traces(*place.groups(), rows))
    return found


def read_prompts(paths: Mapping[str, Path]) -> dict[str, pd.DataFrame]:
    """Report prompts by task: prompt, by id."""
    return {
        task: _frame(path, ["id", "prompt"]).set_index("id")[["prompt"]]
        for task, path in paths.items()
    }


def shown_table(
    scores: Scores,
    study: ConflictStudy,
    traces: Iterable[Traces],
    prompts: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """SHOWN_COLUMNS: responses to a few report prompts, of the first seed that has all of them.

    Nothing is picked by hand: the first PROMPTS report prompts, and the first that the mixture's
    student answered with a hybrid, decoded greedily. A teacher speaks for itself where it has a
    trace of the prompt, and else by its student alone, who learned its style.
    """
    own = {(one.task, one.teacher): one.rows.set_index("id") for one in traces}
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
                taught = own.get((arm.task, single.teachers))
                if taught is not None and name in taught.index:
                    trace = taught.loc[name]
                    rows.append(
                        about
                        | {"who": f"teacher {single.teachers}", "response": trace.response}
                        | {"kind": "", "style": single.teachers, "correct": bool(trace.correct)}
                    )
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
