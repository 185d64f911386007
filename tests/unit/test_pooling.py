"""The framework's experiments: identities by hand, bounds that hold or break, verdicts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from scipy.special import log_softmax, softmax

from mtkd.analysis.measures.divergences import kl_divergence
from mtkd.figures import fusion_experiments
from mtkd.framework import claims as framework_claims
from mtkd.framework import objectives, pooling
from mtkd.framework.bias import SHIFT, bias_table
from mtkd.framework.claims import FAILS, HOLDS, UNDECIDABLE

DOCS = Path(__file__).parents[2] / "docs" / "operators.md"


def teachers(K=3, N=60, C=3, seed=0):
    """Logits [K, N, C] that share some of their errors."""
    rng = np.random.default_rng(seed)
    return 2 * rng.normal(size=(1, N, C)) + rng.normal(size=(K, N, C))


@pytest.fixture(scope="module", autouse=True)
def quick():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("REPLICATIONS", 3), ("DRAWS", 60), ("BOOTSTRAPS", 20)):
            patch.setattr(pooling, name, value)
        yield


@pytest.fixture(scope="module")
def tables():
    logits = teachers()[:, None]
    labels = logits[0, 0].argmax(axis=-1)
    simulated = pooling.simulate(pooling.centres(logits[:, 0], 4))
    return {
        "variance": pooling.variance_table("task", logits, np.eye(3)[labels], simulated),
        "scaling": pooling.scaling_table("task", simulated),
        "objectives": objectives.objectives_table("task", logits[:, 0], np.full(3, 1 / 3)),
        "attenuation": pooling.attenuation_table("task", logits[:, 0], labels),
        "bias": bias_table("task", logits[:, 0], np.eye(3)[labels]),
    }


def certificates():
    """As ``operators`` writes them: one proved, one violated, the rest searched in vain."""
    readings = [(axiom, "strong") for axiom in ("log-loss", "attenuation", "weight monotonicity")]
    rows = []
    for operator in pooling.POOLS:
        for axiom, reading in readings:
            row = {"operator": operator, "axiom": axiom, "reading": reading, "tries": 9}
            row |= {"verdict": "holds", "basis": "no violation found", "counterexample": ""}
            if operator == "linear-pool":
                row |= {"basis": "proved", "reference": "docs/operators.md, P10"}
            if operator == "median":
                row |= {"verdict": "violated", "basis": "counterexample", "counterexample": "{}"}
            rows.append(row)
    return pd.DataFrame(rows)


def test_laws_by_hand():
    # Variances 2 and 8, covariance 4 (perfectly correlated): the mean varies by (1 + 2)^2 / 4 * 2.
    laws = pooling.variance_laws(
        np.array([[0.0, 2.0], [0.0, 4.0]]), np.array([0.0, 3.0]), np.array([0.5, 0.5])
    )
    assert laws == (4.5, 2.5, 4.5, 5.0)


def test_w_sigma_w_is_the_linear_pools_variance_against_brute_force():
    rng = np.random.default_rng(1)
    log_p = pooling.noisy_members(rng.normal(size=(4, 3)), 3, 0.4, 50, rng)
    weights = np.array([0.2, 0.3, 0.5])
    p = np.exp(log_p)
    by_class = [np.cov(p[:, :, n, c]) for n in range(4) for c in range(3)]
    mixed = [np.var((weights @ p[:, :, n, c]), ddof=1) for n in range(4) for c in range(3)]
    q = np.exp(pooling.pooled("linear-pool", log_p, weights))
    laws = pooling.variance_laws(p, q, weights)
    assert np.allclose(pooling.mean_covariance(p), np.mean(by_class, axis=0))
    assert np.isclose(laws.variance, np.mean(mixed)) and np.isclose(laws.correlated, laws.variance)
    assert laws.variance < laws.mean_member


def test_the_log_linear_pool_is_linear_in_log_odds():
    rng = np.random.default_rng(2)
    log_p = pooling.noisy_members(rng.normal(size=(4, 4)), 3, 0.0, 50, rng)
    weights = np.array([0.2, 0.3, 0.5])
    log_q = pooling.pooled("log-linear-pool", log_p, weights)
    laws = pooling.variance_laws(pooling.log_odds(log_p), pooling.log_odds(log_q), weights)
    assert np.isclose(laws.variance, laws.correlated)


def test_simulated_members_have_the_errors_asked_for():
    rng = np.random.default_rng(3)
    log_p = pooling.noisy_members(np.zeros((1, 2)), 2, 0.6, 20000, rng)
    # The difference of two independent errors: twice the variance.
    covariance = pooling.mean_covariance(pooling.log_odds(log_p)) / 2
    assert np.allclose(np.sqrt(covariance.diagonal()), pooling.SIGMAS, rtol=0.03)
    assert np.isclose(covariance[0, 1] / np.prod(pooling.SIGMAS), 0.6, atol=0.03)


def test_exponents(tables):
    exponents = tables["scaling"].set_index(["quantity", "operator", "rho"]).exponent
    assert abs(exponents["probability", "linear-pool", 0.0] + 1) < 0.1
    assert abs(exponents["log-odds", "log-linear-pool", 0.0] + 1) < 0.1
    assert exponents["probability", "best-per-sample", 0.0] > 0
    assert exponents["probability", "linear-pool", 0.9] > -0.1


def test_examples_of_a_simulation_span_the_confidences():
    logits = np.array([[[4.0, 0], [0, 0], [2, 0], [1, 0]]])
    assert pooling.centres(logits, 2).tolist() == [[0, 0], [4, 0]]
    assert len(pooling.centres(logits, 9)) == 4


def test_seeds_of_teachers_are_draws():
    logits = teachers(K=6, N=5).reshape(3, 2, 5, 3)
    log_p = log_softmax(logits, axis=-1)
    row = pooling.seed_rows(log_p)[0]
    pool = np.exp(log_p).mean(axis=0)
    assert np.isclose(row["variance"], np.var(pool, axis=0, ddof=1).mean())
    assert pooling.seed_rows(log_p[:, :1]) == []


def test_the_gap_is_the_jensen_shannon_divergence_by_hand():
    # One-hot teachers at 1/2 each: log 2, whatever the student.
    targets, weights = np.eye(2)[:, None], np.array([0.5, 0.5])
    separate = objectives.Objective(targets, weights, np.ones(2))
    for v in ([[0.0, 0.0]], [[3.0, -1.0]], [[-9.0, 0.0]]):
        gap = separate.loss(np.array(v)) - objectives.mixture(targets, weights).loss(np.array(v))
        assert np.isclose(gap, np.log(2))


def test_gradients_are_the_losses_slopes():
    rng = np.random.default_rng(4)
    p, v = softmax(teachers(N=1), axis=-1), rng.normal(size=(1, 3))
    objective = objectives.Objective(p, np.array([0.5, 0.3, 0.2]), np.array([1.0, 2.0, 4.0]))
    for c, slope in enumerate(objective.gradient(v)[0]):
        step = 1e-6 * np.eye(3)[c]
        finite = (objective.loss(v + step) - objective.loss(v - step)) / 2e-6
        assert np.isclose(slope, finite[0], atol=1e-8)
    clipped = objectives.Objective(p[:1], np.ones(1), np.ones(1), 0.01)
    assert np.isclose(np.linalg.norm(clipped.gradient(v)), 0.01)


def test_objectives_part_where_they_should_and_nowhere_else(tables):
    table = tables["objectives"]
    for case in ("one T", "own T, teachers' side"):
        own = table[table.case == case]
        assert own[["gap_error", "gradient_difference", "apart_most"]].max().max() < 1e-12
    end = table[table.step == table.step.max()].set_index("case").apart
    assert (end[["own T, both sides", "weights times T²", "terms clipped"]] > 0.005).all()
    one = table[table.case == "one T"]
    assert (one.mixture.diff().dropna() <= 0).all() and one.mixture.iloc[-1] < 1e-5


def test_terms_scaled_by_t_squared_lead_to_another_mixture():
    logits, weights = teachers(N=8), np.full(3, 1 / 3)
    _, separate = objectives.cases(logits, weights)["weights times T²"]
    v = objectives.descend(separate, np.zeros((8, 3)), [2000])[-1]
    soft = softmax(logits / np.array([1.0, 2.0, 4.0])[:, None, None], axis=-1)
    assert np.allclose(softmax(v, axis=-1), np.tensordot([1, 4, 16], soft, axes=1) / 21)


def test_jensen_bound_is_the_linear_pools_alone():
    logits, weights = teachers(), np.full(3, 1 / 3)
    assert (objectives.least_gaps(logits, weights, "linear-pool") > 0).all()
    for operator in pooling.POOLS[1:]:
        assert objectives.least_gaps(logits, weights, operator).min() < 0
    p, log_s = softmax(logits, axis=-1), log_softmax(teachers(K=1, seed=5)[0], axis=-1)
    g = p[0]
    slow = weights @ kl_divergence(p, log_s) - kl_divergence(g, log_s)
    assert np.allclose(objectives._gap(p, weights, g, log_s), slow)


def test_the_dissenting_teacher_comes_first_and_loses_the_planted_class():
    # Label 0; class 1 is the wrong class that teacher 0 gives the most, and teacher 1 the least.
    logits = np.log([[[0.3, 0.6, 0.1]], [[0.8, 0.1, 0.1]], [[0.5, 0.2, 0.3]]])
    arranged, chosen = pooling.dissent(logits, np.array([0]))
    assert chosen.tolist() == [1] and np.allclose(arranged, logits[[1, 0, 2]])
    moved = pooling.planted(arranged, chosen) - arranged
    assert np.allclose(moved[:, 0, 1], [-4, 4, 4]) and np.allclose(moved[:, 0, [0, 2]], 0)


def test_the_attenuation_bound_is_kept_by_the_linear_pool_and_broken_by_others(tables):
    table = tables["attenuation"]
    most = table.groupby("operator").excess_most.max()
    assert most["linear-pool"] < 1e-12
    assert (most.drop("linear-pool") > 0.01).all()
    linear = table[(table.operator == "linear-pool") & (table.scenario == "planted")]
    assert (linear.mass.diff().dropna() < 0).all()
    # Alone, the dissenting teacher is the pool.
    assert np.ptp(table[(table.weight == 1) & (table.scenario == "planted")].mass) < 1e-9


def test_verdicts_need_the_whole_interval():
    assert framework_claims.near(0.96, 1.04, 1) == HOLDS
    assert framework_claims.near(0.96, 1.06, 1) == UNDECIDABLE
    assert framework_claims.near(1.06, 1.2, 1) == FAILS
    assert framework_claims.below(0.8, 0.9, 1) == HOLDS
    assert framework_claims.below(0.8, 1.1, 1) == UNDECIDABLE
    assert framework_claims.below(1.1, 1.2, 1) == FAILS


def test_every_claim_has_a_verdict_and_its_evidence(tables):
    logits = teachers()[:, None]
    labels = logits[0, 0].argmax(axis=-1)
    table = framework_claims.claims_table("task", logits, labels, tables, certificates())
    assert list(table.columns) == framework_claims.COLUMNS
    assert set(table.verdict) == {HOLDS, FAILS, UNDECIDABLE} and (table.evidence != "").all()
    attenuation = table[table.claim.str.startswith("q(i)")].set_index("where")
    assert attenuation.verdict["linear-pool, teachers planted"] == HOLDS
    assert attenuation.verdict["median, teachers planted"] == FAILS
    assert attenuation.verdict["best-per-sample, teachers planted"] == UNDECIDABLE
    jensen = table[table.claim.str.startswith("KL")].set_index("where").verdict
    assert (jensen == [HOLDS, *[FAILS] * 4]).all()
    seeds = table[table["where"] == "linear-pool, teacher seeds"]
    assert seeds.verdict.tolist() == [UNDECIDABLE]
    assert set(framework_claims.OF_STUDENTS) <= set(table.claim)
    text = DOCS.read_text(encoding="utf-8")
    for evidence in table.evidence[table.evidence.str.startswith("proof")]:
        assert f"**{evidence.split(', ')[1]}.**" in text


def test_three_teacher_seeds_are_enough_for_a_verdict(tables):
    logits = teachers(K=9).reshape(3, 3, 60, 3)
    log_p = log_softmax(logits, axis=-1)
    seeds = pd.DataFrame(pooling.seed_rows(log_p))
    tables = tables | {"variance": pd.concat([tables["variance"], seeds], ignore_index=True)}
    labels = logits[0, 0].argmax(axis=-1)
    table = framework_claims.claims_table("task", logits, labels, tables, certificates())
    rows = table[table["where"] == "median, teacher seeds, equal weights"]
    assert rows.verdict.tolist() == [HOLDS] and rows.evidence.tolist() == ["interval"]


def biased(by, K=3, N=400):
    """Unbiased teachers of three equally frequent labels, and ``by`` more of class 0 at each."""
    rng = np.random.default_rng(3)
    target = np.eye(3)[np.arange(N) % 3]
    z = 3 * target + rng.normal(size=(K, N, 3))
    z[..., 0] += np.array(by)[:, None]
    return z, target


def test_a_bias_that_one_teacher_has_is_attenuated_and_a_shared_one_is_not():
    """The framework's claim, and where it says itself that it fails."""
    z, target = biased([2, 0, 0])
    table = bias_table("t", z, target).set_index(["scenario", "operator", "biased", "class"])
    linear = table.sort_index().loc["planted", "linear-pool"]
    # In proportion to the teachers that have it.
    assert linear.left.tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert (linear.high[:2] < 0).all() and abs(linear.excess.iloc[2]) < 1e-12
    assert (table.loc["planted"].reset_index().query("biased < members").left < 1).all()
    shared, target = biased([2, 2, 2])
    own = bias_table("t", shared, target)
    own = own[(own.scenario == "as they are") & (own["class"] == 0)].set_index("operator")
    assert set(own.biased) == {3} and own.left["linear-pool"] == pytest.approx(1)
    # One teacher's bias, the others' the other way: what is left is their mean.
    opposed, target = biased([2, -1, -1])
    own = bias_table("t", opposed, target, operators=["linear-pool"])
    own = own[(own.scenario == "as they are") & (own["class"] == 0)].iloc[0]
    p = softmax(opposed, axis=-1)[..., 0]
    biases = (p - target[:, 0]).mean(axis=1)
    assert own.biased == 2 and own.pool == pytest.approx(abs(biases.mean()))
    assert own.teachers == pytest.approx(np.abs(biases).mean()) and own.left < 0.6


