"""A teacher that is a file of probabilities, from clean to the report."""

from __future__ import annotations

import random

import pandas as pd
import pytest
import yaml
from tiny_study import (
    SUITE,
    SUITE_FILE,
    assert_nothing_left,
    copy_project,
    snakemake,
    write_tiny_suite,
)

RESULTS = "results/tiny"
LLM = f"{RESULTS}/teachers/reviews/llm/seed1"


def write_answers(folder, skip=()):
    """Probabilities of a teacher that is right on most rows of both tables."""
    rng = random.Random(3)
    rows = []
    for split in ("train", "report"):
        for row in pd.read_csv(folder / f"corpus/reviews_{split}.csv").itertuples():
            sure = rng.uniform(0.5, 0.99) if rng.random() < 0.9 else rng.uniform(0.1, 0.5)
            good = sure if row.label == "good" else 1 - sure
            rows.append({"id": row.id, "bad": 1 - good, "good": good, "text": row.text})
    table = pd.DataFrame(row for row in rows if row["id"] not in skip)
    (folder / "answers").mkdir(exist_ok=True)
    table.to_parquet(folder / "answers/llm.parquet", index=False)
    return table


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """A finished study of one trained teacher, an LLM's file and the neighbours, two seeds."""
    folder = copy_project(tmp_path_factory.mktemp("answers"))
    write_tiny_suite(folder)
    suite = yaml.safe_load(SUITE)
    for split in ("train", "report"):
        path = folder / f"corpus/reviews_{split}.csv"
        table = pd.read_csv(path)
        table["id"] = [f"{split}-{name}" for name in table["id"]]
        table.to_csv(path, index=False)
    suite["teachers"] = {
        "cnn": suite["teachers"]["cnn"],
        "llm": {"model": {"probabilities": {"file": "answers/llm.parquet", "missing": "skip"}}},
        "near": {"model": {"neighbours": {"k": 5}}},
    }
    names = ["cnn", "llm", "near"]
    suite["studies"] = {
        "main": {
            **suite["studies"]["main"],
            "arms": [
                {"strategy": "none"},
                *({"strategy": "single", "teachers": [name]} for name in names),
                {"strategy": "average", "teachers": names},
                {"strategy": "gating", "teachers": names},
                {"strategy": "weighted", "teachers": names},
            ],
        }
    }
    suite["bundle"] = ["arm", "T", "alpha", "seed"]
    (folder / SUITE_FILE).write_text(yaml.safe_dump(suite, sort_keys=False))
    write_answers(folder)
    return folder


def test_from_clean_to_the_report(answered):
    result = snakemake(answered)
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("rule given_logits:") == 2
    assert_nothing_left(snakemake, answered)
