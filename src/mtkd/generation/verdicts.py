"""Verdicts on teachers' traces, and of each teacher all through: its quality and its cost.

Gold is the transfer prompts' own; the report's answers are nobody's business here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mtkd.errors import InputError
from mtkd.generation.prompts import read_prompts
from mtkd.generation.verify import answer_of, follows, is_right, right_steps
from mtkd.records.files import read_json, write_text
from mtkd.records.parquet import read_parquet, write_parquet

# The least share of a teacher's traces in which the verifier has to find an answer.
LEAST_ANSWERED = 0.5
# How much of a trace without an answer is shown.
SHOWN = 80


def verify_traces(path: Path, transfer: Path, settings: Mapping[str, Any], output: Path) -> None:
    """Publish the verdicts on a teacher's traces: id, answer, correct, consistent, steps.

    ``settings`` have the verifier, the teacher's name and style, and whether it learnt to write
    here. Raises InputError for a teacher from elsewhere in fewer than half of whose traces the
    verifier finds an answer: it is likely to be the wrong verifier, or the wrong way to ask.
    """
    prompts = read_prompts(transfer)
    gold = dict(zip(prompts.ids, prompts.answers, strict=True))
    traces = read_parquet(path, ["id", "prompt", "response"])
    found = verdicts(traces, gold, settings["verifier"], settings.get("style"))
    lacking = traces["response"][found["answer"].isna()]
    if len(lacking) and 1 - len(lacking) / len(traces) < LEAST_ANSWERED:
        line = (
            f"teacher {settings['teacher']}: verifier {settings['verifier']!r} finds an answer in "
            f"{len(traces) - len(lacking)} of its {len(traces)} traces "
            f"({1 - len(lacking) / len(traces):.0%}), and in none of {shown(lacking.iloc[0])}"
        )
        if not settings.get("learnt"):
            raise InputError(
                f"{line}; take another 'verifier', ask for what it reads ('template', 'chat'), or "
                "give longer responses ('longest')"
            )
        print(line, file=sys.stderr)
    write_parquet(output, found)


def verdicts(
    traces: pd.DataFrame, gold: Mapping[str, str], verifier: str, style: str | None
) -> pd.DataFrame:
    """The verdict on each of N traces; ``consistent`` and ``steps`` where the style is known."""
    rows = []
    styles = [style] if style else []
    for id_, prompt, response in zip(
        traces["id"], traces["prompt"], traces["response"], strict=True
    ):
        answer = answer_of(verifier, response)
        rows.append(
            {
                "id": id_,
                "answer": answer,
                "correct": is_right(verifier, answer, gold[id_]),
                "consistent": follows(response, prompt, styles) if styles else None,
                "steps": right_steps(response, prompt, styles),
            }
        )
    found = pd.DataFrame(rows, columns=["id", "answer", "correct", "consistent", "steps"])
    return found.astype({"correct": bool, "consistent": "boolean", "steps": float})


def shown(text: str) -> str:
    """The end of a text, where answers stand, in one line."""
    line = " ".join(text.split())
    return repr(line if len(line) <= SHOWN else f"...{line[-SHOWN:]}")


def traces_table(paths: Sequence[Path], output: Path) -> None:
    """Publish a table of teachers' traces, a row each: quality in percent, and cost.

    ``paths`` are those of their verdicts, beside which traces and record lie.
    """
    write_text(output, pd.DataFrame([teacher_row(path) for path in paths]).to_csv(index=False))


def teacher_row(path: Path) -> dict[str, Any]:
    """A teacher's traces all through: ``tokens`` where a model counted them, ``cut`` of these.

    ``per_correct`` and ``per_both`` are how many traces one accepted takes, by a filter of right
    answers, or of answers that are right and follow; None where none is accepted.
    """
    found = read_parquet(path, ["answer", "correct", "consistent", "steps"])
    record = read_json(path.parent / "run.json")
    traces = read_parquet(path.parent / "traces.parquet", ["id", "response"])
    correct, linked = found["correct"].astype(bool), found["consistent"].notna()
    follows = linked & found["consistent"].fillna(False).astype(bool)
    right = 100 * correct.mean()
    both = 100 * (correct & follows).mean() if linked.any() else None
    return {
        "task": record["task"],
        "teacher": record["teacher"],
        "traces": len(traces),
        "answered": 100 * found["answer"].notna().mean(),
        "correct": right,
        # Of those whose thought implies an answer.
        "consistent": 100 * follows.sum() / linked.sum() if linked.any() else None,
        "both": both,
        "per_correct": 100 / right if right else None,
        "per_both": 100 / both if both else None,
        "steps": 100 * found["steps"].mean(),
        "characters": traces["response"].str.len().mean(),
        "tokens": traces["tokens"].mean() if "tokens" in traces else None,
        "cut": 100 * record["cut"] / len(traces) if "cut" in record else None,
        "seconds": record.get("seconds"),
    }
