"""Tables of a study of specialists: what each system knows and costs, and what can be claimed.

A system is a base's specialist, merge or router, or a student of all. Scores are accuracies on the
report splits; *macro* weighs tasks alike. Polarity is the accuracy among the labels that all tasks
have, on texts that have one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mtkd.analysis.statistics.paired import Difference, crossed_difference, unknown_difference
from mtkd.analysis.statistics.verdicts import findings
from mtkd.errors import InputError
from mtkd.records.logits import read_logits, read_tensors
from mtkd.specialists.compute import spent
from mtkd.specialists.domains import LEARNT, REPORT, Domains, read_domains, row_ids
from mtkd.specialists.registration import Name, claims
from mtkd.specialists.routing import ROUTERS, routed
from mtkd.study.paths import parse_integrated
from mtkd.tasks.corpus import read_clusters, read_report_labels

CLAIM_COLUMNS = [
    "claim",
    "a",
    "b",
    "difference",
    "low",
    "high",
    "p",
    "verdict",
    "detectable",
    "seeds",
]
SHARE_COLUMNS = ["student", "strategy", "teacher", "rows", "loss_start", "loss_end", "seeds"]
FAILED_COLUMNS = ["student", "strategy", "seed", "reason"]


class Gold(NamedTuple):
    """Labels [N] of the report's texts, the task of each, and the cluster [N, 1] that it is of."""

    labels: np.ndarray
    domain: np.ndarray
    clusters: np.ndarray


class System(NamedTuple):
    """Logits [N, C] on report by seed, and what one costs: means over the seeds that finished."""

    base: str  # of a student, its name
    kind: str  # specialist, merge, router, student
    name: str
    logits: dict[str, np.ndarray]
    models: int
    parameters: float
    compute: float  # tokens x parameters of all that was trained for it, behind the base
    run_seconds: float  # CPU seconds that 1,000 texts take
    replace_seconds: float  # and those until a new specialist of one task is part of it


class _Specialist(NamedTuple):
    """One base's specialists of one seed: logits [K, N, C] on report, and records."""

    logits: np.ndarray
    records: list[dict[str, Any]]


def specialist_tables(
    study: Mapping[str, Any],
    tasks: Sequence[Path],
    labels: Sequence[Path],
    router: Path,
    predictions: Mapping[str, Sequence[Path]],
) -> dict[str, pd.DataFrame]:
    """All tables of a study (``mtkd.study.specialists.specialist_study_settings``), by name.

    ``predictions``: ``specialists`` [bases x seeds x tasks], ``merges`` [bases x seeds x merges]
    and ``students``. Raises InputError for files that do not fit each other.
    """
    domains = read_domains(tasks)
    gold = read_gold(domains, labels)
    weights, routing = read_tensors(router)
    found = _specialists(study, domains, predictions["specialists"])
    records = [_read(path, domains) for path in predictions["students"]]
    systems = [
        *_alone(study, domains, found),
        *_merged(study, domains, found, predictions["merges"]),
        *_routed(study, domains, found, weights[REPORT], routing),
        *_taught(domains, found, predictions["students"], records, routing),
    ]
    sizes = pd.DataFrame(routing["sizes"])
    return {
        "specialists": systems_table(systems, domains, gold),
        "claims": claims_table(study, systems, gold),
        "shares": _shares(predictions["students"], records),
        "routers": sizes.assign(fitted=100 * sizes["fitted"], held_out=100 * sizes["held_out"]),
        "failed": _failed(predictions["students"], records),
    }


