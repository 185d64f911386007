"""Remedies of text: each is compared with what differs in it alone; controls answer nothing."""

from __future__ import annotations

import pytest
from toy_conflict import (
    PAIR,
    claim,
    few,
    few_prompts,
    page_of,
    remedies,
    said,
)

from mtkd.analysis.conflict.background import (
    SOME,
    STATEMENTS,
    rows_of,
)
from mtkd.analysis.conflict.claims import (
    BUDGETED,
    KEEPS,
    MARKS,
    OWN,
    REMEDIES,
    REPAIRS,
    RESTORES,
    REWRITES,
    SHUFFLES,
    THINKS,
    UNSEEN_TOKEN,
    ZERO,
    claims_table,
)
from mtkd.analysis.conflict.modes import modes_table
from mtkd.analysis.conflict.predictors import (
    FAILS,
    HOLDS,
    UNDECIDABLE,
    read_identified,
)
from mtkd.analysis.conflict.remedies import remedies_table
from mtkd.analysis.conflict.tables import conflict_tables
from mtkd.study.generation_words import AT_ONCE, BY_COLUMN, DEALT, REWRITTEN, TWO_MODES


def test_a_remedy_where_nothing_is_to_mend_has_no_assay_sensitivity():
    remedy = PAIR | {"recipe": "chosen", "role": "remedy", "kind": "filtered"}
    scores, study = few(of=lambda arm, mode: (0.985, 0.0), arms=[PAIR, remedy])
    tables = conflict_tables(scores, study, read_identified([]), few_prompts())
    found = claim(tables, REMEDIES)
    assert found.verdict == "no assay sensitivity" and "errors than that to mend" in found.sentence
    answered = tables["answers"].set_index("key")
    assert answered.verdict["rejection"] == UNDECIDABLE


def test_a_routed_mixture_is_compared_with_its_random_control():
    routed = PAIR | {"recipe": "routed", "role": "remedy", "kind": "routed", "against": "random"}
    random = PAIR | {"recipe": "random", "role": "remedy", "kind": "random route"}
    gains = {"routed": 0.9, "random": 0.6}
    scores, study = few(
        of=lambda arm, mode: (gains.get(arm.recipe, 0.8), 0.0),
        arms=[PAIR, routed, random],
    )
    tables = conflict_tables(scores, study, read_identified([]), few_prompts())
    assert claim(tables, REMEDIES, recipe="routed").b == "random"
    assert claim(tables, REMEDIES, recipe="routed").verdict == "better"
    gain = tables["remedies"].set_index(["recipe", "decode"]).gain["routed", "greedy"]
    assert gain == pytest.approx(30, abs=6)


def test_a_token_is_compared_with_the_same_students_without_it():
    arms = remedies(
        linear={},
        **{
            "marked": {"kind": "marked"},
            "linear-marked": {"kind": "marked", "against": "linear"},
            "own-marked": {"kind": "marked", "against": None},
            "shuffled": {"kind": "shuffled marks"},
            "routed-marked": {"kind": "routed", "against": "random-marked"},
            "random-marked": {"kind": "random route"},
        },
    )
    scores, study = few(arms=arms, seeds=["1", "2", "3"])
    claims = claims_table(scores, study)
    claims = claims[claims.decode == "greedy"]
    unmarked = claims[claims.claim == MARKS].set_index("recipe").b
    assert dict(unmarked) == {
        "marked": "plain, no tokens",
        "linear-marked": "linear, no tokens",
        "shuffled": "plain, no tokens",
    }
    assert list(claims[claims.claim == SHUFFLES].recipe) == ["marked"]
    assert {"own-marked", "routed-marked"} < set(claims[claims.claim == UNSEEN_TOKEN].recipe)
    assert dict(claims[claims.claim == REMEDIES].set_index("recipe").b) == {
        "linear": "plain",
        "routed-marked": "random-marked",
        "random-marked": "plain",
    }
    restored = set(claims[claims.claim == RESTORES].recipe)
    assert restored == {"linear", "marked", "linear-marked", "own-marked", "routed-marked"}
    shown = modes_table(scores, study)
    assert {"linear", "plain"} < set(shown[shown["mode"] == "any"].recipe)
    against = remedies_table(scores, study).set_index("recipe").against
    assert against["linear-marked"].eq("linear").all() and "own-marked" not in against


def test_controls_answer_no_statement():
    arms = remedies(
        routed={"kind": "routed", "against": "random"},
        oracle={"kind": "routed", "against": "random", "control": True},
        random={"kind": "random route", "control": True},
        half={"control": True},
    )
    claims = claims_table(*few(arms=arms, seeds=["1", "2", "3"]))
    assert set(claims[claims.claim == RESTORES].recipe) == {"routed"}
    assert set(claims[claims.claim == REMEDIES].recipe) == {"routed", "oracle", "random", "half"}
    for key in ("restored", "routing"):
        assert set(rows_of(STATEMENTS[key], claims).recipe) == {"routed"}


def test_answers_that_follow_are_compared_with_those_of_the_same_two_teachers():
    arms = remedies(
        spliced={"kind": "thought and answer from two teachers"},
        others={"kind": "thought and answer from two teachers"},
        repaired={"kind": "the same, answers that follow alone", "against": "spliced"},
        lonely={"kind": "the same, answers that follow alone", "against": None},
    )
    claims = claims_table(*few(arms=arms, seeds=["1", "2", "3"]))
    own = claims[(claims.claim == REPAIRS) & (claims.decode == "greedy")]
    assert list(zip(own.recipe, own.b, strict=True)) == [("repaired", "spliced")]


