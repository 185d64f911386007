"""A tiny study of specialists through the graph: what is made, kept and made again."""

import csv
import json
import random
import shutil

import numpy as np
import pandas as pd
import pytest
from small_inputs import planned, run, sentence, write_suite
from tiny_study import assert_nothing_left, copy_folder

from mtkd.commands.check import check

TASK = {
    "text": ["text"],
    "id": "id",
    "metrics": ["accuracy"],
    "selection": {"fraction": 0.2},
    "max_length": 14,
}
MOODS = ["bad", "neither", "good"]
TRAINING = {"epochs": 1, "batch_size": 16, "learning_rate": 1.0e-2}
BASE = {
    "model": {
        "architecture": "bert",
        "config": {
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 16,
        },
        "tokenizer": {"kind": "word", "vocab_size": 200},
    },
    "tasks": ["films-20", "goods"],
    "training": TRAINING,
    "specialists": TRAINING,
}


def suite():
    def task(name, labels):
        splits = {split: f"{name}_{split}.csv" for split in ("train", "report")}
        return {**TASK, "labels": labels, "splits": splits}

    return {
        "suite": "tiny",
        "tasks": {
            "films": task("films", ["bad", "good"]),
            "goods": task("goods", MOODS),
            "films-20": {"of": "films", "labelled": 20, "draw": 2},
            "films-30": {"of": "films", "labelled": 30, "transfer": "rest"},
        },
        "bases": {"shared": BASE, "own": {**BASE, "own": True}},
        "merges": {
            "base": {"method": "task-arithmetic", "scale": 0},
            "soup": {"method": "average"},
            "dare-ties": {"method": "ties", "density": 0.5, "scale": 1, "drop": 0.5},
        },
        "students": {"same": {"training": TRAINING}},
        "strategies": {
            "by-column": {"fusion": "by-column", "T": 2, "alpha": 0.7},
            "gate": {"fusion": "gate"},
            "mixed": {"fusion": "none"},
            "mixed-compute": {"fusion": "none", "budget": "compute"},
            "heads": {"fusion": "by-column", "heads": "each"},
            "separate": {"fusion": "by-column", "heads": "each", "students": "each"},
        },
        "studies": {
            "main": {
                "bases": ["shared", "own"],
                "tasks": ["films-30", "goods"],
                "students": ["same"],
                "strategies": ["by-column", "gate", "mixed", "mixed-compute", "heads", "separate"],
                "seeds": [1, 2],
            }
        },
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("specialists") / "study"
    folder.mkdir()
    rng = random.Random(0)
    for name, moods in (("films", (0, 2)), ("goods", (0, 1, 2))):
        for split, rows in (("train", 90), ("report", 45)):
            with open(folder / f"{name}_{split}.csv", "w", newline="") as file:
                lines = csv.writer(file)
                lines.writerow(["id", "text", "label"])
                for row in range(rows):
                    mood = moods[row % len(moods)]
                    text = sentence(mood, rng).replace("The", {"films": "Film", "goods": "A"}[name])
                    lines.writerow([row, text, MOODS[mood]])
    write_suite(folder / "suite.yaml", suite())
    result = run(folder)
    assert result.returncode == 0, result.stdout
    return folder


@pytest.fixture
def study(finished, tmp_path):
    return copy_folder(finished, tmp_path / "study")


RESULTS = "results/tiny"
TABLES = f"{RESULTS}/studies/main/tables"


def record_of(folder, path):
    return json.loads((folder / RESULTS / path / "run.json").read_text())


def test_every_system_has_a_row_and_nothing_is_left(finished):
    table = pd.read_csv(finished / TABLES / "specialists.csv").set_index(["base", "system"])
    for base in ("shared", "own"):
        assert set(table.loc[base].index) == {
            *("specialist films-30", "specialist goods", "base", "soup", "dare-ties"),
            *("oracle", "wrong", "hard-router", "soft-router", "ensemble"),
        }
    strategies = {"by-column", "gate", "mixed", "mixed-compute", "heads", "separate"}
    assert set(table.loc["same"].index) == strategies
    assert (table["seeds"] == 2).all() and table["accuracy"].between(0, 100).all()
    assert pd.read_csv(finished / TABLES / "failed.csv").empty
    page = (finished / RESULTS / "studies/main/report.html").read_text()
    assert "same: by-column against shared: soup" in page
    assert not check(finished / RESULTS).wrong
    assert_nothing_left(run, finished)


def test_tables_say_what_must_hold(finished):
    table = pd.read_csv(finished / TABLES / "specialists.csv").set_index(["base", "system"])
    own = [table.loc[("shared", f"specialist {task}"), f"accuracy {task}"]
           for task in ("films-30", "goods")]  # fmt: skip
    oracle = table.loc[("shared", "oracle")]
    assert [oracle["accuracy films-30"], oracle["accuracy goods"]] == pytest.approx(own)
    assert oracle["retention"] == pytest.approx(100)
    # A wrong router of two takes the other.
    other = table.loc[("shared", "specialist goods"), "accuracy films-30"]
    assert table.loc[("shared", "wrong"), "accuracy films-30"] == pytest.approx(other)
    mixed = table.loc["same"]
    ratio = mixed.loc["mixed-compute", "compute"] / mixed.loc["by-column", "compute"]
    # Epochs are whole ones.
    assert 0.6 < ratio < 1.5
    assert mixed.loc["separate", "models"] == 2 and mixed.loc["heads", "models"] == 1
    assert mixed.loc["separate", "parameters"] > 1.9 * mixed.loc["heads", "parameters"]


def test_shares_of_teachers_sum_to_all(finished):
    shares = pd.read_csv(finished / TABLES / "shares.csv")
    sums = shares.groupby("strategy")[["rows", "loss_start", "loss_end"]].sum()
    assert set(sums.index) == {"by-column", "gate", "heads", "separate"}
    assert np.allclose(sums, 100)
    by_column = shares[shares["strategy"] == "by-column"].set_index("teacher")["rows"]
    train = pd.read_parquet(finished / RESULTS / "tasks/films-30/train.parquet")
    goods = pd.read_parquet(finished / RESULTS / "tasks/goods/train.parquet")
    share = len(train) / (len(train) + len(goods))
    assert by_column["films-30"] == pytest.approx(100 * share)


def test_specialists_of_one_base_begin_with_it_and_others_with_their_own(finished):
    shared = [record_of(finished, f"specialists/shared/{task}/seed1")["digests"]["base"]
              for task in ("films-30", "goods")]  # fmt: skip
    own = [record_of(finished, f"specialists/own/{task}/seed1")["digests"]["base"]
           for task in ("films-30", "goods")]  # fmt: skip
    assert shared[0] == shared[1] == own[0] != own[1]
    merged = record_of(finished, "merges/shared/soup/seed1")
    assert merged["digests"]["base"] == shared[0]
    student = record_of(finished, "specialist_students/same/heads/seed2")
    assert student["digests"]["specialists"].keys() == {"films-30", "goods"}


def test_a_new_strategy_trains_itself_alone(study):
    content = suite()
    content["strategies"]["average"] = {"fusion": "average"}
    content["studies"]["main"]["strategies"].append("average")
    write_suite(study / "suite.yaml", content)
    jobs = planned(study)
    assert jobs["train_integrated"] == 2 and "train_specialists" not in jobs
    result = run(study, f"{RESULTS}/specialist_students/same/average/seed1/predictions.safetensors")
    assert result.returncode == 0, result.stdout
    log = (study / "logs/tiny/train_integrated/same/seed1.log").read_text()
    assert log.count("restored") == 6 and log.count("trained in") == 1
    assert len(registrations(study)) == 2


def test_another_merge_or_margin_trains_nothing(study):
    content = suite()
    content["merges"]["soup"] = {"method": "task-arithmetic", "scale": 0.5}
    write_suite(study / "suite.yaml", {**content, "margin": 2.0})
    jobs = planned(study)
    assert jobs["merge_specialists"] == 2
    assert not set(jobs) & {"train_specialists", "train_own_specialists", "train_integrated"}


def registrations(folder):
    return [json.loads(line) for line in open(folder / RESULTS / "registrations.jsonl")]


def test_claims_are_registered_before_merges_and_students_and_what_changes_shows(study):
    (first,) = registrations(study)
    assert first["students_trained"] == 0 and first["said"]["margin"] == 1.0
    table = pd.read_csv(study / TABLES / "claims.csv")
    assert first["said"]["claims"] == table[["claim", "a", "b"]].to_dict("records")
    page = study / RESULTS / "studies/main/report.html"
    assert "with none of its students and merges made" in page.read_text()
    assert "Nothing of it has changed since." in page.read_text()
    content = {**suite(), "margin": 2.0}
    content["merges"]["dare-ties"]["scale"] = 0.5
    write_suite(study / "suite.yaml", content)
    result = run(study, f"{RESULTS}/merges/shared/dare-ties/seed1/predictions.safetensors")
    assert result.returncode == 0, result.stdout
    before, after = registrations(study)
    # 6 strategies and 2 x 3 merges of 2 seeds.
    assert before == first and after["students_trained"] == 24
    # The rest of the same study adds no line.
    assert run(study).returncode == 0
    assert registrations(study) == [before, after]
    text = page.read_text()
    assert "with 24 of its students and merges made: margin: 1.0 became 2.0" in text
    assert "merges.dare-ties.scale: 1.0 became 0.5" in text and "with a margin of 1 point:" in text


def test_specialists_of_bases_of_their_own_train_anew_on_one(study):
    content = suite()
    content["bases"]["own"] = {**BASE, "own": False}
    write_suite(study / "suite.yaml", content)
    jobs = planned(study)
    assert jobs["train_specialists"] == 2 and jobs["merge_specialists"] == 1
    assert "train_integrated" not in jobs


def test_a_dry_run_ends_with_a_plan_of_students(study):
    shutil.rmtree(study / RESULTS / "specialist_students/same/gate")
    shutil.rmtree(study / RESULTS / "studies")
    result = run(study, "--dry-run", "--quiet")
    assert "2 cells to train" in result.stdout and "gate" in result.stdout