def read_gold(domains: Domains, paths: Sequence[Path]) -> Gold:
    """Labels of the report's texts of all tasks, from each task's own file. Raises InputError."""
    known, members = {}, {}
    for task, own, path in zip(domains.tasks, domains.own, paths, strict=True):
        for split, (ids, given) in read_report_labels(path).items():
            names = row_ids(task, split, ids)
            known |= dict(zip(names, own[given], strict=True))
            clusters = read_clusters(path, split)
            # Of a pair's two members the first: each text has one cluster here.
            groups = names if clusters is None else [f"{task}:{one[0]}" for one in clusters]
            members |= dict(zip(names, groups, strict=True))
    ids = domains.splits[REPORT].ids
    if lacking := [name for name in ids if name not in known]:
        raise InputError(f"{paths[0]} and others: no label of {lacking[0]}; rerun prepare_task")
    gold = np.array([known[name] for name in ids])
    return Gold(gold, domains.domain[REPORT], np.array([[members[name]] for name in ids]))


def right(logits: np.ndarray, gold: Gold) -> np.ndarray:
    """Whether each text [N] is answered rightly."""
    return logits.argmax(axis=1) == gold.labels


def right_polarity(logits: np.ndarray, gold: Gold, shared: np.ndarray) -> np.ndarray:
    """The same among the labels that all tasks have; NaN of a text that has another one, and of
    every text where they have less than two: there is nothing to tell apart."""
    if len(shared) < 2:
        return np.full(len(gold.labels), np.nan)
    said = shared[logits[:, shared].argmax(axis=1)]
    return np.where(np.isin(gold.labels, shared), said == gold.labels, np.nan)


def by_task(values: np.ndarray, gold: Gold) -> np.ndarray:
    """Means [K] over each task's texts of values [N], without NaN; NaN of a task without any."""
    known = ~np.isnan(values)
    own = [values[known & (gold.domain == k)] for k in range(gold.domain.max() + 1)]
    return np.array([one.mean() if len(one) else np.nan for one in own])


