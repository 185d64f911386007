"""Generation studies: known interference is found, none is not, and nothing absent is a number."""

from __future__ import annotations

import json
import re
import runpy
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from test_figures import check_drawing
from toy_conflict import (
    IDS,
    PAIR,
    PROMPTS,
    TASK,
    alike,
    claim,
    few,
    few_prompts,
    make_scores,
    make_study,
    page_of,
    remedies,
    said,
    write_cells,
    write_identified,
    write_traces,
)

from mtkd.analysis.conflict.arms import Arm, check_study, expected_arms
from mtkd.analysis.conflict.background import (
    CLAIMS,
    NOT_ASKED,
    SOME,
    STATEMENTS,
    answers_table,
)
from mtkd.analysis.conflict.claims import (
    BY_STUDENT,
    BY_TEACHERS,
    BY_TRACES,
    KINDS,
    MARKS,
    NO_TOKEN,
    REPAIRS,
    RESTORES,
    SHUFFLES,
    SPLICES,
    UNSEEN_TOKEN,
    claims_table,
)
from mtkd.analysis.conflict.decline import DECLINE, DILUTION, INTERFERENCE, PARTS, sides
from mtkd.analysis.conflict.hybrid_rates import HARMFUL, HARMLESS, NEITHER, hybrids_table
from mtkd.analysis.conflict.intervals import share_values
from mtkd.analysis.conflict.predictors import (
    FAILS,
    HOLDS,
    UNDECIDABLE,
    predictors_table,
    read_identified,
)
from mtkd.analysis.conflict.read import (
    Asked,
    by_prompt,
    gathered,
    named,
    parameters_of,
    read_scores,
    seeds_of,
)
from mtkd.analysis.conflict.scored_predictions import HYBRID, scored_table
from mtkd.analysis.conflict.tables import conflict_tables
from mtkd.analysis.conflict.thoughts import FOLLOWS, WRONG
from mtkd.analysis.registration import register
from mtkd.analysis.statistics.verdicts import findings
from mtkd.analysis.tables import read_table, write_tables
from mtkd.config.generation import TextPrediction
from mtkd.errors import InputError
from mtkd.figures import style
from mtkd.figures.conflict import (
    decline_figure,
    hybrids_figure,
    modes_figure,
    predictors_figure,
)
from mtkd.figures.conflict_catalogue import CONFLICT_FIGURES
from mtkd.generation.hybrids import memoryless
from mtkd.report.conflict import KIND_TEXTS, LITERATURE, conflict_page, not_measured

REPOSITORY = Path(__file__).parents[2]
STUDY = make_study()
LOST = {"right+left/plain/100": "3"}
FIGURES = {
    "decline": decline_figure,
    "hybrids": hybrids_figure,
    "predictors": predictors_figure,
    "modes": modes_figure,
}


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """The study's cells, one of them diverged, with the classifier's files and traces."""
    folder = tmp_path_factory.mktemp("conflict")
    paths = write_cells(folder / "cells", STUDY, without=LOST)
    identified = write_identified(folder / "identified")
    traces, prompts = write_traces(folder / "traces")
    return {"scores": paths, "identified": identified, "traces": traces, "prompts": prompts}


@pytest.fixture(scope="module")
def scores(cells):
    return read_scores(cells["scores"], STUDY)


@pytest.fixture(scope="module")
def study_folder(cells, tmp_path_factory):
    """What the scripts make of the cells: tables, figures and the page."""
    folder = tmp_path_factory.mktemp("study")
    job = json.dumps({"settings": STUDY})
    listed = folder / "scores.txt"
    listed.write_text("".join(f"{path}\n" for path in cells["scores"]), encoding="utf-8")
    options = {"scores": listed, "prompts": f"{TASK}={cells['prompts']}"}
    options |= {"identified": cells["identified"]}
    call("conflict_tables", job=job, **options, output=folder / "tables")
    verdicts = [path.with_name("verdicts.parquet") for path in cells["traces"]]
    call("traces_table", job='{"code": {}}', verdicts=verdicts, output=folder / "traces.csv")
    drawing = json.dumps({"settings": {"study": STUDY, "dpi": 40}})
    with pytest.MonkeyPatch.context() as patch:
        # Glyphs as paths: to cut fonts down to what is used takes longer than all else here.
        patch.setitem(style.RC, "pdf.fonttype", 3)
        call("conflict_figures", job=drawing, tables=folder / "tables", output=folder / "figures")
    options = {"tables": [*sorted((folder / "tables").glob("*.csv")), folder / "traces.csv"]}
    options |= {"figures": sorted((folder / "figures").glob("*.png"))}
    options |= {"templates": REPOSITORY / "report", "output": folder / "report.html"}
    options |= {"registrations": write_registrations(folder / "registrations.jsonl")}
    call("conflict_report", job=job, **options)
    return folder


