"""Files that are gone, of which something was made: said, each with its key, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mtkd.config.load import validate_suite
from mtkd.study.gone import gone_inputs

SUITE = """
suite: own
study: main
tasks:
  reviews:
    splits: {train: train.csv, report: report.csv}
    text: [text]
    labels: [bad, good]
    metrics: [accuracy]
    selection: {fraction: 0.2}
  few: {of: reviews, labelled: 30, transfer: [{file: more.csv}]}
references: {mean-vectors: {kind: vectors, vectors: vectors.safetensors}}
teachers:
  cnn:
    model:
      architecture: text-cnn
      tokenizer: {kind: word}
      vectors: vectors.safetensors
  llm: {model: {probabilities: {file: answers.parquet}}}
students:
  small: {model: {folder: encoder}}
studies:
  main:
    student: small
    tasks: [few]
    arms: [{strategy: none}, {strategy: average, teachers: [cnn, llm]}]
    T: [2]
    alpha: [0.5]
    seeds: [1]
"""
MADE = {
    "tasks/reviews": ["tasks.reviews.splits.train: train.csv", "tasks.reviews.splits.report"],
    "tasks/few": ["tasks.few.transfer.0.file: more.csv"],
    "teachers/few/cnn": ["teachers.cnn.model.vectors: vectors.safetensors"],
    "teachers/few/llm": ["teachers.llm.model.probabilities.file: answers.parquet"],
    "students/small": ["students.small.model.folder: encoder"],
    "references/few/mean-vectors": ["references.mean-vectors.vectors: vectors.safetensors"],
}


@pytest.fixture
def suite(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return validate_suite(yaml.safe_load(SUITE), "own")


@pytest.mark.parametrize("made", MADE)
def test_what_is_gone_is_said_where_something_was_made_of_it(suite, made):
    results = Path("results/own")
    assert gone_inputs(suite, results) == []
    (results / made).mkdir(parents=True)
    lines = gone_inputs(suite, results)
    assert len(lines) == len(MADE[made])
    for line, words in zip(lines, MADE[made], strict=True):
        assert line.startswith(words) and "is not there; what was made of it stays" in line
    for name in ("train.csv", "report.csv", "more.csv", "vectors.safetensors", "answers.parquet"):
        Path(name).touch()
    Path("encoder").mkdir()
    assert gone_inputs(suite, results) == []
