"""A user's own operator as an arm: trained, scored, certified, and rerun when its code changes."""

import csv

import pytest
import yaml
from tiny_study import SUITE_FILE, planned, search_less, snakemake

CODE = """
import numpy as np


def sharpened_pool(log_p, weights):
    q = np.einsum("nk,knc->nc", weights, np.exp(log_p)) ** 2
    return q / q.sum(axis=-1, keepdims=True)
"""
STRATEGIES = {
    "sharpened": {"operator": "my_pools.py:sharpened_pool"},
    "careful": {
        "operator": "linear-pool",
        "weights": {"cnn": 0.25, "bert": 0.75},
        "T": {"bert": 1},
    },
}
CELL = "results/tiny/students/distilbert/reviews/cnn+bert/{}/T4_a0.7/seed1/eval.json"
TARGETS = [CELL.format(name) for name in (*STRATEGIES, "median")]
ARM = {"train_students": 1, "score_students": 1}


@pytest.fixture
def pools(study):
    search_less(study)
    (study / "my_pools.py").write_text(CODE)
    suite = yaml.safe_load((study / SUITE_FILE).read_text())
    suite["strategies"] = STRATEGIES
    suite["studies"]["main"]["arms"] += [
        {"strategy": name, "teachers": ["cnn", "bert"]} for name in (*STRATEGIES, "median")
    ]
    (study / SUITE_FILE).write_text(yaml.safe_dump(suite, sort_keys=False))
    return study


def test_own_operators_are_arms_and_their_code_reruns_them_alone(pools):
    result = snakemake(pools, *TARGETS)
    assert result.returncode == 0, result.stdout
    assert planned(pools, *TARGETS) == {}
    (pools / "my_pools.py").write_text(CODE.replace("** 2", "** 3"))
    assert planned(pools, *TARGETS) == ARM
    (pools / "my_pools.py").write_text(CODE.replace("def", "# why\n\n\ndef"))
    assert planned(pools, *TARGETS) == {}

    # What is there to be certified is the user's function; ours have theirs.
    result = snakemake(pools, "operators")
    assert result.returncode == 0, result.stdout
    with open(pools / "results/tiny/operators/certificates.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["operator"] for row in rows} == {"sharpened"}
    assert {row["basis"] for row in rows} <= {"no violation found", "counterexample"}


def test_the_study_of_pools_has_the_framework_in_its_report(pools):
    suite = yaml.safe_load((pools / SUITE_FILE).read_text())
    del suite["strategies"]["careful"]["T"]
    suite["strategies"]["careless"] = {
        "operator": "linear-pool", "weights": {"cnn": 0.75, "bert": 0.25}
    }  # fmt: skip
    suite["studies"]["main"]["arms"].append({"strategy": "careless", "teachers": ["cnn", "bert"]})
    (pools / SUITE_FILE).write_text(yaml.safe_dump(suite, sort_keys=False))
    result = snakemake(pools)
    assert result.returncode == 0, result.stdout
    results = pools / "results/tiny/studies/main"
    with open(results / "tables/attenuation_students.csv", newline="") as file:
        swept = [(row["operator"], row["weight"]) for row in csv.DictReader(file)]
    # Of two teachers' weights the first varies as much as the second; at 1 it is alone.
    assert swept == [("linear-pool", "0.25"), ("linear-pool", "0.75"), ("linear-pool", "1.0")]
    with open(results / "tables/framework.csv", newline="") as file:
        claims = {row["claim"]: row["verdict"] for row in csv.DictReader(file)}
    # Two seeds decide nothing.
    assert claims["a student learns the attenuated mass"] == "undecidable here"
    page = (results / "report.html").read_text()
    for words in ("The framework&#39;s claims", "Every claim", "my_pools.py:sharpened_pool"):
        assert words in page or words.replace("&#39;", "'") in page, words
    assert (results / "tables/latex/framework.tex").exists()
    assert "Nothing to be done" in snakemake(pools).stdout


def test_an_operator_that_fails_says_so_in_one_line(pools):
    (pools / "my_pools.py").write_text(CODE.replace("return q /", "return q, "))
    result = snakemake(pools, TARGETS[0])
    assert result.returncode != 0
    log = (pools / "logs/tiny/train_students/distilbert/reviews/cnn+bert/sharpened.log").read_text()
    assert log.startswith("error: strategy 'sharpened': operator 'my_pools.py:sharpened_pool'")
    assert "Traceback" not in log

    (pools / "my_pools.py").unlink()
    result = snakemake(pools, TARGETS[0])
    assert result.returncode != 0
    assert result.stdout.splitlines()[-1].startswith("error: operator 'my_pools.py:sharpened_pool'")
    assert "Traceback" not in result.stdout
