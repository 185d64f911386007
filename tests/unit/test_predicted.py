"""What the audit predicts of students, and how its predictions are scored."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_analysis_tables import STUDY, teachers_of
from test_tables import ARMS, hand_values, make_records, make_study
from toy_examples import make_examples, runs_of

from mtkd.analysis.claims import claims_table
from mtkd.analysis.predicted import (
    KNOWN,
    POINT_COLUMNS,
    PREDICTION_COLUMNS,
    Inheritance,
    forecast_skill,
    inheritance,
    inheritance_table,
    predictions_table,
    scored_predictions,
    single_points,
)
from mtkd.analysis.tables import read_table, runs_table

POINTS = pd.DataFrame(
    [("t", "a", 80, 70), ("t", "b", 82, 71), ("t", "c", 84, 70.5), ("u", "a", 50, 45),
     ("u", "b", 54, 45)],
    columns=POINT_COLUMNS,
)  # fmt: skip


def test_the_slope_is_that_of_least_squares_with_an_intercept_a_task():
    found = inheritance(POINTS)
    design = np.column_stack([POINTS.teacher_score, POINTS.task == "t", POINTS.task == "u"]).astype(
        float
    )
    solution, (rest,), *_ = np.linalg.lstsq(design, POINTS.student_score, rcond=None)
    covariance = rest / 2 * np.linalg.inv(design.T @ design)
    assert found.slope == pytest.approx(solution[0])
    assert found.se == pytest.approx(math.sqrt(covariance[0, 0]))
    assert (found.df, found.tasks, found.arms) == (2, 2, 5)
    assert found.residual == pytest.approx(math.sqrt(rest / 2))
    half = stats.t.ppf(0.975, 2) * found.se
    assert found.interval == pytest.approx((found.slope - half, found.slope + half))


@pytest.mark.parametrize(
    "points",
    [POINTS[:2], POINTS[POINTS.task == "u"], POINTS.assign(teacher_score=1.0), POINTS[:0]],
)
def test_too_few_arms_or_teachers_that_are_the_same_have_no_slope(points):
    assert inheritance(points) is None


def test_points_are_of_single_arms_whose_students_beat_the_constant_answer():
    two_tasks = make_study()
    # As on selection, so on report; mnli lies 0.1 lower, its second report split 0.02 higher.
    points = single_points(runs_table(make_records(two_tasks, hand_values)))
    assert points.to_numpy().tolist() == [
        ["movies", "cnn", pytest.approx(81), pytest.approx(73)],
        ["movies", "bert", pytest.approx(86), pytest.approx(76)],
        ["mnli", "cnn", pytest.approx(71), pytest.approx(64)],
        ["mnli", "bert", pytest.approx(76), pytest.approx(67)],
    ]
    found = inheritance(points)
    assert (found.slope, found.residual) == pytest.approx((0.6, 0))
    poor = make_records(two_tasks, lambda task, *of: hand_values(task, *of) if task == "mnli" else
                        (0.3, 0.3))  # fmt: skip
    assert set(single_points(runs_table(poor)).task) == {"mnli"}


def predict(lead, margin=1.0, known=KNOWN, seeds=1):
    """Two teachers, and a fusion that is so many points better on 2,000 examples."""
    logits, labels = teachers_of(n=2000, seeds=seeds)
    right = logits.argmax(axis=-1) == labels
    value = right.mean()
    wanted = round(2000 * (value + lead / 100))
    fused = np.where(np.arange(2000)[:, None] < wanted, np.eye(3)[labels], -np.eye(3)[labels])
    fused = np.repeat(fused[None], seeds, axis=0)
    return predictions_table("t", logits, {"average": fused}, labels, "accuracy", margin, known)


def test_a_prediction_is_the_lead_times_what_a_better_teacher_gives():
    known = Inheritance(0.5, 0.05, 20, 0.2, 4, 12)
    row = predict(10, known=known).iloc[0]
    assert row.lead == pytest.approx(10, abs=0.1)
    assert row.predicted == pytest.approx(0.5 * row.lead)
    se = (row.lead_high - row.lead_low) / 2 / stats.t.ppf(0.975, 1999)
    variance = (0.05 * row.lead) ** 2 + (0.5 * se) ** 2 + (0.05 * se) ** 2 + 0.2**2 * 1.5
    half = stats.t.ppf(0.975, 20) * math.sqrt(variance)
    assert (row.predicted_low, row.predicted_high) == pytest.approx(
        (row.predicted - half, row.predicted + half), rel=1e-3
    )


@pytest.mark.parametrize(
    ("lead", "margin", "expected"),
    [(10, 1, "helps"), (-10, 1, "hurts"), (0, 2, "no difference"), (0, 0.1, "cannot tell")],
)
def test_what_is_expected_is_read_off_the_interval(lead, margin, expected):
    known = Inheritance(0.5, 0.05, 20, 0.2, 4, 12)
    row = predict(lead, margin, known).iloc[0]
    assert row.expected == expected
    # It can miss: no interval reaches from nothing inherited to all of it.
    assert row.predicted_high - row.predicted_low < 5
    if lead:
        assert not row.predicted_low <= 0 <= row.predicted_high
        assert not row.predicted_low <= row.lead <= row.predicted_high


def predictions(**columns):
    row = {"task": "t", "lead": 2.0, "lead_low": 1.0, "lead_high": 3.0, "predicted": 0.6}
    row |= {"predicted_low": 0.0, "predicted_high": 3.0}
    return pd.DataFrame({"arm": list(columns), "expected": list(columns.values())}).assign(**row)


def claims_of(**verdicts):
    effects = {"better": 1.5, "worse": -1.5, "equivalent": 0.1, "undecidable": 3.5}
    rows = [
        {"task": "t", "claim": claim, "a": arm, "effect": effects.get(verdict, 0.5),
         "low": -1.0, "high": 2.0, "verdict": verdict}
        for arm, verdict in verdicts.items()
        for claim in ("strategy v mean single-teacher arm", "strategy v average")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_predictions_are_scored_by_the_verdict_and_left_open_without_one(tmp_path):
    expected = {"u": "helps", "v": "helps", "w": "no difference", "x": "helps", "y": "hurts"}
    expected["z"] = "cannot tell"
    verdicts = {"u": "better", "v": "worse", "w": "equivalent", "x": "undecidable"}
    claims = claims_of(**verdicts, y="no verdict", z="better", other="better")
    table = scored_predictions(predictions(**expected), claims).set_index("arm")
    assert list(table.index) == ["u", "v", "w", "x", "y", "z"]
    assert table.came_true.astype(object).where(table.came_true.notna(), None).to_dict() == {
        "u": True, "v": False, "w": True, "x": None, "y": None, "z": None,
    }  # fmt: skip
    assert table.inside.tolist() == [True, False, True, False, True, True]
    assert table.same_sign.tolist() == [True, False, True, True, True, True]
    assert table.measured["v"] == -1.5 and table.error["v"] == pytest.approx(-2.1)
    table.to_csv(tmp_path / "scored.csv")
    assert read_table(tmp_path / "scored.csv").came_true.isna().sum() == 3


def test_skill_is_against_the_forecast_that_nothing_changes():
    claims = claims_of(u="better", v="worse", w="equivalent")
    made = predictions(u="helps", v="helps", w="helps")
    perfect = made.assign(predicted=[1.5, -1.5, 0.1])
    nothing, absurd = made.assign(predicted=0.0), made.assign(predicted=50.0)
    for table, skill in ((perfect, 1), (nothing, 0), (absurd, 1 - 7501.3 / 4.51)):
        scored = scored_predictions(table, claims)
        assert scored.skill.tolist() == pytest.approx([skill] * 3, rel=0.01)
        rows = forecast_skill(scored)
        assert rows.task.tolist() == ["t", "all"] and rows.arms.tolist() == [3, 3]
        assert rows.skill.tolist() == pytest.approx([skill] * 2, rel=0.01)
    assert rows.mse_no_difference[0] == pytest.approx((1.5**2 + 1.5**2 + 0.1**2) / 3)
    assert rows.inside[0] == pytest.approx(2 / 3)


def test_arms_without_skill_or_a_shared_seed_score_no_prediction():
    made = predictions(u="helps", v="helps")
    claims = claims_of(u="no skill", v="better")
    rows = forecast_skill(scored_predictions(made, claims))
    assert rows.arms.tolist() == [1, 1]
    lost = claims.assign(effect=math.nan)
    assert forecast_skill(scored_predictions(made, lost)).empty


def test_no_fusions_no_predictions_and_yet_tables(tmp_path):
    logits, labels = teachers_of()
    table = predictions_table("t", logits, {}, labels, "accuracy", 0.5)
    assert table.empty and list(table) == PREDICTION_COLUMNS
    table.to_csv(tmp_path / "predictions.csv", index=False)
    again = read_table(tmp_path / "predictions.csv")
    for claims in (claims_of(u="better"), claims_table(make_examples(STUDY), 0.5)):
        scored = scored_predictions(again, claims)
        assert scored.empty and {"arm", "came_true"} <= set(scored)
        assert forecast_skill(scored).empty
    none = claims_table(make_examples(STUDY | {"arms": [ARMS[0], ARMS[1]]}), 0.5)
    assert scored_predictions(predictions(u="helps"), none).empty


def test_the_slope_that_was_used_stands_beside_the_studys_own():
    examples = make_examples(STUDY)
    table = inheritance_table(runs_of(examples, STUDY))
    assert table.slope[0] == KNOWN.slope and table.source[0].startswith("before: ")
    # Two teachers on one task leave nothing to estimate with.
    assert len(table) == 1
