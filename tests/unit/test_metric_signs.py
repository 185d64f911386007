"""A metric of which less is better, in every place that ranks, compares or shows scores.

The better model is known: toy arms are the better the later, and teachers are better than students.
Each test would fail if its place took the greater value for the better one, or what the metric does
not take.
"""

from __future__ import annotations

import copy
import math

import numpy as np
import pandas as pd
import pytest
from test_any_shape import tables_of
from test_config import EMBEDDED
from test_tables import ARMS, make_records, make_study, other
from toy_examples import make_examples, runs_of

from mtkd.analysis import audit
from mtkd.analysis.checks import checks_table
from mtkd.analysis.claims import arm_scores, choice_weights, claims_table
from mtkd.analysis.constant import SHARES, answered, constant_answer, skill_table
from mtkd.analysis.gap import best_teacher, gap_table
from mtkd.analysis.master import master_table, render_master
from mtkd.analysis.measures.by_region import failures_table
from mtkd.analysis.measures.quality import quality_table
from mtkd.analysis.over_tasks import over_tasks_table, profiles_table
from mtkd.analysis.predicted import predictions_table
from mtkd.analysis.published.derived import gaps_by_task
from mtkd.analysis.published.flags import flags
from mtkd.analysis.published.reported import reported_from_study
from mtkd.analysis.ranking import ranking_table
from mtkd.analysis.selection import chosen_settings, grid_table
from mtkd.analysis.soft_label_tables import confidence_table, human_prediction_table
from mtkd.analysis.success import success_metrics
from mtkd.analysis.tables import runs_table
from mtkd.config.load import validate_suite
from mtkd.errors import InputError
from mtkd.figures.gap import gap_figure
from mtkd.figures.heatmap import heatmap_figure
from mtkd.figures.master import master_figure
from mtkd.figures.quality import ceilings_figure
from mtkd.fusion.strategies import score_weights
from mtkd.report.latex import latex_table
from mtkd.report.study_results import study_tables
from mtkd.report.task_results import task_tables

STUDY = make_study(
    arms=ARMS, seeds=["1", "2", "3"], tasks=["movies"], metrics={"movies": "log_loss"}
)


@pytest.fixture(scope="module")
def examples():
    """Arms none, cnn, bert, average, the last much the best; bert is the better teacher."""
    examples = make_examples(STUDY, n=300)
    for split, logits in examples.students.items():
        gold = examples.labels[split] if split != "train" else examples.labels[split][::3]
        logits[-1] = logits[-1] + 1.5 * np.eye(2, dtype=np.float32)[gold]
    examples.record["teacher_scores"] = [[0.6], [0.4]]
    return examples


@pytest.fixture(scope="module")
def runs(examples):
    name, answer = constant_answer(examples.labels["train"], "log_loss", ["bad", "good"])
    scores = {s: answered(answer, examples.labels[s], "log_loss") for s in ("selection", "report")}
    constant = runs_table([other(STUDY, "movies", "constant", None, scores)])
    return pd.concat([runs_of(examples, STUDY), constant], ignore_index=True)


@pytest.fixture(scope="module")
def tables(examples, runs):
    tables = {"claims": claims_table(examples, 0.5), "gap": gap_table(examples)}
    tables |= {"grid": grid_table(runs), "quality": quality_table(examples)}
    tables |= {"skill": skill_table(examples), "ranking": ranking_table(runs, STUDY)}
    tables |= {"over_tasks": over_tasks_table(runs, STUDY), "profiles": profiles_table(runs, STUDY)}
    tables["master"] = master_table(runs, STUDY, tables["skill"])
    return tables


def mean_of(runs, name):
    """Mean loss on report of a strategy, or of the student of one teacher."""
    students = runs[runs.primary & (runs.role == "report") & (runs.kind == "student")]
    return students[(students.strategy == name) | (students.teachers == name)].value.mean()


