"""The published tables: figures and flags; corrected copies and our own tables raise none."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from test_tables import ARMS, grid_values, hand_values, make_records, make_study
from toy_examples import make_examples

from mtkd.analysis.measures.by_region import failures_table
from mtkd.analysis.published.derived import advantage_by_task, derived_figures, gaps_by_task
from mtkd.analysis.published.flags import RULES, flags, render_flags, softened_label
from mtkd.analysis.published.reported import (
    ADVANTAGE,
    fusion_of,
    read_published,
    reported_from_study,
)
from mtkd.analysis.selection import grid_table
from mtkd.analysis.soft_label_tables import confidence_table
from mtkd.analysis.statistics.chance import (
    are_counts,
    chance_of_counts,
    expected_maximum,
    expected_range,
)
from mtkd.analysis.tables import read_table, runs_table
from mtkd.config.schema import Strategy
from mtkd.errors import InputError
from mtkd.study.arms import described

TABLES = Path(__file__).parents[2] / "config" / "published"
TASKS = ["SST-2", "MNLI", "QQP", "MRPC"]
SINGLE, MULTI = "Distill: DeBERTa-base", "Multi: average"
ROBERTA = "Teacher: RoBERTa-large"


@pytest.fixture(scope="module")
def published():
    return read_published(TABLES)


@pytest.fixture(scope="module")
def found(published):
    return flags(published)


def raised(reported) -> list[str]:
    return [flag.rule for flag in flags(reported)]


def test_tables_are_as_printed(published):
    wide = published.of_type("teacher", "baseline", "single", "multi")
    assert wide.shape == (11, 5)
    assert wide.loc[SINGLE].tolist() == [91.28, 82.67, 87.87, 91.12, 88.24]
    assert published.baseline["AVG"] == 87.16
    assert len(published.sweep) == 4 * 9 + 4 and published.sweep.best.sum() == 8
    # The cell called best is the best of its grid, where the grid is there.
    cells = published.sweep.set_index(["task", "method"])
    best = cells[cells.best].value
    assert (cells.value.groupby(level=[0, 1]).max() == best.sort_index()).all()


def test_derived_figures_are_the_published_ones(published):
    figures = derived_figures(published).set_index(["quantity", "task"])
    gap = f"gap closed, {SINGLE} of {ROBERTA}, %"
    assert figures.at[(gap, "AVG"), "computed"] == pytest.approx(28.3, abs=0.05)
    own = figures.loc["best multi - best single of each task"]
    assert own.computed[TASKS].round(2).tolist() == [1.15, 0.02, 0.07, -0.67]
    assert own.computed["AVG"] == pytest.approx(0.1425)
    assert own.agrees.tolist() == ["yes"] * 4 + ["no"]
    on_average = figures.loc["best multi on AVG - best single on AVG"]
    assert on_average.computed["AVG"] == pytest.approx(-0.01)
    assert on_average.agrees["AVG"] == "yes" and on_average.agrees["MRPC"] == "no"
    assert gaps_by_task(published, SINGLE).round(1).tolist() == [13.2, 10.5, 68.4, 55.1]


# One line for each known defect: the rule that finds it, and numbers that its flag must hold.
DEFECTS = [
    ("stated-setting", "92.55, the sweep's value at T=3, alpha=0.5; the stated T=6, alpha=0.7"),
    ("stated-setting", "all agree on T=3, alpha=0.5"),
    ("named-metric", "SST-2, MNLI, QQP, MRPC"),
    ("one-metric", "all 18 values are accuracies, k/408 (87.25 = 356/408)"),
    ("one-metric", "90.98 in the sweep and 87.87 in the main table"),
    ("one-definition", "MRPC -0.67 by 'best multi - best single of each task', whose AVG is +0.14"),
    ("equal-candidates", "the best of 4 against the best of 3"),
    ("preference-in-cells", "T = 9, 9, 3, 6 (mean 6.75)"),
    ("preference-in-cells", "T = 3, 6, 9, 9 (mean 6.75)"),
    ("preference-beyond-noise", "spans 1.60 points"),
    ("preference-beyond-noise", "spans 1.61 points"),
    ("measured-where-used", "SST-2's 0.992 is 0.83/0.69/0.63"),
    ("named-pool", "the log-linear pool"),
    ("failure-partition", "1 and 3 share b; 2 and 3 share d+e"),
    ("separate-splits", "SST-2 29 of 29 values are k/872"),
    ("verdict-needs-seeds", "AVG -0.01 equivalent: 1 seed and no interval"),
    ("gap-exists", "85.36 on QQP, below the undistilled student's 87.07"),
    ("gaps-for-each-task", "SST-2 13.2 %, MNLI 10.5 %, QQP 68.4 %, MRPC 55.1 %"),
]


@pytest.mark.parametrize(("rule", "numbers"), DEFECTS)
def test_known_defects_are_flagged_with_their_numbers(found, rule, numbers):
    assert any(flag.rule == rule and numbers in flag.what for flag in found)


def test_every_flag_names_its_place_and_the_rule_that_it_breaks(found):
    assert {flag.rule for flag in found} == {rule for rule, _ in DEFECTS}
    assert all(flag.where and flag.what and "\n" not in flag.what for flag in found)
    text = render_flags(found)
    assert text.startswith(f"{len(found)} flags")
    assert all(flag.evidence in text for flag in found)


def change(table: pd.DataFrame, where: dict, **values) -> pd.DataFrame:
    """A copy of a table with columns set in the rows that have some values."""
    rows = pd.Series(True, index=table.index)
    for name, value in where.items():
        rows &= table[name] == value
    assert rows.any(), where
    table = table.copy()
    for name, value in values.items():
        table.loc[rows, name] = value
    return table


def averaged(values: pd.DataFrame) -> pd.DataFrame:
    """A main table with every AVG the mean of its tasks."""
    means = values[values.task != "AVG"].groupby("method").value.mean()
    on_average = values.task == "AVG"
    return values.assign(value=values.value.where(~on_average, values.method.map(means)))


@pytest.fixture(scope="module")
def corrected(published):
    """The published tables as they could have been.

    Five seeds; accuracy everywhere; three arms of each type at the T and alpha that they had; one
    definition of advantage, with intervals; a selection split; gaps by task; and a preference for
    a T that is as wide as it is said to be.
    """
    values = published.values[published.values.method != "Multi: learned gating"]
    shift = values.task.map({"QQP": 3.11, "MRPC": -4.11}).fillna(0)  # F1 to about accuracy
    values = values.assign(value=values.value + shift, seeds=5)
    for method in published.of_type("single", "multi").index.drop("Multi: learned gating"):
        values = change(values, {"method": method}, T="3", alpha="0.5")
    values = change(values, {"method": MULTI, "task": "MRPC"}, value=85.29)
    values = change(values, {"method": ROBERTA, "task": "QQP"}, value=91.30)
    values = values.assign(metric=values.task.map(dict.fromkeys(TASKS, "accuracy")).fillna(""))
    values = averaged(values)
    preferred = pd.DataFrame(
        {
            "task": "SST-2",
            "method": "Multi: weighted",
            "T": ["3", "6", "9"],
            "alpha": "0.5",
            "value": [91.06, 88.00, 84.00],
            "best": [True, False, False],
        }
    )
    copy = replace(
        published,
        values=values,
        sweep=pd.concat([published.sweep, preferred]).assign(metric="accuracy", seeds=5),
        preferences=[{"method": "Multi: weighted", "T": "3"}],
        splits={"trained_on": ["train"], "chosen_on": ["selection"], "reported_on": ["report"]},
        confidence=pd.concat(
            [published.confidence.assign(T=T, split="train") for T in ("3", "6", "9")]
        ),
        fusion={"average": {"operation": "mean of logits", "pool": "log-linear"}},
        failures={"1": ["a", "b"], "2": ["c"], "3": ["d", "e"]},
    )
    effects = published.claims.task.map(advantage_by_task(copy))
    claims = published.claims.assign(
        effect=effects,
        low=effects - 0.2,
        high=effects + 0.2,
        seeds=5,
        split="report",
        n_a_candidates=3,
        n_b_candidates=3,
        metric=published.claims.task.map(dict.fromkeys(TASKS, "accuracy")).fillna(""),
        verdict=["better" if e > 0.2 else "worse" if e < -0.2 else "undecidable" for e in effects],
    )
    assert {"better", "worse", "undecidable"} == set(claims.verdict)
    gaps = [{"task": "AVG", "reference": ROBERTA, "distilled": SINGLE, "value": 20.0}]
    best = copy.of_type("teacher").idxmax()
    for task, value in gaps_by_task(copy, SINGLE).items():
        gaps.append({"task": task, "reference": best[task], "distilled": SINGLE, "value": value})
    return replace(copy, claims=claims, gaps=pd.DataFrame(gaps))


def test_corrected_copies_raise_no_flag(corrected):
    assert flags(corrected) == []
    assert render_flags([]) == "0 flags"


def plain_claim(copy, **changes):
    """The claims, and one more of two arms of the main table."""
    row = copy.claims.iloc[0].to_dict() | {
        "claim": "strategy v mean single-teacher arm",
        "a": "average",
        "b": "DeBERTa-base",
        "T_a": "3",
        "alpha_a": "0.5",
        "T_b": "chosen",
        "alpha_b": "chosen",
        "effect": 92.55 - 91.28,
    }
    return pd.concat([copy.claims, pd.DataFrame([row | changes])], ignore_index=True)


def test_a_claim_that_follows_from_the_tables_raises_no_flag(corrected):
    assert flags(replace(corrected, claims=plain_claim(corrected))) == []


def narrow(sweep):
    sweep = change(sweep, {"method": "Multi: weighted", "T": "6"}, value=91.00)
    return change(sweep, {"method": "Multi: weighted", "T": "9"}, value=90.80)


def constant_row(copy, value, task):
    """The values with those of a constant answer, on a task so good."""
    rows = copy.values.drop_duplicates("task").assign(method="Reference: constant", value=50.0)
    rows = rows.assign(type="constant", T="NA", alpha="NA")
    return pd.concat([copy.values, averaged(change(rows, {"task": task}, value=value))])


def skill_of(task, **changes):
    """One student's lead above the constant answer."""
    row = {"task": task, "split": "report", "kind": "student", "name": "average"}
    return pd.DataFrame([row | {"lead": 1.2, "low": 0.1, "high": 2.5} | changes])


