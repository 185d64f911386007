"""A user's own operator as an arm: trained, scored, certified, and rerun when its code changes."""

import csv

import pytest
import yaml
from tiny_study import SUITE_FILE, assert_nothing_left, copy_folder, planned, search_less, snakemake

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
    "quarter": {"operator": "linear-pool", "weights": {"cnn": 0.25, "bert": 0.75}},
    "careless": {"operator": "linear-pool", "weights": {"cnn": 0.75, "bert": 0.25}},
}
CELL = "results/tiny/students/distilbert/reviews/cnn+bert/{}/T4_a0.7/seed1/eval.json"
TARGETS = [CELL.format(name) for name in (*STRATEGIES, "median")]
KEPT = ("none", "single", "average")
ARM = {"train_students": 1, "score_students": 1}


def add_pools(study):
    """Make the operators of a suite's own arms of a copy of the finished study."""
    search_less(study)
    (study / "my_pools.py").write_text(CODE)
    suite = yaml.safe_load((study / SUITE_FILE).read_text())
    suite["strategies"] = STRATEGIES
    study_of_pools = suite["studies"]["main"]
    # Beside the plain average: of the other arms there is nothing to say here.
    kept = [arm for arm in study_of_pools["arms"] if arm["strategy"] in KEPT]
    study_of_pools["arms"] = kept + [
        {"strategy": name, "teachers": ["cnn", "bert"]} for name in (*STRATEGIES, "median")
    ]
    (study / SUITE_FILE).write_text(yaml.safe_dump(suite, sort_keys=False))
    return study


@pytest.fixture
def pools(study):
    return add_pools(study)


@pytest.fixture(scope="module")
def finished_pools(finished_study, tmp_path_factory):
    """The study of pools, run to its report."""
    folder = tmp_path_factory.mktemp("pools") / "study"
    study = add_pools(copy_folder(finished_study, folder))
    result = snakemake(study)
    assert result.returncode == 0, result.stdout
    return study


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_code_of_an_own_operator_reruns_its_arm_alone(finished_pools):
    assert_nothing_left(snakemake, finished_pools)
    code = finished_pools / "my_pools.py"
    code.write_text(CODE.replace("** 2", "** 3"))
    assert planned(finished_pools, *TARGETS) == ARM
    code.write_text(CODE.replace("def", "# why\n\n\ndef"))
    assert planned(finished_pools, *TARGETS) == {}
    code.write_text(CODE)


def test_what_is_certified_is_the_users_function(finished_pools):
    """Ours have their certificates."""
    found = rows(finished_pools / "results/tiny/operators/certificates.csv")
    assert {row["operator"] for row in found} == {"sharpened"}
    assert {row["basis"] for row in found} <= {"no violation found", "counterexample"}


def test_the_study_of_pools_has_the_framework_in_its_report(finished_pools):
    results = finished_pools / "results/tiny/studies/main"
    swept = [
        (row["dissenter"], row["operator"], row["weight"])
        for row in rows(results / "tables/attenuation_students.csv")
    ]
    # Of two teachers' weights the second varies as the first does; at 1 each is alone.
    assert swept == [
        (name, "linear-pool", weight)
        for name in ("cnn", "bert")
        for weight in ("0.25", "0.75", "1.0")
    ]
    claims = {row["claim"]: row["verdict"] for row in rows(results / "tables/framework.csv")}
    # Two seeds decide nothing.
    assert claims["a student learns the attenuated mass"] == "undecidable here"
    page = (results / "report.html").read_text()
    for words in ("The framework&#39;s claims", "Every claim", "my_pools.py:sharpened_pool"):
        assert words in page or words.replace("&#39;", "'") in page, words
    assert (results / "tables/latex/framework.tex").exists()


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