def write_registrations(path):
    """One before any student, one of another study, and one that raised the margin."""
    for name, margin, trained in (("toy", 4.0, 0), ("other", 1.0, 3), ("toy", 5.0, 7)):
        said = {"margin": margin, "claims": [], "predictions": STUDY["predictions"]}
        register(path, name, said | {"settings": {}}, trained)
    return path


def call(script, **options):
    """A script's main, in this process."""
    arguments = [script]
    for option, value in options.items():
        values = value if isinstance(value, list) else [value]
        arguments += [f"--{option}", *map(str, values)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", arguments)
        runpy.run_path(str(REPOSITORY / "workflow" / "scripts" / f"{script}.py"))["main"]()


@pytest.fixture(scope="module")
def tables(study_folder):
    return {path.stem: read_table(path) for path in study_folder.rglob("*.csv")}


@pytest.fixture(scope="module")
def page(study_folder):
    return (study_folder / "report.html").read_text("utf-8")


# --- reading -------------------------------------------------------------------------------------


def test_a_mixture_brings_its_controls():
    arms = expected_arms(make_study(arms=[PAIR | {"teachers": "right+left+carry"}]))
    assert [(arm.teachers, arm.n) for arm in arms] == [
        ("right+left+carry", 100),
        *[(name, n) for n in (100, 300) for name in ("right", "left", "carry")],
    ]


def test_arrays_are_by_seed_and_prompt_and_samples_are_averaged(tmp_path):
    study = make_study(arms=[PAIR], seeds=["1", "2"])
    paths = write_cells(tmp_path, study)
    rows = pd.read_parquet(paths[0])
    again = rows[rows.decode == "T1"].assign(sample=1, correct=False)
    pd.concat([rows, again]).sample(frac=1, random_state=0).to_parquet(paths[0])
    scores = read_scores(paths, study)
    arm = Arm("small", TASK, "right+left", "plain", 100)
    values = by_prompt(scores, Asked(arm, decode="T1"), ["1", "2"])
    first = rows[rows.decode == "T1"].sort_values("id").correct.to_numpy()
    assert values.shape == (2, PROMPTS)
    assert parameters_of(scores, arm) == 73_728
    np.testing.assert_array_equal(values[0], 50.0 * first)


def test_a_diverged_and_a_missing_cell_are_named_and_in_no_number(scores, tables):
    assert named(scores.absent) == [
        "small on addition, right+left, plain, n=100, seed 3 "
        "(diverged at step 12: loss is not finite)"
    ]
    assert claim(tables, INTERFERENCE).seeds == 3
    assert claim(tables, INTERFERENCE, "right+carry").seeds == 4
    assert "right+left, plain, n=100, seed 3 (diverged at step 12" in said(page_of(tables, STUDY))


def test_a_seed_without_a_file_is_missing_and_the_others_are_compared(tmp_path):
    study = make_study(arms=[PAIR], predictions=[])
    paths = write_cells(tmp_path, study)
    gone = next(path for path in paths if "/left/plain/n100/seed2/" in path.as_posix())
    scores = read_scores([path for path in paths if path != gone], study)
    assert named(scores.absent) == ["small on addition, left, plain, n=100, seed 2 (no scores)"]
    arm = Arm("small", TASK, "right+left", "plain", 100)
    assert sides(scores, arm, study).seeds == ["1", "3", "4"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows.drop(columns="follows"), "lacks follows"),
        (lambda rows: rows[rows.id != "report-000003"], "prompts that are not the"),
        (lambda rows: rows[:0], "does not say that it diverged"),
        (lambda rows: rows.assign(kind="odd"), "kinds of responses odd"),
        (lambda rows: rows.assign(correct=None), "without a verdict"),
    ],
)
def test_scores_that_are_not_what_they_should_be_are_refused(spoil, message, tmp_path):
    study = make_study(arms=[PAIR], seeds=["1"])
    paths = write_cells(tmp_path, study)
    spoil(pd.read_parquet(paths[-1])).to_parquet(paths[-1])
    with pytest.raises(InputError, match=message):
        read_scores(paths, study)