def powered(copy, **changes):
    """The claims with a margin, and one of the average against the best teacher left open."""
    row = copy.claims[copy.claims.task == "SST-2"].iloc[0].to_dict()
    row |= {"claim": "average v best teacher", "verdict": "undecidable", "low": -0.5}
    claims = pd.concat([copy.claims, pd.DataFrame([row])], ignore_index=True)
    claims = claims.assign(margin=0.1, minimum_detectable=0.05, seeds_needed=5.0)
    return claims[claims.task == "SST-2"].assign(**changes)


def test_a_margin_that_is_small_beside_distillation_and_was_seen_raises_no_flag(corrected):
    changed = {"claims": powered(corrected), "skill": skill_of("SST-2")}
    assert flags(replace(corrected, **changed)) == []


def test_a_margin_that_is_small_beside_what_distillation_costs_raises_no_flag(corrected):
    values = corrected.values
    lower = (values.task == "SST-2") & ~values.type.isin(["baseline", "teacher"])
    values = values.assign(value=values.value.where(~lower, values.value - 20))
    changed = replace(corrected, values=values, claims=powered(corrected, margin=2.0))
    assert "margin-below-effect" not in {flag.rule for flag in flags(changed)}


def test_how_many_seeds_a_margin_needs_is_said_where_it_is_known(corrected):
    said = []
    for needed in (7.0, math.inf, math.nan):
        claims = powered(corrected, minimum_detectable=0.2, seeds_needed=needed)
        changed = replace(corrected, claims=claims, skill=skill_of("SST-2"))
        said += [flag.what for flag in flags(changed)]
    ends = ["; 7 seeds would", "; no number of seeds would", ", the margin 0.1"]
    assert [line[-len(end) :] for line, end in zip(said, ends, strict=True)] == ends


