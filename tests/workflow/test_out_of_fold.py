"""A strategy of out-of-fold logits in a finished study: what is trained for it, and what is not."""

from __future__ import annotations

import json

import pandas as pd
import yaml
from tiny_study import SUITE_FILE, assert_nothing_left, planned, snakemake

from mtkd.records.logits import read_logits

TASK = "results/tiny/tasks/reviews"
CELL = "results/tiny/students/distilbert/reviews/cnn+bert/apart/T4_a0.7/seed1"
STAGES = ("train_teacher", "teacher_logits", "crossfit_logits", "train_students", "fit_gate")
STAGES += ("train_undistilled",)


def test_a_strategy_with_folds_trains_its_folds_and_its_own_students_alone(study):
    suite = yaml.safe_load((study / SUITE_FILE).read_text())
    suite["strategies"] = {"apart": {"fusion": "average", "crossfit": 2}}
    suite["studies"]["main"]["arms"].append({"strategy": "apart", "teachers": ["cnn", "bert"]})
    (study / SUITE_FILE).write_text(yaml.safe_dump(suite, sort_keys=False))
    jobs = planned(study)
    trained = {rule: jobs[rule] for rule in STAGES if rule in jobs}
    assert trained == {"crossfit_logits": 2, "train_students": 1}

    target = f"{CELL}/predictions.safetensors"
    audit = "results/tiny/studies/main/audit/reviews/confidence.csv"
    result = snakemake(study, target, audit)
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("rule crossfit_logits:") == 2
    record = json.loads((study / CELL / "run.json").read_text())
    assert record["recipe"]["crossfit"] == 2 and set(record["digests"]["teachers"]) == {
        "cnn/seed1",
        "bert/seed1",
    }
    for teacher in ("cnn", "bert"):
        folder = study / f"results/tiny/teachers/reviews/{teacher}/seed1/logits"
        (own, _), (apart, about) = map(
            read_logits, (folder / "train.safetensors", folder / "train_oof2.safetensors")
        )
        assert list(own["train"].ids) == list(apart["train"].ids)
        assert not (own["train"].logits == apart["train"].logits).any(axis=1).all()
        assert about["folds"] == 2 and len(about["fold_models"]) == 2
    splits = pd.read_csv(study / audit).split.unique()
    assert list(splits) == ["train", "selection", "train, out of fold"]
    assert_nothing_left(snakemake, study, target, audit)
