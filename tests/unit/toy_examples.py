"""Toy examples of a task: labels, teachers and students drawn at random, and runs that fit them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import softmax
from test_tables import other, student

from mtkd.analysis.tables import runs_table
from mtkd.metrics.by_example import metric_values, taken
from mtkd.records.examples import Examples
from mtkd.study.view import StudyView, arm_name, teacher_names

LABELS = {"movies": ["bad", "good"], "mnli": ["yes", "maybe", "no"]}


def draw(rng, labels: np.ndarray, classes: int, skill: float, *runs: int) -> np.ndarray:
    """Logits [*runs, N, C], noise with so much more for the label."""
    noise = rng.normal(size=(*runs, len(labels), classes))
    return (noise + skill * np.eye(classes)[labels]).astype(np.float32)


def make_examples(
    study: StudyView,
    task: str = "movies",
    n: int = 60,
    raters: bool = False,
    diverged: dict[str, list[str]] | None = None,
) -> Examples:
    """Arms of a study in its order, the later the better; ``diverged`` seeds by strategy."""
    rng = np.random.default_rng(0)
    names, classes = LABELS[task], len(LABELS[task])
    splits = ["train", "selection", *study["report_splits"][task]]
    sizes = {split: n + 7 * number for number, split in enumerate(splits)}
    labels = {split: rng.integers(classes, size=size) for split, size in sizes.items()}
    human = {s: rng.dirichlet(np.ones(classes), size=len(labels[s])) for s in labels if raters}
    seeds_of_teachers = len(study["teacher_seeds"])
    teachers = {
        split: np.array(
            [
                draw(rng, gold, classes, 2 + k, seeds_of_teachers)
                for k in range(len(teacher_names(study)))
            ],
            dtype=np.float32,
        ).reshape(-1, seeds_of_teachers, len(gold), classes)
        for split, gold in labels.items()
    }
    sample = np.arange(0, n, 3)
    arms, lost = [], []
    students, fused, taught = ({s: [] for s in splits} for _ in range(3))
    for number, arm in enumerate(study["arms"]):
        gone = (diverged or {}).get(arm["strategy"], [])
        soft = dict.fromkeys(("T", "alpha"), "NA")
        if arm["strategy"] != "none":
            soft = {"T": study["T"][0], "alpha": study["alpha"][0]}
        seeds = [seed for seed in study["seeds"] if seed not in gone]
        row = {**arm, "name": arm_name(arm, study), **soft, "seeds": seeds}
        (arms if seeds else lost).append(row)
        members = [i for i, t in enumerate(teacher_names(study)) if t in arm["teachers"].split("+")]
        for split in splits if seeds else []:
            gold = labels[split][sample] if split == "train" else labels[split]
            students[split].append(draw(rng, gold, classes, 0.5 + 0.2 * number, len(seeds)))
            own = teachers[split][members, 0].mean(axis=0)[None] if members else None
            if own is not None and arm["strategy"] == "gating":
                own = np.concatenate([own + place for place in range(len(seeds))])
            if own is not None and split == "train":
                own = own[:, sample]
            fused[split].append(own)
            taught[split].append(None if own is None else softmax(own / float(soft["T"]), axis=-1))
    record = {
        "task": task,
        "labels": names,
        "metrics": list(dict.fromkeys([study["metrics"][task], "accuracy"])),
        "report_splits": study["report_splits"][task],
        "teachers": teacher_names(study),
        "teacher_seeds": study["teacher_seeds"],
        "teacher_scores": [[0.8] * len(study["teacher_seeds"]) for _ in teacher_names(study)],
        "arms": arms,
        "lost": lost,
        "data": f"data-{task}",
    }
    return Examples(record, labels, human, teachers, students, fused, taught, sample)


def score(logits: np.ndarray, labels: np.ndarray, metrics: list[str]) -> dict[str, float]:
    """As ``mtkd.metrics.scores`` has it, without ``evaluate``, which takes longer than all else."""
    values = {m: metric_values(taken(logits[None], m), labels, m, logits.shape[1]) for m in metrics}
    return {metric: float(value[0]) for metric, value in values.items()}


def runs_of(examples: Examples, study: StudyView) -> pd.DataFrame:
    """The runs table that the students of some examples give, and their teachers."""
    task, metrics = examples.record["task"], examples.record["metrics"]
    splits = ["selection", *examples.report_splits]

    def scored(record: dict, logits: dict[str, np.ndarray]) -> dict:
        scores = {s: score(logits[s], examples.labels[s], metrics) for s in splits}
        return record | {"scores": scores, "rows": {s: len(examples.labels[s]) for s in splits}}

    records = [
        scored(
            student(study, task, arm["strategy"], arm["teachers"], seed, {}, arm["T"],
                    arm["alpha"]),
            {s: examples.students[s][number][place] for s in splits},
        )
        for number, arm in enumerate(examples.record["arms"])
        for place, seed in enumerate(arm["seeds"])
    ]  # fmt: skip
    records += [
        scored(other(study, task, "teacher", name, {}, seed),
               {s: examples.teachers[s][k, r] for s in splits})
        for k, name in enumerate(examples.record["teachers"])
        for r, seed in enumerate(examples.record["teacher_seeds"])
    ]  # fmt: skip
    return runs_table(records)