# One change each of the corrected copy; the rule named, and no other, must object, once.
MUTATIONS = [
    ("stated-setting", lambda c: {
        "values": c.values.assign(T=c.values["T"].replace("3", "6"))}),
    ("stated-setting", lambda c: {"claims": plain_claim(c, T_a="9")}),
    ("named-metric", lambda c: {"sweep": change(c.sweep, {"task": "SST-2"}, metric="")}),
    ("named-metric", lambda c: {"claims": change(c.claims, {"task": "QQP"}, metric="")}),
    ("one-metric", lambda c: {"sweep": change(c.sweep, {"task": "MRPC"}, metric="f1")}),
    ("one-metric", lambda c: {"claims": change(c.claims, {"task": "QQP"}, metric="f1")}),
    ("reproduced", lambda c: {
        "values": change(c.values, {"method": "Multi: weighted", "task": "AVG"}, value=80.0)}),
    ("reproduced", lambda c: {"claims": plain_claim(c, effect=2.0)}),
    ("one-definition", lambda c: {
        "claims": change(c.claims, {"task": "AVG"}, effect=0.5)}),
    ("equal-candidates", lambda c: {"claims": c.claims.assign(n_a_candidates=4)}),
    ("preference-in-cells", lambda c: {"preferences": [{"method": "Multi: weighted", "T": "9"}]}),
    ("preference-beyond-noise", lambda c: {"sweep": narrow(c.sweep)}),
    ("measured-where-used", lambda c: {"confidence": c.confidence.assign(T="1")}),
    ("measured-where-used", lambda c: {"confidence": c.confidence.assign(split="report")}),
    ("measured-where-used", lambda c: {"confidence": c.confidence[c.confidence["T"] != "6"]}),
    ("named-pool", lambda c: {
        "fusion": {"average": {"operation": "mean of logits", "pool": "linear"}}}),
    ("named-pool", lambda c: {"fusion": {"average": {"operation": None, "pool": "log-linear"}}}),
    ("failure-partition", lambda c: {"failures": {"1": ["a", "b"], "2": ["b", "c", "d", "e"]}}),
    ("separate-splits", lambda c: {"splits": {**c.splits, "chosen_on": ["report"]}}),
    ("separate-splits", lambda c: {"claims": c.claims.assign(split="selection")}),
    ("verdict-needs-seeds", lambda c: {"claims": change(c.claims, {"task": "MRPC"}, seeds=2)}),
    ("verdict-needs-seeds", lambda c: {
        "claims": change(c.claims, {"task": "MRPC"}, low=float("nan"))}),
    ("verdict-follows-interval", lambda c: {
        "claims": change(c.claims, {"task": "SST-2"}, low=-0.1)}),
    ("above-constant", lambda c: {"values": constant_row(c, 99.0, "QQP")}),
    ("above-constant", lambda c: {
        "claims": change(c.claims, {"task": "SST-2"}, low_a=-1.0, low_b=0.0)}),
    ("above-constant", lambda c: {"skill": skill_of("SST-2", lead=1.2, low=-0.1)}),
    ("margin-below-effect", lambda c: {"claims": powered(c, margin=2.0)}),
    ("sees-its-margin", lambda c: {"claims": powered(c, minimum_detectable=0.2)}),
    ("gap-exists", lambda c: {
        "values": averaged(change(
            c.values, {"method": ROBERTA, "task": "QQP"}, value=85.36))}),
    ("gaps-for-each-task", lambda c: {"gaps": c.gaps[c.gaps.task == "AVG"]}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "mutate"), MUTATIONS)
