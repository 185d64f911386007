"""How a script reads its job's text and machine, and what of it determines a training.

The text, ``--job``, is one canonical JSON object of all that determines a job's numbers beside its
inputs (made by ``mtkd.study.settings.job_text``). Its parts, where they apply:

- ``settings``: the stage's own, from the suite;
- ``code``: digests of the code behind the script; ``metrics``: of that behind its metrics;
- ``recipes`` or ``strategies``: what each strategy is, by name; ``pools``: definitions of those
  that are pooling operators;
- ``figures``: of the code behind each drawing, by the figure's name in their catalogue;
- ``pages``: a digest of their templates.

Every script imports this, so it imports nothing of what makes the text.
"""

from __future__ import annotations

import argparse
import json
from ast import literal_eval
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def job_argument(parser: argparse.ArgumentParser, *parts: str) -> None:
    """Have a script read ``--job``, which must hold the parts that the script takes from it."""
    parser.add_argument(
        "--job", type=_reader(parts), required=True, help=f"JSON: {', '.join(parts)}"
    )


def machine_arguments(parser: argparse.ArgumentParser) -> None:
    """Have a script read what its job was given of a machine."""
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--gpu", type=int, default=0, help="GPUs the job asked for")
    parser.add_argument("--allow-cpu", action="store_true", help="where none of them can be used")


def state_argument(parser: argparse.ArgumentParser) -> None:
    """Have a script read where what is made once is kept."""
    parser.add_argument("--state", type=Path, required=True, help="the suite's state folder")


def training_arguments(parser: argparse.ArgumentParser) -> None:
    """Have a script read what a training needs beside its data: its model, machine and states."""
    parser.add_argument("--fetched", type=Path, help="record of the model's download")
    state_argument(parser)
    machine_arguments(parser)
    parser.add_argument("--save-minutes", type=float, default=0, help="between saved states")


def student_arguments(parser: argparse.ArgumentParser) -> None:
    """Have a script read what students learn from, and what their training needs."""
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--logits", type=Path, nargs="*", default=[], help="teachers' train logits")
    parser.add_argument("--teacher-seed", default="1", help="the suite's: paired, or one seed")
    parser.add_argument("--models", type=Path, nargs="*", default=[], help="teachers to run along")
    parser.add_argument("--gates", type=Path, nargs="*", default=[], help="gates' weights")
    parser.add_argument("--gold", type=Path, nargs="*", default=[], help="transfer rows' labels")
    training_arguments(parser)


def _reader(parts: tuple[str, ...]) -> Callable[[str], dict[str, Any]]:
    def read(text: str) -> dict[str, Any]:
        try:
            job = json.loads(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"this is no JSON: {error}") from None
        if not isinstance(job, dict):
            raise argparse.ArgumentTypeError(f"a JSON object is needed, with {', '.join(parts)}")
        if missing := [part for part in parts if part not in job]:
            raise argparse.ArgumentTypeError(f"no {', '.join(missing)} in it")
        return job

    return read


def same_training(before: str, after: str, strategy: str) -> bool:
    """Whether two texts, as Snakemake keeps them or as they are, train a strategy's cells alike.

    Of recipes it is the strategy's own that counts: which cells a job trains together changes no
    number. Text that is none of a job that trains the strategy is no match.
    """
    found = []
    for text in (before, after):
        try:
            job = json.loads(literal_eval(text) if text[:1] in "'\"" else text)
            found.append(determinants(job, recipe=job["recipes"][strategy]))
        except (ValueError, SyntaxError, TypeError, KeyError, AttributeError):
            return False
    return found[0] == found[1]


def determinants(job: Mapping[str, Any], **own: Any) -> dict[str, Any]:
    """All that determines one training of a job: the job, and what is the training's ``own``.

    That is data, the model's files, a seed or the cell's axes. Of the job's recipes or strategies
    it is the cell's alone: which cells a job trains changes no number (of text, where they are
    trained as one, none but by rounding).
    """
    of_others = ("recipes", "strategies")
    return {**{part: value for part, value in job.items() if part not in of_others}, **own}
