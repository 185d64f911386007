"""Metrics against scikit-learn and by hand, their contributions, and a metric of one's own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import (
    balanced_accuracy_score,
    brier_score_loss,
    log_loss,
    matthews_corrcoef,
    roc_auc_score,
)

from mtkd.analysis.statistics.paired import crossed_difference
from mtkd.errors import InputError
from mtkd.metrics import by_example, evaluated, names
from mtkd.metrics.by_example import contributions, metric_values, taken
from mtkd.metrics.names import (
    Declared,
    check_metric,
    declared,
    metric_label,
    metric_names,
    metric_title,
)
from mtkd.metrics.scores import score, try_metric

NEW = ("matthews_correlation", "balanced_accuracy", "log_loss", "brier", "auroc")


def by_sklearn(metric: str, logits: np.ndarray, labels: np.ndarray) -> float:
    p, every = softmax(logits, axis=1), list(range(logits.shape[1]))
    match metric:
        case "matthews_correlation":
            return matthews_corrcoef(labels, logits.argmax(axis=1))
        case "balanced_accuracy":
            known = np.isin(logits.argmax(axis=1), labels)  # else it warns of a class not in labels
            recalls = [np.mean(logits.argmax(axis=1)[labels == c] == c) for c in np.unique(labels)]
            if known.all():
                assert np.mean(recalls) == pytest.approx(
                    balanced_accuracy_score(labels, logits.argmax(axis=1))
                )
            return float(np.mean(recalls))
        case "log_loss":
            return log_loss(labels, y_proba=p, labels=every)
        case "brier":
            return brier_score_loss(labels, p, labels=every, scale_by_half=False)
        case "auroc":
            return roc_auc_score(labels, p[:, 1])


def drawn(random, classes: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits [2, n, classes] with ties, and labels [n] with every class, the first two twice."""
    logits = np.array(
        [[[random.randrange(4) for _ in range(classes)] for _ in range(n)]] * 2, float
    )
    logits[1] = np.roll(logits[1], 1, axis=0)
    labels = [*range(classes), 0, 1, *(random.randrange(classes) for _ in range(n - classes - 2))]
    return logits, np.array(labels)


@pytest.mark.filterwarnings("ignore:A single label was found")
@settings(deadline=None, max_examples=25)
@given(st.sampled_from(NEW), st.integers(2, 4), st.integers(6, 14), st.randoms())
def test_values_are_scikit_learns_and_contributions_the_jackknifes(metric, classes, n, random):
    classes = declared(metric).classes or classes
    logits, labels = drawn(random, classes, n)
    outputs = taken(logits, metric)
    value, parts = contributions(outputs, labels, metric, classes)
    np.testing.assert_array_equal(value, metric_values(outputs, labels, metric, classes))
    for run in range(2):
        whole = by_sklearn(metric, logits[run], labels)
        assert value[run] == pytest.approx(whole, abs=1e-12)
        if metric == "auroc":
            continue  # whose contributions are placements, below
        for i in range(n):
            kept = np.arange(n) != i
            without = by_sklearn(metric, logits[run, kept], labels[kept])
            assert parts[run, i] == pytest.approx(n * whole - (n - 1) * without, abs=1e-9)


P = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.8, 0.2]])  # predicts 0 1 1 0
LABELS = np.array([0, 1, 0, 1])


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("matthews_correlation", 0.0),  # one of each kind
        ("balanced_accuracy", 0.5),
        ("log_loss", -np.log([0.9, 0.6, 0.3, 0.2]).mean()),
        ("brier", 2 * np.mean([0.1**2, 0.4**2, 0.7**2, 0.8**2])),
        ("auroc", 2 / 4),  # of the pairs (0.6, 0.2) against (0.1, 0.7) two are in order
    ],
)
def test_values_by_hand(metric, value):
    assert score(np.log(P), LABELS, [metric]) == {metric: pytest.approx(value, abs=1e-12)}