def test_each_rule_finds_its_defect_and_no_other_does(corrected, rule, mutate):
    assert raised(replace(corrected, **mutate(corrected))) == [rule]


def test_every_rule_is_tried():
    assert {rule for rule, _ in MUTATIONS} == set(RULES)


def test_too_few_seeds_need_no_flag_where_no_verdict_is_given(corrected):
    claims = corrected.claims.assign(seeds=2, verdict="no verdict", low=float("nan"))
    assert flags(replace(corrected, claims=claims)) == []


def claims_of(study, **changes) -> pd.DataFrame:
    """As ``claims.csv`` has them, read back: the average against one teacher on each task."""
    row = {
        "claim": "strategy v mean single-teacher arm",
        "a": "average",
        "b": "bert",
        "split": "report",
        "seeds": len(study["seeds"]),
        **{"T_a": 10.0, "alpha_a": 0.5, "T_b": "10", "alpha_b": "0.50"},
        "n_a_candidates": 1,
        "n_b_candidates": 1,
        "effect": 1.0,
        "low": 0.2,
        "high": 1.8,
        "verdict": "better",
        "sentence": "",
    }
    rows = [row | {"task": task, "metric": study["metrics"][task]} for task in study["tasks"]]
    rows[1]["split"] = " and ".join(study["report_splits"][rows[1]["task"]])
    return pd.DataFrame(rows).assign(**changes)