ONE = {"teachers": "right", "recipe": "plain", "n": 100, "role": "single"}
BOTH = ONE | {"recipe": "both", "role": "remedy", "kind": TWO_MODES, "alone": "alone"}
ALONE = ONE | {"recipe": "alone", "role": "remedy", "kind": AT_ONCE, "control": True}
WAYS = [ONE, ONE | {"n": 200, "role": "single-budget"}, BOTH, ALONE, ALONE | {"n": 200}]


def test_each_of_two_ways_is_compared_with_students_of_it_alone():
    def of(arm, mode):
        at_once = {"both": 0.3, "alone": 0.5 if arm.n == 100 else 0.7}
        return (at_once[arm.recipe], 0.0) if mode == "direct" else (0.95, 0.0)

    scores, study = few(of=of, arms=WAYS)
    tables = conflict_tables(scores, study, read_identified([]), few_prompts())
    thinks = claim(tables, THINKS, "right")
    assert thinks.verdict == "better" and thinks.estimate == pytest.approx(65, abs=6)
    lost = [
        claim(tables, kind, "right", b=f"at once alone, {n} traces")
        for kind, n in ((KEEPS, 100), (BUDGETED, 200))
    ]
    assert [row.verdict for row in lost] == ["worse", "worse"]
    assert [row.estimate for row in lost] == pytest.approx([-20, -40], abs=7)
    kept = claim(tables, KEEPS, "right", b="thinking alone, 100 traces")
    assert kept.a == "right, both, thinking" and kept.verdict in ("equivalent", "undecidable")
    answered = tables["answers"].set_index("key").verdict
    assert answered["thinking"] == HOLDS and answered["two-modes"] in (FAILS, SOME)
    assert answered["two-modes-budget"] in (FAILS, SOME)
    modes = tables["modes"][tables["modes"].decode == "greedy"].set_index(["recipe", "n", "mode"])
    ways = {("both", 100, "any"), ("both", 100, "direct")}
    assert set(modes.index) == ways | {("alone", n, "direct") for n in (100, 200)}
    assert "right, both, at once, against at once alone, 200 traces" in said(page_of(tables, study))


def test_without_students_of_one_way_the_two_are_compared_alone():
    scores, study = few(arms=[ONE, BOTH])
    tables = conflict_tables(scores, study, read_identified([]), few_prompts())
    found = tables["claims"][tables["claims"].decode == "greedy"]
    assert list(found[found.recipe == "both"].claim) == [THINKS, KEEPS]


def remedy(recipe, kind="", **more):
    settings = {"recipe": recipe, "role": "remedy", **({"kind": kind} if kind else {}), **more}
    return PAIR | settings


def test_rewritten_traces_are_compared_with_unrewritten_ones_and_with_their_own_teacher():
    right = {"new": 0.9, "plain": 0.6}
    scores, study = few(
        of=lambda arm, mode: (right[arm.recipe] if len(arm.names) > 1 else 0.9, 0.0),
        arms=[PAIR, remedy("new", REWRITTEN, into="left")],
    )
    tables = conflict_tables(scores, study, read_identified([]), few_prompts())
    assert claim(tables, REMEDIES, recipe="new").verdict == "better"
    own = claim(tables, REWRITES, recipe="new")
    assert own.b == "left alone, 200 traces" and own.verdict != "better"
    assert tables["answers"].set_index("key").verdict["rewriting"] == HOLDS


def test_a_column_goes_against_the_same_shares_at_random_and_controls_mend_nothing():
    right = {"column": 0.9, "dealt": 0.6, "plain": 0.7}
    arms = [
        PAIR,
        remedy("column", BY_COLUMN, against="dealt"),
        remedy("dealt", DEALT, control=True),
    ]
    scores, study = few(of=lambda arm, mode: (right[arm.recipe], 0.0), arms=arms)
    tables = conflict_tables(scores, study, read_identified([]), few_prompts())
    assert claim(tables, REMEDIES, recipe="column").b == "dealt"
    assert tables["answers"].set_index("key").verdict["by-column"] == HOLDS
    assert set(tables["claims"][tables["claims"].claim == RESTORES].recipe) == {"column"}


def test_own_responses_go_against_going_on_from_itself_whose_zero_is_tested():
    right = {"own": 0.9, "itself": 0.6, "cold": 0.6, "plain": 0.6}
    arms = [
        PAIR,
        remedy("own", itself="itself"),
        remedy("itself", start="cold", control=True),
        remedy("cold", control=True),
    ]
    scores, study = few(of=lambda arm, mode: (right[arm.recipe], 0.0), arms=arms)
    tables = conflict_tables(scores, study, read_identified([]), few_prompts())
    assert claim(tables, OWN, recipe="own").b == "itself"
    zero = claim(tables, ZERO, recipe="itself")
    assert zero.b == "cold" and zero.verdict in ("equivalent", "undecidable")
    answered = tables["answers"].set_index("key").verdict
    assert answered["on-policy"] == HOLDS and answered["zero-test"] != FAILS
