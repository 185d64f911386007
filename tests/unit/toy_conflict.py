"""Scored cells of a generation study by chance, whose truth is known; its tables and page read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from mtkd.analysis.conflict.arms import Arm, expected_arms
from mtkd.analysis.conflict.read import Scores, gathered
from mtkd.records.files import write_json
from mtkd.report.conflict import conflict_page
from mtkd.report.page import render
from mtkd.study.generation_words import FILTERED, MARKED, REPAIRED, SHUFFLED, SPLICED

REPOSITORY = Path(__file__).parents[2]
PROMPTS = 100
IDS = [f"report-{i:06}" for i in range(PROMPTS)]
TASK = "addition"


def make_study(**changes) -> dict:
    """Three pairs and a triple of one task, with every kind of remedy."""
    arms = [
        {"teachers": teachers, "recipe": "plain", "n": 100, "role": "mixture"}
        for teachers in ("right+left", "right+carry", "right+swapped", "carry+left",
                         "right+left+carry")
    ]  # fmt: skip
    remedies = [("marked", MARKED), ("shuffled", SHUFFLED), ("chosen", FILTERED),
                ("spliced", SPLICED), ("repaired", REPAIRED)]  # fmt: skip
    arms += [
        {"teachers": "right+left", "recipe": recipe, "n": 100, "role": "remedy", "kind": kind}
        for recipe, kind in remedies
    ]
    predictions = [
        {"claim": "interference", "teachers": "left+right", "low": 20, "high": 60},
        {"claim": "interference", "teachers": "right+carry", "low": 10, "high": 70},
        {"claim": "hybrid rate", "teachers": "right+swapped", "low": 20, "high": 60},
        {
            "claim": "hybrid rate",
            "teachers": "right+left",
            "recipe": "shuffled",
            "low": 0,
            "high": 5,
        },
        {"claim": "interference", "teachers": "right+unknown", "low": 0, "high": 2},
    ]
    predictions = [{"recipe": "plain"} | one for one in predictions]
    study = {"suite": "styles", "study": "toy", "students": ["small"], "tasks": [TASK]}
    study |= {"arms": arms, "seeds": ["1", "2", "3", "4"], "margin": 5.0}
    study |= {"teachers": {name: {"style": name} for name in ("right", "left", "carry", "swapped")}}
    return study | {"predictions": predictions} | changes


def truth(arm: Arm, mode: str) -> tuple[float, float]:
    """How often a response is right, and how often it is a hybrid, in every arm and mode."""
    names = set(arm.names)
    if arm.recipe.endswith("marked"):
        return (0.96, 0.0) if mode in names else (0.3, 0.4)
    if arm.recipe == "shuffled":
        return 0.55, 0.4
    if arm.recipe != "plain":
        return 0.6, 0.35
    return {
        frozenset({"right", "left"}): (0.55, 0.43),
        frozenset({"carry", "left"}): (0.6, 0.4),
        frozenset({"right", "swapped"}): (0.96, 0.41),
        frozenset({"right", "left", "carry"}): (0.75, 0.1),
    }.get(frozenset(names), (0.96, 0.0))


def alike(arm: Arm, mode: str) -> tuple[float, float]:
    """The same teacher under several names: no arm differs from another."""
    return 0.95, 0.0


def write_cells(
    folder: Path,
    study: dict,
    of: Callable[[Arm, str], tuple[float, float]] = truth,
    without: dict[str, str] | None = None,
) -> list[Path]:
    """Cells in their places; ``without`` names seeds of ``teachers/recipe`` that diverged."""
    paths = []
    for arm in expected_arms(study):
        for seed in study["seeds"]:
            cell = folder / arm.student / arm.task / arm.teachers / arm.recipe
            cell = cell / f"n{arm.n}" / f"seed{seed}"
            cell.mkdir(parents=True, exist_ok=True)
            lost = (without or {}).get(f"{arm.teachers}/{arm.recipe}/{arm.n}") == seed
            record = {"status": "diverged" if lost else "finished", "parameters": 73_728}
            record |= {"reason": "loss is not finite", "step": 12} if lost else {}
            record |= {"by_teacher": had(arm, int(seed))} if not lost else {}
            (cell / "eval.json").write_text(json.dumps(record), encoding="utf-8")
            rows = _rows(arm, int(seed), of)
            (rows[:0] if lost else rows).to_parquet(cell / "scores.parquet")
            paths.append(cell / "scores.parquet")
    return paths


def had(arm: Arm, seed: int) -> dict[str, dict[str, float | None]]:
    """What each teacher had of a student: the first a hundredth more a seed, the last nothing."""
    names = arm.names
    first = 0.5 + seed / 100 if len(names) > 1 else 1.0
    found = {name: {"rows": 0.0, "tokens": 0.0, "loss_share": 0.0, "loss": None} for name in names}
    for name, share in zip(names, (first, 1 - first), strict=False):
        found[name] = {"rows": share, "tokens": share, "loss_share": 1 - share, "loss": share / 10}
    return found


def _rows(arm: Arm, seed: int, of: Callable[[Arm, str], tuple[float, float]]) -> pd.DataFrame:
    rng = np.random.default_rng(abs(hash_of(f"{arm} {seed}")))
    has_tokens = arm.recipe.endswith(("marked", "shuffled"))
    modes = ["any"] + ([*arm.names, "unseen"] if has_tokens else [])
    modes = {"both": ["any", "direct"], "alone": ["direct"]}.get(arm.recipe, modes)
    asked = [(mode, decode, False) for mode in modes for decode in ("greedy", "T1")]
    asked += [("any", "greedy", True)] * (arm.recipe in ("spliced", "repaired"))
    count = len(asked) * PROMPTS
    mode, decode, forced = (np.repeat([one[i] for one in asked], PROMPTS) for i in range(3))
    right, hybrid = np.repeat([of(arm, one[0]) for one in asked], PROMPTS, axis=0).T
    correct, mixed = rng.random(count) < right, rng.random(count) < hybrid
    styles = np.where(np.isin(mode, ["any", "unseen"]), rng.choice(arm.names, count), mode)
    thought, follows = np.where(correct, 1.0, 0.5), np.ones(count, bool)
    if arm.recipe == "spliced":  # thoughts are right, and one in three answers is not theirs
        thought, follows = np.ones(count), rng.random(count) > 0.3
        correct = follows
    columns = {"id": IDS * len(asked), "mode": mode}
    columns |= {"decode": decode, "sample": 0, "forced": forced}
    columns |= {"response": np.where(mixed, "7+1=08,3+2=05;058", "7+2=09,3+1=04;049")}
    columns |= {"correct": correct & ~forced, "steps": thought}
    columns |= {"kind": np.where(mixed, "cross", np.where(correct, "pure", "slip"))}
    columns |= {"style": np.where(mixed, "", styles)}
    return pd.DataFrame(columns | {"follows": pd.array(follows, dtype="boolean")})


def hash_of(text: str) -> int:
    """A number that is the same in every process."""
    return int.from_bytes(text.encode()[-8:], "little") ^ sum(text.encode())


def make_scores(study: dict, of: Callable[[Arm, str], tuple[float, float]] = truth) -> Scores:
    """What would be read of a study's cells, without the files."""
    cells = [(arm, seed) for arm in expected_arms(study) for seed in study["seeds"]]
    return gathered({(arm, seed): _rows(arm, int(seed), of) for arm, seed in cells}, study)