def test_a_certain_mistake_has_the_loss_of_scikit_learn():
    eps = np.finfo(float).eps
    assert score(np.array([[0.0, 900.0]]), np.array([0]), ["log_loss"]) == {
        "log_loss": pytest.approx(-np.log(eps))
    }
    assert score(np.array([[0.0, 900.0]]), np.array([1]), ["log_loss"])["log_loss"] >= 0


def test_matthews_is_0_where_one_answer_or_one_label_is_all_there_is():
    one = np.zeros((1, 4), int)
    assert metric_values(one, LABELS, "matthews_correlation", 2) == 0
    assert metric_values(LABELS[None], one[0], "matthews_correlation", 2) == 0
    assert metric_values(1 - LABELS[None], LABELS, "matthews_correlation", 2) == -1


def test_auroc_has_the_variance_of_delong():
    """S10 / m + S01 / n, from every pair of examples of the two classes."""
    rng = np.random.default_rng(0)
    labels = (rng.random(60) < 0.3).astype(int)
    logits = rng.integers(6, size=(1, 60, 2)) + labels[None, :, None] * [0.0, 2.0]
    value, parts = contributions(taken(logits, "auroc"), labels, "auroc", 2)
    scores = taken(logits, "auroc")[0, :, 1]
    above, below = scores[labels == 1][:, None], scores[labels == 0][None]
    order = (above > below) + 0.5 * (above == below)
    assert value[0] == pytest.approx(order.mean())
    delong = order.mean(axis=1).var(ddof=1) / len(above)
    delong += order.mean(axis=0).var(ddof=1) / below.shape[1]
    found = crossed_difference(parts - 0.5)
    assert found.se**2 == pytest.approx(delong)
    assert found.estimate == pytest.approx(value[0] - 0.5)


def test_a_metric_without_a_value_is_refused_in_one_line():
    with pytest.raises(InputError, match=r"'auroc' has no value on these 4 examples.*\[4, 0\]"):
        score(P, np.zeros(4, int), ["auroc"])
    # Of a single one nothing says how much another would have changed.
    with pytest.raises(InputError, match=r"'auroc' has no value on these 4 examples.*\[3, 1\]"):
        score(P, np.array([0, 0, 1, 0]), ["auroc"])
    with pytest.raises(ValueError, match="'auroc' is for 2 labels, not 3; use one of accuracy, b"):
        check_metric("auroc", 3)


def test_what_is_shown_says_unit_and_direction():
    assert [metric_label(name) for name in ("f1", *NEW)] == [
        "f1 (%)", "matthews_correlation (×100)", "balanced_accuracy (%)", "log_loss ↓ (nats)",
        "brier ↓ (0 to 2)", "auroc (%)",
    ]  # fmt: skip
    assert [metric_title(name) for name in ("f1", "log_loss", "matthews_correlation")] == [
        "f1", "log_loss ↓, nats", "matthews_correlation, ×100",
    ]  # fmt: skip
    assert names.on_one_scale(["f1", "accuracy", "matthews_correlation"])
    assert names.on_one_scale(["log_loss", "log_loss"])
    assert not names.on_one_scale(["log_loss", "brier"])
    assert not names.on_one_scale(["log_loss", "accuracy"])


