"""A study's cells in a tracker: what is written of each, once, and what is refused in a line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mtkd.analysis.tables import failed_table, runs_table, write_tables
from mtkd.commands.export import curves, export, parameters, study_cells
from mtkd.errors import InputError
from mtkd.records.files import read_json, write_json, write_text
from mtkd.records.runs import new_record, scored

AXES = {"task": "reviews", "student": "small", "T": "4", "alpha": "0.7"}
CELLS = {
    ("none", "none", "1"): ("finished", 0.6),
    ("cnn+bert", "average", "1"): ("finished", 0.7),
    ("cnn+bert", "average", "2"): ("diverged", None),
}
TRAINING = {"epochs": 2, "learning_rate": 0.01}


def record_of(teachers, strategy, seed, status, value):
    axes = {**AXES, "teachers": teachers, "strategy": strategy, "seed": seed}
    if teachers == "none":
        axes |= {"T": "NA", "alpha": "NA"}
    run = new_record("student", **axes) | {"status": status, "seconds": 2.0, "device": "cpu"}
    run |= {"digests": {"cell": f"{strategy}{seed}", "data": "d", "code": "c"}}
    run |= {"examples_per_second": 1.0, "precision": "float32", "peak_memory_mb": 1}
    run |= {"training": TRAINING, "recipe": {"fusion": strategy, "options": {}}}
    if status == "diverged":
        run |= {"reason": "loss is not finite", "step": 7}
    scores = {"report": {"accuracy": value}, "selection": {"accuracy": 0.5}} if value else {}
    about = {"suite": "tiny", "metrics": ["accuracy"], "report_splits": ["report"]}
    return scored(run, about, scores, {"report": 10, "selection": 5})


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results/tiny"
    records = [record_of(*axes, *said) for axes, said in CELLS.items()]
    for record in records:
        T_alpha = f"T{record['T']}_a{record['alpha']}"
        cell = folder / f"students/small/reviews/{record['teachers']}/{record['strategy']}"
        cell = cell / T_alpha / f"seed{record['seed']}"
        for name in ("run.json", "eval.json"):
            write_json(cell / name, record)
        lines = [{"epoch": 1, "step": 5, "loss": 0.9}, {"epoch": 2, "step": 10, "loss": 0.4}]
        write_text(cell / "history.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
    tables = {"runs": runs_table(records), "failed": failed_table(records)}
    write_tables(folder / "studies/main/tables", tables)
    return folder


def test_a_studys_cells_are_those_of_its_tables(results):
    found = [str(cell.relative_to(results)) for cell in study_cells(results, "main")]
    assert found == [
        "students/small/reviews/none/none/TNA_aNA/seed1",
        "students/small/reviews/cnn+bert/average/T4_a0.7/seed1",
        "students/small/reviews/cnn+bert/average/T4_a0.7/seed2",
    ]


def test_parameters_are_the_resolved_recipe_and_curves_are_by_step(results):
    cell = study_cells(results, "main")[1]
    assert parameters(read_json(cell / "eval.json")) == {
        "training.epochs": "2",
        "training.learning_rate": "0.01",
        "recipe.fusion": "average",
        "recipe.options": "{}",
        "metric": "accuracy",
    }
    assert ("training/loss", 0.4, 10) in list(curves(cell / "history.jsonl"))
    assert list(curves(cell / "no.jsonl")) == []


def test_no_such_study_is_refused_in_a_line(results):
    said = r"no finished study 'grid' there \(tables/runs.csv\); its studies: main"
    with pytest.raises(InputError, match=said):
        export(results, "grid", results / "mlruns")
    with pytest.raises(InputError, match="it has no studies"):
        export(results / "nowhere", "main", results / "mlruns")


def test_without_the_extra_a_line_says_what_to_install(results, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(InputError, match=r"pip install 'mtkd\[mlflow\]'"):
        export(results, "main", results / "mlruns")


class TestMlflow:
    """With the library itself."""

    @pytest.fixture(autouse=True)
    def library(self):
        pytest.importorskip("mlflow")

    def runs(self, store: Path):
        from mlflow import MlflowClient

        client = MlflowClient(store.absolute().as_uri())
        (experiment,) = [e for e in client.search_experiments() if e.name == "tiny/main"]
        found = client.search_runs([experiment.experiment_id])
        return client, {run.data.tags["mtkd.digest"]: run for run in found}, len(found)

    def test_each_cell_is_a_run_with_its_arm_axes_recipe_scores_and_curve(self, results, tmp_path):
        done = export(results, "main", tmp_path / "store")
        assert done == (3, 0, [])
        client, runs, _ = self.runs(tmp_path / "store")
        assert set(runs) == {"none1", "average1", "average2"}
        run = runs["average1"]
        wanted = {"group": "average of cnn+bert", "task": "reviews", "T": "4", "alpha": "0.7"}
        assert run.data.tags.items() >= wanted.items()
        assert run.data.params["training.learning_rate"] == "0.01"
        assert run.data.metrics["report/accuracy"] == 0.7
        loss = client.get_metric_history(run.info.run_id, "training/loss")
        assert [(one.step, one.value) for one in loss] == [(5, 0.9), (10, 0.4)]
        assert run.info.end_time - run.info.start_time == 2000
        states = {digest: one.info.status for digest, one in runs.items()}
        assert states == {"none1": "FINISHED", "average1": "FINISHED", "average2": "FAILED"}

    def test_a_second_export_adds_what_is_new_alone(self, results, tmp_path):
        store = tmp_path / "store"
        export(results, "main", store)
        assert export(results, "main", store) == (0, 3, [])
        cell = study_cells(results, "main")[0]
        record = read_json(cell / "eval.json")
        record["scores"]["report"]["accuracy"] = 0.65
        write_json(cell / "eval.json", record)
        assert export(results, "main", store) == (1, 2, [])
        _, runs, number = self.runs(store)
        assert number == 3 and runs["none1"].data.metrics["report/accuracy"] == 0.65

    def test_a_run_that_was_broken_off_is_written_anew(self, results, tmp_path):
        store = tmp_path / "store"
        export(results, "main", store)
        client, runs, _ = self.runs(store)
        client.update_run(runs["none1"].info.run_id, status="RUNNING")
        assert export(results, "main", store) == (1, 2, [])
        _, runs, number = self.runs(store)
        assert number == 3 and runs["none1"].info.status == "FINISHED"

    def test_a_cell_without_scores_is_named(self, results, tmp_path):
        cell = study_cells(results, "main")[0]
        (cell / "eval.json").unlink()
        assert export(results, "main", tmp_path / "store") == (2, 0, [str(cell)])
