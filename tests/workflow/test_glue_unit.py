"""A unit-sized copy of the GLUE suite, local folders in place of hub names, runs to its tables.

MNLI (pairs, three classes, two report splits) and MRPC (F1) are trained for real, with every
teacher and arm; the other two tasks are planned.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from small_inputs import run_snakemake, small_glue, write_suite
from tiny_study import assert_nothing_left

from mtkd.models.tokenizers import load_tokenizer
from mtkd.records.files import read_json
from mtkd.records.logits import read_logits, read_tensors

TEACHERS = ["bert-large-uncased", "roberta-large", "deberta-base"]
ALL = "+".join(TEACHERS)
ARMS = [("none", "none"), *((name, "single") for name in TEACHERS)]
ARMS += [(ALL, strategy) for strategy in ("average", "weighted", "best-per-sample", "gating")]
TASKS = ["mnli", "mrpc"]
# Arms and seeds fold into the jobs as well: fewer processes to start, and the same cells.
TWO_TASKS = ["study=two_tasks", "bundle=[arm,T,alpha,seed]"]
PLAN = ["-n", "--forceall", "--quiet", "rules"]
OUTPUTS = "results/glue/studies/two_tasks"
TARGETS = [f"{OUTPUTS}/tables/{name}.csv" for name in ("master", "claims", "runs", "failed")]
REPORTS = {"mnli": ["report_m", "report_mm"], "mrpc": ["report"]}


def call(folder, *arguments, config):
    options = ["--configfile", folder / "glue.yaml", "-c2", "--config", *config]
    return [folder, *arguments, *options]


def run(folder, *arguments, config):
    result = run_snakemake(*call(folder, *arguments, config=config))
    assert result.returncode == 0, result.stdout
    return result.stdout


def planned(output):
    """Jobs by rule, from the table of a dry run with ``--quiet rules``."""
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", output, re.MULTILINE)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("glue")
    suite = small_glue(folder)
    suite["studies"]["two_tasks"] = {**suite["studies"]["main"], "tasks": TASKS}
    write_suite(folder / "glue.yaml", suite)
    return folder


@pytest.fixture(scope="module")
def results(folder):
    run(folder, *TARGETS, config=TWO_TASKS)
    return folder / "results" / "glue"


def test_all_tasks_are_planned_in_full(folder):
    """The graphs of the file's other studies are counted in ``test_graph``."""
    tasks, distilled, seeds = 4, len(ARMS) - 1, 2
    jobs = planned(run(folder, *PLAN, config=["study=main"]))
    common = {"prepare_task": tasks, "train_teacher": tasks * 3, "fit_reference": tasks}
    assert jobs.items() >= common.items()
    # T and alpha fold into one job, seeds do not.
    assert jobs["train_students"] == jobs["score_students"] == tasks * distilled * seeds
    assert jobs["train_undistilled"] == jobs["fit_gate"] == tasks * seeds


def test_each_model_type_has_its_own_tokenizer(folder, results):
    texts = ("The film is clever, No. 17.", "The film is dull, No. 42.")
    ids = {}
    for name in TEACHERS:
        trained = load_tokenizer(results / f"teachers/mnli/{name}/seed1/model", 128)
        original = load_tokenizer(folder / "models" / name, 128)
        ids[name] = tuple(trained.backend_tokenizer.encode(*texts).ids)
        assert ids[name] == tuple(original.backend_tokenizer.encode(*texts).ids)
        assert trained.unk_token_id not in ids[name]
    assert len(set(ids.values())) == 3


def test_the_master_table_has_every_method_and_report_split(results):
    master = pd.read_csv(results / "studies/two_tasks/tables/master.csv")
    multi = ["average", "weighted", "best-per-sample", "learned gating"]
    assert master["method"].tolist() == [
        "Reference: constant",
        "Reference: TF-IDF",
        *(f"Teacher: {name}" for name in TEACHERS),
        "Student: no distillation",
        *(f"Distill: {name}" for name in TEACHERS),
        *(f"Multi: {name}" for name in multi),
    ]
    titles = ["mnli report_m (accuracy)", "mnli report_mm (accuracy)", "mrpc (f1)"]
    for title in titles:
        assert master[f"{title} mean"].between(0, 100).all()
    assert (master.loc[5:, [f"{title} seeds" for title in titles]] == 2).all(axis=None)
    failed = pd.read_csv(results / "studies/two_tasks/tables/failed.csv")
    assert failed.empty


