"""The best constant answer: chosen on train, best under its metric, and what it says of methods."""

from __future__ import annotations

import numpy as np
import pytest
from test_tables import ARMS, make_study
from toy_examples import make_examples, runs_of

from mtkd.analysis.claims import claims_table
from mtkd.analysis.constant import (
    best_constant,
    constant_answer,
    constant_scores,
    constant_value,
    lead,
    skill_table,
)
from mtkd.analysis.gap import gap_table
from mtkd.analysis.master import master_table, render_master
from mtkd.metrics.by_example import Contributions, contributions
from mtkd.study.view import MARK, mark_meaning

SEEDS = ["1", "2", "3"]
STUDY = make_study(arms=ARMS, seeds=SEEDS, tasks=["movies"])


def of(shares: list[int]) -> np.ndarray:
    """Labels of which class i has so many."""
    return np.repeat(np.arange(len(shares)), shares)


@pytest.mark.parametrize(
    ("metric", "shares", "given", "value"),
    [
        ("accuracy", [30, 70], 1, 0.7),
        ("accuracy", [70, 30], 0, 0.7),
        ("accuracy", [20, 50, 30], 1, 0.5),
        ("accuracy", [50, 50], 0, 0.5),
        # 2p / (1 + p): the majority's answer has 0.
        ("f1", [30, 70], 1, 1.4 / 1.7),
        ("f1", [70, 30], 1, 0.6 / 1.3),
        ("f1", [95, 5], 1, 0.1 / 1.05),
        ("f1", [100, 0], 0, 0.0),
        ("macro_f1", [20, 50, 30], 1, (1 / 1.5) / 3),
        ("macro_f1", [1] * 39 + [2], 39, (4 / 43) / 40),
    ],
)
def test_the_best_answer_of_each_metric(metric, shares, given, value):
    labels = of(shares)
    assert best_constant(labels, metric, len(shares)) == given
    assert constant_value(given, labels, metric, len(shares)) == pytest.approx(value)


def with_answers(share_of_one: float, students: dict[str, float], study=STUDY, n=400):
    """Examples of a task with so large a class 1, whose arms answer 1 so often, whatever the text.

    ``students`` has the share by strategy; above 1, right answers instead, as the teachers give.
    """
    examples = make_examples(study, n=n)
    rng = np.random.default_rng(0)
    for split, labels in examples.labels.items():
        gold = examples.labels[split] = (np.arange(len(labels)) < share_of_one * len(labels)) * 1
        examples.teachers[split][:] = np.eye(2)[gold]
        for number, arm in enumerate(examples.record["arms"]):
            share, shape = students[arm["strategy"]], examples.students[split][number].shape[:2]
            answers = rng.random(shape) < share
            if share > 1 and split != "train":
                answers = gold ^ (rng.random(shape) < 0.05)
            examples.students[split][number] = np.eye(2, dtype=np.float32)[answers * 1]
    return examples


# One answer for all has 82.4: a student that gives it more often gains, and has learnt nothing.
IDLE = {"none": 0.7, "single": 0.97, "average": 0.98}


def test_arms_that_answer_one_class_have_no_skill_and_are_not_better():
    table = claims_table(with_answers(0.7, IDLE), 0.5).set_index("claim")
    row = table.loc["distillation"]
    assert row.effect > 5 and row.low > 0 and row.p_superiority < 0.05
    assert set(table.verdict) == {"no skill"} and (table.note == "").all()
    assert row.constant == "good" and row.constant_value == pytest.approx(100 * 1.4 / 1.7, abs=0.2)
    assert row.lead_a < 0 and row.lead_b < row.lead_a and row.low_b <= row.lead_b <= row.high_b
    assert row.sentence.endswith(
        "no skill: neither is better than 'good' for every example, which has "
        f"{row.constant_value:.2f}."
    )


def test_a_claim_of_which_one_side_has_skill_keeps_its_verdict():
    table = claims_table(with_answers(0.7, IDLE | {"average": 2.0}), 0.5)
    table = table.set_index(["claim", "b"])
    several = table.loc[("several teachers", "one single-teacher arm")]
    assert several.verdict == "better" and several.low_a > 0 > several.low_b
    worse = claims_table(with_answers(0.7, IDLE | {"none": 2.0}), 0.5).set_index("claim")
    assert worse.loc["distillation", "verdict"] == "worse"


