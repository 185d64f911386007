"""A student is taken away from a finished study and labels a file: README's walk, and beside it."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import warm
from scipy.special import softmax
from test_questions import mtkd
from tiny_study import change_suite, planned, snakemake

from mtkd.records.logits import read_logits, write_logits

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
STUDENTS = "results/tiny/students/distilbert/reviews"
CELL = f"{STUDENTS}/cnn+bert/gating/T4_a0.7/seed2"


def walk() -> list[str]:
    """README's commands from a finished study to a labelled file, on the tiny study."""
    section = README.split("\n## Take a student away\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    text = block.replace("embedded", "tiny").replace("tweets-150", "reviews")
    commands = [line for line in text.splitlines() if line.startswith(("snakemake", "mtkd"))]
    assert len(commands) == 2
    return commands


def own_predictions(folder, cell):
    """A cell's probabilities on report, by example id."""
    splits, record = read_logits(folder / cell / "predictions.safetensors")
    report = splits["report"]
    return dict(zip(report.ids, softmax(report.logits.astype(float), axis=1), strict=True)), record


def check_labels(frame, expected):
    shares = frame[["probability_bad", "probability_good"]].to_numpy(dtype=float)
    wanted = np.array([expected[name] for name in frame.id])
    assert np.abs(shares - wanted).max() < 1e-5
    assert frame.predicted_label.tolist() == [["bad", "good"][k] for k in wanted.argmax(1)]


def test_the_walk_of_readme(study):
    make, label = (command.split() for command in walk())
    # Its options come behind the target here.
    result = snakemake(study, make[-1], cores=1)
    assert result.returncode == 0, result.stdout
    # What selection prefers, under a name that does not say what it is.
    table = pd.read_csv(study / "results/tiny/studies/main/tables/models.csv", dtype=str)
    (chosen,) = table[table.chosen == "True"].fillna("NA").to_dict("records")
    cell = "{teachers}/{strategy}/T{T}_a{alpha}/seed{seed}".format(**chosen)
    expected, _ = own_predictions(study, f"{STUDENTS}/{cell}")
    shutil.copyfile(study / "corpus/reviews_report.csv", study / "mine.csv")
    done = mtkd(study, *label[1:])
    assert done.returncode == 0, done.stderr
    assert "45 of 45 rows labelled" in done.stderr and not done.stdout
    frame = pd.read_csv(study / "labelled.csv")
    assert list(frame)[:3] == ["id", "text", "label"] and len(frame) == 45
    check_labels(frame, expected)
    card = (study / label[3] / "README.md").read_text(encoding="utf-8")
    assert cell in card and "whose predictions are the record's bit for bit" in card


def test_a_cell_is_taken_by_a_pipe_or_refused(study):
    result = snakemake(study, f"{CELL}/weights", cores=1)
    assert result.returncode == 0, result.stdout
    expected, record = own_predictions(study, CELL)
    lines = pd.read_csv(study / "corpus/reviews_report.csv").to_json(orient="records", lines=True)
    done = subprocess.run(
        [warm.python(), "-m", "mtkd", "predict", "--model", f"{CELL}/weights", "-"],
        input=f"{lines}oh\n", capture_output=True, text=True, cwd=study,
        env={**os.environ, "PYTHONPATH": str(study / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    frame = pd.DataFrame(map(json.loads, done.stdout.splitlines()))
    check_labels(frame[:45], expected)
    assert frame.reason[45] == "it is not one JSON object (Expecting value)"
    assert "stdin: line 46: it is not one JSON object" in done.stderr
    # A record that the training does not give, by a hair.
    shutil.rmtree(study / "results/tiny/state/weights")
    path = study / CELL / "predictions.safetensors"
    splits, _ = read_logits(path)
    moved = splits["report"]._replace(logits=splits["report"].logits + [[1e-6, 0]])
    write_logits(path, {**splits, "report": moved}, record)
    result = snakemake(study, f"{CELL}/weights", cores=1)
    assert result.returncode and "trained again on the same kind of machine" in result.stdout
    assert "Traceback" not in result.stdout and not (study / CELL / "weights").exists()


def test_where_all_are_kept_a_cell_has_its_own_weights(study):
    change_suite(study, "studies.main.keep", "all")
    # Nothing is trained for it, and which models there will be the choice says.
    assert planned(study) == {"choose_students": 1}
    shutil.rmtree(study / "results/tiny/state/cells")
    shutil.rmtree(study / CELL)
    result = snakemake(study, f"{CELL}/model", "--config", "bundle=cell", cores=1)
    assert result.returncode == 0, result.stdout
    assert not (study / "results/tiny/state/again").exists()
    card = (study / CELL / "model/README.md").read_text(encoding="utf-8")
    assert "those of the training whose predictions the study scored" in card


def test_a_target_that_is_no_cell_of_the_study_is_refused(study):
    result = snakemake(study, f"{STUDENTS}/cnn/gating/T4_a0.7/seed1/model", "--dry-run")
    assert result.returncode
    assert "cnn/gating is no arm of study 'main'; its arms are" in result.stdout
