"""What the command mtkd reads and compares: values, parameters, records, kept files, runs."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mtkd.commands.check import check, suites
from mtkd.commands.diff import compared
from mtkd.commands.differences import differences
from mtkd.commands.logged import last_run
from mtkd.commands.recorded import METADATA, project_of, record_of, recorded_outputs
from mtkd.commands.torn import is_torn
from mtkd.commands.why import parameter_changes
from mtkd.errors import InputError
from mtkd.records.files import digest_folder, keep_folder, write_json
from mtkd.records.logits import Logits, write_logits
from mtkd.records.runs import new_record
from mtkd.tasks.corpus import read_info, rows_digest
from mtkd.tasks.prepare import Prepared, write_task

# --- Values and parameters


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1}}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ["a.b: 1 -> 2"]),
        ({"a": 1}, {"b": 1}, ["a: 1 -> not set", "b: not set -> 1"]),
        ({"a": None}, {}, ["a: null -> not set"]),
        ({"T": ["2"]}, {"T": ["2", "4"]}, ['T: ["2"] -> ["2", "4"]']),
        ({"arms": [{"s": "x"}, {"s": "y"}]}, {"arms": [{"s": "x"}, {"s": "z"}]},
         ["arms[1].s: y -> z"]),
        ({"T": [*"abcdefghijklmnopqrstu"]}, {"T": [*"abcdefghijklmnopqrst"]},
         ['T, in one alone: ["u"] -> []']),
        # What people would take for the same.
        ({"a": "1"}, {"a": 1}, ['a: "1" -> 1']),
        ({"a": 1}, {"a": 1.0}, ["a: 1 -> 1.0"]),
        ({"a": True}, {"a": 1}, ["a: true -> 1"]),
        ({"a": "x" * 200}, {"a": ""}, [f'a: {"x" * 96} ... -> ""']),
    ],
)  # fmt: skip
def test_values_differ_key_by_key(old, new, told):
    assert [str(difference) for difference in differences(old, new)] == told


def job(**parts):
    return repr(json.dumps(parts))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ([job(settings={"e": 1}), "'s'"], [job(settings={"e": 1}), "'s'"], []),
        ([job(settings={"e": 1}), "'s'"], [job(settings={"e": 2}), "'s'"],
         ["settings.e: 1 -> 2"]),
        (["'--features'", "''"], ["''"], ["a parameter: --features -> not set"]),
        (["['train=a.csv']"], ["['train=b.csv']"],
         ['a parameter: ["train=a.csv"] -> ["train=b.csv"]']),
        # A job that had no text, and one whose text is new.
        (["'x'"], [job(a=1)], ['a parameter: "x" -> {"a": 1}']),
        (["<object at 0x1>"], ["1"], ['a parameter: "<object at 0x1>" -> 1']),
    ],
)  # fmt: skip
def test_parameters_differ_by_the_keys_of_the_jobs_text(old, new, told):
    assert [str(one) for one in parameter_changes(sorted(old), sorted(new))] == told


# --- Snakemake's records


@pytest.mark.parametrize("name", ["results/a/b.json", "results/" + "long/" * 120 + "b.json"])
def test_records_are_found_where_snakemake_puts_them(tmp_path, name):
    from snakemake.persistence.file import FilePersistence

    folder = tmp_path / METADATA
    folder.mkdir(parents=True)
    snakemake = SimpleNamespace(_fetch_max_len=lambda subject: os.pathconf(subject, "PC_NAME_MAX"))
    write_json(FilePersistence._record_path(snakemake, str(folder), name), {"rule": "r"})
    assert record_of(tmp_path / name) == {"rule": "r"}
    assert [path for path, _ in recorded_outputs(tmp_path)] == [name]
    assert record_of(tmp_path / "results/other.json") is None
    assert project_of(tmp_path / "results") == tmp_path


# --- Snakemake's logs of runs that have ended

LOG = """\
Building DAG of jobs...
[Thu Nov 26 16:35:28 2026]
localrule train_teacher:
    input: tasks/t.json
    output: teachers/cnn/model, teachers/cnn/metrics.json
    jobid: 6
    reason: Params have changed since last execution: Union of exclusive params before and now \
