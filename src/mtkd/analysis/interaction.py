"""Does fusing teachers pay more at a low temperature than at a high one?

Of studies over several T: what several teachers add to one at the lowest T, less what they add at
the highest. Nothing is chosen: every alpha counts alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from mtkd.analysis.claims import at_seeds, primary_scores, shared_seeds, sides_of
from mtkd.analysis.constant import constant_scores, lead
from mtkd.analysis.measures.scores_per_example import outcome_step
from mtkd.analysis.statistics.paired import (
    Difference,
    crossed_difference,
    superiority_p,
    unknown_difference,
)
from mtkd.analysis.statistics.verdicts import findings, without_skill
from mtkd.errors import InputError
from mtkd.metrics.by_example import Contributions
from mtkd.records.examples import Examples
from mtkd.records.logits import aligned, read_logits
from mtkd.study.paths import parse_cell
from mtkd.study.view import StudyView, arm_name

COLUMNS = ["task", "a", "b", "metric", "split", "seeds", "n", "T_low", "T_high", "alphas"]
COLUMNS += ["effect_low", "effect_high", "interaction", "low", "high", "se", "df", "p"]
COLUMNS += ["margin", "minimum_detectable", "verdict", "sentence"]
SEVERAL, ONE = "several teachers, mean of arms", "one teacher, mean of single-teacher arms"
# Verdicts on a difference, of a difference of differences.
VERDICTS = {"better": "more at low T", "worse": "more at high T", "equivalent": "no interaction"}

# A cell's logits [N, C] by split, by (teachers, strategy, T, alpha, seed).
Cells = Mapping[tuple[str, str, str, str, str], Mapping[str, np.ndarray]]


class ArmAt(NamedTuple):
    """An arm at one T: its seeds, and its primary metric over all alphas, greater is better."""

    seeds: list[str]
    scores: Contributions


def extreme_temperatures(temperatures: Sequence[str]) -> tuple[str, str]:
    """The lowest and the highest T of a study."""
    return min(temperatures, key=float), max(temperatures, key=float)


def read_cells(
    paths: Iterable[Path], ids: Mapping[str, np.ndarray], labels: list[str], data: str
) -> Cells:
    """Cells' logits in the order of ``ids`` by split; diverged ones are left out.

    Raises InputError for predictions of other data, and as of ``aligned``.
    """
    found = {}
    for path in paths:
        splits, record = read_logits(path)
        if record["status"] == "diverged":
            continue
        if record["digests"]["data"] != data:
            raise InputError(f"{path}: predictions of other data; rerun train_students")
        axes = parse_cell(str(path))
        key = tuple(axes[name] for name in ("teachers", "strategy", "T", "alpha", "seed"))
        found[key] = {
            split: aligned(splits[split], rows, labels, record, path) for split, rows in ids.items()
        }
    return found


def interaction_table(examples: Examples, cells: Cells, study: StudyView) -> pd.DataFrame:
    """A task's interactions of temperature and fusion, COLUMNS, points of improvement.

    ``effect_low`` and ``effect_high`` are what arm a has above b at the lowest and the highest T of
    the study, means over its alphas; ``interaction`` is the first less the second, with the crossed
    interval over the seeds that all of them finished at every alpha, and examples. b is the mean of
    the single-teacher arms; a each arm of several teachers, and their mean. An arm of hard labels
    or of out-of-fold logits beside the same without is no part of these (``claims.sides_of``).
    Verdicts are of this family, as claims have them: ``more at low T``, ``more at high T``, ``no
    interaction`` (within the margin), ``undecidable``, ``no skill``, ``no verdict``.
    """
    low, high = extreme_temperatures(study["T"])
    arms = study["arms"]
    single, multi = ([arms[i] for i in side] for side in sides_of(arms)[1:3])
    if low == high or not single or not multi:
        return pd.DataFrame(columns=COLUMNS)
    at = {
        (arm_name(arm, study), T): _arm_at(examples, cells, arm, T, study)
        for arm in [*single, *multi]
        for T in (low, high)
    }
    constant = constant_scores(examples, examples.report_splits)
    sides = [(SEVERAL, [arm_name(arm, study) for arm in multi])] if len(multi) > 1 else []
    sides += [(name, [name]) for name in (arm_name(arm, study) for arm in multi)]
    lone = [arm_name(arm, study) for arm in single]
    clusters = examples.clusters_of(examples.report_splits)
    metric = examples.record["metrics"][0]
    made = [
        _compared(at, names, lone, (low, high), constant, clusters, metric) for _, names in sides
    ]
    verdicts = findings([one.difference for one in made], study["margin"])
    rows = []
    for (name, _), one, verdict in zip(sides, made, verdicts, strict=True):
        verdict = verdict if one.skill else without_skill(verdict)
        difference = one.difference
        row = {"task": examples.record["task"], "a": name, "b": ONE}
        row |= {"metric": metric}
        row |= {"split": " and ".join(examples.report_splits)}
        row |= {"seeds": difference.seeds, "n": difference.examples, "T_low": low, "T_high": high}
        row |= {"alphas": " ".join(study["alpha"])}
        row |= {"effect_low": one.effects[0], "effect_high": one.effects[1]}
        row |= {"interaction": difference.estimate, "low": difference.low}
        row |= {"high": difference.high, "se": difference.se, "df": difference.df}
        row |= {"p": superiority_p(difference) if difference.seeds else np.nan}
        row |= {"margin": study["margin"]}
        row |= {"minimum_detectable": verdict.minimum_detectable_effect}
        row |= {"verdict": VERDICTS.get(verdict.verdict, verdict.verdict)}
        rows.append(row | {"sentence": sentence(row)})
    return pd.DataFrame(rows, columns=COLUMNS)


def sentence(row: Mapping) -> str:
    """An interaction in plain words."""
    what = f"{row['task']}: what {row['a']} adds to one teacher at T={row['T_low']} less that at "
    what += f"T={row['T_high']}"
    if not row["seeds"]:
        return f"{what}: no seed finished in all of its arms."
    return (
        f"{what}: {row['interaction']:+.2f} points of {row['metric']} (95 % interval "
        f"{row['low']:+.2f} to {row['high']:+.2f}, {row['seeds']} "
        f"seed{'s' * (row['seeds'] > 1)}, {row['n']:,} examples): {row['verdict']}."
    )


class _Compared(NamedTuple):
    difference: Difference
    effects: tuple[float, float]
    skill: bool


def _arm_at(
    examples: Examples, cells: Cells, arm: Mapping[str, str], T: str, study: StudyView
) -> ArmAt:
    """An arm at a T over the seeds that finished at every alpha."""
    axes = (arm["teachers"], arm["strategy"], T)
    seeds = [
        seed
        for seed in study["seeds"]
        if all((*axes, alpha, seed) in cells for alpha in study["alpha"])
    ]
    if not seeds:
        n = sum(len(examples.labels[split]) for split in examples.report_splits)
        return ArmAt([], Contributions(np.empty(0), np.empty((0, n))))
    of_alphas = [
        primary_scores(
            examples,
            {
                split: np.stack([cells[*axes, alpha, seed][split] for seed in seeds])
                for split in examples.report_splits
            },
        )
        for alpha in study["alpha"]
    ]
    return ArmAt(seeds, _mean(of_alphas))


def _compared(
    at: Mapping[tuple[str, str], ArmAt],
    several: Sequence[str],
    single: Sequence[str],
    temperatures: tuple[str, str],
    constant: Contributions,
    clusters: np.ndarray | None,
    metric: str,
) -> _Compared:
    involved = [{"seeds": at[name, T].seeds} for name in [*several, *single] for T in temperatures]
    seeds = shared_seeds(involved)
    if not seeds:
        n = constant.pseudovalues.shape[1]
        return _Compared(unknown_difference(n, clusters), (np.nan, np.nan), True)

    def mean_at(names: Sequence[str], T: str) -> Contributions:
        found = [at[name, T] for name in names]
        return _mean([at_seeds(one.scores, {"seeds": one.seeds}, seeds) for one in found])

    sides = [(mean_at(several, T), mean_at(single, T)) for T in temperatures]
    values, effects = zip(
        *(
            (100 * (a.pseudovalues - b.pseudovalues), 100 * float((a.value - b.value).mean()))
            for a, b in sides
        ),
        strict=True,
    )
    difference = crossed_difference(
        values[0] - values[1], effects[0] - effects[1], clusters=clusters
    )
    step = 100 * outcome_step([side for pair in sides for side in pair], metric)
    difference = difference._replace(step=step)
    skill = any(lead(side, constant, clusters).low > 0 for pair in sides for side in pair)
    return _Compared(difference, effects, skill)


def _mean(parts: Sequence[Contributions]) -> Contributions:
    value, pseudovalues = zip(*parts, strict=True)
    return Contributions(np.mean(value, axis=0), np.mean(pseudovalues, axis=0))
