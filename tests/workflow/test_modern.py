"""The suite with encoders of today: its plan, and a copy at unit size with models made here."""

import json
import random
import re
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from small_inputs import REPOSITORY, run_snakemake, sentence, write_model, write_suite

from mtkd.config.load import load_suite, validate_suite
from mtkd.records.files import read_json, write_json

SHIPPED = REPOSITORY / "config/modern.yaml"
SUITE = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
# What the suite's models are, by the beginning of their names on the hub.
ARCHITECTURES = {
    "microsoft/deberta-v3": "deberta-v2",
    "microsoft/xtremedistil": "bert",
    "FacebookAI": "roberta",
    "answerdotai": "modernbert",
    "jhu-clsp": "modernbert",
    "distilbert": "distilbert",
}
LABELS = ["card_arrival", "card_linking", "change_pin", "age_limit", "reverted_card_payment?"]
# One of each architecture is enough to run: three teach, two learn.
TEACHERS = ["deberta-v3-large", "roberta-large", "modernbert-large"]
STUDENTS = ["xtremedistil", "distilbert"]
UNPINNED = ["deberta-v3-large", "ettin-68m", "ettin-32m", "deberta-v3-small", "xtremedistil"]


def architecture(hub: str) -> str:
    """The model type behind a hub model's name."""
    return next(kind for start, kind in ARCHITECTURES.items() if hub.startswith(start))


def small_modern(folder: Path) -> dict:
    """``config/modern.yaml`` at unit size: one task of many labels, students of several teachers,
    one seed. Labels are a few of the file's; learning rates are those of so small models."""
    suite = deepcopy(SUITE)
    task = suite["tasks"]["banking77"]
    del task["hub"]
    assert set(LABELS) <= set(task["labels"])
    rng = random.Random(0)
    for split, rows in (("train", 120), ("report", 30)):
        labels = [LABELS[row % len(LABELS)] for row in range(rows)]
        texts = [f"{sentence(row % 3, rng)} {label}" for row, label in enumerate(labels)]
        path = folder / f"{split}.csv"
        pd.DataFrame({"text": texts, "label": labels}).to_csv(path, index=False)
        task["splits"][split] = str(path)
    suite["tasks"] = {"banking77": {**task, "labels": LABELS, "selection": {"fraction": 0.25}}}
    for kind in dict.fromkeys(ARCHITECTURES.values()):
        write_model(folder / "models" / kind, kind)
    suite["teachers"] = {name: suite["teachers"][name] for name in TEACHERS}
    suite["students"] = {name: suite["students"][name] for name in STUDENTS}
    for learner in [*suite["teachers"].values(), *suite["students"].values()]:
        kind = architecture(learner["model"]["hub"])
        learner["model"] = {"folder": str(folder / "models" / kind)}
        learner["training"] |= {"epochs": 2, "batch_size": 16, "learning_rate": 3.0e-3}
        learner["per_task"], learner["resources"] = {}, {}
    average = {**suite["studies"]["main"]["arms"][-1], "teachers": TEACHERS}
    own = {"tasks": ["banking77"], "students": STUDENTS, "arms": [average], "seeds": [1]}
    suite["studies"] = {"main": {**suite["studies"]["main"], **own}}
    suite["bundle"] = ["arm", "T", "alpha", "seed"]
    return suite


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modern")
    suite = write_suite(folder / "suite.yaml", small_modern(folder))
    with pytest.MonkeyPatch.context() as patch:
        # Exporting students takes longer than all else of their costs.
        patch.setenv("MTKD_WITHOUT", "onnxscript")
        result = run_snakemake(folder, "--configfile", suite, "--cores", 1, "students", "costs")
    assert result.returncode == 0, result.stdout
    return folder


def test_every_architecture_teaches_and_learns(finished):
    suite = load_suite(finished / "suite.yaml")
    study = suite.chosen_study
    everyone = "+".join(study.teachers)
    for student in study.students:
        cells = finished / f"results/modern/students/{student}/banking77"
        record = read_json(cells / f"{everyone}/average/T4_a0.7/seed1/eval.json")
        assert record["status"] == "finished"
        assert set(record["scores"]["report"]) == {"accuracy", "macro_f1"}
    models = finished.glob("results/modern/teachers/banking77/*/seed1/model/config.json")
    taught = {read_json(path)["model_type"] for path in models}
    learnt = {architecture(SUITE["students"][name]["model"]["hub"]) for name in STUDENTS}
    assert taught | learnt == set(ARCHITECTURES.values())


def test_costs_of_every_student_and_of_the_ensemble_are_measured(finished):
    study = load_suite(finished / "suite.yaml").chosen_study
    for student in study.students:
        path = finished / f"results/modern/studies/main/students/{student}/tables/costs.csv"
        costs = pd.read_csv(path).query("threads == 1")
        names = [*study.teachers, "+".join(study.teachers), student, "tfidf"]
        assert costs.name.tolist() == names
        assert (costs.operations_per_token > 0).all() and (costs.latency_ms > 0).all()
        assert set(costs.form) == {"torch", "scikit-learn"}
    log = (finished / "logs/modern/measure_costs/main.log").read_text(encoding="utf-8")
    assert [
        f"student {name} has no ONNX forms: onnxscript not installed" in log for name in STUDENTS
    ] == [True] * 2