def test_a_planted_bias_by_hand():
    z, target = biased([0, 0], K=2, N=5)
    target[:2] = [0, 0.5, 0.5]
    row = (
        bias_table("t", z, target, operators=["log-linear-pool"])
        .query("scenario == 'planted'")
        .iloc[0]
    )
    c = target.mean(axis=0).argmax()
    assert (row["class"], row.biased, row.members) == (c, 1, 2)
    gained, pooled = [], []
    for k in (0, 1):
        moved = z.copy()
        moved[k, :, c] += SHIFT
        gained.append((softmax(moved, axis=-1) - softmax(z, axis=-1))[k, :, c].mean())
        before, after = (softmax(of.mean(axis=0), axis=-1)[:, c].mean() for of in (z, moved))
        pooled.append(after - before)
    assert row.pool == pytest.approx(np.mean(pooled))
    assert row.teachers == pytest.approx(np.mean(gained))
    assert row.left == pytest.approx(row.pool / row.teachers)


def test_claims_on_bias_hold_for_some_teachers_and_fail_for_all(tables):
    logits = teachers()[:, None]
    labels = logits[0, 0].argmax(axis=-1)
    table = framework_claims.claims_table("task", logits, labels, tables, certificates())
    some = table[table.claim == "the pool attenuates a bias that some teachers have"]
    shared = table[table.claim == "the pool attenuates a bias that all teachers share"]
    linear = some["where"].str.startswith("linear-pool")
    assert set(some.verdict[linear]) == {HOLDS}
    assert some.evidence[linear].str.contains("E5").all()
    linear = shared["where"].str.startswith("linear-pool")
    assert set(shared.verdict[linear]) == {FAILS} and linear.any()
    where = shared["where"].tolist()
    assert "median, planted at 3 of 3 teachers" in where
    assert HOLDS not in set(shared[shared["where"].str.contains("planted")].verdict)


@pytest.mark.parametrize("name", ["variance", "objectives", "attenuation", "bias"])
def test_figures_fit_their_page(name, tables):
    figure = getattr(fusion_experiments, f"{name}_figure")(tables, {}, "task")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for axis in figure.axes:
        for text in (axis.xaxis.label, axis.yaxis.label, axis.title, axis._left_title):
            box = text.get_window_extent(canvas.get_renderer())
            assert box.x0 >= 0 and box.x1 <= figure.bbox.x1, text.get_text()