def systems_table(systems: Sequence[System], domains: Domains, gold: Gold) -> pd.DataFrame:
    """A row a system: accuracy (macro and by task) and polarity in percent, retention, costs.

    ``retention``: accuracy by that of the first base's own specialist of the task, mean of tasks.
    """
    own = {
        system.name: np.mean([by_task(right(one, gold), gold) for one in system.logits.values()], 0)
        for system in systems
        if system.kind == "specialist" and system.base == systems[0].base
    }
    reference = np.array([own[f"specialist {task}"][k] for k, task in enumerate(domains.tasks)])
    # Of a task of which its own specialist knows nothing, nothing can be retained.
    reference[reference == 0] = np.nan
    rows = []
    for system in systems:
        scores = np.array([by_task(right(one, gold), gold) for one in system.logits.values()])
        signs = [by_task(right_polarity(one, gold, domains.shared), gold).mean()
                 for one in system.logits.values()]  # fmt: skip
        seeds = len(system.logits)
        rows.append(
            {
                "base": system.base,
                "kind": system.kind,
                "system": system.name,
                "seeds": seeds,
                **({
                    "accuracy": 100 * scores.mean(),
                    "sd": 100 * scores.mean(axis=1).std(ddof=1) if seeds > 1 else np.nan,
                    **{f"accuracy {task}": 100 * scores[:, k].mean()
                       for k, task in enumerate(domains.tasks)},
                    "polarity": 100 * float(np.mean(signs)),
                    "retention": 100 * float((scores.mean(axis=0) / reference).mean()),
                } if seeds else {}),
                "models": system.models,
                "parameters": system.parameters,
                "compute": system.compute,
                "run_seconds": system.run_seconds,
                "replace_seconds": system.replace_seconds,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def claims_table(study: Mapping[str, Any], systems: Sequence[System], gold: Gold) -> pd.DataFrame:
    """Differences of macro accuracy in points over seeds and texts, with verdicts in one family."""
    margin = float(study["margin"])
    said = {Name(one.base, one.name): one.logits for one in systems}
    rows, family = [], []
    for kind, a, b in claims(study):
        rows.append({"claim": kind, "a": str(a), "b": str(b)})
        family.append(macro_difference(said[a], said[b], gold))
    for row, difference, finding in zip(rows, family, findings(family, margin), strict=True):
        row |= {"difference": difference.estimate, "low": difference.low, "high": difference.high}
        row |= {"p": finding.superiority_p, "verdict": finding.verdict}
        row |= {"detectable": finding.minimum_detectable_effect, "seeds": difference.seeds}
    return pd.DataFrame(rows, columns=CLAIM_COLUMNS)


def macro_difference(
    a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray], gold: Gold
) -> Difference:
    """How many points of macro accuracy one system is above another, over the seeds of both."""
    seeds = [seed for seed in a if seed in b]
    if not seeds:
        return unknown_difference(len(gold.labels), gold.clusters)
    sizes = np.bincount(gold.domain)
    # So that the mean over all texts is the mean of tasks' means.
    weight = 100 * len(gold.labels) / (len(sizes) * sizes[gold.domain])
    values = [
        weight * (right(a[seed], gold).astype(float) - right(b[seed], gold)) for seed in seeds
    ]
    found = crossed_difference(np.array(values), clusters=gold.clusters)
    return found._replace(step=float(weight.max()))


def _specialists(
    study: Mapping[str, Any], domains: Domains, paths: Sequence[Path]
) -> dict[str, dict[str, _Specialist]]:
    """Specialists by base and seed."""
    rest, found = iter(paths), {}
    for base in study["bases"]:
        found[base] = {}
        for seed in study["seeds"]:
            read = [_read(next(rest), domains) for _ in domains.tasks]
            logits = np.stack([one for one, _ in read])
            found[base][seed] = _Specialist(logits, [record for _, record in read])
    return found


def _read(path: Path, domains: Domains) -> tuple[np.ndarray | None, dict[str, Any]]:
    """A system's logits on report, None of one that diverged, and its record."""
    splits, record = read_logits(path)
    if record["status"] == "diverged":
        return None, record
    if not np.array_equal(splits[REPORT].ids, domains.splits[REPORT].ids):
        raise InputError(f"{path}: its texts are not those of the study's tasks; make it again")
    return splits[REPORT].logits, record


def _mean(values: Iterator[float] | Sequence[float]) -> float:
    values = list(values)
    return float(np.mean(values)) if values else np.nan


def _fields(found: Mapping[str, _Specialist], name: str) -> np.ndarray:
    """A number of each specialist's record, mean over seeds [K]."""
    return np.mean([[record[name] for record in one.records] for one in found.values()], axis=0)


def _alone(
    study: Mapping[str, Any], domains: Domains, found: Mapping[str, Mapping[str, _Specialist]]
) -> Iterator[System]:
    for base in study["bases"]:
        for place, task in enumerate(domains.tasks):
            own = [one.records[place] for one in found[base].values()]
            seconds = _mean(record["cpu_seconds"] for record in own)
            yield System(
                base,
                "specialist",
                f"specialist {task}",
                {seed: one.logits[place] for seed, one in found[base].items()},
                1,
                own[0]["parameters"],
                _mean(spent([record]) for record in own),
                _mean(record["run_seconds"] for record in own),
                seconds,
            )


def _merged(
    study: Mapping[str, Any],
    domains: Domains,
    found: Mapping[str, Mapping[str, _Specialist]],
    paths: Sequence[Path],
) -> Iterator[System]:
    rest = iter(paths)
    for base in study["bases"]:
        read = {
            (seed, name): _read(next(rest), domains)
            for seed in study["seeds"]
            for name in sorted(study["merges"])
        }
        own = found[base]
        for name in study["merges"]:
            records = [read[seed, name][1] for seed in study["seeds"]]
            none = name in study["bases_alone"]
            new = _mean(_fields(own, "cpu_seconds"))
            yield System(
                base,
                "merge",
                name,
                {seed: read[seed, name][0] for seed in study["seeds"]},
                1,
                records[0]["parameters"],
                0.0 if none else _mean(spent(one.records) for one in own.values()),
                _mean(record["run_seconds"] for record in records),
                0.0 if none else new + _mean(record["cpu_seconds"] for record in records),
            )


def _routed(
    study: Mapping[str, Any],
    domains: Domains,
    found: Mapping[str, Mapping[str, _Specialist]],
    weights: np.ndarray,
    routing: Mapping[str, Any],
) -> Iterator[System]:
    domain = domains.domain[REPORT]
    for base in study["bases"]:
        own = found[base]
        seconds = _fields(own, "run_seconds")
        one = float(seconds @ (np.bincount(domain) / len(domain)))
        new = _mean(_fields(own, "cpu_seconds"))
        for name in ROUTERS:
            asked = float(seconds.sum()) if name in ("soft-router", "ensemble") else one
            learned = name in ("hard-router", "soft-router")
            yield System(
                base,
                "router",
                name,
                {s: routed(name, each.logits, domain, weights) for s, each in own.items()},
                len(domains.tasks),
                float(_fields(own, "parameters").sum()),
                _mean(spent(each.records) for each in own.values()),
                asked + learned * routing["run_seconds"],
                new + learned * routing["cpu_seconds"],
            )


def _taught(
    domains: Domains,
    found: Mapping[str, Mapping[str, _Specialist]],
    paths: Sequence[Path],
    read: Sequence[tuple[np.ndarray | None, dict[str, Any]]],
    routing: Mapping[str, Any],
) -> Iterator[System]:
    own = next(iter(found.values()))
    new = _mean(_fields(own, "cpu_seconds"))
    texts, a_text = np.bincount(domains.domain[LEARNT]), _fields(own, "run_seconds") / 1000
    runs: dict[tuple[str, str], dict[str, tuple]] = {}
    for path, one in zip(paths, read, strict=True):
        axes = parse_integrated(path)
        runs.setdefault((axes["student"], axes["strategy"]), {})[axes["seed"]] = one
    for (student, strategy), by_seed in runs.items():
        first = next(iter(by_seed.values()))[1]
        models, how = first["models"], first["integration"]
        # What one cost that diverged ends where it did.
        records = [record for logits, record in by_seed.values() if logits is not None]
        # Of a student a task the one of the task that has a new specialist is trained again.
        replace = _mean(record["cpu_seconds"] for record in records) / models
        if how["fusion"] != "none":
            # A new specialist labels its own texts; where all of them teach every text, all texts.
            labels = texts.sum() if how["fusion"] in ("average", "gate") else texts
            replace += new + float(np.mean(labels * a_text))
            replace += (how["fusion"] == "gate") * routing["cpu_seconds"]
        yield System(
            student,
            "student",
            strategy,
            {seed: logits for seed, (logits, _) in by_seed.items() if logits is not None},
            models,
            _mean(record["parameters"] for record in records),
            _mean(record["compute"] for record in records),
            _mean(record["run_seconds"] for record in records),
            replace,
        )


def _shares(
    paths: Sequence[Path], read: Sequence[tuple[np.ndarray | None, dict[str, Any]]]
) -> pd.DataFrame:
    """Each teacher's share of rows and of loss by student and strategy, means over seeds."""
    rows = []
    for path, (logits, record) in zip(paths, read, strict=True):
        if logits is None:
            continue
        axes = parse_integrated(path)
        rows += [
            {"student": axes["student"], "strategy": axes["strategy"], "seed": axes["seed"], **one}
            for one in record.get("shares", [])
        ]
    table = pd.DataFrame(rows, columns=[*SHARE_COLUMNS[:-1], "seed"])
    grouped = table.groupby(SHARE_COLUMNS[:3], sort=False)
    means = 100 * grouped[SHARE_COLUMNS[3:6]].mean()
    return means.assign(seeds=grouped["seed"].nunique()).reset_index()


def _failed(
    paths: Sequence[Path], read: Sequence[tuple[np.ndarray | None, dict[str, Any]]]
) -> pd.DataFrame:
    """Students that diverged."""
    rows = [
        {**{name: parse_integrated(path)[name] for name in FAILED_COLUMNS[:3]},
         "reason": record["reason"]}
        for path, (logits, record) in zip(paths, read, strict=True)
        if logits is None
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=FAILED_COLUMNS)
