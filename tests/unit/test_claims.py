"""Claims: what is compared with what, against enumeration and the master table; the sentences."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from test_tables import ARMS, make_study
from toy_examples import make_examples, runs_of

from mtkd.analysis.claims import (
    COLUMNS,
    MEAN_SINGLE,
    PRACTICE,
    PRIMARY,
    choice_weights,
    claims_table,
    planned,
)
from mtkd.analysis.master import master_table
from mtkd.analysis.sentences import sentence
from mtkd.analysis.tables import read_table
from mtkd.study.arms import described

FUSED = "cnn+bert"
STUDY = make_study(
    arms=[*ARMS, *(described(s, FUSED) for s in ("weighted", "gating"))],
    seeds=["1", "2", "3"],
)


@pytest.fixture(scope="module", params=["movies", "mnli"])
def task(request):
    """F1 on one report split, and accuracy on two."""
    return request.param


@pytest.fixture(scope="module")
def examples(task):
    return make_examples(STUDY, task)


@pytest.fixture(scope="module")
def claims(examples):
    return claims_table(examples, 0.5)


def scores_by_arm(runs: pd.DataFrame, role: str) -> dict[str, np.ndarray]:
    """The primary metric in points [S] by strategy and teachers, the mean of the role's splits."""
    own = runs[(runs.role == role) & runs.primary & (runs.kind == "student")]
    means = own.groupby(["strategy", "teachers", "seed"]).value.mean()
    return {key: 100 * rows.to_numpy() for key, rows in means.groupby(level=[0, 1], sort=False)}


def enumerated(selection: np.ndarray, n: int) -> np.ndarray:
    """Shares [S, A] of the subsets of n arms in which each arm is the choice of the other seeds."""
    seeds, arms = selection.shape
    shares = np.zeros((seeds, arms))
    subsets = list(itertools.combinations(range(arms), n))
    for seed in range(seeds):
        others = [s for s in range(seeds) if s != seed] or [seed]
        for subset in subsets:
            best = max(subset, key=lambda arm: (selection[others, arm].mean().round(9), -arm))
            shares[seed, best] += 1 / len(subsets)
    return shares