def test_cells_of_no_arm_and_arms_that_nothing_could_place_are_refused(tmp_path):
    study = make_study(arms=[PAIR], seeds=["1"])
    paths = write_cells(tmp_path, study)
    with pytest.raises(InputError, match="is not of study toy"):
        read_scores(paths, study | {"seeds": ["2"]})
    with pytest.raises(InputError, match="not where a cell's scores lie"):
        read_scores([tmp_path / "scores.parquet"], study)
    for change, message in (
        ({"role": "odd"}, "role 'odd'"),
        ({"kind": "odd"}, "kind 'odd'"),
        ({"teachers": "right"}, "a mixture is of several"),
        ({"recipe": "chosen"}, "a mixture is of several"),
    ):
        with pytest.raises(InputError, match=message):
            check_study(study | {"arms": [PAIR | change]})


# --- what mixtures lose --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("teachers", "lost"),
    [("right+left", 41), ("carry+left", 36), ("right+carry", 0), ("right+left+carry", 21)],
)
def test_known_interference_is_in_its_interval(teachers, lost, tables):
    for decode in ("greedy", "T1"):
        found = claim(tables, INTERFERENCE, teachers, decode)
        assert found.low - 1 < lost < found.high + 1
    verdict = "worse" if lost else "equivalent"
    assert claim(tables, INTERFERENCE, teachers).verdict == verdict


def test_a_student_has_two_families_on_a_task(monkeypatch):
    families = []

    def counted(improvements, margin):
        families.append(len(improvements))
        return findings(improvements, margin)

    monkeypatch.setattr("mtkd.analysis.conflict.claims.findings", counted)
    claims = claims_table(*few(seeds=["1", "2", "3"]))
    assert set(claims.decode) == {"greedy", "T1"}
    assert families == [claims.primary.sum(), (~claims.primary).sum()] == [2, 4]


def test_parts_add_up_and_are_by_hand(tables, scores):
    parts = tables["parts"].set_index(["teachers", "decode", "part"]).points.sort_index()
    for teachers in tables["parts"].teachers.unique():
        own = parts[teachers, "greedy"]
        assert own[DECLINE] == pytest.approx(own[DILUTION] + own[INTERFERENCE])
    rows = {cell: frame[(frame.decode == "T1")] for cell, frame in scores.rows.items()}

    def accuracy(teachers, n):
        arm = Arm("small", TASK, teachers, "plain", n)
        return 100 * np.mean([rows[arm, seed].correct.mean() for seed in "124"])

    alone, budget = ((accuracy("right", n) + accuracy("left", n)) / 2 for n in (100, 200))
    together = accuracy("right+left", 100)
    own = parts["right+left", "T1"]
    assert [own[name] for name in PARTS] == pytest.approx(
        [alone - together, budget - together, budget - alone]
    )


def test_the_same_teacher_under_three_names_is_equivalent_or_undecidable():
    names = ["right", "left", "carry"]
    pairs = [PAIR | {"teachers": "+".join(of)} for of in (names[:2], names[1:], names)]
    scores, study = few(of=alike, arms=pairs, seeds=["1", "2", "3"])
    identified = pd.DataFrame(
        [
            {"task": TASK, "teachers": pair["teachers"], "alone": 0.5, "given_prompt": 0.5,
             "hidden_style": 0.0, "chance": 0.5, "memoryless": 0.0}
            for pair in pairs
        ]
    )  # fmt: skip
    tables = conflict_tables(scores, study, identified, few_prompts())
    assert set(tables["claims"].verdict) <= {"equivalent", "undecidable"}
    assert set(tables["harm"].verdict) <= {NEITHER, "undecidable"}
    text = said(page_of(tables, study))
    assert "equivalent within 5 points" in text and ": worse." not in text
    assert "It neither loses nor gains" in text or "this study cannot tell" in text