def test_a_claim_is_of_the_improvement(tables, runs):
    claims = tables["claims"].set_index(["claim", "a"])
    row = claims.loc["strategy v mean single-teacher arm", "average"]
    lower = mean_of(runs, "single") - mean_of(runs, "average")
    assert lower > 0 and row.effect == pytest.approx(100 * lower)
    assert row.verdict == "better" and 0 < row.low < row.effect < row.high
    assert (claims.verdict == "better").all()
    assert "points of improvement in log_loss (less is better; 95 % interval" in row.sentence
    several = success_metrics(tables["gap"], tables["claims"], STUDY)["multi_teacher_advantage"]
    assert several["per_task"]["movies"]["effect"] > 0
    assert several["definition"].endswith(
        "differences of log_loss are improvements: above 0, less of it"
    )


def test_the_best_arm_is_chosen_on_selection(examples):
    selection = np.stack([scores.value for scores in arm_scores(examples, "selection")], axis=1)
    weights = choice_weights(selection, 4)
    assert (weights.argmax(axis=1) == 3).all()  # the last is the best


def test_the_constant_answer_is_the_shares_and_skill_is_below_its_loss(tables, examples):
    skill = tables["skill"]
    share = examples.labels["train"].mean()
    gold = examples.labels["report"]
    loss = -np.log(np.where(gold, share, 1 - share)).mean()
    assert set(skill.constant) == {SHARES}
    np.testing.assert_allclose(skill.constant_value, loss)
    np.testing.assert_allclose(skill.lead, 100 * (skill.constant_value - skill.value))
    assert skill.set_index("name").skill[["bert", "average"]].all()
    worse = examples._replace(
        students={s: [-4 * a for a in of] for s, of in examples.students.items()}
    )
    assert not skill_table(worse)[lambda t: t.kind == "student"].skill.any()
    claims = claims_table(worse, 0.5)
    assert set(claims.verdict) == {"no skill"}
    assert f"'{SHARES}' for every example, which has {loss:.4f}" in claims.sentence[0]
    assert claims.constant_value[0] == pytest.approx(loss)


def test_a_gap_is_closed_towards_the_lower_loss(tables, examples, runs):
    assert best_teacher(examples) == 1
    gaps = tables["gap"].set_index(["against", "strategy"])
    row = gaps.loc["teacher", "average"]
    assert row.reference == "bert" and row.gap and row.difference > 0
    none, average = mean_of(runs, "none"), mean_of(runs, "average")
    assert row.none_value == pytest.approx(none) and row.reference_value < none
    assert row.fraction == pytest.approx((none - average) / (none - row.reference_value))
    arms = success_metrics(tables["gap"], tables["claims"], STUDY)["gap_closed"]["arms"]
    assert arms["cnn+bert/average"]["average"] == pytest.approx(row.fraction)


def test_ranks_and_aggregates(tables, runs):
    ranks = tables["ranking"]
    assert ranks[ranks.task == "movies"].sort_values("rank").arm.iloc[0] == "average"
    assert (ranks[ranks.arm == "no distillation"]["rank"] == 4).all()
    over = tables["over_tasks"].set_index("arm")
    assert over.improves["average"] == 1
    assert over.iqm_low["average"] <= over.iqm["average"] <= over.iqm_high["average"]
    assert over.iqm["average"] > 0 and math.isnan(over.iqm["no distillation"])
    shares = tables["profiles"].set_index(["arm", "gain"]).share
    assert shares["average", 0.0] == 1 and shares["no distillation", 0.0] < 1


def grid_of(metric: str):
    """Runs over T = 2, 10, of which T = 10 has the lower value everywhere."""
    study = STUDY | {"T": ["2", "10"], "metrics": {"movies": metric}}
    value = {"2": (0.7, 0.6), "10": (0.5, 0.4), "NA": (0.9, 0.9)}
    return study, runs_table(make_records(study, lambda task, name, T, alpha, seed: value[T]))