@st.composite
def selections(draw):
    """Scores [S, A] with many ties, and a number of arms to choose from."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 5)))
    scores = draw(arrays(float, shape, elements=st.sampled_from([0.1, 0.2, 0.3, 0.7])))
    return scores, draw(st.integers(1, shape[1]))


@given(selections())
def test_the_choice_among_n_arms_is_that_of_all_subsets(drawn):
    selection, n = drawn
    np.testing.assert_allclose(choice_weights(selection, n), enumerated(selection, n), atol=1e-12)


def test_a_seed_has_no_say_in_its_own_choice():
    selection = np.array([[0.9, 0.1], [0.2, 0.3], [0.2, 0.3]])
    # Without seed 1 the second arm is ahead; with it, the first.
    assert choice_weights(selection, 2).tolist() == [[0, 1], [1, 0], [1, 0]]
    assert choice_weights(selection, 1).tolist() == [[0.5, 0.5]] * 3


def test_effects_are_differences_of_the_master_tables_means(task, examples, claims):
    study = STUDY | {"tasks": [task]}
    master = master_table(runs_of(examples, study), study).set_index("method")
    columns = [c for c in master.columns if c.startswith(task) and c.endswith(" mean")]
    mean = master[columns].mean(axis=1)
    single = mean[["Distill: cnn", "Distill: bert"]].mean()
    multi = mean[["Multi: average", "Multi: weighted", "Multi: learned gating"]]
    effects = claims.set_index(["claim", "a"]).effect
    assert effects["distillation", "distillation, mean of single-teacher arms"] == pytest.approx(
        single - mean["Student: no distillation"]
    )
    # Both teachers have one score: the first is taken.
    gained = mean["Multi: average"] - mean["Distill: cnn"]
    assert effects[PRACTICE, "average"] == pytest.approx(gained)
    for name, own in zip(("average", "weighted", "learned gating"), multi, strict=True):
        assert effects[MEAN_SINGLE, name] == pytest.approx(own - single)
        if name != "average":
            gained = own - mean["Multi: average"]
            assert effects["strategy v average", name] == pytest.approx(gained)
    assert len(claims) == 1 + 1 + 1 + 3 + 2
    assert (claims.n == sum(len(examples.labels[s]) for s in examples.report_splits)).all()


def test_the_advantage_of_several_teachers_is_that_of_all_subsets(examples, claims):
    runs = runs_of(examples, STUDY)
    selection, report = (scores_by_arm(runs, role) for role in ("selection", "report"))
    families = (
        [(s, FUSED) for s in ("average", "weighted", "gating")],
        [("single", "cnn"), ("single", "bert")],
    )
    best = []
    for keys in families:
        shares = enumerated(np.stack([selection[key] for key in keys], axis=1), 2)
        best.append((shares * np.stack([report[key] for key in keys], axis=1)).sum(axis=1).mean())
    row = claims[claims.claim == "several teachers"].iloc[0]
    assert row.effect == pytest.approx(best[0] - best[1])
    assert (row.n_a_candidates, row.n_b_candidates) == (2, 2)
    assert "best of 2 multi-teacher arms" in row.a and "best of 2 single-teacher arms" in row.b


def test_both_sides_always_have_as_many_candidates(claims):
    assert (claims.n_a_candidates == claims.n_b_candidates).all()


def test_primary_claims_are_one_family_of_holms_and_the_others_another(claims):
    assert claims.primary.tolist() == claims.claim.isin(PRIMARY).tolist()
    for primary, size in ((True, 2), (False, 6)):
        family = claims[claims.primary == primary]
        assert len(family) == size
        one_family_of_holms(family.reset_index())


def one_family_of_holms(claims):
    raw = 2 * stats.t.sf(abs(claims.effect / claims.se), claims.df)
    order = np.argsort(raw, kind="stable")
    steps = raw[order] * np.arange(len(raw), 0, -1)
    adjusted = np.empty(len(raw))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    np.testing.assert_allclose(claims.p_superiority, adjusted)
    inside = stats.t.sf((0.5 - abs(claims.effect)) / claims.se, claims.df)
    assert (claims.p_equivalence >= inside - 1e-12).all()
    better = claims[claims.verdict == "better"]
    assert (better.p_superiority <= 0.05).all() and (better.effect > 0).all()
    assert set(claims.verdict) <= {
        "better", "worse", "equivalent", "no assay sensitivity", "undecidable", "no skill",
    }  # fmt: skip


def test_intervals_hold_their_effect_and_have_the_bootstrap_beside_them(claims):
    assert ((claims.low <= claims.effect) & (claims.effect <= claims.high)).all()
    half = stats.t.ppf(0.975, claims.df) * claims.se
    np.testing.assert_allclose(claims.high - claims.effect, half)
    assert ((claims.bootstrap_low < claims.effect) & (claims.effect < claims.bootstrap_high)).all()


def test_settings_of_both_sides_are_shown(examples, claims):
    row = claims.set_index("claim").loc["distillation"]
    assert row[["T_a", "alpha_a", "T_b", "alpha_b"]].tolist() == ["4", "0.7", "NA", "NA"]
    examples.record["arms"][1]["T"] = "8"
    try:
        table = claims_table(examples, 0.5).set_index(["claim", "a"])
    finally:
        examples.record["arms"][1]["T"] = "4"
    lone = table.loc[MEAN_SINGLE, "weighted"]
    assert (lone.T_a, lone.T_b, lone.alpha_b) == ("4", "chosen", "0.7")


@pytest.mark.parametrize("seeds", [["1"], ["1", "2"]])
def test_fewer_than_three_seeds_have_effects_and_no_verdict(seeds, tmp_path):
    study = STUDY | {"seeds": seeds}
    table = claims_table(make_examples(study), 0.5)
    assert set(table.verdict) == {"no verdict"}
    assert np.isfinite(table[["effect", "low", "high"]]).all(axis=None)
    assert table.p_superiority.isna().all()
    assert table.sentence.str.endswith("no verdict, which takes three seeds.").all()
    # A lone seed chooses by its own selection score, which is not what it is judged by.
    assert len(table) == 8
    table.to_csv(tmp_path / "claims.csv", index=False)
    again = read_table(tmp_path / "claims.csv")
    assert list(again.columns) == COLUMNS
    assert set(again.T_b) == {"NA", "4"} and set(again.seeds) == {len(seeds)}


def test_a_lost_seed_takes_itself_from_its_own_claims_alone():
    table = claims_table(make_examples(STUDY, diverged={"gating": ["2"]}), 0.5)
    table = table.set_index(["claim", "a"])
    seeds = table.seeds[MEAN_SINGLE].to_dict()
    assert seeds == {"average": 3, "weighted": 3, "learned gating": 2}
    assert table.loc[("strategy v average", "learned gating"), "verdict"] == "no verdict"
    # The mean of single-teacher arms has nothing to do with it.
    assert table.seeds["distillation"].tolist() == [3]
    table = claims_table(make_examples(STUDY, diverged={"single": ["2"]}), 0.5)
    assert table.set_index("claim").seeds["distillation"] == 2


def test_a_lost_arm_keeps_its_place_in_the_family():
    whole = claims_table(make_examples(STUDY), 0.5)
    examples = make_examples(STUDY, diverged={"gating": ["1", "2", "3"]})
    table = claims_table(examples, 0.5)
    assert len(table) == len(whole)
    lost = table[table.a == "learned gating"]
    assert set(lost.verdict) == {"no verdict"} and set(lost.seeds) == {0}
    assert lost.effect.isna().all()
    assert lost.sentence.str.endswith("no seed finished on both sides.").all()
    kept = table[table.seeds == 3]
    assert len(kept) == 6
    several = kept[kept.claim == "several teachers"].iloc[0]
    assert several.n_a_candidates == several.n_b_candidates == 2
    level = 0.05 / 6
    row = kept[~kept.primary].iloc[0]
    effect = (stats.t.ppf(1 - level / 2, row.df) + stats.t.ppf(0.8, row.df)) * row.se
    assert row.minimum_detectable == pytest.approx(effect)


def test_nothing_finished_is_nothing_known():
    gone = dict.fromkeys(("none", "single", "average", "weighted", "gating"), STUDY["seeds"])
    table = claims_table(make_examples(STUDY, diverged=gone), 0.5)
    assert len(table) == 8 and set(table.verdict) == {"no verdict"}


def arm(strategy, *teachers):
    return described(strategy, "+".join(teachers) or "none")


NONE, CNN, BERT = arm("none"), arm("single", "cnn"), arm("single", "bert")
AVERAGE = arm("average", "cnn", "bert")


@pytest.mark.parametrize(
    ("arms", "kinds"),
    [
        ([NONE, CNN, BERT], ["distillation"]),
        ([CNN, BERT, AVERAGE], [PRACTICE, "several teachers", MEAN_SINGLE]),
        ([NONE, AVERAGE, arm("weighted", "cnn", "bert")], ["distillation", "strategy v average"]),
        ([NONE, AVERAGE], ["distillation"]),
        ([CNN], []),
    ],
)
def test_a_study_claims_what_its_arms_allow(arms, kinds):
    table = claims_table(make_examples(STUDY | {"arms": arms}), 0.5)
    assert table.claim.tolist() == kinds
    assert list(table.columns) == COLUMNS


def test_one_arm_against_some_is_named_in_the_singular():
    table = claims_table(make_examples(STUDY | {"arms": ARMS}), 0.5).set_index("claim")
    row = table.loc["several teachers"]
    assert (row.a, row.b) == ("one multi-teacher arm", "one single-teacher arm")
    assert row.n_a_candidates == 1


def test_a_fusion_is_compared_with_the_average_of_its_own_teachers():
    three = [
        NONE, CNN, BERT, arm("single", "lstm"), AVERAGE, arm("average", "cnn", "bert", "lstm"),
        arm("weighted", "cnn", "bert", "lstm"),
    ]  # fmt: skip
    table = claims_table(make_examples(STUDY | {"arms": three}), 0.5)
    fusions = table[table.claim == "strategy v average"]
    assert fusions[["a", "b"]].values.tolist() == [["weighted", "average (cnn+bert+lstm)"]]
    assert {"average (cnn+bert)", "average (cnn+bert+lstm)"} < set(table.a)


ROW = {
    "task": "movies", "a": "weighted", "b": "average", "metric": "f1", "effect": 0.314,
    "low": -0.25, "high": 0.881, "seeds": 5, "n": 12345, "margin": 0.5,
    "minimum_detectable": 0.9, "seeds_needed": 9.0, "note": "",
    "assay_low": 0.3, "clusters": 12345, "draws": 1,
}  # fmt: skip
OPENING = (
    "movies: weighted against average: +0.31 points of f1 "
    "(95 % interval -0.25 to +0.88, 5 seeds, 12,345 examples): "
)


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({"verdict": "better"}, "better."),
        ({"verdict": "worse"}, "worse."),
        ({"verdict": "equivalent"}, "equivalent within 0.5 points."),
        (
            {"verdict": "equivalent", "note": "better, by less than the margin"},
            "equivalent within 0.5 points (better, by less than the margin).",
        ),
        (
            {"verdict": "undecidable"},
            "undecidable; the least effect that this study could have seen is 0.90 points, about "
            "9 seeds would show 0.5 points.",
        ),
        (
            {"verdict": "undecidable", "seeds_needed": math.inf},
            "undecidable; the least effect that this study could have seen is 0.90 points, no "
            "number of seeds would show 0.5 points on these examples.",
        ),
        (
            {"verdict": "undecidable", "seeds_needed": 5.0, "minimum_detectable": 0.4},
            "undecidable; the least effect that this study could have seen is 0.40 points, less "
            "than the margin of 0.5 points, which other effects would have shown.",
        ),
        (
            {"verdict": "no assay sensitivity"},
            "no assay sensitivity: within the margin of 0.5 points, and so may be a student that "
            "no teacher taught: that distillation gains more was not shown (at least +0.30 "
            "points).",
        ),
        (
            {"verdict": "no assay sensitivity", "assay_low": math.nan},
            "no assay sensitivity: within the margin of 0.5 points, and so may be a student that "
            "no teacher taught: this study has none to compare with.",
        ),
        ({"verdict": "no verdict"}, "no verdict, which takes three seeds."),
    ],
)
def test_sentences_of_every_verdict(changes, ending):
    assert sentence(ROW | changes) == OPENING + ending


def test_clusters_are_counted_where_there_are_some():
    row = ROW | {"verdict": "better", "clusters": 1234}
    assert "5 seeds, 12,345 examples in 1,234 clusters)" in sentence(row)


def test_clusters_widen_intervals_and_are_counted():
    plain = make_examples(STUDY)
    # Every example three times: their number says nothing new.
    labels = {split: np.tile(of, 3) for split, of in plain.labels.items()}
    students = {
        split: [logits if split == "train" else np.tile(logits, (1, 3, 1)) for logits in arms]
        for split, arms in plain.students.items()
    }
    teachers = {split: np.tile(logits, (1, 1, 3, 1)) for split, logits in plain.teachers.items()}
    numbers = {s: np.tile(np.arange(len(of)), 3)[:, None] for s, of in plain.labels.items()}
    repeated = plain._replace(labels=labels, students=students, teachers=teachers)
    clustered = claims_table(repeated._replace(clusters=numbers), 0.5)
    one, naive = claims_table(plain, 0.5), claims_table(repeated, 0.5)
    assert (clustered.n == 3 * one.n).all() and (clustered.clusters == one.n).all()
    assert (naive.clusters == naive.n).all()
    assert clustered.effect.tolist() == pytest.approx(one.effect.tolist())
    # F1's pseudovalues are those of a task three times as large.
    assert clustered.se.tolist() == pytest.approx(one.se.tolist(), rel=0.03)
    assert (naive.se < clustered.se).all()
    assert (
        (clustered.bootstrap_high - clustered.bootstrap_low)
        .gt(naive.bootstrap_high - naive.bootstrap_low)
        .all()
    )


def test_one_seed_is_one_seed():
    assert "1 seed, 12,345 examples" in sentence(ROW | {"seeds": 1, "verdict": "no verdict"})


HARD = {"labels": "hard", "family": "several"}


def finished(*arms) -> list[dict]:
    return [{**one, "name": str(i), "seeds": ["1"]} for i, one in enumerate(arms)]


def plans_of(claim: str, *arms, **teachers) -> list[tuple[list[int], list[int]]]:
    plans = planned(finished(*arms), teachers)
    return [(plan.a[1], plan.b[1]) for plan in plans if plan.claim == claim]


def test_in_practice_the_average_of_all_meets_the_teacher_that_one_would_have_taken():
    lstm, both = arm("single", "lstm"), arm("average", "cnn", "bert", "lstm")
    arms = [NONE, CNN, BERT, lstm, AVERAGE, both, arm("weighted", "cnn", "bert", "lstm")]
    assert plans_of(PRACTICE, *arms, cnn=0.7, bert=0.9, lstm=0.8) == [([5], [2])]
    # The first on ties, whatever order the scores come in.
    assert plans_of(PRACTICE, *arms, lstm=0.9, bert=0.9, cnn=0.9) == [([5], [1])]
    # Its student is not there: the second best is no substitute.
    assert plans_of(PRACTICE, *[a for a in arms if a != BERT], cnn=0.7, bert=0.9, lstm=0.8) == []
    # Of two averages of which neither holds the other, each has a best teacher.
    pair = arm("average", "bert", "lstm")
    found = plans_of(PRACTICE, CNN, BERT, lstm, AVERAGE, pair, cnn=0.7, bert=0.6, lstm=0.8)
    assert found == [([3], [0]), ([4], [2])]


def test_soft_labels_meet_their_own_made_hard_and_those_have_no_other_part():
    hard = described("pseudo", "cnn+bert") | {"fusion": "average"} | HARD
    control = described("one-hot", "bert") | {"fusion": "single"} | HARD | {"family": "control"}
    weighted = arm("weighted", "cnn", "bert")
    arms = [NONE, CNN, BERT, AVERAGE, hard, control, weighted]
    assert plans_of("soft v hard labels", *arms) == [([2], [5]), ([3], [4])]
    plans = planned(finished(*arms))
    rest = [plan for plan in plans if plan.claim != "soft v hard labels"]
    assert not any({4, 5} & {*plan.a[1], *plan.b[1]} for plan in rest)
    # Without its soft labels an arm of hard ones is an arm like any other.
    assert [plan.claim for plan in planned(finished(NONE, hard))] == ["distillation"]
    assert plans_of(MEAN_SINGLE, CNN, hard, weighted) == [([1], [0]), ([2], [0])]


def test_a_control_without_teachers_is_held_against_the_arms_that_have_seeds():
    axes = [("none", "none", "undistilled"), ("single", "cnn", "single")]
    axes += [("single", "bert", "single"), ("all-labels", "none", "control")]
    arms = [
        {"strategy": strategy, "teachers": teachers, "family": family, "fusion": strategy,
         "name": f"{strategy} {teachers}", "seeds": [] if teachers == "cnn" else ["1", "2"]}
        for strategy, teachers, family in axes
    ]  # fmt: skip
    plans = {plan.claim: plan for plan in planned(arms)}
    assert plans["strategy v control"].a == plans["distillation"].a
    assert plans["strategy v control"].a[1] == [2] and plans["strategy v control"].b[1] == [3]
