"""Names that files and columns may have and that a shell would act on: none is executed."""

import csv

import pandas as pd
from tiny_study import change_suite, snakemake, write_tiny_suite

from mtkd.records.files import read_json

HOSTILE = "a 'b' \"c\"; touch ran-1 & $(touch ran-2) `touch ran-3` | $HOME \\ > ran-4 #"
TARGET = "results/tiny/tasks/reviews/task.json"


def test_paths_columns_and_labels_never_reach_a_shell_unquoted(project):
    write_tiny_suite(project)
    # A brace would be a wildcard in a path; elsewhere it is none.
    text, label, key = (f"{name} {HOSTILE} {{input}}" for name in ("text", "label", "id"))
    labels = [f"{mood} {HOSTILE} {{log}}" for mood in ("bad", "good")]
    folder = project / f"corpus {HOSTILE}"
    folder.mkdir()
    for split in ("train", "report"):
        said = [f"said {row} in {split} {HOSTILE}" for row in range(40)]
        rows = [[f"r{row} {HOSTILE}", said[row], labels[row % 2]] for row in range(40)]
        with open(folder / f"{split} {HOSTILE}.csv", "w", newline="") as file:
            csv.writer(file).writerows([[key, text, label], *rows])
    task = {"text": [text], "label": label, "id": key, "labels": labels}
    for name, value in task.items():
        change_suite(project, f"tasks.reviews.{name}", value)
    splits = {s: f"{folder.name}/{s} {HOSTILE}.csv" for s in ("train", "report")}
    change_suite(project, "tasks.reviews.splits", splits)

    result = snakemake(project, TARGET)
    assert result.returncode == 0, result.stdout
    assert not list(project.rglob("ran-[0-9]"))
    assert read_json(project / TARGET)["labels"] == labels
    report = pd.read_parquet((project / TARGET).with_name("report.parquet"))
    assert sorted(report["text_a"]) == sorted(said)
