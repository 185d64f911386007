"""Whether telling teachers apart foretells interference: identification against it, over pairs.

Three measures of two teachers' traces, made before any student: how often a classifier names the
teacher from the response alone, how often given the prompt as well, and *hidden style*, what the
first characters say given the prompt less what the first character says by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtri

from mtkd.analysis.conflict.decline import INTERFERENCE
from mtkd.analysis.statistics.paired import CONFIDENCE
from mtkd.errors import InputError
from mtkd.records.files import read_json

ALONE, GIVEN, HIDDEN = MEASURES = ("alone", "given_prompt", "hidden_style")
NAMES = {
    ALONE: "identification from the response alone",
    GIVEN: "identification given the prompt",
    HIDDEN: "hidden style",
}
PAIR_COLUMNS = ["student", "task", "teachers", "n", "decode", *MEASURES, "chance"]
PAIR_COLUMNS += ["interference", "low", "high", "verdict"]
COLUMNS = ["student", "task", "n", "decode", "measure", "pairs", "rho", "rho_low", "rho_high"]
COLUMNS += ["descriptive_p", "harmless", "unseen", "verdict", "sentence"]
HOLDS, FAILS, UNDECIDABLE = "holds", "fails", "undecidable here"
# Teachers are told apart, or hardly, by an accuracy in so much of the way from chance to 1.
TOLD_APART, HARDLY = 0.8, 0.2
MINIMUM_PAIRS = 5
_ALL_ORDERS = 8  # pairs of which all orders are counted; of more, so many are drawn
_DRAWS = 20_000


def read_identified(paths: Iterable[Path]) -> pd.DataFrame:
    """What is known of sets of teachers: a JSON object each, of ``task`` and ``teachers``.

    Columns task, teachers, MEASURES (null where traces are too few), ``chance`` and ``memoryless``
    (share of hybrids of a student that draws a teacher anew at each step; null where styles are
    unknown). Raises InputError.
    """
    columns = ["task", "teachers", *MEASURES, "chance", "memoryless"]
    rows = []
    for path in paths:
        record = read_json(path)
        missing = [
            name for name in columns[:-1] if not isinstance(record, dict) or name not in record
        ]
        if missing:
            raise InputError(f"{path}: lacks {', '.join(missing)}; rerun identify_teachers")
        rows.append({name: record.get(name) for name in columns})
    return pd.DataFrame(rows, columns=columns)


def memoryless_rates(identified: pd.DataFrame) -> dict[tuple[str, frozenset[str]], float]:
    """The memoryless student's share of hybrids by task and teachers, where it is known."""
    return {
        (row.task, frozenset(row.teachers.split("+"))): float(row.memoryless)
        for row in identified.itertuples()
        if row.memoryless is not None and not math.isnan(row.memoryless)
    }


