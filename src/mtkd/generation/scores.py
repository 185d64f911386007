"""Scores of what students wrote: right or not, right steps, whose way of working, what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from mtkd.config.generation import DIRECT
from mtkd.generation.hybrids import HYBRIDS, classify
from mtkd.generation.prompts import read_prompts
from mtkd.generation.verify import answer_of, follows, is_right, right_steps
from mtkd.records.cells import GENERATIONS
from mtkd.records.files import read_json, write_json
from mtkd.records.parquet import read_parquet, write_parquet
from mtkd.study.paths import parse_writer


class Judged(NamedTuple):
    """One response: ``kind`` as of ``mtkd.generation.hybrids``, '' where no style is known."""

    correct: bool
    steps: float
    kind: str
    style: str
    follows: bool | None


def score_writers(
    outputs: Sequence[Path],
    task: Path,
    answers: Path,
    settings: Mapping[str, Any],
) -> None:
    """Publish each student's ``scores.parquet``, and ``eval.json`` with its means, beside what it
    wrote. ``settings`` have the verifier, and teachers' styles by name."""
    report = read_prompts(task / "report.parquet")
    prompts = dict(zip(report.ids, report.texts, strict=True))
    gold = read_parquet(answers, ["id", "answer"]).set_index("id")["answer"].to_dict()
    verifier = settings["verifier"]

    @cache
    def judged(styles: tuple[tuple[str, str], ...], id_: str, response: str) -> Judged:
        return judge(verifier, dict(styles), prompts[id_], gold[id_], response)

    for output in outputs:
        path = output.parent / GENERATIONS
        rows = read_parquet(path, ["id", "mode", "decode", "sample", "forced", "response"])
        record = read_json(output.parent / "run.json")
        styles = names_to_styles(parse_writer(path)["teachers"].split("+"), settings["styles"])
        if styles and record["mixing"].get("direct"):
            styles[DIRECT] = DIRECT
        known = tuple(styles.items())
        found = [
            judged(known, id_, response)
            for id_, response in zip(rows["id"], rows["response"], strict=True)
        ]
        scores = pd.concat([rows, pd.DataFrame(found, columns=list(Judged._fields))], axis=1)
        # Beside the scores, which Snakemake waits for.
        write_json(output.parent / "eval.json", {**record, "scores": _means(scores)})
        kinds = {"follows": "boolean", "correct": bool, "steps": float}
        write_parquet(output, scores.astype(kinds))


def names_to_styles(names: Sequence[str], styles: Mapping[str, str | None]) -> dict[str, str]:
    """The teachers of an arm whose style is known, by their style."""
    return {styles[name]: name for name in names if styles.get(name)}


def judge(
    verifier: str, styles: Mapping[str, str], prompt: str, gold: str, response: str
) -> Judged:
    """One response, whose teachers by their ``styles`` are known, or not."""
    right = is_right(verifier, answer_of(verifier, response), gold)
    if not styles:
        return Judged(right, float("nan"), "", "", None)
    kind, style = classify(response, prompt, tuple(styles))
    return Judged(
        right,
        right_steps(response, prompt, tuple(styles)),
        kind,
        styles.get(style, ""),
        follows(response, prompt, tuple(styles)),
    )


def _means(scores: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Accuracy and rate of hybrids by mode and decoding, in percent."""
    found = {}
    for (mode, decode), rows in scores[~scores["forced"]].groupby(["mode", "decode"], sort=True):
        found[f"{mode}/{decode}"] = {
            "accuracy": 100 * float(rows["correct"].mean()),
            "hybrids": 100 * float(rows["kind"].isin(HYBRIDS).mean()),
        }
    return found