across all output: before: 'x','{"T":[1,2],"s":"a; B"}' now: '{"T":[1,3],"s":"a; B"}' 
    resources: tmpdir=/tmp
[Thu Nov 26 16:35:28 2026]
localcheckpoint train_students:
    output: cells/1/p.json, cells/2/p.json
    reason: Missing output files: cells/2/p.json; Input files updated by another job: \
teachers/cnn/model, tasks/t.json
Finished jobid: 6 (Rule: train_teacher)
[Thu Nov 26 16:35:28 2026]
rule score:
    output: cells/1/eval.json
    reason: Input files updated by another job: cells/1/p.json; \
Code has changed since last execution
rule other:
    output: other.json
    reason: Forced execution
"""


def test_a_logs_reasons_lead_from_an_output_to_where_they_begin(tmp_path):
    text(tmp_path / ".snakemake/log/2026-11-26T163512.1.snakemake.log", LOG)
    later = "rule other:\n    output: other.json\n"
    text(tmp_path / ".snakemake/log/2026-11-26T170000.1.snakemake.log", later)
    log, (score, students, teacher) = last_run(tmp_path, "cells/1/eval.json")
    assert log.name.startswith("2026-11-26T163512")
    assert score.others() == [("Code has changed since last execution", [])]
    assert score.parameters() is None and score.upstream() == ["cells/1/p.json"]
    assert students.others() == [("Missing output files", ["cells/2/p.json"])]
    assert students.upstream() == ["teachers/cnn/model", "tasks/t.json"]
    assert teacher.others() == [] and teacher.rule == "train_teacher"
    before, now = teacher.parameters()
    assert [str(one) for one in parameter_changes(before, now)] == [
        "T[1]: 2 -> 3",
        "a parameter: x -> not set",
    ]
    # A run that left reasons out is none that says why.
    log, (other,) = last_run(tmp_path, "other.json")
    assert other.others() == [("Forced execution", [])]
    assert last_run(tmp_path, "none.json") is None


# --- Files that are cut off


def text(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("a.json", b'{"a": 1}'),
        ("a.parquet", b"PAR1 rows and columns PAR1"),
        ("a.png", b"\x89PNG pixels IEND\xaeB`\x82"),
        ("a.pdf", b"%PDF-1.4 a page\n%%EOF\n"),
        ("a.html", b"<html>a page</html>\n"),
    ],
)
def test_a_file_that_is_cut_off_is_torn(tmp_path, name, whole):
    assert not is_torn(text(tmp_path / name, whole))
    assert is_torn(text(tmp_path / name, whole[:-4]))
    assert is_torn(text(tmp_path / name, b""))


def test_tensors_are_as_long_as_their_header_says(tmp_path):
    path = tmp_path / "a.safetensors"
    logits = Logits(np.array(["a", "b"]), np.zeros((2, 3), np.float32))
    write_logits(path, {"selection": logits}, {})
    assert not is_torn(path)
    for cut in (-1, 20, 3, 0):
        assert is_torn(text(tmp_path / "cut.safetensors", path.read_bytes()[:cut])), cut
    assert is_torn(text(tmp_path / "other.safetensors", b"\xff" * 40))
    assert not is_torn(text(tmp_path / "a.csv", "a,b\n")) and is_torn(tmp_path / "none.csv")


# --- Outputs against what is recorded of them

ENDED = 1_700_000_000.0
CELL = "results/toy/students/s/t/none/none/TNA_aNA/seed1"
TEACHER = "results/toy/teachers/t/cnn/seed1"
DIGEST = "0123456789abcdef"


def sha256(path):
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def recorded(project, output, inputs=(), ended=ENDED):
    """Record that a job made an output of some inputs, as Snakemake does."""
    path = project / output
    stamp = path / ".snakemake_timestamp" if path.is_dir() else path
    stamp.touch()
    os.utime(stamp, (ended, ended))
    checksums = {name: sha256(project / name) for name in inputs}
    name = base64.urlsafe_b64encode(output.encode()).decode()
    record = {"starttime": ended - 5, "endtime": ended, "input_checksums": checksums}
    write_json(project / METADATA / name, record)


@pytest.fixture
def toy(tmp_path):
    """A suite's results: a task, a teacher, a kept cell, a score, a table and a page."""
    task = "results/toy/tasks/t/task.json"
    text(tmp_path / task, '{"digest": "d", "rows": {}}')
    recorded(tmp_path, task)
    text(tmp_path / TEACHER / "model/config.json", "{}")
    model = {"digests": {"model": digest_folder(tmp_path / TEACHER / "model")}}
    write_json(tmp_path / TEACHER / "metrics.json", model)
    for output in ("model", "metrics.json"):
        recorded(tmp_path, f"{TEACHER}/{output}")
    cell, kept = tmp_path / CELL, tmp_path / "results/toy/state/cells" / DIGEST
    record = {"digests": {"cell": DIGEST}}
    write_logits(cell / "predictions.safetensors", {}, record)
    write_json(cell / "run.json", record)
    text(cell / "history.jsonl", "{}\n")

    def keep(folder):
        for file in list(cell.iterdir()):
            os.link(file, folder / file.name)

    keep_folder(kept, keep)
    recorded(tmp_path, f"{CELL}/predictions.safetensors", [task], ENDED + 10)
    text(cell / "eval.json", "{}")
    recorded(tmp_path, f"{CELL}/eval.json", [f"{CELL}/predictions.safetensors"], ENDED + 20)
    text(tmp_path / "results/toy/studies/main/tables/runs.csv", "a\n1\n")
    text(tmp_path / "results/toy/studies/main/report.html", "<html></html>")
    recorded(
        tmp_path, "results/toy/studies/main/tables/runs.csv", [f"{CELL}/eval.json"], ENDED + 30
    )
    runs = "results/toy/studies/main/tables/runs.csv"
    recorded(tmp_path, "results/toy/studies/main/report.html", [runs, task], ENDED + 40)
    text(tmp_path / "results/toy/benchmarks/score.tsv", "s\n1\n")
    text(tmp_path / "results/toy/studies/main/tables/partial/runs.csv", "a\n")
    return tmp_path


