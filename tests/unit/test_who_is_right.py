"""Who is right where teachers disagree and where people do: by hand, and against other tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy
from test_analysis_tables import STUDY
from toy_examples import make_examples

from mtkd.analysis.measures.by_region import agreement_table
from mtkd.analysis.who_is_right import PARTS, ambiguity_table, disagreement_table
from mtkd.study.arms import described


@pytest.fixture(scope="module")
def examples():
    return make_examples(STUDY, "mnli", raters=True)


def of(table, kind, name, **where):
    rows = table[(table.kind == kind) & (table.name == name)]
    for column, value in where.items():
        rows = rows[rows[column] == value]
    return rows


def test_students_are_as_right_as_the_table_of_agreement_has_it(examples):
    table, wanted = disagreement_table(examples), agreement_table(examples)
    wanted = wanted[wanted.n > 0]
    for row in wanted.itertuples():
        (found,) = of(table, "student", row.arm, split=row.split, region=row.region).itertuples()
        assert (found.n, found.seeds) == (row.n, row.seeds)
        assert (found.accuracy, found.share) == pytest.approx((row.accuracy, row.share))
        assert found.low <= found.accuracy <= found.high
    assert len(table[table.kind == "student"]) == len(wanted)


def test_everybody_is_measured_on_the_same_examples(examples):
    table = disagreement_table(examples)
    for _, region in table.groupby(["split", "region"]):
        assert region.n.nunique() == 1
        assert set(region.kind) == {"teacher", "surest", "fused", "student"}
    split = examples.report_splits[0]
    gold, teachers = examples.labels[split], examples.teachers[split][:, 0].astype(float)
    answers = teachers.argmax(axis=-1)
    p = np.exp(teachers) / np.exp(teachers).sum(axis=-1, keepdims=True)
    surest = p.max(axis=-1).argmax(axis=0)
    right = answers[surest, np.arange(len(gold))] == gold
    differ = answers[0] != answers[1]
    (row,) = of(table, "surest", "surest teacher", split=split, region="full disagreement").accuracy
    assert row == pytest.approx(right[differ].mean()) and 0 < differ.mean() < 1
    (agree,) = of(table, "surest", "surest teacher", split=split, region="all agree").accuracy
    for k, name in enumerate(examples.record["teachers"]):
        (alone,) = of(table, "teacher", name, split=split, region="all agree").accuracy
        assert alone == pytest.approx(agree)
        (alone,) = of(table, "teacher", name, split=split, region="full disagreement").accuracy
        assert alone == pytest.approx((answers[k] == gold)[differ].mean())


def test_one_teacher_is_its_own_surest_and_none_has_no_table():
    alone = make_examples(STUDY | {"arms": STUDY["arms"][:2]})
    assert set(disagreement_table(alone).kind) == {"teacher", "student"}
    without = make_examples(STUDY | {"arms": [described("none", "none")]})
    assert disagreement_table(without).empty
    table = ambiguity_table(make_examples(STUDY | {"arms": STUDY["arms"][:1]}, raters=True))
    assert set(table.kind) == {"rater", "student"}


def test_errors_by_the_raters_entropy_add_up_to_all_errors(examples):
    table = ambiguity_table(examples)
    for split in examples.report_splits:
        gold, shares = examples.labels[split], examples.human[split]
        own = entropy(shares, axis=1)
        edges = np.sort(own)
        for part, row in enumerate(of(table, "rater", "one rater", split=split).itertuples()):
            inside = (own >= row.entropy_low - 1e-9) & (own <= row.entropy_high + 1e-9)
            assert row.part == part + 1 and inside.sum() == row.n
            assert row.error == pytest.approx((1 - shares[range(len(gold)), gold])[inside].mean())
        assert abs(row.n - len(gold) / PARTS) <= 1 and row.entropy_high == pytest.approx(edges[-1])
        for arm, logits in zip(examples.record["arms"], examples.students[split], strict=True):
            rows = of(table, "student", arm["name"], split=split)
            wrong = (logits.argmax(axis=-1) != gold).mean()
            assert (rows.error * rows.n).sum() / len(gold) == pytest.approx(wrong)
            assert rows.n.sum() == len(gold) and rows.share_of_errors.sum() == pytest.approx(1)


def test_raters_who_all_agree_are_one_part():
    examples = make_examples(STUDY, raters=True)
    certain = {split: np.eye(2)[gold] for split, gold in examples.labels.items()}
    table = ambiguity_table(examples._replace(human=certain))
    assert set(table.part) == {1} and of(table, "rater", "one rater").error.tolist() == [0]
    # Half of them certain: ties stay together.
    half = {
        split: np.where(np.arange(len(rows))[:, None] % 2 == 0, rows, examples.human[split])
        for split, rows in certain.items()
    }
    sizes = ambiguity_table(examples._replace(human=half)).groupby("part").n.first().tolist()
    gold = examples.labels["report"]
    assert sizes[0] == (len(gold) + 1) // 2 and sum(sizes) == len(gold) and len(sizes) == 3
    assert ambiguity_table(make_examples(STUDY)).empty


def test_a_region_of_one_example_has_no_interval():
    examples = make_examples(STUDY, n=12)
    split = examples.report_splits[0]
    gold = examples.labels[split]
    teachers = np.repeat(10 * np.eye(2)[gold][None, None], 2, axis=0).astype(np.float32)
    teachers[1, 0, 0] *= -1
    changed = examples._replace(teachers=examples.teachers | {split: teachers})
    table = disagreement_table(changed)
    alone = table[table.region == "full disagreement"]
    assert set(alone.n) == {1} and alone.low.isna().all() and alone.accuracy.notna().all()
    assert isinstance(table, pd.DataFrame)