def test_two_seeds_have_no_verdict_and_the_page_says_why():
    scores, study = few(seeds=["1", "2"])
    tables = conflict_tables(scores, study, read_identified([]), few_prompts())
    assert set(tables["claims"].verdict) == {"no verdict"}
    text = said(page_of(tables, study))
    assert "A verdict takes three seeds, and this study has 2" in text
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)


def test_students_that_answer_nothing_have_nothing_to_lose():
    scores, study = few(of=lambda arm, mode: (0.01, 0.0), seeds=["1", "2", "3"])
    tables = conflict_tables(scores, study, read_identified([]), few_prompts())
    assert set(tables["claims"].verdict) == {"no skill"}


def test_a_control_without_runs_takes_its_own_parts_alone(tmp_path):
    study = make_study(arms=[PAIR], predictions=[], seeds=["1", "2", "3"])
    paths = [path for path in write_cells(tmp_path, study) if "/n200/" not in path.as_posix()]
    tables = conflict_tables(read_scores(paths, study), study, read_identified([]), few_prompts())
    assert claim(tables, INTERFERENCE).seeds == 3
    for part in (DECLINE, DILUTION):
        found = claim(tables, part)
        assert found.seeds == 0 and found.verdict == "no verdict"
        assert found.sentence.endswith("no seed finished on both sides.")
    assert set(tables["parts"].part) == {INTERFERENCE}


def test_teachers_traces_and_students_are_compared_other_things_equal(tables):
    found = claim(tables, BY_TEACHERS, "right+left+carry")
    assert found.b == "mean of sets of 2 teachers" and found.seeds == 3

    def of(arm, mode):
        lost = 0.4 if arm.student == "small" and arm.n == 100 and len(arm.names) > 1 else 0.0
        return 0.96 - lost, 0.0

    arms = [PAIR, PAIR | {"teachers": "left+right", "n": 400}]
    scores, study = few(of=of, arms=arms, students=["small", "large"], seeds=list("123"))
    both = conflict_tables(scores, study, read_identified([]), few_prompts())
    more = claim(both, BY_TRACES, "left+right", student="small")
    assert more.verdict == "better" and more.estimate == pytest.approx(-40, abs=6)
    assert claim(both, BY_STUDENT, student="large").verdict == "better"
    assert claim(both, BY_STUDENT, "left+right", student="large").verdict != "better"


@pytest.mark.parametrize("students", [["small", "large"], ["large", "small"]])
def test_the_larger_student_is_that_of_more_parameters(students):
    def of(arm, mode):
        return 0.96 - 0.4 * (arm.student == "small" and len(arm.names) > 1), 0.0

    scores, study = few(of=of, students=students, seeds=list("123"))
    sizes = {"small": 1_000, "large": 9_000}
    records = {cell: {"parameters": sizes[cell[0].student]} for cell in scores.rows}
    claims = claims_table(scores._replace(records=records), study)
    own = claims[(claims.claim == BY_STUDENT) & (claims.decode == "greedy")]
    assert list(own.b) == ["in small"] and list(own.verdict) == ["better"]
    alike = {cell: {"parameters": 1_000} for cell in scores.rows}
    claims = claims_table(scores._replace(records=alike), study)
    assert BY_STUDENT not in set(claims.claim)


# --- hybrids, tokens, thoughts, remedies ---------------------------------------------------------


def test_a_hybrid_is_not_harm_where_nothing_is_lost(tables):
    harm = tables["harm"][tables["harm"].decode == "greedy"].set_index("teachers")
    assert harm.verdict["right+swapped"] == HARMLESS
    assert harm.said["right+swapped"].endswith("here a hybrid is no harm.")
    assert harm.verdict["right+left"] == HARMFUL
    assert harm.verdict["right+carry"] == NEITHER


def test_hybrid_rates_stand_beside_accuracy_and_the_memoryless_student(tables):
    rows = tables["hybrids"].set_index(["teachers", "recipe", "n", "mode", "decode"])
    row = rows.loc["right+swapped", "plain", 100, "any", "greedy"]
    assert row.hybrid == pytest.approx(41, abs=6) and row.memoryless == 42
    assert row.pure + row.slip + row.mixed + row.cross + row.broken == pytest.approx(100)
    assert row.accuracy > 90
    assert re.fullmatch(r"right \d+, swapped \d+", row.styles)
    assert rows.loc["right+left", "marked", 100, "left", "greedy"].isna().memoryless


