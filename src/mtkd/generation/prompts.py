"""The prompts of a task: drawn or read, split, and kept, the report's answers apart."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mtkd.config.generation import PROMPT_SPLITS
from mtkd.errors import InputError
from mtkd.generation.styles import right_answer, write_prompt
from mtkd.records.files import digest_text, write_json
from mtkd.records.parquet import read_parquet, write_parquet
from mtkd.tasks.tables import read_table

# Up to so many prompts all are listed and shuffled; of more some are drawn.
LISTED = 10**5


class Prompts(NamedTuple):
    """N prompts of a split. ``answers`` are None where they are kept apart."""

    ids: list[str]
    texts: list[str]
    answers: list[str] | None


def addition_prompts(
    digits: int, rows: Mapping[str, int], seed: int = 0
) -> dict[str, list[tuple[str, str]]]:
    """Prompts ``37+85=`` with their answers ``122``, zero-padded, by split.

    No prompt of report or selection, and none of them with its numbers exchanged, is in another
    split. Raises InputError where there are not so many.
    """
    numbers = 10**digits
    wanted, rng = sum(rows.values()), np.random.default_rng(seed)
    if numbers**2 <= LISTED:
        codes = rng.permutation(numbers**2)
    else:
        codes = rng.permutation(np.unique(rng.integers(0, numbers**2, 4 * wanted)))
    left = [(int(code) // numbers, int(code) % numbers) for code in codes]
    found: dict[str, list[tuple[str, str]]] = {}
    held: set[tuple[int, int]] = set()
    for split in ("report", "selection", "teach", "transfer"):
        chosen, rest = [], []
        for a, b in left:
            pair = (min(a, b), max(a, b))
            if len(chosen) < rows.get(split, 0) and pair not in held:
                chosen.append((a, b))
                if split in ("report", "selection"):
                    held.add(pair)
            else:
                rest.append((a, b))
        if len(chosen) < rows.get(split, 0):
            raise InputError(
                f"addition of {digits} digits has {len(chosen)} prompts left for {split}, and "
                f"rows.{split} asks for {rows[split]}; ask for fewer, or for more digits"
            )
        left = [pair for pair in rest if (min(pair), max(pair)) not in held]
        texts = [write_prompt(a, b, digits) for a, b in chosen]
        found[split] = [(text, right_answer(text)) for text in texts]
    return {split: found[split] for split in rows}


def read_prompt_files(
    files: Mapping[str, Path], columns: Sequence[str], rows: Mapping[str, int], seed: int = 0
) -> tuple[dict[str, list[tuple[str, ...]]], dict[str, int]]:
    """Prompts with their answers by split, so many of each drawn from its table.

    ``columns`` are that of the prompts, that of the answers, and further ones, in whose order each
    row's values are returned.

    A prompt that stands in report is dropped from the others, and one of selection from what is
    learnt from; returns how many were dropped of each split, too. Of a table that another split has
    as well, those count that were drawn. Raises InputError for a table without these columns, with
    an empty prompt or answer, or with too few rows.
    """
    found, dropped, held = {}, {}, set()
    shared = {path for path, count in Counter(files[split] for split in rows).items() if count > 1}
    for split in ("report", "selection", "teach", "transfer"):
        if split not in rows:
            continue
        table = read_table(files[split], columns)
        values = [table.columns[name] for name in columns]
        for row, parts in enumerate(zip(*values, strict=True)):
            if any(part is None or not str(part).strip() for part in parts):
                more = "".join(f" or {name}" for name in columns[2:])
                raise InputError(
                    f"{files[split]}: {table.place(row)} has an empty prompt or answer{more}"
                )
        pairs = [tuple(map(str, parts)) for parts in zip(*values, strict=True)]
        kept = [pair for pair in pairs if same_text(pair[0]) not in held]
        dropped[split] = len(pairs) - len(kept)
        if len(kept) < rows[split]:
            raise InputError(
                f"{files[split]}: {len(kept)} prompts that are in no report or selection, and "
                f"rows.{split} asks for {rows[split]}"
            )
        order = np.random.default_rng(seed).permutation(len(kept))[: rows[split]]
        found[split] = [kept[place] for place in sorted(order)]
        if split in ("report", "selection"):
            apart = found[split] if files[split] in shared else pairs
            held |= {same_text(prompt) for prompt, *_ in apart}
    return {split: found[split] for split in rows}, dropped


def same_text(text: str) -> str:
    """A prompt in the form in which prompts are compared: case and spaces do not count."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def write_task(
    folder: Path,
    task: Mapping[str, Any],
    splits: Mapping[str, Sequence[tuple[str, ...]]],
    columns: Sequence[str] = (),
    **facts,
) -> None:
    """Write a task's splits, report without its answers, and ``info.json``.

    Rows are prompts, answers, and what the further ``columns`` hold. Splits that it has not are
    written without rows.
    """
    content = []
    for split in PROMPT_SPLITS:
        pairs = splits.get(split, ())
        ids = [f"{split}-{number:06d}" for number in range(len(pairs))]
        frame = pd.DataFrame(list(pairs), columns=["prompt", "answer", *columns])
        frame.insert(0, "id", ids)
        answers = frame[["id", "answer"]]
        if split == "report":
            write_parquet(folder / "report_answers.parquet", answers)
            frame = frame.drop(columns="answer")
        write_parquet(folder / f"{split}.parquet", frame)
        content.append([split, list(pairs)])
    write_json(
        folder / "info.json",
        {
            "kind": "generation",
            "verifier": task.get("verifier", "integer"),
            "rows": {split: len(splits.get(split, ())) for split in PROMPT_SPLITS},
            "digest": digest_text(repr(content)),
            **facts,
        },
    )


def read_prompts(path: Path) -> Prompts:
    """A split as ``write_task`` wrote it."""
    frame = read_parquet(path, ["id", "prompt"])
    answers = frame["answer"].tolist() if "answer" in frame else None
    return Prompts(frame["id"].tolist(), frame["prompt"].tolist(), answers)
