"""Measures of agreement, failures, fidelity and closeness: by hand, and what must always hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.special import log_softmax, softmax

from mtkd.analysis.measures import agreement, failures
from mtkd.analysis.measures.confidence import confidence
from mtkd.analysis.measures.divergences import distributions, kl_divergence
from mtkd.analysis.measures.fidelity import fidelity
from mtkd.analysis.measures.human import human_closeness

logit = st.floats(-30, 30)


@st.composite
def votes(draw):
    """Teachers' predictions [K, N], students' [S, N] and labels [N] in 2 to 4 classes."""
    K, S, N = draw(st.integers(1, 5)), draw(st.integers(1, 3)), draw(st.integers(1, 12))
    classes = st.integers(0, draw(st.integers(1, 3)))
    return tuple(
        draw(arrays(np.int64, shape, elements=classes)) for shape in ((K, N), (S, N), (N,))
    )


@st.composite
def two_rows_of_logits(draw):
    shape = (draw(st.integers(1, 6)), draw(st.integers(2, 4)))
    return draw(arrays(np.float64, shape, elements=logit)), draw(
        arrays(np.float64, shape, elements=logit)
    )


def test_regions_by_hand():
    three = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 2]])
    assert agreement.regions(three).tolist() == ["all agree", "partial", "full disagreement"]


def test_two_teachers_that_differ_disagree_fully():
    assert agreement.regions(np.array([[0, 0], [0, 1]])).tolist() == [
        "all agree",
        "full disagreement",
    ]


def test_one_teacher_always_agrees():
    assert set(agreement.regions(np.array([[0, 1, 2]]))) == {"all agree"}


@given(votes())
def test_regions_count_distinct_predictions(drawn):
    teachers, _, _ = drawn
    for n, region in enumerate(agreement.regions(teachers)):
        distinct = len(set(teachers[:, n].tolist()))
        if region == "partial":
            assert 1 < distinct < len(teachers)
        else:
            assert distinct == (1 if region == "all agree" else len(teachers))


def test_accuracy_by_region_by_hand():
    region = np.array(["all agree", "partial", "all agree", "partial"])
    labels = np.array([0, 1, 0, 1])
    found = agreement.accuracy_by_region(np.array([[0, 1, 1, 1], [0, 0, 0, 0]]), labels, region)
    assert tuple(found) == agreement.REGIONS
    assert found["all agree"].accuracy.tolist() == [0.5, 1.0]
    assert found["partial"].accuracy.tolist() == [1.0, 0.0]
    assert found["partial"][:2] == (2, 0.5)
    assert found["full disagreement"] == (0, 0.0, None)


@given(votes())
def test_accuracies_weighted_by_share_are_the_accuracy(drawn):
    teachers, students, labels = drawn
    found = agreement.accuracy_by_region(students, labels, agreement.regions(teachers)).values()
    total = sum(part.share * part.accuracy for part in found if part.n)
    np.testing.assert_allclose(total, (students == labels).mean(axis=1))
    assert sum(part.n for part in found) == len(labels)


def test_agreement_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="teachers, examples"):
        agreement.regions(np.array([0, 1]))
    with pytest.raises(ValueError, match="do not fit"):
        agreement.accuracy_by_region(np.zeros((1, 3)), np.zeros(2), np.array(["partial"] * 2))
    with pytest.raises(ValueError, match="region"):
        agreement.accuracy_by_region(np.zeros((1, 2)), np.zeros(2), np.array(["a", "b"]))
    with pytest.raises(ValueError, match="region"):
        agreement.accuracy_by_region(np.zeros((1, 0)), np.zeros(0), np.array([], dtype=str))


@pytest.mark.parametrize(
    ("teachers", "expected"),
    [
        ([1, 1, 1], "a"),
        ([1, 1, 2], "b"),
        ([1, 2, 3], "b"),
        ([0, 0, 0], "c"),
        ([0, 0, 1], "d"),
        ([0, 1, 1], "e"),
        ([0, 1, 2], "e"),
        ([0, 0, 1, 1], "e"),
        ([0, 0, 1, 2], "d"),
        ([0, 0, 1, 1, 2], "e"),
        ([1], "a"),
        ([0], "c"),
        ([0, 1], "e"),
    ],
)
def test_failure_regions_by_hand(teachers, expected):
    found = failures.failure_regions(np.array(teachers)[:, None], np.array([0]))
    assert found.tolist() == [expected]


@given(votes())
def test_failures_are_a_partition_and_the_categories_overlap(drawn):
    teachers, students, labels = drawn
    region = failures.failure_regions(teachers, labels)
    parts = failures.errors_by_region(students, labels, region)
    categories = failures.errors_by_category(students, labels, region)
    errors = (students != labels).sum(axis=1)
    assert sum(part.n for part in parts.values()) == len(labels)
    assert (sum(part.errors for part in parts.values()) == errors).all()
    assert (categories["1"].errors + categories["2"].errors == errors).all()
    disagree = agreement.regions(teachers) != "all agree"
    np.testing.assert_array_equal(
        categories["3"].errors, ((students != labels) & disagree).sum(axis=1)
    )
    np.testing.assert_array_equal(
        categories["3"].errors, sum(parts[key].errors for key in ("b", "d", "e"))
    )
    for part in [*parts.values(), *categories.values()]:
        if part.n:
            np.testing.assert_allclose(part.rate * part.n, part.errors)
            assert ((part.rate >= 0) & (part.rate <= 1)).all()
        else:
            assert part.rate is None and not part.errors.any()


def test_published_category_three_counts_errors_twice():
    # One error where all teachers are wrong and split: in 1 and in 3.
    region = failures.failure_regions(np.array([[1], [2]]), np.array([0]))
    found = failures.errors_by_category(np.array([[1]]), np.array([0]), region)
    assert [found[key].errors.tolist() for key in "123"] == [[1], [0], [1]]
    assert found["3"].rate.tolist() == [1.0]


def test_rates_are_per_example_of_the_region():
    teachers, labels = np.array([[0, 0, 0, 0, 1]]), np.zeros(5, dtype=int)
    region = failures.failure_regions(teachers, labels)
    found = failures.errors_by_region(np.array([[1, 0, 0, 0, 1]]), labels, region)
    assert found["c"].rate.tolist() == [0.25] and found["a"].rate.tolist() == [1.0]


def test_failures_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match="rows, N"):
        failures.failure_regions(np.zeros((2, 3)), np.zeros(2))
    with pytest.raises(ValueError, match="region"):
        failures.errors_by_region(np.zeros((1, 1)), np.zeros(1), np.array(["partial"]))


@pytest.mark.parametrize(("T", "expected"), [(1, 0.992), (3, 0.83), (6, 0.69), (9, 0.63)])
def test_a_near_certain_teacher_is_soft_at_the_temperatures_students_learn_from(T, expected):
    logits = np.array([[np.log(0.992 / 0.008), 0.0]], dtype=np.float32)
    found = confidence(logits, T)
    assert found.max_probability == pytest.approx(expected, abs=5e-3)
    p = found.max_probability
    assert found.entropy == pytest.approx(stats.bernoulli(p).entropy(), abs=1e-9)
    assert found.high == (T == 1)


def test_confidence_of_the_extremes():
    assert confidence(np.zeros((2, 4)), 1) == pytest.approx((0.25, np.log(4), 0))
    assert confidence(np.array([[1e6, 0.0]]), 1) == (1, 0, 1)


@pytest.mark.parametrize(("shape", "T"), [((0, 2), 1), ((3,), 1), ((3, 2), 0)])
def test_confidence_refuses(shape, T):
    with pytest.raises(ValueError):
        confidence(np.zeros(shape), T)


@given(two_rows_of_logits())
def test_kl_is_scipys(drawn):
    first, second = drawn
    p, log_q = softmax(first, axis=1), log_softmax(second, axis=1)
    expected = stats.entropy(p, np.exp(log_q), axis=1)
    np.testing.assert_allclose(kl_divergence(p, log_q), expected, atol=1e-9)


def test_kl_with_zeros():
    p = np.array([[1.0, 0.0]])
    assert kl_divergence(p, np.array([[0.0, -np.inf]])).tolist() == [0]
    assert kl_divergence(p, np.array([[-2000.0, 0.0]])).tolist() == [2000]
    assert kl_divergence(p, np.array([[-np.inf, 0.0]])).tolist() == [np.inf]


@pytest.mark.parametrize("row", [[0.5, 0.6], [-0.1, 1.1], [np.nan, 1.0], [np.inf, 0.0]])
def test_distributions_refuse(row):
    with pytest.raises(ValueError, match="distribution"):
        distributions(np.array([row]))


@given(two_rows_of_logits(), st.floats(0.5, 10))
def test_fidelity_against_its_definition(drawn, T):
    student, fused = drawn
    q = softmax(fused / T, axis=1)
    found = fidelity(student, q, T)
    assert found.kl == pytest.approx(
        stats.entropy(q, softmax(student / T, axis=1), axis=1), abs=1e-9
    )
    assert (found.agreement == (student.argmax(axis=1) == q.argmax(axis=1))).all()


def test_a_perfect_student_is_faithful_at_single_precision():
    logits = np.array([[2.0, -1.0, 0.5]], dtype=np.float32)
    agreement_, kl = fidelity(logits, softmax(logits / 6, axis=1), 6)
    assert agreement_ == 1 and 0 <= kl < 1e-12


def test_fidelity_refuses():
    q = np.array([[0.5, 0.5]])
    with pytest.raises(ValueError, match="N, C"):
        fidelity(np.zeros((1, 3)), q, 1)
    with pytest.raises(ValueError, match="finite"):
        fidelity(np.array([[np.inf, 0.0]]), q, 1)
    with pytest.raises(ValueError, match="temperature"):
        fidelity(np.zeros((1, 2)), q, 0)


@given(two_rows_of_logits())
def test_human_closeness_against_scipy(drawn):
    first, second = drawn
    h, q = softmax(first, axis=1), softmax(second, axis=1)
    found = human_closeness(h, second)
    assert found.kl == pytest.approx(np.mean(stats.entropy(h, q, axis=1)), abs=1e-9)
    middle = (h + q) / 2
    jsd = (stats.entropy(h, middle, axis=1) + stats.entropy(q, middle, axis=1)).mean() / 2
    assert found.jsd == pytest.approx(jsd, abs=1e-9)
    assert found.total_variation == pytest.approx(np.mean(np.abs(h - q).sum(axis=1)) / 2)
    assert 0 <= found.jsd <= np.log(2) + 1e-12 and 0 <= found.total_variation <= 1 + 1e-12


def test_human_entropies_correlate():
    h = np.array([[0.5, 0.5], [0.8, 0.2], [1.0, 0.0]])
    found = human_closeness(h, np.array([[0.1, 0.0], [2.0, 0.0], [9.0, 0.0]]))
    assert found.spearman == pytest.approx(1) and 0.9 < found.pearson <= 1
    opposite = human_closeness(h, np.array([[9.0, 0.0], [2.0, 0.0], [0.1, 0.0]]))
    assert opposite.spearman == pytest.approx(-1)


def test_constant_entropies_have_no_correlation():
    # The same three numbers in other orders: equal entropies but for the last digits.
    h = np.array([[0.7, 0.2, 0.1], [0.1, 0.7, 0.2], [0.2, 0.1, 0.7]])
    found = human_closeness(h, np.array([[1.0, 0, 0], [5.0, 0, 0], [9.0, 0, 0]]))
    assert found.pearson is None and found.spearman is None


def test_human_closeness_of_a_class_no_rater_chose_or_the_student_rules_out():
    found = human_closeness(np.array([[1.0, 0.0]]), np.array([[0.0, 2000.0]]))
    assert found == pytest.approx((2000, 1, np.log(2), None, None))


def test_human_closeness_refuses():
    h = np.array([[0.5, 0.5]])
    for shares, logits in [
        (h, np.zeros((1, 3))),
        (h, np.array([[0.0, -np.inf]])),
        (h * 2, np.zeros((1, 2))),
    ]:
        with pytest.raises(ValueError):
            human_closeness(shares, logits)
