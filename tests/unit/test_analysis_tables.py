"""Tables of the analyses and of the audit: sums, other libraries, by hand, studies in part."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax, softmax
from sklearn.metrics import accuracy_score, f1_score, log_loss
from test_tables import ARMS, diverged, hand_values, make_records, make_study, pick
from toy_examples import draw, make_examples

from mtkd.analysis import audit
from mtkd.analysis.checks import checks_table
from mtkd.analysis.claims import claims_table
from mtkd.analysis.gap import gap_table
from mtkd.analysis.measures.by_region import agreement_table, failures_table
from mtkd.analysis.measures.quality import quality_table, reliability_table
from mtkd.analysis.over_tasks import over_tasks_table, profiles_table
from mtkd.analysis.ranking import ranking_table
from mtkd.analysis.soft_label_tables import (
    confidence_table,
    fidelity_table,
    human_prediction_table,
    human_table,
)
from mtkd.analysis.success import success_metrics
from mtkd.analysis.tables import read_table, runs_table
from mtkd.errors import InputError
from mtkd.records.files import write_json
from mtkd.study.arms import described
from mtkd.tasks.label_map import best_order

STUDY = make_study(arms=[*ARMS, described("gating", "cnn+bert")], seeds=["1", "2", "3"])
TASKS = ("movies", "mnli")


@pytest.fixture(scope="module", params=TASKS)
def examples(request):
    return make_examples(STUDY, request.param, raters=True)


def of_arm(examples, name):
    return [arm["name"] for arm in examples.record["arms"]].index(name)


def test_agreement_regions_share_out_examples_and_accuracy(examples):
    table = agreement_table(examples)
    for (split, name), rows in table.groupby(["split", "arm"]):
        labels = examples.labels[split]
        assert rows.n.sum() == len(labels) and rows.share.sum() == pytest.approx(1)
        right = examples.students[split][of_arm(examples, name)].argmax(axis=-1) == labels
        assert (rows.share * rows.accuracy.fillna(0)).sum() == pytest.approx(right.mean())
        first, second = examples.teachers[split][:, 0].argmax(axis=-1)
        agree = rows.set_index("region").loc["all agree"]
        assert agree.n == (first == second).sum()
        by_seed = right[:, first == second].mean(axis=1)
        assert (agree.accuracy, agree.sd) == pytest.approx((by_seed.mean(), by_seed.std(ddof=1)))
        # Two teachers agree or differ: nothing is between.
        assert rows.set_index("region").loc["partial", ["n", "share"]].tolist() == [0, 0]
    assert set(table.seeds) == {3} and set(table.split) == set(examples.report_splits)


def test_failures_sum_to_the_errors_and_the_published_categories_overlap(examples):
    table = failures_table(examples)
    for (split, name), rows in table.groupby(["split", "arm"]):
        labels = examples.labels[split]
        wrong = examples.students[split][of_arm(examples, name)].argmax(axis=-1) != labels
        parts = rows[rows.partition].set_index("category")
        assert parts.errors.sum() == pytest.approx(wrong.sum() / 3)
        assert parts.share.sum() == pytest.approx(1)
        assert parts.n.sum() == len(labels)
        assert (parts.rate * parts.n).fillna(0).tolist() == pytest.approx(parts.errors.tolist())
        whole = rows[~rows.partition].set_index("category")
        assert whole.errors[["1", "2"]].sum() == pytest.approx(parts.errors.sum())
        assert whole.errors["3"] == pytest.approx(parts.errors[["b", "d", "e"]].sum())


def test_quality_is_that_of_scikit_learn(examples):
    table = quality_table(examples).set_index(["split", "kind", "name"])
    metric = examples.record["metrics"][0]
    function = f1_score if metric == "f1" else accuracy_score
    for split in examples.report_splits:
        labels = examples.labels[split]
        students = examples.students[split][of_arm(examples, "bert")]
        row = table.loc[split, "student", "bert"]
        scores = [function(labels, one.argmax(axis=-1)) for one in students]
        assert (row.score, row.sd) == pytest.approx((np.mean(scores), np.std(scores, ddof=1)))
        losses = [log_loss(labels, softmax(one.astype(float), axis=-1)) for one in students]
        assert row.nll == pytest.approx(np.mean(losses), rel=1e-5)
        assert row.nll_scaled != row.nll and row.temperature > 0
        assert (row.metric, row.n, row.seeds) == (metric, len(labels), 3)
        teacher = table.loc[split, "teacher", "cnn"]
        single = examples.teachers[split][0, 0].argmax(axis=-1)
        assert teacher.accuracy == pytest.approx(accuracy_score(labels, single))
        assert teacher.seeds == 1 and math.isnan(teacher.sd)
        right = examples.teachers[split][:, 0].argmax(axis=-1) == labels
        oracle = table.loc[split, "oracle", "oracle of teachers"]
        assert oracle.accuracy == pytest.approx(right.any(axis=0).mean())
        assert math.isnan(oracle.score) == (metric != "accuracy")
        fused = [name for place, kind, name in table.index if (place, kind) == (split, "fused")]
        assert fused == ["average", "learned gating"]


def test_reliability_counts_every_prediction_once(examples):
    table = reliability_table(examples)
    counts = table.groupby(["split", "kind", "name"]).n.sum()
    for split in examples.report_splits:
        n = len(examples.labels[split])
        assert counts[split, "teacher", "cnn"] == counts[split, "fused", "average"] == n
        assert counts[split, "student", "average"] == counts[split, "fused", "learned gating"]
        assert counts[split, "student", "average"] == 3 * n
    assert set(table.task) == {examples.record["task"]}


def test_temperature_is_fitted_on_selection(examples):
    split = examples.report_splits[0]
    changed = examples._replace(labels={**examples.labels, split: 0 * examples.labels[split]})
    before, after = (quality_table(e)[lambda t: t.split == split] for e in (examples, changed))
    assert before.temperature.dropna().tolist() == after.temperature.dropna().tolist()
    assert before.nll.tolist() != after.nll.tolist()


def test_a_class_absent_from_a_split_is_no_trouble():
    examples = make_examples(STUDY, "mnli")
    for split in ("selection", "report_m"):
        examples.labels[split] = np.minimum(examples.labels[split], 1)
    claims = claims_table(examples, 0.5)
    assert np.isfinite(claims.effect).all()
    for table in (quality_table(examples), failures_table(examples), checks_table(examples)):
        assert len(table)


def test_hard_labels_are_followed_as_they_were_learned_at_no_temperature(examples):
    number = of_arm(examples, "average")
    arms = [dict(arm) for arm in examples.record["arms"]]
    arms[number]["labels"] = "hard"
    taught = {split: list(of_arms) for split, of_arms in examples.soft.items()}
    students = {split: list(of_arms) for split, of_arms in examples.students.items()}
    for split, of_arms in taught.items():
        of_arms[number] = np.eye(of_arms[number].shape[-1])[of_arms[number].argmax(axis=-1)]
        students[split][number] = np.repeat(3 * of_arms[number], 3, axis=0)
    changed = examples._replace(
        record={**examples.record, "arms": arms}, soft=taught, students=students
    )
    own = fidelity_table(changed).set_index(["arm", "split"]).loc["average"]
    others = students["train"][number].shape[-1] - 1
    assert own.kl.tolist() == pytest.approx([np.log1p(others * np.exp(-3))] * len(own))


def test_a_student_that_is_its_soft_labels_is_faithful(examples):
    number = of_arm(examples, "average")
    students = {
        split: [
            np.repeat(examples.fused[split][number], 3, axis=0) if i == number else logits
            for i, logits in enumerate(arms)
        ]
        for split, arms in examples.students.items()
    }
    table = fidelity_table(examples._replace(students=students)).set_index(["arm", "split"])
    own = table.loc["average"]
    assert own.agreement.tolist() == [1.0] * len(own)
    assert own.kl.tolist() == pytest.approx([0.0] * len(own), abs=1e-7)
    assert own.sd_agreement.tolist() == [0.0] * len(own)
    assert list(own.index) == ["train", *examples.report_splits]
    assert own.n["train"] == len(examples.sample)
    assert "no distillation" not in table.index
    assert 0 < table.loc[("bert", "train"), "agreement"] < 1


def test_fidelity_is_at_the_temperature_of_training(examples):
    split = examples.report_splits[0]
    number = of_arm(examples, "learned gating")
    q = softmax(examples.fused[split][number].astype(float) / 4, axis=-1)
    log_p = log_softmax(examples.students[split][number].astype(float) / 4, axis=-1)
    wanted = (q * (np.log(q) - log_p)).sum(axis=-1).mean()
    row = fidelity_table(examples).set_index(["arm", "split"]).loc["learned gating", split]
    assert row.kl == pytest.approx(wanted) and row["T"] == "4"


def test_soft_labels_that_are_the_raters_shares_are_close(examples):
    split = examples.report_splits[0]
    fused = [*examples.fused[split]]
    fused[of_arm(examples, "average")] = np.log(examples.human[split])[None]
    table = human_table(examples._replace(fused={**examples.fused, split: fused}))
    row = table.set_index(["split", "kind", "name"]).loc[split, "fused", "average"]
    assert row[["kl", "total_variation", "jsd"]].tolist() == pytest.approx([0, 0, 0], abs=1e-9)
    assert row[["pearson", "spearman"]].tolist() == pytest.approx([1, 1])
    other = table.set_index(["split", "kind", "name"]).loc[split, "teacher", "cnn"]
    assert other.kl > 0.1 and other.n == len(examples.labels[split])


def test_people_are_compared_with_the_labels_that_students_saw(examples):
    split = examples.report_splits[0]
    number = of_arm(examples, "average")
    soft = [*examples.soft[split]]
    # Far from a softmax of the fused logits: an operator's own distribution at the arm's T.
    soft[number] = examples.human[split][None].astype(np.float32)
    table = human_table(examples._replace(soft={**examples.soft, split: soft}))
    table = table[table.split == split].set_index(["kind", "name"])
    assert table.at[("soft labels", "average"), "kl"] == pytest.approx(0, abs=1e-6)
    assert table.at[("fused", "average"), "kl"] > 0.1
    assert table.loc["fused", "T"].tolist() == table.loc["teacher", "T"].tolist() == ["1", "1"]
    assert table.loc["soft labels", "T"].to_dict() == {
        "cnn": "4", "bert": "4", "average": "4", "learned gating": "4",
    }  # fmt: skip
    q = softmax(examples.teachers[split][0, 0].astype(float) / 4, axis=-1)
    h = examples.human[split]
    wanted = (h * (np.log(h) - np.log(q))).sum(axis=-1).mean()
    assert table.at[("soft labels", "cnn"), "kl"] == pytest.approx(wanted, rel=1e-5)
    assert table.at[("teacher", "cnn"), "kl"] != pytest.approx(wanted, rel=1e-2)


def test_a_probability_too_small_to_hold_is_far_from_people_and_no_trouble(examples):
    split = examples.report_splits[0]
    soft = [*examples.soft[split]]
    certain = np.zeros_like(soft[of_arm(examples, "average")])
    certain[..., 0] = 1
    soft[of_arm(examples, "average")] = certain
    table = human_table(examples._replace(soft={**examples.soft, split: soft}))
    own = table[(table.split == split) & (table.kind == "soft labels")].set_index("name")
    assert 10 < own.kl["average"] < 90


def test_nearness_to_people_is_that_of_the_labels_that_students_saw():
    names, kl = ["cnn", "bert", "average", "learned gating"], [0.1, 0.2, 0.3, 0.4]
    row = {"task": "movies", "split": "report"}
    human = [
        row | {"kind": "soft labels", "name": n, "T": "4", "kl": d}
        for n, d in zip(names, kl, strict=True)
    ]
    # At T = 1 the order is the opposite one.
    for kind, name, distance in zip(
        ["teacher", "teacher", "fused", "fused"], names, kl[::-1], strict=True
    ):
        human.append(row | {"kind": kind, "name": name, "T": "1", "kl": distance})
    students = [
        row | {"kind": "student", "name": n, "metric": "f1", "score": 0.9 - d}
        for n, d in zip(names, kl, strict=True)
    ]
    table = human_prediction_table(pd.DataFrame(human), pd.DataFrame(students))
    found = table.iloc[0]
    assert (found.task, found.split, found.arms) == ("movies", "report", 4)
    assert found.spearman == pytest.approx(-1) and found.descriptive_p == pytest.approx(2 / 24)
    without = human_prediction_table(human_table(make_examples(STUDY)), pd.DataFrame(students))
    assert without.empty and list(without.columns) == list(table.columns)


def test_confidence_falls_with_temperature(examples):
    names = examples.record["teachers"]
    table = confidence_table("t", examples.teachers, names, ["1", "4"])
    wide = table.pivot(index=["teacher", "split"], columns="T", values="max_probability")
    assert (wide["1"] > wide["4"]).all() and len(wide) == 2 * len(examples.labels)
    p = softmax(examples.teachers["train"][1, 0].astype(float) / 4, axis=-1)
    assert wide.loc[("bert", "train"), "4"] == pytest.approx(p.max(axis=-1).mean())


def test_checks_compare_with_none_and_with_the_average(examples):
    table = checks_table(examples)
    pairs = [("cnn", "no distillation"), ("bert", "no distillation")]
    pairs += [("average", "no distillation"), ("learned gating", "no distillation")]
    pairs += [("learned gating", "average")]
    of_split = table[table.split == examples.report_splits[0]]
    assert list(zip(of_split.a, of_split.b, strict=True)) == pairs
    labels = examples.labels[examples.report_splits[0]]
    right = [
        examples.students[examples.report_splits[0]][of_arm(examples, name)].argmax(-1) == labels
        for name in pairs[0]
    ]
    gained = 100 * (right[0].mean() - right[1].mean())
    assert of_split.difference.iloc[0] == pytest.approx(gained)
    assert table[["mcnemar_p", "seeds_p", "examples_p"]].stack().between(0, 1).all()
    assert (table.seeds_p >= 2 / 2**3).all()  # what three seeds can give
    # Accuracy in regions that all arms share cannot turn around; F1 can.


# Studies in part


GONE = dict.fromkeys(("none", "single", "average", "gating"), STUDY["seeds"])


@pytest.mark.parametrize(
    "table",
    [
        agreement_table,
        failures_table,
        quality_table,
        reliability_table,
        fidelity_table,
        human_table,
        checks_table,
        lambda examples: claims_table(examples, 0.5),
    ],
)
@pytest.mark.parametrize(
    "changes",
    [
        {"diverged": GONE},
        {"diverged": {"none": STUDY["seeds"]}},
        {"diverged": {"single": ["1"], "average": ["2", "3"], "gating": ["1", "2"]}},
        {"study": STUDY | {"seeds": ["1"]}},
        {"study": STUDY | {"arms": [ARMS[0], ARMS[1]]}},
        {"study": STUDY | {"arms": ARMS[1:3]}},
        {"study": STUDY | {"arms": [ARMS[3]]}},
        {"study": STUDY | {"teacher_seed": "paired", "teacher_seeds": ["1", "2", "3"]}},
    ],
)
def test_tables_of_studies_in_part_can_be_read_back(table, changes, tmp_path):
    study = changes.get("study", STUDY)
    examples = make_examples(study, diverged=changes.get("diverged"))
    frame = table(examples)
    frame.to_csv(tmp_path / "table.csv", index=False)
    again = read_table(tmp_path / "table.csv")
    assert list(again.columns) == list(frame.columns) and "task" in again
    assert len(again) == len(frame)


def test_no_raters_make_an_empty_table_with_its_columns():
    table = human_table(make_examples(STUDY))
    assert table.empty and list(table.columns[:6]) == ["task", "kind", "name", "T", "split", "n"]
    assert list(table.columns) == list(human_table(make_examples(STUDY, raters=True)).columns)


# The audit


def teachers_of(names=("cnn", "bert"), n=300, seeds=1, classes=3):
    """Logits [K, R, N, C] and labels, the later teacher the better."""
    rng = np.random.default_rng(1)
    labels = rng.integers(classes, size=n)
    logits = [draw(rng, labels, classes, 1 + k, seeds) for k in range(len(names))]
    return np.stack(logits), labels


def test_a_permuted_teacher_is_seen_in_the_label_map():
    logits, labels = teachers_of()
    # The second teacher's outputs stand for c, a, b.
    logits[1] = logits[1][..., [2, 0, 1]]
    table = audit.label_map_table("t", logits, labels, ["cnn", "bert"], ["a", "b", "c"])
    assert table.in_order.tolist() == [True, False]
    assert table.best_order.tolist() == ["a b c", "c a b"]
    assert table.best_accuracy[1] > 0.7 > 0.4 > table.accuracy[1]
    assert table.accuracy[0] == table.best_accuracy[0]


def test_a_teacher_of_one_answer_is_not_called_permuted():
    labels = np.array([2, 2, 2, 1, 0])
    logits = np.tile([0.0, 0.0, 1.0], (5, 1))
    assert best_order(logits, labels) == ([0, 1, 2], 0.6, 0.6)
    logits = np.tile([1.0, 0.0, 0.0], (5, 1))
    order, best, given = best_order(logits, labels)
    assert order[0] == 2 and sorted(order) == [0, 1, 2] and (best, given) == (0.6, 0.2)


def test_pairs_of_teachers_and_none_of_one():
    logits, labels = teachers_of(("cnn", "bert", "lstm"))
    rng = np.random.default_rng(2)
    features = [rng.normal(size=(300, width)) for width in (4, 6)]
    features.append(features[0] @ np.linalg.qr(rng.normal(size=(4, 4)))[0])
    splits = {"train": audit.Measured(logits[:, :, :90], labels[:90])}
    splits["selection"] = audit.Measured(logits, labels)
    table = audit.pairs_table("t", splits, ["cnn", "bert", "lstm"], features)
    pairs = [("cnn", "bert"), ("cnn", "lstm"), ("bert", "lstm")]
    assert list(zip(table["first"], table["second"], strict=True)) == 2 * pairs
    assert table.split.tolist() == ["train"] * 3 + ["selection"] * 3
    assert table.n.tolist() == [90] * 3 + [300] * 3
    # Features are of selection.
    assert table.cka[:3].isna().all() and table.cka[4] == pytest.approx(1) and table.cka[3] < 0.2
    right = logits[:, 0].argmax(axis=-1) == labels
    for row, of in ((3, right), (0, right[:, :90])):
        assert table.disagreement[row] == pytest.approx((of[0] != of[1]).mean())
    alone = audit.pairs_table(
        "t", {"selection": audit.Measured(logits[:1], labels)}, ["cnn"], features[:1]
    )
    assert alone.empty and set(alone.columns) == set(table.columns)


def test_teachers_are_measured_where_their_students_learn():
    logits, labels = teachers_of(n=100)
    gold = labels.copy()
    labels[60:] = -1
    kept_apart = np.where(np.arange(60, 100) < 90, gold[60:], -1)
    selection = {"selection": logits[:, :, :40]}, {"selection": gold[:40]}
    splits = audit.measured_splits(
        {"train": logits, **selection[0]}, {"train": labels, **selection[1]}, kept_apart
    )
    assert {name: len(of.labels) for name, of in splits.items()} == {
        "train": 60, "transfer": 40, "selection": 40,
    }  # fmt: skip
    np.testing.assert_array_equal(splits["transfer"].logits, logits[:, :, 60:])
    rows = {
        split: audit.summary_row("t", split, of, [0.5, 0.5], ["4"], "accuracy")
        for split, of in splits.items()
    }
    assert (rows["transfer"]["n"], rows["transfer"]["labelled"]) == (40, 30)
    right = logits[:, 0].argmax(axis=-1) == gold
    assert rows["transfer"]["accuracy"] == pytest.approx(right[:, 60:90].mean())
    assert rows["train"]["accuracy"] == pytest.approx(right[:, :60].mean())
    predicted = logits[:, 0].argmax(axis=-1)
    differ = predicted[0] != predicted[1]
    assert rows["transfer"]["disagreement"] == pytest.approx(differ[60:].mean())
    fused = {"average": logits[:, :, 60:].mean(axis=0)}
    table = audit.ceilings_table(
        "t", "transfer", splits["transfer"], fused, ["cnn", "bert"], "accuracy"
    )
    assert set(table.n) == {30} and set(table.split) == {"transfer"}
    assert table.accuracy.tolist()[:2] == pytest.approx(right[:, 60:90].mean(axis=1).tolist())
    assert table.accuracy[2] == (fused["average"][0, :30].argmax(-1) == gold[60:90]).mean()


def test_transfer_texts_that_nobody_ever_labelled_are_measured_without_labels():
    logits, labels = teachers_of(n=50)
    unknown = audit.Measured(logits, np.full(50, -1))
    row = audit.summary_row("t", "transfer", unknown, [0.5, 0.5], ["4"], "accuracy")
    assert row["labelled"] == 0 and row["disagreement"] > 0 and "accuracy" not in row
    assert audit.ceilings_table("t", "transfer", unknown, {}, ["cnn", "bert"], "accuracy").empty
    features = [np.eye(50)[:, :4]] * 2
    splits = {"transfer": unknown, "selection": audit.Measured(logits, labels)}
    assert set(audit.pairs_table("t", splits, ["cnn", "bert"], features).split) == {"selection"}


def test_all_of_train_labelled_is_no_transfer():
    logits, labels = teachers_of(n=50)
    both = {"train": logits, "selection": logits}, {"train": labels, "selection": labels}
    assert list(audit.measured_splits(*both, np.arange(0))) == ["train", "selection"]


RECIPES = {name: {"fusion": name} for name in ("average", "weighted", "best-per-sample")}


def test_fusions_are_of_the_arms_that_need_no_student():
    logits, _ = teachers_of(seeds=2)
    scores = [[0.5, 0.6], [0.5, 0.9]]
    arms = [
        described(s, t) | {"name": s}
        for s, t in (
            ("none", "none"), ("single", "cnn"), ("average", "cnn+bert"),
            ("weighted", "cnn+bert"), ("best-per-sample", "cnn+bert"), ("gating", "cnn+bert"),
        )
    ]  # fmt: skip
    fused = audit.fusions(logits, scores, arms, ["cnn", "bert"], RECIPES)
    assert list(fused) == ["average", "weighted", "best-per-sample"]
    np.testing.assert_allclose(fused["average"], logits.mean(axis=0), rtol=1e-5)
    second = 0.4 * logits[0, 1] + 0.6 * logits[1, 1]
    np.testing.assert_allclose(fused["weighted"][1], second, rtol=1e-4, atol=1e-5)


def test_teachers_that_all_score_0_have_no_weights_and_are_named():
    logits, labels = teachers_of()
    arms = [described(s, "cnn+bert") | {"name": s} for s in ("average", "weighted")]
    zeros = [[0.0], [0.0]]
    assert list(audit.fusions(logits, zeros, arms[:1], ["cnn", "bert"], RECIPES)) == ["average"]
    with pytest.raises(InputError, match="^strategy 'weighted': cnn, bert: selection scores"):
        audit.fusions(logits, zeros, arms, ["cnn", "bert"], RECIPES)
    row = audit.summary_row(
        "t", "train", audit.Measured(logits, labels), [0.0, 0.0], ["4"], "accuracy"
    )
    assert np.isnan(row["weights_offset"])


def test_ceilings_by_hand():
    logits, labels = teachers_of()
    fused = {"average": logits.mean(axis=0)}
    selection = audit.Measured(logits, labels)
    table = audit.ceilings_table("t", "selection", selection, fused, ["cnn", "bert"], "macro_f1")
    assert table.kind.tolist() == ["teacher", "teacher", "fused", "oracle"]
    predicted = logits[0, 0].argmax(axis=-1)
    assert table.score[0] == pytest.approx(f1_score(labels, predicted, average="macro"))
    right = logits[:, 0].argmax(axis=-1) == labels
    assert table.accuracy.tolist()[:2] == pytest.approx(right.mean(axis=1).tolist())
    assert table.accuracy[3] == pytest.approx(right.any(axis=0).mean())


def test_the_summary_of_equal_teachers_has_no_room():
    logits, labels = teachers_of()
    same, differ, alone = (
        audit.summary_row("t", "train", audit.Measured(of, labels), scores, ["4"], "accuracy")
        for of, scores in (
            (logits[[1, 1]], [0.5, 0.5]), (logits, [0.6, 0.4]), (logits[:1], [0.5]),
        )
    )  # fmt: skip
    assert (same["headroom"], same["disagreement"]) == (0, 0)
    assert same["effective_teachers"] == pytest.approx(1)
    assert same["jsd_T1"] == pytest.approx(0, abs=1e-9)
    assert differ["headroom"] > 0 and 0 < differ["jsd_T4"] < differ["jsd_T1"] < np.log(2)
    assert differ["entropy_T4"] > differ["entropy_T1"] and differ["jsd_most"] == np.log(2)
    assert (alone["effective_teachers"], alone["headroom"], alone["jsd_T1"]) == (1, 0, 0)


# Over tasks


def ranks(study, records):
    return ranking_table(runs_table(records), study).set_index(["task", "arm"])


def test_ranking_by_hand():
    study = make_study()
    table = ranks(study, make_records(study, hand_values))
    for task in ("movies", "mnli", "all"):
        assert table.loc[task, "rank"].to_dict() == {
            "no distillation": 4, "cnn": 3, "bert": 2, "average": 1,
        }  # fmt: skip
    assert table.loc[("movies", "bert"), "mean"] == pytest.approx(0.76)
    assert table.loc[("mnli", "bert"), "mean"] == pytest.approx((0.66 + 0.68) / 2)
    assert set(table.seeds) == {2}


def test_ties_share_a_rank_and_seeds_have_their_own():
    def tied(task, name, T, alpha, seed):
        report = {"none:none": 0.1 + 0.2, "single:cnn": 0.3}.get(name, 0.5)
        if name == "single:bert" and seed == "2":
            report = 0.2
        return report, report

    study = make_study()
    table = ranks(study, make_records(study, tied)).loc["movies"]
    assert table["rank"].to_dict() == {"no distillation": 3.5, "cnn": 3.5, "bert": 2, "average": 1}
    bert = table.loc["bert"]
    assert (bert.rank_low, bert.rank_high) == (1.5, 4)


def test_an_arm_without_a_task_has_no_rank_over_all():
    study = make_study()
    records = make_records(study, hand_values)
    kept = [r for r in records if (r["task"], r["strategy"]) != ("mnli", "average")]
    table = ranks(study, kept)
    assert ("movies", "average") in table.index and ("all", "average") not in table.index
    assert table.loc["all", "rank"].to_dict() == {"bert": 1, "cnn": 2, "no distillation": 3}
    assert ranking_table(runs_table([]), study).empty


def test_over_tasks_by_hand():
    study = make_study()
    records = make_records(study, hand_values)
    table = over_tasks_table(runs_table(records), study).set_index("arm")
    # 75 and 77 less 71, 66 and 68 less 62 (the means of MNLI's splits).
    row = table.loc["bert"]
    assert row.iqm == pytest.approx(5) and row.iqm_low < row.iqm < row.iqm_high
    assert (row.seeds, row.tasks) == (2, 2)
    assert row.improves == 1 and math.isnan(row.tasks_dominant)
    more = make_study(seeds=[str(seed) for seed in range(1, 9)])
    many = over_tasks_table(runs_table(make_records(more, hand_values)), more).set_index("arm")
    assert many.tasks_dominant["average"] == 2
    # 72 and 74 against 70 and 72: three pairs of four won, one tied.
    assert table.improves["cnn"] == pytest.approx(0.875)
    assert math.isnan(table.improves["no distillation"])
    profiles = profiles_table(runs_table(records), study).set_index(["arm", "gain"]).share
    # Gains of 4 and 6 points over the mean of 71 without distillation, on both tasks.
    assert profiles["bert"][[3.5, 4.5, 6.5]].tolist() == [1.0, 0.5, 0.0]


def test_an_arm_that_lost_a_seed_is_left_out_over_tasks():
    study = make_study()
    records = make_records(study, hand_values)
    gone = pick(records, "mnli", "single", "bert", "2")
    records[gone] = diverged(records[gone])
    runs = runs_table(records)
    assert "bert" not in set(over_tasks_table(runs, study).arm)
    assert "bert" not in set(profiles_table(runs, study).arm)
    none = pick(records, "mnli", "none", "none", "2")
    records[none] = diverged(records[none])
    runs = runs_table(records)
    assert over_tasks_table(runs, study).improves.isna().all()
    assert profiles_table(runs, study).empty


@pytest.mark.parametrize("table", [over_tasks_table, profiles_table, ranking_table])
def test_no_runs_make_tables_with_columns(table, tmp_path):
    study = make_study()
    frame = table(runs_table([]), study)
    frame.to_csv(tmp_path / "table.csv", index=False)
    again = read_table(tmp_path / "table.csv")
    full = table(runs_table(make_records(study, hand_values)), study)
    assert again.empty and list(again.columns) == list(full.columns)


@pytest.mark.parametrize("lost", [None, {"gating": ["1", "2", "3"]}, GONE])
def test_success_metrics_are_json_without_nan(lost, tmp_path):
    study = STUDY | {"tasks": ["movies"]}
    examples = make_examples(study, diverged=lost)
    claims, gaps = claims_table(examples, 0.5), gap_table(examples)
    metrics = success_metrics(gaps, claims, study)
    write_json(tmp_path / "m.json", metrics)
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    advantage = metrics["multi_teacher_advantage"]["per_task"]["movies"]
    if lost == GONE:
        assert advantage["effect"] is None and advantage["verdict"] == "no verdict"
        assert metrics["gap_closed"]["arms"] == {}
        return
    row = claims[claims.claim == "several teachers"].iloc[0]
    assert advantage["effect"] == row.effect
    arms = metrics["gap_closed"]["arms"]
    assert ("cnn+bert/gating" in arms) == (lost is None)
    gap = gaps.set_index(["against", "strategy", "teachers"]).loc[("teacher", "single", "bert")]
    own = arms["bert/single"]
    assert own["per_task"]["movies"] == (pytest.approx(gap.fraction) if gap.gap else None)
    assert own["tasks_with_a_gap"] == int(gap.gap)


def test_success_averages_over_the_tasks_that_have_a_gap():
    study = make_study()

    arm = described("single", "bert")
    rows = [
        {"task": "movies", "against": "teacher", "gap": False, "fraction": math.nan},
        {"task": "mnli", "against": "teacher", "gap": True, "fraction": 5 / 14},
        {"task": "mnli", "against": "fused", "gap": True, "fraction": 0.9},
    ]
    gaps = pd.DataFrame([row | arm for row in rows])
    claims = claims_table(make_examples(study), 0.5)
    own = success_metrics(gaps, claims, study)["gap_closed"]["arms"]
    assert own["bert/single"]["per_task"] == {"movies": None, "mnli": pytest.approx(5 / 14)}
    assert own["bert/single"]["average"] == pytest.approx(5 / 14)
    assert own["bert/single"]["tasks_with_a_gap"] == 1