@pytest.mark.parametrize(("metric", "chosen"), [("log_loss", "10"), ("accuracy", "2")])
def test_T_is_chosen_by_the_metric_and_bright_is_better(metric, chosen):
    study, runs = grid_of(metric)
    picked = chosen_settings(runs)
    assert set(picked[picked.strategy != "none"]["T"]) == {chosen}
    panel = heatmap_figure({"runs": runs}, study, "movies").axes[0]
    image = panel.images[0]
    light = image.cmap(image.norm(image.get_array())).sum(axis=-1).ravel()
    assert light.argmax() == study["T"].index(chosen)
    on_light = {
        text.get_color() for text in panel.texts if text.get_position()[1] == light.argmax()
    }
    assert on_light == {"black"}


def test_the_checker_finds_nothing_in_them_and_a_wrong_sign(tables, runs, examples):
    confidence = confidence_table(
        "movies", examples.teachers, examples.record["teachers"], ["1", "4"]
    )
    plain = (
        tables["claims"]
        .iloc[[0]]
        .assign(
            a="average",
            T_b="4",
            alpha_b="0.7",
            b="bert",
            effect=100 * (mean_of(runs, "bert") - mean_of(runs, "average")),
        )
    )
    stated = tables | {"confidence": confidence, "failures": failures_table(examples)}
    stated["claims"] = pd.concat([tables["claims"], plain], ignore_index=True)
    del stated["skill"]  # toys are hardly better than a constant
    reported = reported_from_study(runs, STUDY, stated, {})
    assert flags(reported) == []
    turned = stated["claims"].assign(effect=-stated["claims"].effect)
    found = flags(reported_from_study(runs, STUDY, stated | {"claims": turned}, {}))
    assert {flag.rule for flag in found} == {"reproduced"}
    # A teacher above the student's loss has no gap, and one above the constant's no skill.
    bad = runs.copy()
    bad.loc[bad.primary & (bad.teacher == "bert") & (bad.split == "report"), "value"] = 3.0
    found = flags(reported_from_study(bad, STUDY, stated, {}))
    said = {flag.rule: flag.what for flag in found}
    assert "Teacher: bert 3.0000: one answer for every example has 0.69" in said["above-constant"]
    assert "above the undistilled student's" in said["gap-exists"]
    gaps = gaps_by_task(reported, "Multi: average")
    gap = tables["gap"].set_index(["against", "strategy"]).fraction["teacher", "average"]
    assert gaps["movies"] == pytest.approx(100 * gap)


def test_the_audit_predicts_that_a_lower_loss_helps(examples):
    logits, gold = examples.teachers["selection"], examples.labels["selection"]
    fused = {"sure": logits[1] + 2 * np.eye(2)[gold], "unsure": 0 * logits[1]}
    table = predictions_table("movies", logits, fused, gold, "log_loss", 0.5)
    assert table.set_index("arm").expected.to_dict() == {"sure": "helps", "unsure": "hurts"}
    assert (np.sign(table.lead) == [1, -1]).all()
    selection = audit.Measured(logits, gold)
    names = ["cnn", "bert"]
    ceilings = audit.ceilings_table("movies", "selection", selection, fused, names, "log_loss")
    assert ceilings.set_index("name").score["unsure"] == pytest.approx(np.log(2))
    row = audit.summary_row("movies", "selection", selection, [0.6, 0.4], ["4"], "log_loss")
    assert np.isnan(row["weights_offset"])


def test_nearness_to_people_goes_with_the_better_student():
    names = ["a", "b", "c", "d"]
    row = {"task": "movies", "split": "report"}
    human = pd.DataFrame(
        [row | {"kind": "soft labels", "name": n, "kl": 0.1 * i} for i, n in enumerate(names)]
    )
    students = [
        row | {"kind": "student", "name": n, "metric": "log_loss", "score": 0.4 + 0.1 * i}
        for i, n in enumerate(names)
    ]
    assert human_prediction_table(human, pd.DataFrame(students)).spearman[0] == pytest.approx(-1)