@pytest.fixture(scope="module")
def study():
    return make_study(seeds=["1", "2", "3"], T=["2", "10"], alpha=["0.5", "0.9"])


@pytest.fixture(scope="module")
def runs(study):
    return runs_table(make_records(study, grid_values))


def gaps_of(study) -> pd.DataFrame:
    """A gap table: on each task bert is the reference, and one row says that there is no gap."""
    row = {"reference": "bert", "against": "teacher", "gap": True, "fraction": 0.4}
    arms = [arm for arm in study["arms"] if "+" in arm["teachers"]]
    rows = [{"task": task, **row, **arm} for task in study["tasks"] for arm in arms]
    rows += [row | {"gap": False, "fraction": None} for row in rows[:1]]
    columns = ["task", *row, "strategy", "teachers"]
    return pd.DataFrame(rows, columns=columns).astype({"gap": bool})


def examples_of(study) -> list:
    return [make_examples(study, task) for task in study["tasks"]]


def tables_of(study, runs, **changed) -> dict[str, pd.DataFrame]:
    """The tables that the checker reads of a study of ours, as their CSV files give them back."""
    temperatures = list(dict.fromkeys(["1", *study["T"]]))
    examples = examples_of(study)
    confidence = [
        confidence_table(e.record["task"], e.teachers, e.record["teachers"], temperatures)
        for e in examples
    ]
    tables = {
        "claims": claims_of(study),
        "gap": gaps_of(study),
        "grid": grid_table(runs),
        "confidence": pd.concat(confidence),
        "failures": pd.concat(map(failures_table, examples)),
    }
    return {
        name: read_table(io.StringIO(table.to_csv(index=False)))
        for name, table in (tables | changed).items()
    }


def ours(study, runs, examples=None, **changed):
    """A study of ours as it is reported, with other tables or examples."""
    found = examples or examples_of(study)
    fusion = {name: pool for one in found for name, pool in fusion_of(one).items()}
    return reported_from_study(runs, study, tables_of(study, runs, **changed), fusion)


def test_our_own_tables_raise_no_flag(study, runs):
    reported = ours(study, runs)
    assert flags(reported) == []
    values = reported.values.set_index(["method", "task"])
    assert values.loc[("Multi: average", "movies"), ["T", "alpha", "seeds"]].tolist() == [
        "10", "0.5", 3
    ]  # fmt: skip
    # .76, .78 and .76 less .10 for T=10.
    assert values.at[("Multi: average", "movies"), "value"] == pytest.approx(66 + 2 / 3)
    assert reported.claims["T_a"].tolist() == ["10", "10"]
    assert reported.splits["reported_on"] == ["report", "report_m", "report_mm"]
    # What is read of the tables is all there: nothing passes because it is empty.
    assert reported.splits["chosen_on"] == ["selection"]
    assert reported.failures == {key: [key] for key in "abcde"}
    assert set(reported.confidence["T"]) == {"1", "2", "10"}
    assert reported.fusion == dict.fromkeys(
        ["average on movies", "average on mnli"],
        {"operation": "mean of logits", "pool": "log-linear"},
    )