def test_the_memoryless_student_draws_by_the_shares_of_the_traces():
    sums = ["37+85=", "12+90=", "58+66="]
    prompts = {TASK: pd.DataFrame({"prompt": sums})}
    arms = remedies(
        seldom={"ratio": [0.05, 0.95], "control": True},
        routed={"kind": "routed", "against": "random"},
        random={"kind": "random route", "control": True},
    )
    scores, study = few(arms=arms, seeds=["1", "2", "3"])
    equal = {(TASK, frozenset({"right", "left"})): 0.41}

    def found(scores, study=study):
        rows = hybrids_table(scores, study, equal, prompts)
        rows = rows[(rows["mode"] == "any") & (rows.decode == "greedy")]
        assert rows[~rows.teachers.str.contains("+", regex=False)].memoryless.isna().all()
        return rows[rows.teachers == "right+left"].set_index("recipe").memoryless

    rates = found(scores)
    styles = ["right", "left"]
    assert rates["plain"] == 41
    assert rates["seldom"] == pytest.approx(100 * memoryless(sums, styles, [5, 95]))
    assert rates[["routed", "random"]].isna().all()
    # A route's shares are those that its records say, and not the same on every seed.
    given = {"1": {"right": 30, "left": 170}, "2": {"left": 200}, "3": {"right": 100, "left": 100}}
    records = {
        cell: {"traces": given[cell[1]]} for cell in scores.rows if cell[0].recipe == "routed"
    }
    rates = found(scores._replace(records=records))
    expected = [memoryless(sums, styles, [30, 170]), 0, 0.41]
    assert rates["routed"] == pytest.approx(100 * np.mean(expected)) and pd.isna(rates["random"])
    # Of a teacher whose way is not known nothing can be said.
    unknown = study | {"teachers": {"right": {"style": "right"}, "left": {}}}
    assert found(scores, unknown)[["seldom", "routed"]].isna().all()


def test_tokens_are_told_right_from_unseen_and_shuffled(tables):
    assert claim(tables, MARKS, recipe="marked").verdict == "better"
    assert claim(tables, MARKS, recipe="shuffled").verdict != "better"
    for kind in (UNSEEN_TOKEN, NO_TOKEN, SHUFFLES):
        assert claim(tables, kind).verdict == "better"
    assert claim(tables, RESTORES, recipe="marked").verdict != "worse"
    modes = tables["modes"][tables["modes"].decode == "greedy"].set_index(["recipe", "mode"])
    assert modes.obeys["marked", "left"] == 100 and pd.isna(modes.obeys["marked", "unseen"])
    assert ("plain", "any") in modes.index


def test_a_token_that_was_tried_greedily_alone_is_claimed_greedily_alone():
    kinds = {"marked": "marked, dropout", "shuffled": "shuffled marks"}
    arms = [
        PAIR | {"recipe": recipe, "role": "remedy", "kind": kind} for recipe, kind in kinds.items()
    ]
    study = make_study(arms=[PAIR, *arms], predictions=[])
    scores = make_scores(study)
    rows = {
        cell: frame[(frame.decode == "greedy") | ~frame["mode"].isin(["any", "unseen"])]
        if cell[0].recipe == "marked"
        else frame
        for cell, frame in scores.rows.items()
    }
    tables = conflict_tables(gathered(rows, study), study, read_identified([]), few_prompts())
    found = tables["claims"][tables["claims"].recipe == "marked"]
    assert (found.seeds == 4).all()
    assert set(found[found.decode == "T1"].claim) == {MARKS, SHUFFLES, RESTORES}
    assert set(found[found.decode == "greedy"].claim) >= {UNSEEN_TOKEN, NO_TOKEN, SHUFFLES}


