"""Pooling operators as strategies, and a user's own: what is checked, and how it is refused."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.special import softmax

from mtkd.config.load import validate_suite
from mtkd.config.schema import POOLS
from mtkd.errors import InputError
from mtkd.fusion.operators import OPERATORS, fuse
from mtkd.fusion.pools import find_operator, pooled_logits
from mtkd.fusion.strategies import average
from mtkd.fusion.targets import fuse_teachers
from mtkd.records.teachers import TeacherLogits, Teachers
from mtkd.study.code import function_digest
from mtkd.study.recipes import recipe
from mtkd.study.settings import own_operators

ROOT = Path(__file__).parents[2]
# A suite to change: the first embedded one.
FIRST = ROOT / "tests/fixtures/first_embedded/suite.yaml"
TEACHERS = ["a", "b", "c"]
OWN = "import numpy as np\n\n\ndef pool(log_p, weights):\n    {body}\n"


def logits(n=50, classes=3):
    return np.random.default_rng(0).normal(0, 2, (3, n, classes)).astype(np.float32)


def soft_labels(definition, z, T):
    fused = pooled_logits(definition, TEACHERS, z, T)
    assert fused.dtype == np.float32 and np.isfinite(fused).all()
    return softmax(fused.astype(float) / T, axis=-1)


@pytest.mark.parametrize("name", POOLS)
def test_soft_labels_at_T_are_the_operators_pool_at_T(name):
    z = logits()
    for T in (1.0, 6.0):
        expected = fuse(name, z, T=T)
        np.testing.assert_allclose(soft_labels({"operator": name}, z, T), expected, atol=1e-6)


def test_the_strategies_by_name_are_the_registered_operators():
    # best-per-sample is a strategy of its own, and a draw per step has no cached soft labels.
    assert set(POOLS) == set(OPERATORS) - {"best-per-sample", "random-teacher"}


def test_the_log_linear_pool_is_the_average_of_logits():
    z = logits()
    expected = softmax(average(z).astype(float) / 4, axis=-1)
    np.testing.assert_allclose(
        soft_labels({"operator": "log-linear-pool"}, z, 4.0), expected, atol=1e-6
    )


def test_weights_and_temperatures_of_ones_own():
    z = logits()
    definition = {
        "operator": "linear-pool",
        "weights": {"c": 0.5, "a": 0.25, "b": 0.25},
        "T": {"b": "1"},
    }
    own = [softmax(z[k].astype(float) / T, axis=-1) for k, T in enumerate((4, 1, 4))]
    expected = 0.25 * own[0] + 0.25 * own[1] + 0.5 * own[2]
    np.testing.assert_allclose(soft_labels(definition, z, 4.0), expected, atol=1e-6)


def test_a_class_that_is_ruled_out_stays_out():
    q = soft_labels({"operator": "majority-vote"}, logits(), 9.0)
    assert set(np.unique(q.round(9))) == {0.0, 1.0}


def blocks():
    """The documentation's own operator and its config, by what they are."""
    text = (ROOT / "docs/operators.md").read_text()
    return dict(re.findall(r"<!-- own operator: (.*?) -->\n```\w+\n(.*?)```", text, re.DOTALL))


def test_the_documented_ten_lines_work(tmp_path, monkeypatch):
    code, config = blocks()["file my_pools.py"], blocks()["config"]
    assert len(code.splitlines() + config.splitlines()) <= 10
    (tmp_path / "my_pools.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    suite = yaml.safe_load(FIRST.read_text())
    suite["strategies"] |= yaml.safe_load(config)["strategies"]
    arm = {"strategy": "sharpened", "teachers": ["textcnn", "bert"]}
    suite["studies"]["main"]["arms"] = [arm]
    suite = validate_suite(suite, "embedded.yaml")
    assert own_operators(suite) == ["sharpened"]
    z = logits()[:2]
    runs = {
        (name, "1"): TeacherLogits(name, own, 0.8, "m", "d", [])
        for name, own in zip(arm["teachers"], z, strict=True)
    }
    axes = {"strategy": "sharpened", "teachers": "textcnn+bert", "seed": "1", "T": "2"}
    fused = fuse_teachers(axes, recipe(suite, "sharpened"), Teachers(runs, "1"), {})
    squared = fuse("linear-pool", z, T=2.0) ** 2
    expected = squared / squared.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(softmax(fused / 2, axis=-1), expected, atol=1e-6)


def test_a_function_of_an_installed_module_is_found():
    assert find_operator("mtkd.fusion.operators:linear_pool")
    assert function_digest("mtkd.fusion.operators:linear_pool")["code"]
    assert function_digest("linear-pool") == {}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return np.exp(log_p).sum(axis=0)", "which is no distribution, for teachers"),
        ("return np.exp(log_p[0]) * np.nan", "which is no distribution"),
        ("return weights", r"returned \[50, 3\], not \[50, 4\]"),
        ("return 1 / 0", "ZeroDivisionError in line 5"),
    ],
)
def test_an_operator_that_gives_no_distributions_is_named(tmp_path, monkeypatch, body, words):
    (tmp_path / "own.py").write_text(OWN.format(body=body))
    monkeypatch.chdir(tmp_path)
    find_operator.cache_clear()
    with pytest.raises(ValueError, match=words) as caught:
        pooled_logits({"operator": "own.py:pool"}, TEACHERS, logits(classes=4), 2.0)
    assert "own.py:pool" in str(caught.value) and "\n" not in str(caught.value)


def test_a_function_that_is_not_there_is_refused_before_any_job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text, spec, words in (
        (None, "absent.py:pool", "No such file"),
        ("def other(): pass", "own.py:pool", "own.py defines no pool"),
        ("def pool(:", "broken.py:pool", "invalid syntax"),
        (None, "no_such_package.pools:pool", "no_such_package"),
    ):
        if text:
            (tmp_path / spec.split(":")[0]).write_text(text)
        with pytest.raises(InputError, match=words) as caught:
            function_digest(spec)
        assert "\n" not in str(caught.value)


def test_only_the_files_own_code_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    digests = []
    for text in (
        "def pool(): return 1",
        "# why\ndef pool():\n    return 1",
        "def pool(): return 2",
    ):
        (tmp_path / f"own{len(digests)}.py").write_text(text)
        digests.append(function_digest(f"own{len(digests)}.py:pool")["code"])
    assert digests[0] == digests[1] != digests[2]