def test_our_gaps_are_by_task_and_only_where_there_is_one(study):
    reported = ours(study, runs_table(make_records(study, hand_values)))
    assert set(reported.gaps.task) == {"movies", "mnli"}
    assert set(reported.gaps.reference) == {"Teacher: bert"}
    assert reported.gaps.value.between(0, 100).all()


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("verdict-needs-seeds", {"seeds": 2}),
        ("equal-candidates", {"n_a_candidates": 4, "n_b_candidates": 3}),
        ("one-metric", {"metric": "macro_f1"}),
        ("named-metric", {"metric": ""}),
        ("stated-setting", {"T_a": "2"}),
        ("reproduced", {"effect": 2.0}),
        ("separate-splits", {"split": "selection"}),
        ("verdict-follows-interval", {"verdict": "worse"}),
    ],
)
def test_broken_claims_of_ours_are_flagged(study, runs, rule, changes):
    reported = ours(study, runs, claims=claims_of(study, **changes))
    assert set(raised(reported)) == {rule}


def only(flagged):
    (flag,) = flags(flagged)
    return flag


@pytest.mark.parametrize(
    ("kept", "where", "numbers"),
    [
        (lambda t: t["T"] == "1", "teachers' confidence",
         "measured at T=1 on train and at T=1 on selection"),
        (lambda t: t.split != "train", "teachers' confidence",
         "students saw train logits at T = 2, 10"),
        (lambda t: (t.task != "mnli") | (t["T"] != "10"), "teachers' confidence on mnli",
         "measured at T=1, 2 on train"),
        (lambda t: t.task != "mnli", "teachers' confidence on mnli", "measured nowhere"),
    ],
)  # fmt: skip
def test_our_confidence_is_measured_where_students_learn(study, runs, kept, where, numbers):
    confidence = tables_of(study, runs)["confidence"]
    flag = only(ours(study, runs, confidence=confidence[kept(confidence)]))
    assert (flag.rule, flag.where) == ("measured-where-used", where) and numbers in flag.what


def test_our_failures_are_a_partition(study, runs):
    failures = tables_of(study, runs)["failures"]
    # The published category 3, passed off as a part.
    overlapping = failures.assign(partition=failures.partition | (failures.category == "3"))
    found = flags(ours(study, runs, failures=overlapping))
    assert {flag.rule for flag in found} == {"failure-partition"}
    assert found[0].what.endswith("b and 3 share b; d and 3 share d; e and 3 share e")
    mine = failures.task.eq("movies") & failures.arm.eq("bert")
    lost = failures[~(mine & failures.category.eq("e"))]
    flag = only(ours(study, runs, failures=lost))
    assert (flag.rule, flag.where) == (
        "failure-partition",
        "failure categories of bert on movies report",
    )
    share = 100 * (1 - failures[mine & failures.category.eq("e")].share.item())
    assert flag.what == f"a, b, c, d hold {share:.1f} % of the errors"


def taught(examples, strategy, labels):
    """Examples whose arm of a strategy learned from these labels [N, C] on train."""
    number = [arm["strategy"] for arm in examples.record["arms"]].index(strategy)
    arms = [
        labels[None].astype(np.float32) if i == number else soft
        for i, soft in enumerate(examples.soft["train"])
    ]
    return examples._replace(soft={**examples.soft, "train": arms})


