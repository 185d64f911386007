"""Studies of every shape through Snakemake: planned whole, and run to tables and a report.

One arm of one seed, forty classes without teachers: the default target ends with every table, and
with a report that says what it cannot say.
"""

from __future__ import annotations

import copy
import json
import re
from itertools import permutations

import pandas as pd
import pytest
import yaml
from any_suite import suites
from hypothesis import HealthCheck, Phase, given, settings
from small_inputs import run_snakemake, write_suite
from tiny_study import assert_nothing_left

from mtkd.config.load import validate_suite
from mtkd.study.grid import cells

CNN = {
    "model": {
        "architecture": "text-cnn",
        "config": {"embedding_size": 4, "filters": 4},
        "tokenizer": {"kind": "word"},
    },
    "training": {"epochs": 1, "batch_size": 32, "learning_rate": "1e-2"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where any suite's tables are, as far as a plan needs them."""
    folder = tmp_path_factory.mktemp("any")
    tables = ("train.CSV", "selection.jsonl", "report.csv", "report_a.csv", "report_b.csv")
    for name in (*tables, "a.st", "b.st", "vocabulary.txt"):
        (folder / name).touch()
    return folder


@settings(
    max_examples=4,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(content=suites())
def test_any_suite_that_validates_is_a_whole_graph(folder, content):
    path = write_suite(folder / "suite.yaml", content)
    result = run_snakemake(folder, "-n", "--quiet", "--configfile", path, "-c1")
    assert result.returncode == 0, result.stdout
    number = len(cells(validate_suite(content, "suite").chosen_study))
    assert re.search(rf"^Plan: [\d,]+ jobs, {number:,} cells? to train$", result.stdout, re.M)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("margin: 1\nmargin: 2\n", "margin: given twice, in line 1 and again in line 2"),
        (
            "students: {a: {resources: {runtime: 2:00:00}}}\n",
            "students.a.resources.runtime: line 1",
        ),
    ],
)
def test_a_suites_file_is_looked_at_before_its_values_are_taken(tmp_path, written, said):
    path = tmp_path / "suite.yaml"
    path.write_text(written)
    result = run_snakemake(tmp_path, "-n", "--configfile", path)
    assert result.returncode == 1 and "Traceback" not in result.stdout
    assert result.stdout.splitlines()[-1].startswith(f"error: {path}: {said}")


def write_study(folder, classes: int, arms: list[dict], **study) -> list[str]:
    """A suite of one task whose texts name their class, and its tables; arguments of its run."""
    words = [f"word{number}" for number in range(classes)]
    # No text twice, of words that recur.
    pairs = (f"{first} {second}" for first, second in permutations("abcdefghijklmnopqrstuvwxyz", 2))
    for split, of_each in (("train", 480 // classes), ("report", 80 // classes)):
        rows = [(f"{next(pairs)} {word}", word) for word in words * of_each]
        table = pd.DataFrame(rows, columns=["text", "label"])
        table.to_csv(folder / f"{split}.csv", index=False)
    task = {
        "splits": {"train": "train.csv", "report": "report.csv"},
        "text": ["text"],
        "labels": words,
        "metrics": ["macro_f1", "accuracy"],
        "selection": {"fraction": 0.25},
        "max_length": 16,
    }
    names = dict.fromkeys(name for arm in arms for name in arm.get("teachers", []))
    main = {"students": ["cnn"], "tasks": ["mine"], "arms": arms, "T": [4], "alpha": [0.7]}
    suite = {
        "suite": "any",
        "tasks": {"mine": task},
        "teachers": {name: CNN for name in names},
        "students": {"cnn": CNN},
        "studies": {"main": main | {"seeds": [1]} | study},
        "bundle": ["arm", "T", "alpha", "seed"],
        "figures": {"dpi": 50},
    }
    return ["--configfile", write_suite(folder / "suite.yaml", suite), "-c1"]


STUDIES = {
    "one arm of one seed": (
        2,
        [{"strategy": "single", "teachers": ["a"]}],
        ["no arm without distillation", "no arm has several", "takes 3 seeds"],
    ),
    "forty classes without teachers": (
        40,
        [{"strategy": "none"}],
        ["Anything about distillation", "1 seed", "takes 3 seeds"],
    ),
}


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_of_any_shape_runs_to_its_report(tmp_path, name):
    classes, arms, unsaid = STUDIES[name]
    call = write_study(tmp_path, classes, arms)
    result = run_snakemake(tmp_path, *call)
    assert result.returncode == 0, result.stdout
    assert_nothing_left(run_snakemake, tmp_path, *call)
    tables = tmp_path / "results/any/studies/main/tables"
    master = pd.read_csv(tables / "master.csv").set_index("method")
    scores = master["mine (macro_f1) mean"]
    assert scores.between(0, 100).all() and (tables / "latex/master.tex").is_file()
    # All classes are of one size: one answer is right once in so many.
    assert scores["Reference: constant"] == pytest.approx(100 * 2 / (1 + classes) / classes)
    page = (tables.parent / "report.html").read_text(encoding="utf-8")
    assert all(said in page for said in unsaid)
    assert (tables.parent / "audit.html").exists() == (arms[0]["strategy"] == "single")


ALL_STUDENTS = ("students.csv", "students/wide/report.html")


def test_every_axis_of_a_study_is_run(tmp_path):
    """Two students, a teacher of three seeds, a variant of the task, training by strategy."""
    arms = [
        {"strategy": "none"},
        {"strategy": "single", "teachers": ["a"]},
        {"strategy": "average", "teachers": ["a", "a@2", "a@3"]},
    ]
    axes = {"tasks": ["mine", "short"], "students": ["cnn", "wide"], "T": [4, 8]}
    call = write_study(tmp_path, 2, arms, **axes)
    suite = yaml.safe_load((tmp_path / "suite.yaml").read_text())
    wide = copy.deepcopy(CNN)
    wide["model"]["config"]["filters"] = 8
    suite["teachers"] = {"a": {**CNN, "keep": "last"}}
    suite["students"]["wide"] = {**wide, "per_strategy": {"none": {"epochs": 2}}}
    suite["tasks"]["short"] = {"of": "mine", "max_length": 4, "draw": 2}
    write_suite(tmp_path / "suite.yaml", suite)
    # One of the two reports is as the other.
    call = [*(f"results/any/studies/main/{name}" for name in ALL_STUDENTS), *call]
    result = run_snakemake(tmp_path, *call)
    assert result.returncode == 0, result.stdout
    results = tmp_path / "results/any"
    # Each student has tables of its own, and all are in one.
    scores = pd.read_csv(results / "studies/main/students.csv", keep_default_na=False)
    assert scores.student.tolist() == [""] * 5 + ["cnn"] * 3 + ["wide"] * 3
    assert "Teacher: a@2" in set(scores.method)
    for student in ("cnn", "wide"):
        tables = results / f"studies/main/students/{student}/tables"
        own = pd.read_csv(tables / "master.csv", keep_default_na=False)
        alike = scores[scores.student.isin(["", student])].drop(columns="student")
        assert own.astype(str).values.tolist() == alike.astype(str).values.tolist()
    # Of several T, what fusing pays at the lowest and at the highest.
    found = pd.read_csv(tables / "interaction.csv")
    assert found[["task", "a", "T_low", "T_high"]].to_numpy().tolist() == [
        [task, "average", 4, 8] for task in ("mine", "short")
    ]
    runs = pd.read_csv(tables / "runs.csv")
    runs = runs[(runs.kind == "student") & (runs.role == "report") & runs.primary]
    of = runs[runs.task == "mine"].groupby(["strategy", "T"]).value.mean()
    effects = [100 * (of["average", T] - of["single", T]) for T in (4, 8)]
    assert found.interaction[0] == pytest.approx(effects[0] - effects[1])
    assert found.verdict.tolist() == ["no verdict"] * 2
    assert "a@3" in (tables.parent / "report.html").read_text(encoding="utf-8")
    # How each matches the soft labels that it was trained on.
    capacity = pd.read_csv(results / "studies/main/capacity.csv")
    assert set(capacity.student) == {"cnn", "wide"} and set(capacity.split) == {"train"}
    fidelity = pd.read_csv(tables / "fidelity.csv")
    fidelity = fidelity[fidelity.split == "train"]
    assert capacity[capacity.student == "wide"].kl.tolist() == fidelity.kl.tolist()
    text = (results / "studies/main/students.txt").read_text(encoding="utf-8")
    assert "Students against the soft labels that they were trained on" in text
    assert "Student: no distillation [wide]" in text
    assert "teacher seed 1 unless its name has one" in text
    # One teacher of three seeds is three: other weights, other logits.
    teachers = [
        json.loads((results / f"teachers/mine/a/seed{seed}/metrics.json").read_text())
        for seed in "123"
    ]
    assert len({teacher["digests"]["model"] for teacher in teachers}) == 3
    # The variant has the task's data, and students and teachers of its own.
    infos = [json.loads((results / f"tasks/{t}/task.json").read_text()) for t in ("mine", "short")]
    assert infos[0]["digest"] == infos[1]["digest"] and infos[1]["variant"]["draw"] == "2"
    cells = [
        json.loads((results / f"students/{cell}/seed1/run.json").read_text())
        for cell in ("wide/short/none/none/TNA_aNA", "wide/short/a+a@2+a@3/average/T4_a0.7")
    ]
    assert [cell["training"]["epochs"] for cell in cells] == [2, 1]
    assert list(cells[1]["digests"]["teachers"]) == ["a/seed1", "a/seed2", "a/seed3"]
    assert_nothing_left(run_snakemake, tmp_path, *call)
    # Whichever student is asked for first, but for the order of the rows in the table of all.
    suite["studies"]["main"]["students"] = ["wide", "cnn"]
    write_suite(tmp_path / "suite.yaml", suite)
    again = run_snakemake(tmp_path, *call, "-n", "--quiet", "rules")
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", again.stdout, re.M))
    assert jobs == {"students_table": "1", "total": "1"}, again.stdout
