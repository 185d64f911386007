"""A whole study, run for real: everything is there once, belongs together, and stays."""

import csv
import json
import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from small_inputs import run_script
from tiny_study import SUITE_FILE, assert_nothing_left, change_suite, snakemake

from mtkd.config.load import load_suite
from mtkd.records.logits import read_logits, read_tensors
from mtkd.study.settings import table_settings
from mtkd.tasks.corpus import read_labels, read_report_labels

ARMS = [
    ("none", "none"),
    ("cnn", "single"),
    ("bert", "single"),
    ("cnn+bert", "average"),
    ("cnn+bert", "weighted"),
    ("cnn+bert", "best-per-sample"),
    ("cnn+bert", "gating"),
]
TABLES = [
    "agreement", "audit_scored", "audit_skill", "checks", "claims", "confidence", "disagreement",
    "failures", "fidelity", "gap", "grid", "identification", "inheritance", "master",
    "over_tasks", "profiles", "quality", "ranking", "reliability", "runs", "skill",
]  # fmt: skip
# No run failed, and nobody rated.
EMPTY = ["ambiguity", "failed", "human", "human_prediction"]
AUDIT = {"label_map", "pairs", "ceilings", "confidence", "identification", "summary"}
AUDIT |= {"predictions"}
FIGURES = [
    "agreement_regions", "ceilings", "claims", "failure_categories", "fidelity",
    "master_comparison", "multi_teacher_advantage", "performance_profiles", "ranking",
    "reliability", "teacher_confidence", "teacher_student_gap",
]  # fmt: skip
STUDENTS = "results/tiny/students/distilbert/reviews"