def test_right_thoughts_with_wrong_answers_are_found_and_repaired(tables):
    assert claim(tables, SPLICES).estimate == pytest.approx(30, abs=6)
    assert claim(tables, SPLICES).verdict == "worse"
    assert claim(tables, REPAIRS).verdict == "better"
    rows = (
        tables["thoughts"]
        .set_index(["recipe", "teachers", "n", "decode", "quantity"])
        .share.sort_index()
    )
    spliced = rows["spliced", "right+left", 100, "greedy"]
    assert spliced[FOLLOWS] == pytest.approx(100 - spliced[WRONG])


def test_a_share_of_responses_is_their_ratio_with_the_variance_of_one():
    rng = np.random.default_rng(0)
    whole = rng.random((4, 400)) < 0.5
    part = whole & (rng.random((4, 400)) < 0.3)
    values = share_values(part, whole)
    assert values.mean() == pytest.approx(100 * part.sum() / whole.sum())
    # Of half of the prompts the variance is twice as large.
    expected = 100 * np.sqrt(0.3 * 0.7 / whole.sum())
    assert values.std() / np.sqrt(values.size) == pytest.approx(expected, rel=0.1)
    assert share_values(part, np.zeros((4, 400))) is None


def test_a_starved_teacher_shows(tables):
    found = tables["shares"].set_index(["teachers", "recipe", "teacher"])
    row = found.loc["right+left+carry", "plain", "right"]
    assert [row.rows_low, row.rows, row.rows_high] == pytest.approx([51, 52.5, 54])
    assert row.loss_share == pytest.approx(47.5) and row.seeds == 4
    starved = found.loc["right+left+carry", "plain", "carry"]
    assert starved.rows == starved.tokens == starved.loss_share == 0 and np.isnan(starved.loss)
    # One of its students diverged; students of one teacher are left out.
    assert found.loc["right+left", "plain", "left"].seeds == 3
    assert found.index.get_level_values(0).str.contains("+", regex=False).all()


# --- what foretells, what was predicted, what is said --------------------------------------------


def pairs_of(rows):
    """Pairs: name, alone, hidden style, interference, verdict."""
    frame = pd.DataFrame(
        rows, columns=["teachers", "alone", "hidden_style", "interference", "verdict"]
    )
    about = {"student": "small", "task": TASK, "n": 100, "decode": "greedy", "chance": 0.5}
    return frame.assign(given_prompt=0.99, low=0.0, high=0.0, **about)


PAIRS = [
    ("a+b", 0.99, 0.0, -2.0, "better"),
    ("p+q", 1.0, 0.02, 0.4, "equivalent"),
    ("b+c", 0.5, 0.49, 45.0, "worse"),
    ("a+c", 0.97, 0.4, 37.0, "worse"),
    ("b+g", 0.52, 0.05, 1.0, "equivalent"),
    ("b+h", 0.51, 0.45, 40.0, "worse"),
]


def test_a_rule_fails_by_counterexamples_and_holds_by_ranks():
    found = predictors_table(pairs_of(PAIRS)).set_index("measure")
    assert found.verdict["alone"] == FAILS and found.verdict["hidden_style"] == HOLDS
    assert found.harmless["alone"] == "a+b; p+q" and found.unseen["alone"] == "b+c; b+h"
    # All alike: there is nothing to rank.
    assert found.rho["given_prompt"] is None or np.isnan(found.rho["given_prompt"])
    assert found.verdict["given_prompt"] == UNDECIDABLE
    from scipy.stats import spearmanr

    rows = pairs_of(PAIRS)
    expected = spearmanr(rows.alone, rows.interference).statistic
    assert found.rho["alone"] == pytest.approx(expected)
    assert found.descriptive_p["hidden_style"] == pytest.approx(1 / 720)


def test_a_pair_that_no_classifier_could_be_asked_of_is_left_out():
    rows = pairs_of([*PAIRS, ("x+y", None, None, 99.0, "worse")])
    unknown = predictors_table(rows).set_index("measure")
    known = predictors_table(pairs_of(PAIRS)).set_index("measure")
    assert unknown.pairs["hidden_style"] == 6
    assert unknown.rho["hidden_style"] == known.rho["hidden_style"]
    about = {"pairs": rows.assign(low=rows.interference - 1, high=rows.interference + 1)}
    check_drawing(predictors_figure(about, STUDY))


