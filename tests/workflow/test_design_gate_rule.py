"""The gate of a design as its users ask for it: from a study's trained cells to gate.json."""

import json

import pandas as pd
import pytest
import yaml
from tiny_study import SUITE_FILE, change_suite, copy_project, snakemake, write_tiny_suite

STUDY = "results/tiny/studies/main"


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    """The tiny study on a variant with rows for the gate, its arms none, single and average."""
    project = copy_project(tmp_path_factory.mktemp("gate"))
    write_tiny_suite(project)
    suite = yaml.safe_load((project / SUITE_FILE).read_text())
    suite["tasks"]["few"] = {
        "of": "reviews", "labelled": 36, "gate_rows": 16, "transfer": "rest"
    }  # fmt: skip
    suite.setdefault("strategies", {})["hard"] = {"fusion": "single", "labels": "hard"}
    suite["studies"]["main"] |= {
        "tasks": ["few"],
        "arms": [
            {"strategy": "none"},
            {"strategy": "single", "teachers": ["cnn"]},
            {"strategy": "hard", "teachers": ["cnn"]},
            {"strategy": "average", "teachers": ["cnn", "bert"]},
        ],
    }
    (project / SUITE_FILE).write_text(yaml.safe_dump(suite, sort_keys=False))
    return project, snakemake(project, "design_gate")


def test_what_it_sees_is_written_down_passed_or_not(gated):
    project, result = gated
    answer = json.loads((project / STUDY / "gate.json").read_text())
    assert (result.returncode == 0) == answer["passed"]
    assert (project / STUDY / "design_gate.passed").exists() == answer["passed"]
    (row,) = answer["tasks"]
    gate = pd.read_parquet(project / "results/tiny/tasks/few/gate.parquet")
    assert row["rows"] == len(gate) >= 16 and row["seeds"] == 2
    assert set(row["leads"]) == {"constant", "tfidf"}
    # Single-teacher arms of soft labels alone: it knows nothing of several, nor of hard ones.
    assert len(row["single"]) == 1
    assert "few: undistilled" in result.stdout and "Traceback" not in result.stdout
    if not answer["passed"]:
        assert "error: the gate is not passed: " in result.stdout


def test_no_score_of_its_rows_is_anywhere_else(gated):
    project, _ = gated
    gate = set(pd.read_parquet(project / "results/tiny/tasks/few/gate.parquet").id)
    for name in ("train", "selection"):  # ids of report are another table's
        rows = pd.read_parquet(project / f"results/tiny/tasks/few/{name}.parquet")
        assert not gate & set(rows.id)
    cell = "results/tiny/students/distilbert/few/none/none/TNA_aNA/seed1/eval.json"
    assert snakemake(project, cell).returncode == 0
    assert set(json.loads((project / cell).read_text())["scores"]) == {"selection", "report"}


def test_a_study_that_it_cannot_be_asked_of_is_a_line(gated):
    project, _ = gated
    change_suite(project, "tasks.few.gate_rows", 0)
    result = snakemake(project, "design_gate", "--dry-run")
    assert result.returncode != 0
    assert "no rows are set apart for the gate on few; give them 'gate_rows'" in result.stdout
    change_suite(project, "tasks.few.gate_rows", 16)
