"""Axioms as predicates, under hypothesis; certificates: proofs hold, known violations are found."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text
from scipy.optimize import linprog

from mtkd.figures.certificates import INKS, certificates_figure
from mtkd.framework import certificates
from mtkd.framework.axioms import AXIOMS, CLAIMS, off_hull
from mtkd.framework.certificates import COLUMNS, PROOFS, certificate_table, violation
from mtkd.fusion.operators import OPERATORS, power_mean

few = settings(max_examples=20)

DOCS = Path(__file__).parents[2] / "docs" / "operators.md"


@pytest.fixture(scope="module")
def table():
    """All of the table, from a search of fewer shapes, with less climbing."""
    with pytest.MonkeyPatch.context() as shorter:
        shorter.setattr(certificates, "SHAPES", ((1, 2), (2, 2), (3, 2), (2, 3), (3, 3), (5, 5)))
        shorter.setattr(certificates, "CLIMBERS", 3)
        shorter.setattr(certificates, "CLIMBS", 3)
        return certificate_table(tries=300)


def shares(shape):
    """Distributions over the last axis, with ties, zeros and small probabilities."""
    round_values = st.sampled_from([0.0, 0.001, 0.1, 0.2, 0.3, 0.5, 1.0])
    raw = arrays(float, shape, elements=round_values | st.floats(0.001, 1))
    return raw.map(lambda x: np.where(x.sum(-1, keepdims=True) > 0, x, 1)).map(
        lambda x: x / x.sum(-1, keepdims=True)
    )


inputs = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(2, 4)).flatmap(
    lambda shape: st.tuples(shares(shape), shares((shape[1], shape[0])))
)


def log(p):
    with np.errstate(divide="ignore"):
        return np.log(p)


@pytest.mark.parametrize("name", OPERATORS)
@few
@given(case=inputs)
def test_what_is_proved_holds(name, case):
    p, weights = case
    for axiom, reading in AXIOMS:
        if (name, axiom, reading) in PROOFS:
            predicate, tolerance, statement = AXIOMS[axiom, reading]
            excess = predicate(OPERATORS[name], log(p), weights)
            assert (excess <= tolerance).all(), f"{axiom}: {statement}"


@pytest.mark.parametrize("exponent", [-2.5, 0, 0.3, 1])
@few
@given(case=inputs)
def test_power_means_up_to_the_first_are_no_worse_than_the_worst_teacher(exponent, case):
    predicate, tolerance, _ = AXIOMS["log-loss", "weak"]
    operator = partial(power_mean, exponent=exponent)
    assert (predicate(operator, log(case[0]), case[1]) <= tolerance).all()


@few
@given(case=inputs)
def test_distance_to_the_hull_is_zero_where_linear_programming_finds_a_mixture(case):
    p, weights = case
    excess = off_hull(OPERATORS["log-linear-pool"], log(p), weights)
    q = OPERATORS["log-linear-pool"](log(p), weights)
    for n in range(p.shape[1]):
        teachers = p[weights[n] > 0, n]
        system = np.vstack([teachers.T, np.ones(len(teachers))])
        found = linprog(np.zeros(len(teachers)), A_eq=system, b_eq=np.append(q[n], 1.0))
        if excess[n] > 1e-4:
            assert found.status == 2
        elif excess[n] < 1e-9:
            assert found.status == 0


def test_the_table_has_a_row_for_every_operator_and_reading(table):
    assert tuple(table.columns) == COLUMNS
    rows = list(zip(table.operator, table.axiom, table.reading, strict=True))
    assert rows == [(name, *reading) for name in OPERATORS for reading in AXIOMS]
    assert set(table.verdict) == {"holds", "violated"}
    assert ((table.basis == "counterexample") == (table.verdict == "violated")).all()
    assert ((table.reference != "") == (table.basis == "proved")).all()
    assert (table.tries > 0).all()


def test_every_counterexample_can_be_replayed(table):
    violated = table[table.verdict == "violated"]
    for row in violated.itertuples():
        found = violation(row.operator, row.axiom, row.reading, row.counterexample)
        assert found == pytest.approx(row.violation, rel=1e-6)
        assert found > AXIOMS[row.axiom, row.reading].tolerance
        case = json.loads(row.counterexample)
        assert np.asarray(case["p"]).sum(axis=1) == pytest.approx(1)
        assert sum(case["weights"]) == pytest.approx(1)


def test_a_strong_reading_implies_its_weak_one(table):
    verdicts = table.pivot(index=["operator", "axiom"], columns="reading", values="verdict")
    assert not ((verdicts.strong == "holds") & (verdicts.weak == "violated")).any()


VIOLATED = [
    # Chosen and voted: a tie moves the whole mass.
    ("best-per-sample", "continuity", "weak"),
    ("majority-vote", "continuity", "weak"),
    ("majority-vote", "positivity", "weak"),
    ("random-teacher", "continuity", "strong"),
    ("dictator", "continuity", "strong"),
    # A veto.
    ("log-linear-pool", "positivity", "strong"),
    ("log-linear-pool", "continuity", "strong"),
    ("harmonic-pool", "positivity", "strong"),
    # Softening the pool is not pooling the softened.
    ("linear-pool", "temperature coherence", "strong"),
    ("linear-pool", "entropy in T", "strong"),
    # Normalising raises what the mean of logits agrees on above every teacher.
    ("log-linear-pool", "convexity preservation", "strong"),
    ("log-linear-pool", "attenuation", "weak"),
    ("trimmed-mean", "continuity", "strong"),
    ("best-per-sample", "log-loss", "strong"),
]


@pytest.mark.parametrize("known", VIOLATED, ids=" ".join)
def test_known_violations_are_found(known, table):
    row = table.set_index(["operator", "axiom", "reading"]).loc[known]
    assert row.verdict == "violated"


def test_counterexamples_are_small(table):
    rows = table.set_index(["operator", "axiom", "reading"]).counterexample

    def shape(*key):
        return np.shape(json.loads(rows.loc[key])["p"])

    assert shape("majority-vote", "continuity", "weak") == (1, 2)
    assert shape("linear-pool", "temperature coherence", "strong") == (2, 2)
    # Two classes are one dimension, where every mean lies between the teachers.
    assert shape("log-linear-pool", "convexity preservation", "strong") == (2, 3)


def test_the_log_linear_pool_exceeds_every_teacher_by_hand():
    p = np.array([[0.5, 0.45, 0.05], [0.5, 0.05, 0.45]])
    root = np.sqrt(0.45 * 0.05)
    expected = 0.5 / (0.5 + 2 * root) - 0.5
    case = json.dumps({"p": p.tolist(), "weights": [0.5, 0.5]})
    assert violation("log-linear-pool", "attenuation", "weak", case) == pytest.approx(expected)
    assert expected > 0.1


def test_the_linear_pools_entropy_falls_by_hand():
    # Cold, the votes are .3 to .7; at T = 1 both favour class 0 in sum, by more.
    case = json.dumps({"p": [[0.4, 0.6], [0.9, 0.1]], "weights": [0.3, 0.7]})
    assert violation("linear-pool", "entropy in T", "strong", case) > 0.05


def test_a_new_operator_gets_its_certificate_by_being_registered(monkeypatch):
    monkeypatch.setitem(OPERATORS, "unnormalised", lambda log_p, w: np.exp(log_p).sum(axis=0))
    table = certificate_table({"unnormalised": OPERATORS["unnormalised"]}, tries=100)
    first = table.iloc[0]
    assert (first.axiom, first.reading, first.verdict) == (
        "convexity preservation",
        "weak",
        "violated",
    )
    assert len(table) == len(AXIOMS)


def test_a_contradicted_proof_is_an_error(monkeypatch):
    monkeypatch.setitem(PROOFS, ("majority-vote", "positivity", "weak"), "P0")
    with pytest.raises(ValueError, match=r"majority-vote, positivity \(weak\): P0"):
        certificate_table({"majority-vote": OPERATORS["majority-vote"]}, tries=100)


def test_the_search_depends_on_its_seed_alone(monkeypatch):
    monkeypatch.setattr(certificates, "SHAPES", ((2, 2), (3, 3)))
    first = certificate_table({"median": OPERATORS["median"]}, tries=100, seed=3)
    assert first.equals(certificate_table({"median": OPERATORS["median"]}, tries=100, seed=3))


def test_every_proof_and_reading_is_in_the_documentation():
    text = DOCS.read_text(encoding="utf-8")
    for paragraph in {reference.split(", ")[1] for reference in PROOFS.values()}:
        assert f"**{paragraph}.**" in text
    for name in OPERATORS:
        assert f"`{name}`" in text
    for axiom in AXIOMS.values():
        assert axiom.statement in " ".join(text.split())
    assert {name for name, _, _ in PROOFS} <= set(OPERATORS)
    assert {key[1:] for key in PROOFS} <= set(AXIOMS)


def test_the_figure_says_what_the_table_says(table):
    figure = certificates_figure(table)
    axis = figure.axes[0]
    papers = [to_hex(patch.get_facecolor()).upper() for patch in axis.patches]
    assert papers == [INKS[basis][0] for basis in table.basis]
    marks = [text.get_text() for text in axis.texts[: len(table)]]
    assert [mark not in ("✓", "○") for mark in marks] == list(table.verdict == "violated")
    assert marks[list(AXIOMS).index(("temperature coherence", "strong"))] == "2×2"
    assert {axiom for axiom, _ in AXIOMS} > set(CLAIMS)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    for text in figure.findobj(Text):
        if text.get_text():
            box = text.get_window_extent()
            assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