def test_few_pairs_or_random_ones_decide_nothing():
    few_pairs = predictors_table(pairs_of(PAIRS[2:4]))
    assert few_pairs.rho.isna().all() and set(few_pairs.verdict) == {UNDECIDABLE}
    rng = np.random.default_rng(0)
    holds = 0
    for _ in range(60):
        numbers = rng.random((6, 2))
        rows = [(f"x+{i}", 0.8, a, b, "undecidable") for i, (a, b) in enumerate(numbers)]
        found = predictors_table(pairs_of(rows)).set_index("measure")
        holds += found.verdict["hidden_style"] == HOLDS
    assert holds <= 4


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(30, 60, "inside"), (-5, 5, "outside"), (41, 60, "undecided"), (38, 46, "inside"),
     (47, 60, "outside")],
)  # fmt: skip
def test_predictions_are_inside_outside_or_undecided(low, high, outcome):
    row = {"claim": "interference", "teachers": "right+left", "recipe": "plain", "n": 100}
    row |= {"student": "small", "task": TASK, "decode": "greedy"}
    found = pd.DataFrame([row | {"estimate": 42.0, "low": 38.0, "high": 46.0}])
    prediction = {"claim": "interference", "teachers": "left+right", "recipe": "plain"}
    prediction |= {"low": low, "high": high}
    assert list(scored_table([prediction], found).outcome) == [outcome]
    other = scored_table([prediction | {"recipe": "marked"}], found)
    assert list(other.outcome) == ["not measured"]


def test_predictions_of_a_study_come_out_as_they_are(tables):
    found = tables["predictions"]
    assert list(found.outcome) == ["inside", "outside", "inside", "outside", "not measured"]
    assert set(found.decode) == {"greedy"}


def test_docs_promise_the_predictions_that_a_suite_may_have():
    allowed = get_args(TextPrediction.model_fields["claim"].annotation)
    text = (REPOSITORY / "docs" / "conflict.md").read_text("utf-8")
    said_of = text[text.index("Predictions are of") : text.index("## Limits")]
    assert set(allowed) == {*PARTS, HYBRID} and all(name in said_of for name in allowed)


def test_every_kind_of_claim_and_every_source_belongs_to_a_statement(tables):
    asked = {one.kind for one in STATEMENTS.values() if one.table == CLAIMS}
    assert asked == set(KINDS) - {NO_TOKEN}
    assert {source.statement for source in LITERATURE} <= set(STATEMENTS)
    assert all(bool(one.table) != bool(one.unasked) for one in STATEMENTS.values())
    found = tables["answers"].set_index("key")
    assert found.verdict["interference"] == SOME and found.verdict["marks"] == HOLDS
    assert found.verdict["routing"] == found.verdict["merging"] == NOT_ASKED
    assert found.because["capacity"] == "no arms of this study ask it"
    nothing = {name: frame[:0] for name, frame in tables.items()}
    empty = answers_table(nothing["claims"], nothing["harm"], nothing["predictors"], 5.0)
    assert set(empty.verdict) == {NOT_ASKED}


def test_what_filters_cost_is_counted(tables):
    found = tables["traces"].set_index("teacher")
    assert found.correct["right"] == 80 and found.per_correct["right"] == 1.25
    assert found.both["right"] == 40 and found.characters["left"] == len("7+2=09,3+1=04;049")


# --- figures and page ----------------------------------------------------------------------------


def test_every_figure_of_the_catalogue_is_drawn_and_nothing_is_cut_off(tables):
    assert list(CONFLICT_FIGURES) == list(FIGURES)
    for name, draw in FIGURES.items():
        check_drawing(draw(tables, STUDY))
        draw({key: table[:0] for key, table in tables.items()}, STUDY)
        assert CONFLICT_FIGURES[name].drawing == f"mtkd.figures.conflict:{draw.__name__}"