def write_identified(folder: Path) -> list[Path]:
    """What a classifier says of the pairs: hidden style goes with what truth() has them lose."""
    found = {
        "right+left": (0.5, 0.99, 0.49, 0.41),
        "carry+left": (0.98, 0.99, 0.4, 0.4),
        "right+carry": (0.99, 0.99, 0.0, 0.3),
        "right+swapped": (0.5, 0.9, 0.05, 0.42),
    }
    paths = []
    for teachers, numbers in found.items():
        names = ("alone", "given_prompt", "hidden_style", "memoryless")
        record = {"task": TASK, "teachers": teachers, "chance": 0.5}
        record |= dict(zip(names, numbers, strict=True))
        paths.append(folder / f"{teachers}.json")
        folder.mkdir(parents=True, exist_ok=True)
        paths[-1].write_text(json.dumps(record), encoding="utf-8")
    return paths


def write_traces(folder: Path) -> tuple[list[Path], Path]:
    """Traces of two teachers, right but for every fifth, and the report prompts."""
    paths = []
    for teacher in ("right", "left"):
        cell = folder / TASK / teacher / "seed1"
        cell.mkdir(parents=True, exist_ok=True)
        ids = [f"transfer-{i:06}" for i in range(10)]
        pd.DataFrame({"id": ids, "prompt": "37+12=", "response": "7+2=09,3+1=04;049"}).to_parquet(
            cell / "traces.parquet"
        )
        right = [i % 5 != 0 for i in range(10)]
        verdicts = {"id": ids, "answer": "049", "correct": right, "steps": 1.0}
        consistent = pd.array([i % 2 == 0 for i in range(10)], dtype="boolean")
        pd.DataFrame(verdicts | {"consistent": consistent}).to_parquet(cell / "verdicts.parquet")
        write_json(cell / "run.json", {"task": TASK, "teacher": teacher})
        paths.append(cell / "traces.parquet")
    prompts = folder / "report.parquet"
    pd.DataFrame({"id": IDS, "prompt": "37+12="}).to_parquet(prompts)
    return paths, prompts


# What every test of a few cells has.
PAIR = {"teachers": "right+left", "recipe": "plain", "n": 100, "role": "mixture"}


def claim(tables, kind, teachers="right+left", decode="greedy", **other):
    rows = tables["claims"]
    rows = rows[(rows.claim == kind) & (rows.teachers == teachers) & (rows.decode == decode)]
    for key, value in other.items():
        rows = rows[rows[key] == value]
    assert len(rows) == 1
    return rows.iloc[0]


def few(of=truth, **changes):
    """Scores of a study of one pair, with changes."""
    study = make_study(arms=[PAIR], predictions=[]) | changes
    return make_scores(study, of), study


def few_prompts():
    return {TASK: pd.DataFrame({"prompt": "1+1="}, index=IDS)}


def page_of(tables, study):
    """The page without figures; tables that are made here have no traces beside them."""
    values = conflict_page({"traces": pd.DataFrame(), **tables}, study) | {"registered": []}
    return render(REPOSITORY / "report", "conflict.html.j2", figures={}, **values)


def said(page):
    """A page's words."""
    page = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def remedies(**kinds):
    """The pair and remedies of it, by recipe: what settings say of them."""
    return [PAIR, *(PAIR | {"recipe": name, "role": "remedy"} | own for name, own in kinds.items())]