def found(project):
    return {(kind, path.split("/")[-1]) for kind, path, _ in check(project / "results/toy").wrong}


def test_what_is_as_its_jobs_left_it_is_not_wrong(toy):
    checked = check(toy / "results/toy")
    assert checked.wrong == [] and checked.unfinished == []
    assert checked.unvouched == ["studies/main/report.html",
                                 "teachers/t/cnn/seed1/metrics.json"]  # fmt: skip
    assert "nothing is wrong" in checked.text() and "studies/main/report.html" in checked.text()


def replaced(name, content):
    """Replace a file, as editors do: with another inode, now."""

    def damage(project):
        path = project / name
        path.unlink()
        text(path, content)

    return damage


def same_stamp(name, content):
    def damage(project):
        stat = (project / name).stat()
        replaced(name, content)(project)
        os.utime(project / name, (stat.st_mtime, stat.st_mtime))

    return damage


def read_again(project):
    """An edited table of which the page is made again."""
    runs = "results/toy/studies/main/tables/runs.csv"
    text(project / runs, "a\n2\n")
    page = "results/toy/studies/main/report.html"
    recorded(project, page, [runs], (project / runs).stat().st_mtime + 60)


DAMAGES = {
    "a page that nothing read": (
        replaced("results/toy/studies/main/report.html", "<html>x</html>"),
        {("edited", "report.html")},
    ),
    "a page that ends early": (
        same_stamp("results/toy/studies/main/report.html", "<html>"),
        {("truncated", "report.html")},
    ),
    "an empty table": (
        replaced("results/toy/studies/main/tables/runs.csv", ""),
        {("truncated", "runs.csv")},
    ),
    "a score, with its old time stamp": (
        same_stamp(f"{CELL}/eval.json", '{"a": 1}'),
        {("edited", "eval.json")},
    ),
    "an edited table, read since": (read_again, {("edited", "runs.csv")}),
    "a record beside the predictions": (
        same_stamp(f"{CELL}/run.json", json.dumps({"digests": {"cell": DIGEST}, "seed": "2"})),
        {("edited", "run.json")},
    ),
    "a record that is of another cell": (
        same_stamp(f"{CELL}/run.json", json.dumps({"digests": {"cell": "f" * 16}})),
        {("edited", "run.json")},
    ),
    "predictions": (
        same_stamp(f"{CELL}/predictions.safetensors", b"\x02"),
        {("truncated", "predictions.safetensors")},
    ),
    "a history that is gone": (
        lambda project: (project / CELL / "history.jsonl").unlink(),
        {("missing", "history.jsonl")},
    ),
    # The same file by another name.
    "a kept file": (
        lambda project: text(project / f"results/toy/state/cells/{DIGEST}/history.jsonl", "[]\n"),
        {("edited", "history.jsonl")},
    ),
    "a model": (
        lambda project: text(project / TEACHER / "model/config.json", "[]"),
        {("edited", "model")},
    ),
    "a model that has another file": (
        lambda project: text(project / TEACHER / "model/extra.json", "{}"),
        {("edited", "model")},
    ),
    "a table that is gone": (
        lambda project: (project / "results/toy/studies/main/tables/runs.csv").unlink(),
        {("missing", "runs.csv")},
    ),
    "files that no job made": (
        lambda project: [text(project / name, "x") for name in (
            "results/toy/notes.txt", f"{CELL}/other.json", "results/toy/tasks/run.json")],
        {("foreign", "notes.txt"), ("foreign", "other.json"), ("foreign", "run.json")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_found(toy, what):
    damage, wrong = DAMAGES[what]
    damage(toy)
    assert found(toy) == wrong
    assert "wrong" in check(toy / "results/toy").text()


def touched(project):
    """All time stamps as new as those of a copy that does not keep them."""
    for path in (project / "results").rglob("*"):
        os.utime(path)


def made_again(project):
    """Predictions made again, which no job has read since; the cell's are kept anew."""
    task = "results/toy/tasks/t/task.json"
    text(project / task, '{"digest": "e", "rows": {}}')
    recorded(project, task, ended=ENDED + 1000)


def at_work(project):
    """A job at work has its output deleted and marked."""
    name = base64.urlsafe_b64encode(f"{CELL}/eval.json".encode()).decode()
    (project / CELL / "eval.json").unlink()
    text(project / ".snakemake/incomplete" / name, "{}")


def broken_off_in_a_bundle(project):
    """A job that trained cells ended before its last one: the first has its files, no record."""
    cell = CELL.replace("seed1", "seed7")
    assert cell != CELL
    name = base64.urlsafe_b64encode(f"{cell}/predictions.safetensors".encode()).decode()
    text(project / ".snakemake/incomplete" / name, "{}")
    for file in ("run.json", "history.jsonl"):
        text(project / cell / file, "{}")


@pytest.mark.parametrize("change", [touched, made_again, at_work, broken_off_in_a_bundle])
def test_what_is_no_damage_is_not_called_so(toy, change):
    change(toy)
    assert found(toy) == set()
    assert ("broken off" in check(toy / "results/toy").text()) == (
        change in (at_work, broken_off_in_a_bundle)
    )


def test_a_folder_that_is_no_suites_is_refused_in_a_line(toy):
    assert suites(toy) == [toy / "results/toy"]
    for folder, said in (("results", "give one"), ("none", "no such folder")):
        with pytest.raises(InputError, match=said):
            check(toy / folder)
    (toy / "results/other").mkdir()
    with pytest.raises(InputError, match="name no output here"):
        check(toy / "results/other")
    with pytest.raises(InputError, match="no results"):
        suites(toy / "results")


def test_rows_have_the_digest_that_task_json_says(tmp_path):
    def split(name, rows, **more):
        ids = [f"{name}{row}" for row in range(rows)]
        texts = [f'a "text", {row}\n' for row in range(rows)]
        columns = {"id": ids, "text_a": texts, "text_b": texts, "label": [0, 1] * (rows // 2)}
        return pd.DataFrame({**columns, "human_0": np.linspace(0, 1, rows) / 3, **more})

    names = {"train": 8, "selection": 4, "report_m": 6, "report_mm": 2}
    splits = {name: split(name, rows) for name, rows in names.items()}
    task = {"labels": ["no", "yes"], "text": ["a", "b"]}
    write_task(tmp_path, task, Prepared(splits, pd.DataFrame({"split": []}), {}))
    assert rows_digest(tmp_path) == read_info(tmp_path).digest
    changed = splits["report_mm"].assign(label=1)
    again = {**splits, "report_mm": changed}
    write_task(tmp_path / "b", task, Prepared(again, pd.DataFrame({"split": []}), {}))
    assert rows_digest(tmp_path / "b") == read_info(tmp_path / "b").digest
    os.replace(tmp_path / "b/report_labels.parquet", tmp_path / "report_labels.parquet")
    assert rows_digest(tmp_path) == read_info(tmp_path / "b").digest != read_info(tmp_path).digest


# --- Runs side by side


def write_run(folder, seed="1", score=None, **more):
    record = new_record("student", task="t", student="s", teachers="none", strategy="none",
                        T="NA", alpha="NA", seed=seed)  # fmt: skip
    record |= {"digests": {"data": "d", "cell": f"c{seed}"}, "training": {"epochs": 3}, **more}
    write_json(folder / "run.json", record)
    if score is not None:
        write_json(folder / "eval.json", {**record, "scores": {"report": {"accuracy": score}}})
    return folder


def test_what_differs_between_runs_comes_first(tmp_path):
    one = write_run(tmp_path / "1", score=0.5, precision="float32")
    two = write_run(tmp_path / "2", "2", score=0.75, precision="bfloat16")
    lines = [line.split() for line in compared(one, two).splitlines()]
    assert ["seed", "1", "2"] in lines and ["digests.cell", "c1", "c2"] in lines
    assert ["precision", "float32", "bfloat16"] in lines
    assert ["scores.report.accuracy", "0.5", "0.75", "+0.25"] in lines
    assert lines[-1][0] == "equal:" and not any("training.epochs" in line for line in lines)
    assert compared(one, one / "eval.json").count("\n") == 3


def test_a_run_has_what_snakemake_recorded_of_its_job(tmp_path):
    folders = [write_run(tmp_path / f"results/{n}", "1") for n in (1, 2)]
    for n, folder in enumerate(folders):
        name = base64.urlsafe_b64encode(
            f"results/{folder.name}/predictions.safetensors".encode()
        ).decode()
        parts = {"settings": {"max_length": n, "training": {"epochs": 3}}, "code": {"script": "s"}}
        write_json(tmp_path / METADATA / name, {"params": ["''", job(**parts)]})
    assert "settings.max_length  0  1" in compared(*folders)
    assert "training" not in compared(*folders)


def test_scores_of_an_earlier_training_are_left_out_and_named(tmp_path):
    one = write_run(tmp_path / "1", score=0.5)
    write_run(tmp_path / "1", "2")
    text = compared(one, one)
    assert (
        f"{one}: scored before it was trained again" in text
        and "scores" not in text.split("equal")[1]
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [("none", "no such run"), ("empty", "none of run.json"), ("other.json", "not the record")],
)
def test_what_is_no_run_is_refused_in_a_line(tmp_path, name, said):
    (tmp_path / "empty").mkdir()
    write_json(tmp_path / "other.json", {"schema": 1})
    run = write_run(tmp_path / "run")
    with pytest.raises(InputError, match=said):
        compared(run, tmp_path / name)