def test_the_decline_figure_draws_what_the_table_says(tables):
    axis = decline_figure(tables, STUDY).axes[0]
    parts = tables["parts"][tables["parts"].decode == "greedy"]
    drawn = sorted(line.get_xdata()[0] for line in axis.lines if line.get_marker() == "o")
    assert drawn == pytest.approx(sorted(parts.points))


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.images, self.ids, self.links, self.marks = [], [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids += [values["id"]] if "id" in values else []
        self.images += [values] if tag == "img" else []
        self.links += [values["href"]] if tag == "a" else []
        self.marks += tag == "mark"


def test_the_page_has_every_statement_no_nan_and_words_for_figures(page, tables):
    parsed, text = Page(page), said(page)
    assert not re.search(r"\b(nan|NaN|None|inf)\b", text.replace("None: every training", ""))
    for one in STATEMENTS.values():
        assert one.statement in text.replace("&#39;", "'")
    assert len(parsed.images) == len(FIGURES) and all(image["alt"] for image in parsed.images)
    assert all(link[1:] in parsed.ids for link in parsed.links)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert "With right+swapped the student does mix" in text
    assert "holds for some, fails for others" in text


def test_the_page_leaves_open_what_its_own_arms_do():
    own = PAIR | {"recipe": "own", "role": "remedy", "own_responses": True}
    said_of = [not_measured(make_study(arms=[PAIR, *more])) for more in ([], [own])]
    assert [any("written before" in one for one in of) for of in said_of] == [True, False]
    # What no claim of any study is about says so without denying that a study has arms of it.
    assert STATEMENTS["threshold"].unasked.startswith("no claim says where")


def test_the_page_says_when_what_it_claims_was_registered_and_what_was_changed_since(page, tables):
    text = said(page)
    date = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[+]00:00"
    assert re.search(f"On {date}, with none of its students .* registered .* 5 predictions", text)
    assert re.search(f"{date}, with 7 of its students trained: margin: 4.0 became 5.0", text)
    assert "margin: 4.0 became 1.0" not in text
    assert "No registration of this study is known" in said(page_of(tables, STUDY))


def test_hybrids_are_marked_by_colour_and_in_words(page):
    parsed, text = Page(page), said(page)
    marked = re.findall(r'<mark class="hybrid"><code>([^<]*)</code></mark>', page)
    assert marked and set(marked) == {"7+1=08,3+2=05;058"}
    assert text.count(KIND_TEXTS["cross"]) == len(marked) == parsed.marks - 1
    assert "student of right" in text and "student of right+left" in text
    assert "Teachers write no responses to report prompts" in text and "teacher right" not in text


def test_responses_keep_their_zeros_and_an_empty_one_is_shown(tables, tmp_path):
    shown = tables["shown"].assign(response="049")
    shown.loc[shown.index[0], "response"] = ""
    write_tables(tmp_path, {"shown": shown})
    back = conflict_page(tables | {"shown": read_table(tmp_path / "shown.csv")}, STUDY)
    responses = [shot.response for one in back["examples"] for shot in one.shots]
    assert responses[0] == "" and set(responses[1:]) == {"049"}


def test_the_scripts_say_what_is_absent_and_what_was_found(study_folder):
    findings = (study_folder / "tables" / "findings.txt").read_text("utf-8")
    assert "here a hybrid is no harm." in findings
    drawn = {path.name for path in (study_folder / "figures").iterdir()}
    assert drawn == {f"{name}.{kind}" for name in FIGURES for kind in ("png", "pdf")}


def test_a_whole_study_is_not_tabulated_without_some_of_its_cells(tmp_path):
    study = make_study(arms=[PAIR], predictions=[], seeds=["1", "2", "3"])
    paths = write_cells(tmp_path / "cells", study)
    shutil.rmtree(paths[0].parent)
    listed = tmp_path / "scores.txt"
    listed.write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
    ids = pd.DataFrame({"id": IDS, "prompt": "1+1="})
    ids.to_parquet(tmp_path / "report.parquet")
    arguments = {"job": json.dumps({"settings": study}), "scores": listed}
    arguments |= {"prompts": f"{TASK}={tmp_path / 'report.parquet'}", "output": tmp_path / "tables"}
    with pytest.raises(InputError, match="1 cells without scores: small on addition, right[+]left"):
        call("conflict_tables", **arguments)


def test_seeds_of_nothing_asked_are_all_of_them(scores):
    arm = Arm("small", TASK, "right+left", "plain", 100)
    assert seeds_of(scores, [Asked(arm)], STUDY) == ["1", "2", "4"]
    assert seeds_of(scores, [Asked(arm, mode="nobody")], STUDY) == []