def test_our_pools_are_what_they_are_called(study, runs):
    fused = [described(name, "cnn+bert") for name in ("linear-pool", "weighted")]
    study = study | {"arms": [*ARMS, *fused]}
    movies, mnli = examples_of(study)
    # At the T of the students: at T = 1 the labels are others.
    logits = movies.teachers["train"][:, 0][:, movies.sample].astype(float) / 2
    linear = softmax(logits, axis=-1).mean(axis=0)
    sound = taught(movies, "linear-pool", linear)
    stated = fusion_of(sound)
    assert {name: pool["operation"] for name, pool in stated.items()} == {
        "average on movies": "mean of logits",
        "linear-pool on movies": "mean of probabilities",
    }
    # The toy's arms are all means of logits.
    (flag,) = [flag for flag in flags(replace(ours(study, runs), fusion=fusion_of(movies)))]
    assert (flag.rule, flag.where) == ("named-pool", "strategy 'linear-pool on movies'")
    assert flag.what == "is the mean of logits, the log-linear pool, called linear"
    for labels, what in (
        (linear, "is the mean of probabilities, the linear pool, called log-linear"),
        (0.99 * linear + 0.005, "is neither the mean of logits nor the mean of probabilities of "
                                "its teachers, called log-linear"),
    ):  # fmt: skip
        broken = fusion_of(taught(sound, "average", labels))
        (flag,) = [flag for flag in flags(replace(ours(study, runs), fusion=broken))]
        assert (flag.rule, flag.where) == ("named-pool", "strategy 'average on movies'")
        assert flag.what == what
    assert "linear-pool on mnli" in fusion_of(mnli)


# A suite's own recipes, and the weights [K] of their teachers.
OWN = {
    "careful": (
        Strategy(operator="linear-pool", weights={"cnn": 0.25, "bert": 0.75}),
        [0.25, 0.75],
    ),
    "careful-logs": (Strategy(operator="log-linear-pool", weights={"cnn": 1, "bert": 0}), [1, 0]),
    "even": (Strategy(operator="linear-pool", weights={"cnn": 0.5, "bert": 0.5}), [0.5, 0.5]),
    "control": (Strategy(fusion="average", control=True), [0.9, 0.1]),
}


def test_pools_of_a_suites_own_weights_are_called_nothing_and_raise_no_flag(study, runs):
    own = [described(name, "cnn+bert", recipe) for name, (recipe, _) in OWN.items()]
    study = study | {"arms": [*ARMS, *own]}
    examples = examples_of(study)
    for name, (_, weights) in OWN.items():
        for number, task in enumerate(examples):
            p = softmax(task.teachers["train"][:, 0][:, task.sample].astype(float) / 2, axis=-1)
            examples[number] = taught(task, name, np.einsum("k,knc->nc", weights, p))
    reported = ours(study, runs_table(make_records(study, own_values)), examples)
    assert set(reported.fusion) == {"average on movies", "average on mnli"}
    assert flags(reported) == []
    # They are in what is looked at.
    types = reported.values.drop_duplicates("method").set_index("method").type
    assert types[["Multi: careful", "Control: control"]].tolist() == ["multi", "control"]


def own_values(task, name, *axes):
    """A suite's own are as good as the average."""
    own = name.split(":")[0] in OWN
    return grid_values(task, "average:cnn+bert" if own else name, *axes)


def test_teachers_that_say_the_same_have_any_pool(study):
    study = study | {"arms": [*ARMS, described("linear-pool", "cnn+bert")]}
    movies = make_examples(study, "movies")
    same = {split: logits[[0, 0]] for split, logits in movies.teachers.items()}
    labels = softmax(same["train"][0, 0][movies.sample].astype(float) / 2, axis=-1)
    movies = taught(movies._replace(teachers=same), "average", labels)
    stated = fusion_of(taught(movies, "linear-pool", labels))
    assert [pool["operation"] for pool in stated.values()] == [
        "mean of logits", "mean of probabilities",
    ]  # fmt: skip