def table(study, name, of="main"):
    with open(study / f"results/tiny/studies/{of}/tables/{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_tables_and_figures_are_there(finished_study):
    folder = finished_study / "results/tiny/studies/main"
    names = {path.stem for path in (folder / "tables").glob("*.csv")}
    assert names == {*TABLES, *EMPTY, "flags"}
    for name in {*TABLES, *EMPTY}:
        assert bool(table(finished_study, name)) == (name in TABLES), name
    for name in ("master.txt", "findings.txt", "success_metrics.json"):
        assert (folder / "tables" / name).stat().st_size
    audit = folder / "audit/reviews"
    assert {path.stem for path in audit.iterdir()} == AUDIT
    drawn = {path.name for path in (folder / "figures").iterdir()}
    assert drawn == {f"{name}.{kind}" for name in FIGURES for kind in ("png", "pdf")}
    for name in FIGURES:
        png = (folder / f"figures/{name}.png").read_bytes()
        assert png.startswith(b"\x89PNG") and len(png) > 1000
        assert (folder / f"figures/{name}.pdf").read_bytes().startswith(b"%PDF")


def test_nothing_is_objected_to_but_methods_below_a_constant_answer(finished_study):
    flags = table(finished_study, "flags")
    assert {row["rule"] for row in flags} <= {"above-constant", "margin-below-effect"}
    # So small a study is about that good.
    skill = {row["name"]: row["skill"] for row in table(finished_study, "skill")}
    assert len(skill) == 2 + len(ARMS) - 2 and set(skill.values()) <= {"True", "False"}


def mean_accuracy(study, of="main"):
    """Mean report accuracy in points by (teachers, strategy)."""
    found = {}
    for run in table(study, "runs", of):
        if run["kind"] == "student" and run["split"] == "report" and run["primary"] == "True":
            found.setdefault((run["teachers"], run["strategy"]), []).append(float(run["value"]))
    return {arm: 100 * sum(values) / len(values) for arm, values in found.items()}


def test_claims_have_the_effects_of_the_runs(finished_study):
    mean = mean_accuracy(finished_study)
    single = (mean["cnn", "single"] + mean["bert", "single"]) / 2
    fused = {
        "average": mean["cnn+bert", "average"],
        "weighted": mean["cnn+bert", "weighted"],
        "best-per-sample": mean["cnn+bert", "best-per-sample"],
        "learned gating": mean["cnn+bert", "gating"],
    }
    of_single = "distillation, mean of single-teacher arms"
    wanted = {("distillation", of_single): single - mean["none", "none"]}
    for name, value in fused.items():
        wanted["strategy v mean single-teacher arm", name] = value - single
        if name != "average":
            wanted["strategy v average", name] = value - fused["average"]
    rows = table(finished_study, "claims")
    effects = {(row["claim"], row["a"]): float(row["effect"]) for row in rows}
    practice = effects.pop(("average v best teacher", "average"))
    best = {"cnn": mean["cnn", "single"], "bert": mean["bert", "single"]}
    assert any(practice == pytest.approx(fused["average"] - one) for one in best.values())
    advantage = effects.pop(("several teachers", "best of 2 multi-teacher arms on selection"))
    assert effects == pytest.approx(wanted)
    success = json.loads(
        (finished_study / "results/tiny/studies/main/tables/success_metrics.json").read_text()
    )
    stated = success["multi_teacher_advantage"]["per_task"]["reviews"]
    assert stated["effect"] == pytest.approx(advantage)
    # Two seeds are too few for a verdict.
    assert {row["verdict"] for row in rows} == {"no verdict"} and len(rows) == 10
    assert {(row["n"], row["seeds"]) for row in rows} == {("45", "2")}


def assert_plausible(scored: list[dict], skill: dict) -> None:
    """Predictions that risk something: bounded, in proportion to the leads, and not far off."""
    assert [row["arm"] for row in scored] == ["average", "weighted", "best-per-sample"]
    for row in scored:
        lead, slope, predicted, low, high, measured, error = (
            float(row[name])
            for name in ("lead", "slope", "predicted", "predicted_low", "predicted_high",
                         "measured", "error")
        )  # fmt: skip
        assert 0 < slope < 1 and predicted == pytest.approx(slope * lead)
        assert predicted - low == pytest.approx(high - predicted) and 0 < high - low < 10
        assert error == pytest.approx(measured - predicted)
        assert row["inside"] == str(low <= measured <= high)
    # Of 45 examples two are 4.4 points.
    assert float(skill["mse"]) < 5**2 and skill["arms"] == "3"
    assert float(skill["skill"]) == pytest.approx(
        1 - float(skill["mse"]) / float(skill["mse_no_difference"])
    )


def test_the_audit_predicts_what_the_claims_measure(finished_study):
    scored, (*_, skill) = (table(finished_study, name) for name in ("audit_scored", "audit_skill"))
    assert_plausible(scored, skill)
    assert all(row["expected"] and not row["came_true"] for row in scored)


def test_an_absurd_prediction_is_seen_to_be_one(study):
    """The same tables, of an audit that promises fifty points."""
    path = study / "results/tiny/studies/main/audit/reviews/predictions.csv"
    audit = pd.read_csv(path).assign(predicted=50.0, predicted_low=45.0, predicted_high=55.0)
    audit.assign(expected="helps").to_csv(path, index=False)
    told = snakemake(
        study, "results/tiny/studies/main/tables/claims.csv", "--rerun-triggers", "mtime"
    )
    assert told.returncode == 0, told.stdout
    scored, (*_, skill) = (table(study, name) for name in ("audit_scored", "audit_skill"))
    assert {row["inside"] for row in scored} == {"False"} and float(skill["skill"]) < -1000
    with pytest.raises(AssertionError):
        assert_plausible(scored, skill)


def test_the_master_table_has_a_row_for_each_method(finished_study):
    rows = table(finished_study, "master")
    assert [row["method"] for row in rows] == [
        "Reference: constant",
        "Reference: TF-IDF",
        "Teacher: cnn",
        "Teacher: bert",
        "Student: no distillation",
        "Distill: cnn",
        "Distill: bert",
        "Multi: average",
        "Multi: weighted",
        "Multi: best-per-sample",
        "Multi: learned gating",
    ]
    scores = [float(row["reviews (accuracy) mean"]) for row in rows]
    assert all(math.isfinite(score) and 0 <= score <= 100 for score in scores)
    assert [row["reviews (accuracy) seeds"] for row in rows] == ["1"] * 4 + ["2"] * 7


def test_the_runs_table_has_each_run_exactly_once(finished_study):
    runs = table(finished_study, "runs")
    students = [
        ("student", "", teachers, strategy, *(("NA", "NA") if strategy == "none" else ("4", "0.7")))
        for teachers, strategy in ARMS
    ]
    wanted = [(*student, seed) for student in students for seed in "12"]
    wanted += [("teacher", name, "", "", "", "", "1") for name in ("cnn", "bert")]
    axes = ("kind", "teacher", "teachers", "strategy", "T", "alpha", "seed")
    for split in ("selection", "report"):
        found = [
            tuple(run[axis] for axis in axes)
            for run in runs
            if run["split"] == split and run["kind"] not in ("reference", "constant")
        ]
        assert Counter(found) == Counter(wanted)
    kinds = Counter(run["kind"] for run in runs)
    assert kinds["reference"] == kinds["constant"] == 2
    assert all(0 <= float(run["value"]) <= 1 for run in runs)


def test_a_finished_study_has_nothing_to_be_done(study):
    result = snakemake(study)
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout


def test_predictions_are_of_the_tasks_examples(finished_study):
    task = finished_study / "results/tiny/tasks/reviews"
    selection, _ = read_labels(task / "selection.parquet")
    report, _ = read_report_labels(task / "report_labels.parquet")["report"]
    train, _ = read_labels(task / "train.parquet")
    assert len(selection) == 30 and len(report) == 45
    for teachers, strategy in ARMS:
        soft = "TNA_aNA" if strategy == "none" else "T4_a0.7"
        cell = finished_study / STUDENTS / teachers / strategy / soft / "seed2"
        splits, record = read_logits(cell / "predictions.safetensors")
        assert sorted(splits) == ["report", "selection", "train"]
        assert np.array_equal(splits["selection"].ids, selection)
        assert np.array_equal(splits["report"].ids, report)
        assert np.array_equal(splits["train"].ids, train)  # fewer than the sample would hold
        assert record["labels"] == ["bad", "good"]


def test_a_score_record_says_what_it_cost_and_where_it_comes_from(finished_study):
    cell = finished_study / STUDENTS / "cnn+bert/weighted/T4_a0.7/seed1"
    record = json.loads((cell / "eval.json").read_text())
    assert record["status"] == "finished"
    assert min(record[key] for key in ("seconds", "examples_per_second", "peak_memory_mb")) > 0
    assert sorted(record["digests"]["teachers"]) == ["bert/seed1", "cnn/seed1"]
    assert {"device", "versions", "training"} <= set(record)
    assert (record["device"], record["precision"]) == ("cpu", "float32") and record["processor"]


def test_pairs_of_different_precision_are_flagged(finished_study, tmp_path):
    folder = finished_study / "results/tiny/studies/main"
    with open(tmp_path / "runs.csv", "w", newline="") as file:
        rows = table(finished_study, "runs")
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        for row in rows:
            other = row["strategy"] == "average" and row["seed"] == "2"
            writer.writerow(row | {"precision": "bfloat16" if other else row["precision"]})
    result = run_script(
        "state_claims.py",
        job={"settings": table_settings(load_suite(finished_study / SUITE_FILE), "distilbert")},
        runs=tmp_path / "runs.csv",
        examples=folder / "examples/reviews.safetensors",
        analyses=[folder / "tables/confidence.csv", folder / "tables/failures.csv"],
        predictions=folder / "audit/reviews/predictions.csv",
        output=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    with open(tmp_path / "flags.csv", newline="") as file:
        (flag,) = (row for row in csv.DictReader(file) if row["rule"] == "one-precision")
    assert flag["where"] == "reviews, seed 2"
    assert flag["what"].startswith("6 cells in float32; 1 in bfloat16 (average of cnn+bert")


def test_arms_and_seeds_differ_but_no_cell_was_trained_twice(finished_study):
    predictions = {
        path: read_tensors(path)[0]["report/logits"].tobytes()
        for path in (finished_study / STUDENTS).rglob("predictions.safetensors")
    }
    assert len(predictions) == len(ARMS) * 2
    assert len(set(predictions.values())) == len(predictions)
    logs = [path.read_text() for path in (finished_study / "logs").rglob("train_*/**/*.log")]
    assert sum(log.count("  trained in ") for log in logs) == len(predictions)


def test_gate_weights_cover_the_train_examples(finished_study):
    gate = finished_study / "results/tiny/gates/distilbert/reviews/cnn+bert/seed1"
    weights, _ = read_tensors(gate / "weights.safetensors")
    assert weights["train"].shape == (70, 2)
    assert np.allclose(weights["train"].sum(axis=1), 1, atol=1e-5)


def test_a_task_of_text_pairs_with_three_labels_and_references_of_two_kinds(study):
    vectors = ["data/glove/glove.6B.50d.safetensors", "data/valences/vader.2d.safetensors"]
    means = {"kind": "vectors", "vectors": vectors}
    change_suite(study, "references", {"tfidf": {"kind": "words"}, "means": means})
    tables = [
        f"results/tiny/studies/pairs/tables/{name}.csv"
        for name in ("master", "runs", "claims", "audit_scored")
    ]
    call = [*tables, "--config", "study=pairs"]
    result = snakemake(study, *call)
    assert result.returncode == 0, result.stdout
    assert_nothing_left(snakemake, study, *call)
    rows = table(study, "master", of="pairs")
    assert [row["method"] for row in rows] == [
        "Reference: constant",
        "Reference: TF-IDF",
        "Reference: means",
        "Teacher: bert",
        "Student: no distillation",
        "Distill: bert",
    ]
    runs = table(study, "runs", of="pairs")
    assert {run["teacher"] for run in runs if run["kind"] == "reference"} == {"tfidf", "means"}
    _, record = read_logits(study / "results/tiny/references/pairs/means/predictions.safetensors")
    assert record["training"]["features"] == "vectors"
    assert record["training"]["texts_without_a_word"]["report"] == 0
    # Each of the two has been fitted by the one job, and scored by one.
    assert len(list((study / "logs/tiny/fit_reference").iterdir())) == 2  # reviews, pairs
    metrics = {(run["metric"], run["primary"]) for run in table(study, "runs", of="pairs")}
    assert metrics == {("accuracy", "True"), ("macro_f1", "False")}
    # One arm that distils, of one teacher and one seed.
    (claim,) = table(study, "claims", of="pairs")
    mean = mean_accuracy(study, of="pairs")
    gained = mean["bert", "single"] - mean["none", "none"]
    assert float(claim["effect"]) == pytest.approx(gained)
    assert table(study, "audit_scored", of="pairs") == []


def test_an_edited_figure_is_drawn_alone_and_by_its_path(study):
    folder = study / "results/tiny/studies/main/figures"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    source = study / "src/mtkd/figures/gap.py"
    assert "FRAME = (-100.0," in source.read_text()
    source.write_text(source.read_text().replace("FRAME = (-100.0,", "FRAME = (-150.0,"))
    result = snakemake(study, "results/tiny/studies/main/figures/claims.png")
    assert result.returncode == 0, result.stdout
    log = (study / "logs/tiny/draw_figures/main.log").read_text()
    assert log == "drawn: teacher_student_gap\n"
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after.keys() == before.keys()
    changed = {name for name in before if after[name] != before[name]}
    assert {name.partition(".")[0] for name in changed} <= {"teacher_student_gap"}