MODULE = '''"""Share of wrong predictions."""

import datasets
import evaluate
import numpy as np

_LABEL = datasets.Value("int64")


class ErrorRate(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description="", citation="",
            features=datasets.Features({"predictions": _LABEL, "references": _LABEL}),
        )

    def _compute(self, predictions, references):
        return {"error_rate": float(np.mean(np.not_equal(predictions, references)))}
'''
DEFINITION = '''"""Share of wrong predictions; less is better."""

GREATER_IS_BETTER = False


def by_example(predictions, labels):
    return (predictions != labels).astype(float)
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of a metric of one's own."""
    for module in (names, by_example, evaluated):
        monkeypatch.setattr(module, "METRICS_FOLDER", tmp_path)
    caches = (metric_names, declared, by_example._definition, evaluated._metric)
    for cached in caches:
        cached.cache_clear()
    (tmp_path / "error_rate").mkdir()
    (tmp_path / "error_rate/error_rate.py").write_text(MODULE)
    yield tmp_path / "error_rate"
    for cached in caches:
        cached.cache_clear()


PREDICTIONS = np.array([[0, 1, 1, 0, 2], [0, 1, 0, 1, 1]])
GOLD = np.array([0, 1, 0, 1, 2])


def test_a_metric_of_ones_own_is_one_folder(folder):
    (folder / "definition.py").write_text(DEFINITION)
    assert declared("error_rate").sign == -1 and metric_title("error_rate") == "error_rate ↓"
    value, parts = contributions(PREDICTIONS, GOLD, "error_rate", 3)
    np.testing.assert_allclose(value, [0.4, 0.2])
    np.testing.assert_array_equal(parts, PREDICTIONS != GOLD)


def test_a_module_alone_has_the_jackknife(folder):
    value, parts = contributions(PREDICTIONS, GOLD, "error_rate", 3)
    np.testing.assert_allclose(value, [0.4, 0.2])
    np.testing.assert_allclose(parts, (PREDICTIONS != GOLD).astype(float), atol=1e-12)
    assert score(np.eye(3)[GOLD], GOLD, ["error_rate"]) == {"error_rate": 0.0}


def test_contributions_of_another_shape_are_found_before_anything_is_trained(folder):
    bad = DEFINITION.replace(".astype(float)", ".mean(axis=1, keepdims=True)")
    (folder / "definition.py").write_text(bad)
    with pytest.raises(InputError, match=r"'error_rate': its contributions .* shape \[1, 1\]"):
        try_metric(GOLD, 3, "error_rate")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("GREATER_IS", "GREATR_IS", "GREATR_IS_BETTER is nothing that is declared here; known: GR"),
        ("= False", ": bool = bool(0)", "GREATER_IS_BETTER must be written out"),
        ("_BETTER = False", "_BETTR: bool = False", "GREATER_IS_BETTR is nothing that is declared"),
        ("= False", "= 0", "GREATER_IS_BETTER is 0, which is no bool"),
        ("= False", ': bool = "False"', "GREATER_IS_BETTER is 'False', which is no bool"),
        ("= False", "= False\nCLASSES = True", "CLASSES is True, which is no int"),
        ("= False", "= False\nCLASSES = '2'", "CLASSES is '2', which is no int"),
        ("= False", "= False\nUNIT: str = 1", "UNIT is 1, which is no str"),
        ("= False", "= False\nTAKES = 'logits'", "TAKES is 'logits': predictions or prob"),
        ("def by_example", "TAKES = 'probabilities'\ndef of", "define one of by_example, of_c"),
    ],
)
def test_a_declaration_that_says_nothing_is_refused_when_it_is_read(folder, old, new, message):
    (folder / "definition.py").write_text(DEFINITION.replace(old, new))
    with pytest.raises(InputError, match=message):
        declared("error_rate")


@pytest.mark.parametrize(
    "more",
    [
        "GREATER_IS_BETTER: bool = False",
        # Without a value it declares nothing; the file's own may be anything.
        "GREATER_IS_BETTER = False\nUNIT: str\n_SHARES = dict(a=1)\nshares = []",
    ],
)
def test_declarations_may_be_annotated(folder, more):
    (folder / "definition.py").write_text(DEFINITION.replace("GREATER_IS_BETTER = False", more))
    assert declared("error_rate") == Declared(greater_is_better=False, function="by_example")


def test_every_pair_of_label_and_prediction_has_its_value():
    """More pairs than are left out at once."""
    pairs = np.array(list(itertools.product(range(9), repeat=2)))
    labels, predictions = pairs[:, 0], pairs[None, :, 1]
    value, parts = contributions(predictions, labels, "macro_f1", 9)
    kept = np.arange(81) != 80
    without = metric_values(predictions[:, kept], labels[kept], "macro_f1", 9)
    assert parts[0, 80] == pytest.approx((81 * value - 80 * without)[0])