class TestAsShipped:
    def test_what_is_not_pinned_is_named(self):
        assert load_suite(SHIPPED).unpinned() == [
            "tasks.trec.hub.revision",
            *(f"teachers.{name}.model.revision" for name in UNPINNED[:1]),
            *(f"students.{name}.model.revision" for name in UNPINNED[1:]),
        ]

    def test_a_run_refuses_to_start_until_it_is(self, tmp_path):
        result = run_snakemake(tmp_path, "--configfile", SHIPPED, "--cores", 1, "fetch")
        assert result.returncode == 1 and not (tmp_path / "results/modern/fetched").exists()
        assert "teachers.deberta-v3-large.model.revision" in result.stdout

    def test_labels_are_those_of_the_datasets(self):
        tasks = load_suite(SHIPPED).tasks
        assert {name: len(task.labels) for name, task in tasks.items()} == {
            "mnli": 3, "qnli": 2, "banking77": 77, "trec": 50
        }  # fmt: skip
        # Alphabetical but for what stands where its lower-case form would.
        names = [name.lower() for name in tasks["banking77"].labels]
        assert names == sorted(names)

    def test_a_dry_run_shows_the_graph_what_it_costs_and_gigabytes(self, tmp_path):
        suite = deepcopy(SUITE)
        learners = {**suite["teachers"], **suite["students"]}
        for learner in learners.values():
            learner["model"]["revision"] = learner["model"]["revision"] or 40 * "0"
        suite["tasks"]["trec"]["hub"]["revision"] = 40 * "0"
        assert validate_suite(suite, "x").unpinned() == []
        path = write_suite(tmp_path / "modern.yaml", suite)
        as_fetched(tmp_path, suite)
        options = ["--executor", "slurm", "--jobs", "8", "--default-resources", "mem_mb=1000"]
        # By default as large as its inputs, which are asked for one by one.
        options.append("disk_mb=1000")
        result = run_snakemake(tmp_path, "--configfile", path, "--dry-run", *options)
        assert result.returncode == 0, result.stdout
        before, _, plan = result.stdout.partition("\nPlan: ")
        jobs = {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", before, re.MULTILINE)}
        assert jobs["train_teacher"] == jobs["teacher_logits"] == 4 * 4
        assert jobs["measure_costs"] == 1 and jobs["train_students"] == 5 * 4 * 5 * 3
        assert plan.startswith(f"{jobs['total']} jobs, 360 cells to train\n")
        # Minutes: 18 cells of each student on the tasks, and teachers with their logits.
        hours = 5 * 18 * (27 + 8 + 5 + 3) / 60
        said = float(re.search(r"^none +\d+ +([\d.]+)", plan, re.MULTILINE)[1])
        assert hours < said < 1.3 * hours
        # Float32 of the teachers on each of four tasks, logits and states beside them.
        teachers = 4 * 4 * sum(PARAMETERS[name] for name in suite["teachers"]) / 1e9
        kept = float(re.search(r"Disk, about: ([\d.]+) GB kept", plan)[1])
        assert teachers < kept < 1.5 * teachers


# By the models' cards, and rows of each split as the datasets' cards have them.
PARAMETERS = {
    "deberta-v3-large": 434e6,
    "roberta-large": 355e6,
    "modernbert-large": 395e6,
    "ettin-400m": 396e6,
    "ettin-68m": 68e6,
    "ettin-32m": 32e6,
    "deberta-v3-small": 141e6,
    "xtremedistil": 13e6,
    "distilbert": 66e6,
}
ROWS = {
    "mnli": {"train": 392_702, "report_m": 9_815, "report_mm": 9_832},
    "qnli": {"train": 104_743, "report": 5_463},
    "banking77": {"train": 9_993, "report": 3_076},
    "trec": {"train": 5_452, "report": 500},
}


def as_fetched(folder: Path, suite: dict) -> None:
    """What a plan reads of downloads: records, headers of weights, numbers of rows."""
    fetched = folder / "results/modern/fetched"
    for name, learner in {**suite["teachers"], **suite["students"]}.items():
        weights = folder / "cache" / name
        weights.mkdir(parents=True)
        header = json.dumps({"all": {"shape": [int(PARAMETERS[name])]}}).encode()
        (weights / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
        write_json(weights / "config.json", {"hidden_size": 512})
        hub, revision = learner["model"]["hub"], learner["model"]["revision"]
        record = fetched / f"models/{hub.replace('/', '--')}@{revision[:12]}.json"
        write_json(record, {"folder": str(weights)})
    for task, splits in ROWS.items():
        for split, rows in splits.items():
            path = fetched / f"datasets/{task}/{split}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pd.DataFrame({"row": np.zeros(rows, dtype=np.int8)}).to_parquet(path)
            write_json(path.with_suffix(".json"), {})
