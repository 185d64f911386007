"""Soft labels in tables: how sure teachers are, how students follow them, how people judge."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from mtkd.analysis.measures.confidence import Confidence, confidence
from mtkd.analysis.measures.fidelity import fidelity
from mtkd.analysis.measures.human import HumanCloseness, human_closeness
from mtkd.analysis.measures.identification import Identification, identification
from mtkd.analysis.selection import sign_of
from mtkd.analysis.statistics.paired import crossed_difference
from mtkd.records.examples import Examples
from mtkd.study.arms import learning_temperature

CONFIDENCE_COLUMNS = ["task", "teacher", "split", "T", "n", *Confidence._fields, "seeds"]
IDENTIFICATION_COLUMNS = ["task", "split", "T", "teachers", *Identification._fields]
FIDELITY_COLUMNS = ["task", "arm", "strategy", "teachers", "T", "split", "n"]
FIDELITY_COLUMNS += ["agreement", "agreement_low", "agreement_high", "kl", "kl_low", "kl_high"]
FIDELITY_COLUMNS += ["seeds", "sd_agreement"]
HUMAN_COLUMNS = ["task", "kind", "name", "T", "split", "n", *HumanCloseness._fields]


def confidence_table(
    task: str, teachers: dict[str, np.ndarray], names: list[str], temperatures: list[str]
) -> pd.DataFrame:
    """Columns task, teacher, split, T, n, max_probability, entropy (nats), high, seeds.

    ``teachers`` holds logits [K, R, N, C] by split; values are means over teacher seeds;
    ``high`` is the share of examples with a probability above 0.95.
    """
    rows = []
    for split, logits in teachers.items():
        for name, of_teacher in zip(names, logits, strict=True):
            for T in temperatures:
                values = np.mean([confidence(of_seed, float(T)) for of_seed in of_teacher], axis=0)
                measures = Confidence(*values)._asdict()
                row = {"task": task, "teacher": name, "split": split, "T": T}
                rows.append({**row, "n": logits.shape[2], **measures, "seeds": len(of_teacher)})
    return pd.DataFrame(rows, columns=CONFIDENCE_COLUMNS)


def identification_table(
    task: str, teachers: dict[str, np.ndarray], temperatures: list[str]
) -> pd.DataFrame:
    """How often a soft label tells its teacher: IDENTIFICATION_COLUMNS, fractions.

    ``teachers`` holds logits [K, R, N, C] by split, of which the first teacher seed is taken;
    ``identification`` says what is measured. Splits of too few examples, and one teacher, have no
    row.
    """
    rows = []
    for split, logits in teachers.items():
        for T in temperatures:
            if found := identification(logits[:, 0], float(T)):
                row = {"task": task, "split": split, "T": T, "teachers": len(logits)}
                rows.append(row | found._asdict())
    return pd.DataFrame(rows, columns=IDENTIFICATION_COLUMNS)


def fidelity_table(examples: Examples) -> pd.DataFrame:
    """How students follow what they learned, at their T: agreement (fraction), KL (nats).

    Columns FIDELITY_COLUMNS, intervals of 95 % over seeds and examples. On train over the sample of
    rows for which students' predictions are kept: those with a label, and as ``transfer`` those
    without. Hard labels are followed at T = 1.
    """
    rows, record = [], examples.record
    parts = {name: of[examples.sample] for name, of in examples.train_parts().items()}
    places = {name: ("train", rows_of) for name, rows_of in parts.items() if rows_of.any()}
    places |= {split: (split, slice(None)) for split in examples.report_splits}
    for name, (split, rows_of) in places.items():
        arms = zip(record["arms"], examples.soft[split], examples.students[split], strict=True)
        for arm, soft, students in arms:
            if soft is None:
                continue
            soft, students = (values[:, rows_of] for values in (soft, students))
            row = {"task": record["task"], "arm": arm["name"], "split": name}
            row |= {name: arm[name] for name in ("strategy", "teachers", "T")}
            clusters = None if split == "train" else examples.clusters_of([split])
            rows.append(row | _followed(students, soft, learning_temperature(arm), clusters))
    return pd.DataFrame(rows, columns=FIDELITY_COLUMNS)


def _followed(
    students: np.ndarray, soft: np.ndarray, T: float, clusters: np.ndarray | None
) -> dict[str, float | None]:
    """Fidelity of students [S, N, C], with intervals; those of one example have none."""
    soft = np.broadcast_to(soft, students.shape)
    found = [fidelity(s, q, T) for s, q in zip(students, soft, strict=True)]
    row = {"n": students.shape[1], "seeds": len(students)}
    for name in ("agreement", "kl"):
        values = np.array([getattr(of_seed, name) for of_seed in found], dtype=float)
        row[name] = values.mean()
        if values.shape[1] > 1:
            interval = crossed_difference(values, clusters=clusters)
            row |= {f"{name}_low": max(interval.low, 0.0), f"{name}_high": interval.high}
        if name == "agreement" and len(values) > 1:
            row["sd_agreement"] = values.mean(axis=1).std(ddof=1)
    return row


def human_table(examples: Examples) -> pd.DataFrame:
    """Closeness to the raters' shares, on report; empty without them.

    Of every model's probabilities at T = 1 (kind teacher, fused or student), and of the soft labels
    that each distilled arm's students learned from, at the arm's T (kind ``soft labels``, under the
    arm's name), hard ones as they are. Columns task, kind, name, T, split, n, and the means over
    seeds of ``human_closeness``.
    """
    rows = []
    for split in examples.report_splits:
        if split not in examples.human:
            continue
        shares = examples.human[split]
        judged = [(model.kind, model.name, "1", model.logits) for model in examples.models(split)]
        for arm, soft in zip(examples.record["arms"], examples.soft[split], strict=True):
            if soft is not None:
                # Of a probability that float32 cannot hold, and of no other, this is not the log.
                logits = np.log(np.maximum(soft, np.finfo(np.float32).tiny, dtype=np.float64))
                judged.append(("soft labels", arm["name"], arm["T"], logits))
        for kind, name, T, of_seeds in judged:
            values = [human_closeness(shares, logits)._asdict() for logits in of_seeds]
            row = {"task": examples.record["task"], "kind": kind, "name": name, "T": T}
            row |= {"split": split, "n": len(shares)}
            rows.append({**row, **pd.DataFrame(values).astype(float).mean()})
    return pd.DataFrame(rows, columns=HUMAN_COLUMNS)


def human_prediction_table(human: pd.DataFrame, quality: pd.DataFrame) -> pd.DataFrame:
    """Whether soft labels nearer to people go with better students, over a task's distilled arms.

    Columns task, split, arms, spearman (of the KL from people of the soft labels at the arm's T
    with the students' mean score, or its negative where less is better: negative where nearer is
    better), descriptive_p (two-sided, by permutation of the arms: arms share teachers, seeds and
    examples, so that it is no test, and no verdict hangs on it). From ``human_table`` and
    ``quality_table``; tasks of fewer than four arms have no row.
    """
    rows = []
    students = quality[quality.kind == "student"]
    students = students.assign(score=sign_of(students.metric) * students.score)
    students = students.set_index(["task", "split", "name"]).score
    soft = human[human.kind == "soft labels"]
    for (task, split), here in soft.groupby(["task", "split"], sort=False):
        distances = here.set_index("name").kl
        scores = students.get((task, split), pd.Series(dtype=float)).reindex(distances.index)
        pairs = pd.DataFrame({"kl": distances, "score": scores}).dropna()
        if len(pairs) < 4 or pairs.nunique().min() < 2:
            continue
        rho, p = _spearman(pairs.kl, pairs.score)
        row = {"task": task, "split": split, "arms": len(pairs)}
        rows.append(row | {"spearman": rho, "descriptive_p": p})
    return pd.DataFrame(rows, columns=["task", "split", "arms", "spearman", "descriptive_p"])


def _spearman(first: pd.Series, second: pd.Series) -> tuple[float, float]:
    """Rank correlation, and its p-value over permutations: so few arms allow no other."""
    ranks, weights = (
        values.rank().to_numpy() - (len(values) + 1) / 2 for values in (first, second)
    )
    weights = weights / np.sqrt((ranks**2).sum() * (weights**2).sum())
    test = stats.permutation_test(
        (ranks,),
        lambda permuted, axis: (permuted * weights).sum(axis=axis),
        permutation_type="pairings",
        vectorized=True,
        rng=0,
    )
    return float(test.statistic), float(test.pvalue)