def test_pools_of_teachers_of_each_seed_are_those_of_the_first_that_finished(study):
    study = study | {"teacher_seed": "paired", "teacher_seeds": ["1", "2", "3"]}
    movies = make_examples(study, "movies", diverged={"average": ["1"]})
    assert movies.teachers["train"].shape[1] == 3
    logits = movies.teachers["train"][:, 1][:, movies.sample].astype(float)
    own = taught(movies, "average", softmax(logits.mean(axis=0) / 2, axis=-1))
    assert fusion_of(own)["average on movies"]["operation"] == "mean of logits"
    assert fusion_of(movies)["average on movies"]["operation"] is None


def test_a_cell_of_ours_that_is_best_on_report_alone_is_flagged(study, runs):
    grid = grid_table(runs)
    mine = (grid.task == "mnli") & (grid.strategy == "average")
    peeked = grid.chosen.mask(mine, mine & (grid["T"] == "2") & (grid.alpha == "0.5"))
    flag = only(ours(study, runs, grid=grid.assign(chosen=peeked)))
    assert (flag.rule, flag.what) == (
        "separate-splits",
        "report_m, report_mm: chosen on and reported",
    )


def test_a_gap_of_ours_to_a_teacher_below_the_undistilled_student_is_flagged(study):
    def weak_teacher(task, name, T, alpha, seed):
        return (0.5, 0.5) if name == "bert" else grid_values(task, name, T, alpha, seed)

    runs = runs_table(make_records(study, weak_teacher))
    assert raised(ours(study, runs)) == ["gap-exists", "gap-exists"]


def test_a_study_of_one_arm_has_nothing_to_flag(study):
    alone = study | {"arms": [described("single", "bert")]}
    runs = runs_table(make_records(alone, grid_values))
    reported = ours(alone, runs, claims=claims_of(alone).iloc[:0])
    assert flags(reported) == [] and reported.gaps.empty and reported.fusion == {}


def test_a_study_that_reports_its_selection_split_is_flagged(study, runs):
    reporting = study | {"report_splits": {"movies": ["selection"], "mnli": ["report_m"]}}
    records = make_records(reporting, hand_values)
    reported = reported_from_study(
        runs_table(records),
        reporting,
        tables_of(study, runs, claims=claims_of(reporting), gap=gaps_of(reporting)),
        {},
    )
    assert "separate-splits" in raised(reported)


def test_a_study_whose_students_all_diverged_has_nothing_to_flag(study, runs):
    teachers = runs[runs.kind != "student"]
    tables = tables_of(study, teachers)
    tables |= {name: tables[name][:0] for name in ("claims", "gap", "failures")}
    assert flags(reported_from_study(teachers, study, tables, {})) == []


def test_expected_extremes_of_normal_draws():
    assert expected_range(9) == pytest.approx(2.970, abs=5e-4)
    assert expected_maximum(1) == pytest.approx(0, abs=1e-9)
    assert expected_maximum(3) == pytest.approx(0.8463, abs=1e-4)


def test_counts_are_told_from_other_numbers():
    assert are_counts([87.25, 86.76, 85.29], 408).all()
    assert not are_counts([91.62, 92.71], 408).any()
    assert chance_of_counts([87.25, 87.25, 86.76], 408) == pytest.approx(0.0408**2)
    assert chance_of_counts([90.98], 40430) == 1


def test_a_confident_label_softens_with_temperature():
    at = [round(softened_label(0.9922, T, 2), 2) for T in (1, 3, 6, 9)]
    assert at == [0.99, 0.83, 0.69, 0.63]
    assert softened_label(0.98, 1e9, 3) == pytest.approx(1 / 3)


@pytest.mark.parametrize("content", [None, 'method,type\n"unclosed'])
def test_tables_that_cannot_be_read_are_named(tmp_path, content):
    for path in TABLES.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "sweep.csv").unlink()
    if content:
        (tmp_path / "sweep.csv").write_text(content)
    with pytest.raises(InputError, match=r"sweep\.csv: cannot be read"):
        read_published(tmp_path)


def test_published_claims_count_the_arms_of_the_main_table(published):
    assert (published.claims.claim == ADVANTAGE).all()
    assert set(published.claims.n_a_candidates) == {4}
    assert set(published.claims.n_b_candidates) == {3}