def test_second_opinions_take_what_the_metric_takes(examples):
    checks = checks_table(examples)
    assert len(checks) == 3


def test_tables_and_figures_have_the_metrics_unit(tables, runs):
    master = tables["master"].set_index("method")
    title = "movies (log_loss ↓, nats)"
    assert master[f"{title} mean"]["Multi: average"] == pytest.approx(mean_of(runs, "average"))
    assert master[f"{title} skill"]["Multi: average"] == "yes"
    text = render_master(tables["master"], STUDY)
    assert "in percent or the unit beside the metric on the report split, mean" in text
    assert "(number of seeds); ↓: less is better" in text
    assert f"{mean_of(runs, 'average'):.4f} ±" in text and "(log_loss ↓, nats)" in text
    for figure in (
        master_figure({"runs": runs}, STUDY),
        ceilings_figure(tables, STUDY),
        gap_figure(tables, STUDY),
    ):
        values = [x for axis in figure.axes for line in axis.lines for x in line.get_ydata()]
        labels = " ".join(
            axis.get_xlabel() + axis.get_ylabel() + axis.get_title(loc="left")
            for axis in figure.axes
        )
        assert "log_loss ↓" in labels and "log_loss (%)" not in labels and values
    (axis,) = [a for a in ceilings_figure(tables, STUDY).axes if a.axison]
    assert axis.get_xlabel() == "teacher's log_loss ↓ (nats)" and axis.get_xlim()[1] < 5


def test_report_and_latex_name_the_unit_and_the_direction(tmp_path):
    tables = tables_of(STUDY, "movies", tmp_path, {})
    shown = [*study_tables(tables, STUDY), *task_tables(tables, STUDY, "movies")]
    for table in shown:
        assert not len(table.rows) or "↓" not in latex_table(table, "x")
    by_name = {table.name: table for table in shown}
    assert {"log_loss ↓ (nats)", "constant (nats)"} <= set(by_name["skill"].rows)
    assert "log_loss ↓ (nats)" in by_name["quality"].rows
    assert "interquartile gain (points)" in by_name["over_tasks"].rows
    for name in ("claims", "gap", "several_teachers", "profiles", "skill"):
        assert "differences of log_loss are improvements" in by_name[name].caption


@pytest.mark.parametrize(
    ("metrics", "has"),
    [
        (["accuracy", "matthews_correlation"], True),
        (["log_loss", "log_loss"], True),
        (["log_loss", "accuracy"], False),
        (["log_loss", "brier"], False),
    ],
)
def test_a_mean_over_tasks_is_of_one_scale(metrics, has):
    study = make_study(metrics=dict(zip(["movies", "mnli"], metrics, strict=True)))
    runs = runs_table(make_records(study, lambda *axes: (0.6, 0.6)))
    master = master_table(runs, study).set_index("method")
    assert master["AVG mean"].notna().any() == has
    average = master["AVG mean"]["Multi: average"]
    assert not has or average == pytest.approx(0.605 if metrics[0] == "log_loss" else 60.5)
    over = over_tasks_table(runs, study).set_index("arm").iqm.drop("no distillation")
    assert over.notna().all() == has
    assert set(ranking_table(runs, study).task) == {"movies", "mnli", "all"}


def weighing(metric: str):
    content = copy.deepcopy(EMBEDDED)
    content["tasks"]["movies"]["metrics"] = [metric, "accuracy"]
    return content


def test_weights_are_of_scores_of_which_more_is_better():
    message = "studies.main.arms.5: strategy 'weighted' weighs teachers by their brier on selection"
    with pytest.raises(InputError, match=message):
        validate_suite(weighing("brier"), "s.yaml")
    assert validate_suite(weighing("matthews_correlation"), "s.yaml")
    with pytest.raises(InputError, match=r"\[0.2, -0.1\] give no weights"):
        score_weights([0.2, -0.1])