def test_a_gap_to_a_teacher_without_skill_is_none():
    examples = with_answers(0.7, IDLE)
    for split, labels in examples.labels.items():
        # All but always the answer that is best for all, and so above the undistilled student.
        idle = (np.random.default_rng(2).random(len(labels)) < 0.98).astype(int)
        examples.teachers[split][:] = np.eye(2)[idle]
    gaps = gap_table(examples)
    teacher = gaps[gaps.against == "teacher"].iloc[0]
    assert teacher.reference_value - teacher.none_value > 0.05
    assert not teacher.gap and np.isnan(teacher.fraction) and teacher.difference_low > 0
    # To one that knows the answers there is one.
    gaps = gap_table(with_answers(0.7, IDLE))
    assert gaps[gaps.against == "teacher"].gap.all()


def test_too_few_seeds_have_no_verdict_with_or_without_skill():
    study = STUDY | {"seeds": ["1", "2"]}
    table = claims_table(with_answers(0.7, IDLE, study), 0.5)
    assert set(table.verdict) == {"no verdict"}


def test_the_class_is_chosen_on_train_and_scored_on_report():
    examples = with_answers(0.7, IDLE)
    chosen = constant_scores(examples, ["report"]).value[0]
    examples.labels["train"] = 1 - examples.labels["train"]
    examples.record["metrics"] = ["accuracy", "f1"]
    assert chosen == pytest.approx(1.4 / 1.7, abs=0.01)
    # Train has more of class 0, report of class 1: the honest answer is wrong there.
    assert constant_scores(examples, ["report"]).value[0] == pytest.approx(0.3, abs=0.01)


def test_several_splits_count_alike():
    examples = make_examples(make_study(seeds=SEEDS), "mnli")
    splits = examples.report_splits
    both = constant_scores(examples, splits).value[0]
    assert both == pytest.approx(np.mean([constant_scores(examples, [s]).value for s in splits]))
    (row,) = claims_table(examples, 0.5).drop_duplicates("constant_value").itertuples()
    assert row.constant_value == pytest.approx(100 * both)


def test_a_lead_has_the_interval_of_seeds_and_examples():
    labels = of([30, 70])
    rng = np.random.default_rng(1)
    right = labels ^ (rng.random((3, 100)) < 0.1)
    constant = contributions(np.ones((1, 100), int), labels, "accuracy", 2)
    found = lead(contributions(right, labels, "accuracy", 2), constant)
    assert (found.seeds, found.examples) == (3, 100)
    assert found.estimate == pytest.approx(100 * ((right == labels).mean() - 0.7))
    assert 0 < found.low < found.estimate < found.high
    same = lead(
        Contributions(np.repeat(constant.value, 3), constant.pseudovalues[[0] * 3]), constant
    )
    assert (same.low, same.high) == (0, 0)


def test_teachers_and_students_are_set_against_it_by_split():
    table = skill_table(make_examples(make_study(seeds=SEEDS), "mnli"))
    assert len(table) == 2 * (2 + 4) and set(table.split) == {"report_m", "report_mm"}
    teachers = table[table.kind == "teacher"]
    # So trained, on three classes of one size.
    assert teachers.skill.all() and (teachers.seeds == 1).all()
    np.testing.assert_allclose(table.lead, 100 * (table.value - table.constant_value))
    assert (table.skill == (table.low > 0)).all()
    # Ahead by chance is not ahead.
    few = skill_table(make_examples(STUDY))
    assert ((few.lead > 0) & ~few.skill).any()


def test_the_master_table_marks_what_is_no_better():
    examples = with_answers(0.7, IDLE | {"average": 2.0})
    master = master_table(runs_of(examples, STUDY), STUDY, skill_table(examples))
    master = master.set_index("method")
    skill = master["movies (f1) skill"].to_dict()
    idle = ["Student: no distillation", "Distill: cnn", "Distill: bert"]
    assert skill == dict.fromkeys(idle, "no") | {
        "Reference: constant": "", "Reference: TF-IDF": "", "Multi: average": "yes",
        "Teacher: cnn": "yes", "Teacher: bert": "yes",
    }  # fmt: skip
    text = render_master(master.reset_index(), STUDY).splitlines()
    marked = [line for line in text if f"){MARK}" in line]
    assert [line[:24].strip() for line in marked] == idle
    assert text[-2].startswith(f"{MARK} {mark_meaning(STUDY)[:40]}")
    # Digits stay in their columns.
    rows = [line for line in text if " (3)" in line]
    assert len({line.index(" (3)") for line in rows}) == 1


@pytest.mark.parametrize("metric", ["accuracy", "f1", "log_loss"])
def test_rows_without_a_label_have_no_say(metric):
    train, names = np.array([1, 1, 0, 1, 0]), ["bad", "good"]
    name, answer = constant_answer(train, metric, names)
    more = np.concatenate([train, np.full(20, -1)])
    again, same = constant_answer(more, metric, names)
    assert again == name and same.tolist() == answer.tolist()