def test_every_cell_has_predictions_and_every_metric(results):
    metrics = {"mnli": {"accuracy"}, "mrpc": {"f1", "accuracy"}}
    for task in TASKS:
        for teachers, strategy in ARMS:
            soft = "TNA_aNA" if strategy == "none" else "T6_a0.7"
            for seed in ("1", "2"):
                cell = results / "students/distilbert-base-uncased" / task / teachers / strategy
                cell = cell / soft / f"seed{seed}"
                record = read_json(cell / "eval.json")
                assert (record["status"], record["metric"]) == (
                    "finished",
                    {"mnli": "accuracy", "mrpc": "f1"}[task],
                )
                assert set(record["scores"]) == {"selection", *REPORTS[task]}
                assert all(set(scores) == metrics[task] for scores in record["scores"].values())
                predictions, _ = read_logits(cell / "predictions.safetensors")
                assert set(predictions) == {"train", "selection", *REPORTS[task]}


def test_cells_of_different_arms_and_seeds_differ(results):
    # Best-per-sample is the surest teacher's arm where that is the same one for every example.
    arms = [arm for arm in ARMS if arm[1] != "best-per-sample"]
    for task in TASKS:
        students = results / "students/distilbert-base-uncased" / task
        seen = {
            read_logits(path)[0]["selection"].logits.tobytes()
            for teachers, strategy in arms
            for path in (students / teachers / strategy).glob("*/seed*/predictions.safetensors")
        }
        assert len(seen) == 2 * len(arms)


def test_gates_weigh_the_teachers_for_every_example(results):
    for task in TASKS:
        rows = read_json(results / f"tasks/{task}/task.json")["rows"]
        for seed in ("1", "2"):
            folder = results / f"gates/distilbert-base-uncased/{task}/{ALL}/seed{seed}"
            weights, record = read_tensors(folder / "weights.safetensors")
            assert record["teachers"] == ALL
            assert {split: values.shape for split, values in weights.items()} == {
                split: (count, 3) for split, count in rows.items()
            }
            assert all(np.allclose(w.sum(axis=1), 1, atol=1e-5) for w in weights.values())


def test_premises_stay_on_one_side(results):
    train, selection = (
        pd.read_parquet(results / f"tasks/mnli/{split}.parquet") for split in ("train", "selection")
    )
    assert set(train.label) == set(selection.label) == {0, 1, 2}
    assert not set(train.text_a) & set(selection.text_a)


def test_both_report_splits_of_mnli_make_one_claim(results):
    folder = results / "studies/two_tasks/tables"
    claims = pd.read_csv(folder / "claims.csv", keep_default_na=False)
    # Distillation, several teachers, the average against the best teacher; four fusions against
    # the mean single-teacher arm, three against the average.
    assert claims.groupby("task").size().to_dict() == {"mnli": 10, "mrpc": 10}
    mnli = claims[claims.task == "mnli"]
    assert set(mnli.split) == {"report_m and report_mm"}
    sizes = read_json(results / "tasks/mnli/task.json")["rows"]
    assert set(mnli.n) == {sizes["report_m"] + sizes["report_mm"]}
    assert set(claims[claims.task == "mrpc"].metric) == {"f1"}
    # An effect is that of the splits' mean, of F1 itself on MRPC.
    runs = pd.read_csv(folder / "runs.csv", keep_default_na=False)
    runs = runs[(runs.kind == "student") & (runs.role == "report") & runs.primary]
    mean = 100 * runs.groupby(["task", "strategy"]).value.mean()
    effects = (
        claims[claims.claim == "strategy v mean single-teacher arm"].set_index(["task", "a"]).effect
    )
    for task in TASKS:
        for strategy in ("average", "weighted", "best-per-sample"):
            gained = mean[task, strategy] - mean[task, "single"]
            assert effects[task, strategy] == pytest.approx(gained)


def test_nothing_was_fetched_and_a_second_run_does_nothing(folder, results):
    assert not (results / "fetched").exists()
    assert_nothing_left(run_snakemake, *call(folder, *TARGETS, config=TWO_TASKS))