def pairs_table(identified: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """PAIR_COLUMNS: each pair of teachers whose plain mixture was trained, with its interference.

    ``verdict`` is that of the claim.
    """
    known = {(row.task, frozenset(row.teachers.split("+"))): row for row in identified.itertuples()}
    rows = []
    for claim in claims[(claims.claim == INTERFERENCE) & (claims.seeds > 0)].itertuples():
        names = frozenset(claim.teachers.split("+"))
        if len(names) != 2 or (claim.task, names) not in known:
            continue
        found = known[claim.task, names]
        rows.append(
            {name: getattr(claim, name) for name in PAIR_COLUMNS[:5]}
            | {name: getattr(found, name) for name in (*MEASURES, "chance")}
            | {"interference": claim.estimate, "low": claim.low, "high": claim.high}
            | {"verdict": claim.verdict}
        )
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def predictors_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """COLUMNS: Spearman's rank correlation of each measure with interference, over pairs.

    The interval is over pairs (Bonett and Wright 2000, Psychometrika 65(1)), rho at most half of
    the least disagreement of ranks away from 1: with six pairs it is wide, and as pairs share
    teachers it is even so rather too narrow. ``descriptive_p`` is the
    share of orders of the pairs with a correlation at least as large. ``harmless`` are the pairs
    that the measure tells apart and that lose nothing, ``unseen`` those that it hardly tells apart
    and that lose.

    As a rule for mixing teachers a measure *fails* where there are pairs of both sorts; it *holds*
    where there are none and the interval is above 0; else it is undecidable here. Fewer than
    MINIMUM_PAIRS, or pairs that all measure the same, have no correlation.
    """
    rows = []
    by = ["student", "task", "n", "decode"]
    for key, every in pairs.groupby(by, sort=False):
        for measure in MEASURES:
            # Too few traces tell nothing of a pair.
            found = every[every[measure].notna()]
            values = found[measure].to_numpy(dtype=float)
            harmless, unseen = _counterexamples(found, measure)
            row = dict(zip(by, key, strict=True)) | {"measure": measure, "pairs": len(found)}
            row |= _correlation(values, found.interference.to_numpy(dtype=float))
            row |= {"harmless": "; ".join(harmless), "unseen": "; ".join(unseen)}
            row["verdict"] = UNDECIDABLE
            if harmless and unseen:
                row["verdict"] = FAILS
            elif not harmless and not unseen and (row["rho_low"] or 0) > 0:
                row["verdict"] = HOLDS
            rows.append(row | {"sentence": _sentence(row)})
    return pd.DataFrame(rows, columns=COLUMNS)


def _counterexamples(pairs: pd.DataFrame, measure: str) -> tuple[list[str], list[str]]:
    harmless, unseen = [], []
    for row in pairs.itertuples():
        # Hidden style is a difference of accuracies: chance is 0 already.
        chance = 0.0 if measure == HIDDEN else row.chance
        told = (getattr(row, measure) - chance) / (1 - row.chance)
        if told >= TOLD_APART and row.verdict in ("better", "equivalent"):
            harmless.append(row.teachers)
        if told <= HARDLY and row.verdict == "worse":
            unseen.append(row.teachers)
    return harmless, unseen


def _correlation(measure: np.ndarray, interference: np.ndarray) -> dict[str, float | None]:
    nothing = dict.fromkeys(("rho", "rho_low", "rho_high", "descriptive_p"))
    pairs = len(measure)
    if pairs < MINIMUM_PAIRS or np.ptp(measure) == 0 or np.ptp(interference) == 0:
        return nothing
    x, y = (_standard(pd.Series(one).round(9).rank().to_numpy()) for one in (measure, interference))
    rho = float(x @ y)
    half = ndtri((1 + CONFIDENCE) / 2) * math.sqrt((1 + rho**2 / 2) / (pairs - 3))
    # Ranks that all agree would have no interval: half of the least disagreement is taken off.
    most = 1 - 6 / (pairs * (pairs**2 - 1))
    at = math.atanh(min(max(rho, -most), most))
    rng = np.random.default_rng(0)
    if pairs <= _ALL_ORDERS:
        orders = np.array(list(permutations(range(pairs))))
    else:
        orders = rng.permuted(np.tile(np.arange(pairs), (_DRAWS, 1)), axis=1)
    as_large = float((y[orders] @ x >= rho - 1e-9).mean())
    return {"rho": rho, "rho_low": math.tanh(at - half), "rho_high": math.tanh(at + half),
            "descriptive_p": as_large}  # fmt: skip


def _standard(ranks: np.ndarray) -> np.ndarray:
    centred = ranks - ranks.mean()
    return centred / np.linalg.norm(centred)


def _sentence(row: dict) -> str:
    name = NAMES[row["measure"]]
    head = (
        f"{row['task']}, {row['student']}, n={row['n']}, {row['decode']}: {name} and interference"
    )
    if row["rho"] is None:
        said = f"{head}: no rank correlation, which takes {MINIMUM_PAIRS} pairs that differ"
    else:
        said = (
            f"{head}: rank correlation {row['rho']:+.2f} over {row['pairs']} pairs (95 % interval "
            f"{row['rho_low']:+.2f} to {row['rho_high']:+.2f})"
        )
    if row["harmless"]:
        said += f"; told apart and nothing lost: {row['harmless']}"
    if row["unseen"]:
        said += f"; hardly told apart and accuracy lost: {row['unseen']}"
    return f"{said}: as a rule it {_ENDINGS[row['verdict']]}."


_ENDINGS = {HOLDS: "holds", FAILS: "fails", UNDECIDABLE: "is undecidable here"}
