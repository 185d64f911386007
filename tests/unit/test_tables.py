"""Tables from records: tidy runs, refusals, and the master table against values by hand."""

from __future__ import annotations

import itertools
import math
import re

import pandas as pd
import pytest

from mtkd.analysis.master import master_table, render_master
from mtkd.analysis.selection import chosen_settings, grid_table
from mtkd.analysis.tables import (
    RUNS_COLUMNS,
    cells_missing,
    check_consistency,
    failed_table,
    read_table,
    runs_table,
)
from mtkd.errors import InputError
from mtkd.study.arms import described
from mtkd.study.grid import expected_runs
from mtkd.study.view import reference_names, teacher_names

ARMS = [
    described("none", "none"),
    described("single", "cnn"),
    described("single", "bert"),
    described("average", "cnn+bert"),
]


# The constant answer's score everywhere; a second report split has 0.02 more, as other methods do.
CONSTANT = 0.4


def make_study(**changes) -> dict:
    """As ``mtkd.study.settings.table_settings`` makes it: two tasks, one with two report splits."""
    study = {
        "suite": "toy",
        "study": "main",
        "student": "small",
        "tasks": ["movies", "mnli"],
        "arms": ARMS,
        "T": ["4"],
        "alpha": ["0.7"],
        "seeds": ["1", "2"],
        "teacher_seed": "1",
        "teacher_seeds": ["1"],
        "margin": 0.5,
        "metrics": {"movies": "f1", "mnli": "accuracy"},
        "report_splits": {"movies": ["report"], "mnli": ["report_m", "report_mm"]},
    }
    return study | changes


def make_record(study: dict, task: str, scores: dict[str, float], **changes) -> dict:
    """One eval.json; ``scores`` are the primary metric's by split, accuracy is stored as well."""
    metric = study["metrics"][task]
    record = {
        "schema": 1,
        "kind": "student",
        "suite": study["suite"],
        "task": task,
        "student": study["student"],
        "teacher": None,
        "teachers": "none",
        "strategy": "none",
        "T": "NA",
        "alpha": "NA",
        "seed": "1",
        "status": "finished",
        "reason": None,
        "step": None,
        "metric": metric,
        "report_splits": study["report_splits"][task],
        "scores": {split: {"accuracy": value} | {metric: value} for split, value in scores.items()},
        "rows": dict.fromkeys(scores, 100),
        "training": {},
        "seconds": 4.0,
        "examples_per_second": 5000.0,
        "peak_memory_mb": 512,
        "device": "cpu",
        "versions": {},
        "digests": {"data": f"data-{task}", "code": "code-student", "teachers": {}},
    }
    return record | changes


def student(study, task, strategy, teachers, seed, scores, T="4", alpha="0.7", **changes):
    axes = {"T": T, "alpha": alpha} if strategy != "none" else {}
    names = [] if teachers == "none" else teachers.split("+")
    digests = {"data": f"data-{task}", "code": "code-student"}
    digests["teachers"] = {name: f"{name}-{task}" for name in names}
    axes |= {"strategy": strategy, "teachers": teachers, "seed": seed, "digests": digests}
    return make_record(study, task, scores, **axes | changes)


def other(study, task, kind, name, scores, seed="1"):
    digests = {"data": f"data-{task}", "code": f"code-{kind}", "teachers": {}}
    axes = dict.fromkeys(("student", "teachers", "strategy", "T", "alpha"))
    axes |= {"teacher": name, "seed": seed if kind == "teacher" else None}
    return make_record(study, task, scores, kind=kind, digests=digests, **axes)


def by_split(study: dict, task: str, selection: float, report: float) -> dict[str, float]:
    """Scores by split; a second report split gets 0.02 more."""
    extra = {split: report + 0.02 * i for i, split in enumerate(study["report_splits"][task])}
    return {"selection": selection, **extra}


def make_records(study: dict, value) -> list[dict]:
    """Every run of a study; ``value(task, name, T, alpha, seed) -> (selection, report)``."""
    records = []
    for task in study["tasks"]:
        teachers = [("teacher", name) for name in teacher_names(study)]
        for kind, name in [*(("reference", name) for name in reference_names(study)), *teachers]:
            scores = by_split(study, task, *value(task, name, "NA", "NA", "1"))
            records.append(other(study, task, kind, name, scores))
        scores = by_split(study, task, CONSTANT, CONSTANT)
        records.append(other(study, task, "constant", None, scores))
        for arm, seed in itertools.product(study["arms"], study["seeds"]):
            none = arm["strategy"] == "none"
            grid = [("NA", "NA")] if none else itertools.product(study["T"], study["alpha"])
            name = f"{arm['strategy']}:{arm['teachers']}"
            records += [
                student(study, task, arm["strategy"], arm["teachers"], seed,
                        by_split(study, task, *value(task, name, T, alpha, seed)), T, alpha)
                for T, alpha in grid
            ]  # fmt: skip
    return records


def hand_values(task, name, T, alpha, seed):
    """Report: the base, plus 0.02 for seed 2; mnli lies 0.1 lower."""
    base = {"tfidf": 0.65, "cnn": 0.80, "bert": 0.85, "none:none": 0.70, "single:cnn": 0.72,
            "single:bert": 0.75, "average:cnn+bert": 0.76}[name]  # fmt: skip
    report = base - 0.1 * (task == "mnli") + 0.02 * (seed == "2")
    return report + 0.01, report


@pytest.fixture
def study():
    return make_study()


@pytest.fixture
def records(study):
    return make_records(study, hand_values)


def diverged(record: dict) -> dict:
    return record | {"status": "diverged", "reason": "loss is nan", "step": 12, "scores": {}}


def pick(records, task, strategy, teachers, seed) -> int:
    wanted = (task, strategy, teachers, seed)
    axes = ("task", "strategy", "teachers", "seed")
    return next(i for i, r in enumerate(records) if tuple(r[a] for a in axes) == wanted)


def test_runs_are_tidy_and_leave_out_diverged_runs(study, records):
    records[0] = records[0] | {"status": "diverged"}  # whatever scores it may carry
    runs = runs_table(records)
    assert tuple(runs.columns) == RUNS_COLUMNS
    movies = 11 * 2 * 2  # runs, splits, metrics
    mnli = 12 * 3 * 1
    assert len(runs) == movies + mnli
    row = runs[(runs.task == "movies") & (runs.strategy == "none") & (runs.seed == "2")]
    row = row[(row.split == "report") & row.primary].iloc[0]
    assert (row.metric, row.role, row["T"], row["rows"]) == ("f1", "report", "NA", 100)
    assert row.value == pytest.approx(0.72)
    assert set(runs[runs.task == "mnli"].role) == {"selection", "report"}


def test_no_records_give_empty_tables_with_their_columns(study):
    assert tuple(runs_table([]).columns) == RUNS_COLUMNS
    assert failed_table([]).empty
    master = master_table(runs_table([]), study)
    assert master["movies (f1) seeds"].eq(0).all() and master["AVG mean"].isna().all()
    assert "Student: no distillation" in render_master(master, study)


def test_runs_survive_their_csv(study, records, tmp_path):
    runs = runs_table(records)
    runs.to_csv(tmp_path / "runs.csv", index=False)
    again = read_table(tmp_path / "runs.csv")
    pd.testing.assert_frame_equal(again, runs, check_dtype=False)
    assert set(again[again.strategy == "none"]["T"]) == {"NA"} and "1" in set(again.seed)
    pd.testing.assert_frame_equal(master_table(again, study), master_table(runs, study))


def test_failed_runs_are_listed_with_reason_and_step(records):
    records[5] = diverged(records[5])
    failed = failed_table(records)
    assert failed[["task", "reason", "step"]].values.tolist() == [["movies", "loss is nan", 12]]


def test_missing_runs_are_named_and_diverged_ones_are_not_missing(records):
    axes = ("task", "strategy", "teachers", "T", "alpha", "seed")
    expected = [{a: r[a] for a in axes} for r in records if r["kind"] == "student"]
    gone = pick(records, "mnli", "single", "bert", "2")
    kept = [diverged(r) if i == 5 else r for i, r in enumerate(records) if i != gone]
    assert cells_missing(expected, records) == []
    assert cells_missing(expected, kept) == [
        "task=mnli strategy=single teachers=bert T=4 alpha=0.7 seed=2"
    ]


def test_records_that_belong_together_pass_whatever_the_device(records):
    records[3]["device"] = "cuda"
    check_consistency(records)


@pytest.mark.parametrize(
    ("digests", "message"),
    [
        ({"data": "old"}, r"data digests of task 'movies' differ: .*old in 1 runs"),
        ({"code": "old"}, r"code digests of the student runs differ"),
        ({"teachers": {"bert": "old"}}, r"digests of teacher 'bert' on task 'movies' differ"),
    ],
)
def test_records_of_different_origin_are_refused_by_name(records, digests, message):
    odd = pick(records, "movies", "average", "cnn+bert", "2")
    records[odd]["digests"] |= digests
    with pytest.raises(InputError, match=message) as refused:
        check_consistency(records)
    assert "rerun train_students of 'movies'" in str(refused.value)
    assert "strategy=average" in str(refused.value) and "\n" not in str(refused.value)


def test_teacher_digests_differ_freely_between_seeds_and_tasks(study, records):
    for record in records:
        teachers = record["digests"]["teachers"]
        record["digests"]["teachers"] = {
            f"{name}/seed{record['seed']}": f"{digest}-{record['seed']}"
            for name, digest in teachers.items()
        }
    check_consistency(records)


def test_each_reference_has_a_row_of_its_own():
    study = make_study(references=["valences", "tfidf"])

    def values(task, name, *axes):
        own = {"tfidf": (0.5, 0.51), "valences": (0.6, 0.61)}
        return own[name] if name in own else hand_values(task, name, *axes)

    records = make_records(study, values)
    assert not cells_missing(expected_runs(study), records)
    master = master_table(runs_table(records), study).set_index("method")
    # In the suite's order, and none twice, though they are of one kind.
    names = ["Reference: constant", "Reference: valences", "Reference: TF-IDF"]
    assert list(master.index[:3]) == names
    assert list(master.type[:3]) == ["constant", "reference", "reference"]
    means = master["movies (f1) mean"]
    assert means[names[1]] == pytest.approx(61) and means[names[2]] == pytest.approx(51)
    # Of one that is missing the table says so, and the others are no stand-in.
    fewer = [record for record in records if record["teacher"] != "valences"]
    assert cells_missing(expected_runs(study), fewer) == [
        f"kind=reference task={task} teacher=valences" for task in study["tasks"]
    ]
    master = master_table(runs_table(fewer), study).set_index("method")
    assert master["movies (f1) seeds"][names[1]] == 0
    assert re.search("Reference: valences +- ", render_master(master.reset_index(), study))


def test_master_table_by_hand(study, records):
    master = master_table(runs_table(records), study).set_index("method")
    assert list(master.index) == [
        "Reference: constant", "Reference: TF-IDF", "Teacher: cnn", "Teacher: bert",
        "Student: no distillation", "Distill: cnn", "Distill: bert", "Multi: average",
    ]  # fmt: skip
    assert list(master.type) == [
        "constant", "reference", "teacher", "teacher", "baseline", "single", "single", "multi"
    ]  # fmt: skip
    assert list(master.columns[1:13]) == [
        f"{title} {value}"
        for title in ("movies (f1)", "mnli report_m (accuracy)", "mnli report_mm (accuracy)")
        for value in ("mean", "sd", "seeds", "skill")
    ]
    row = master.loc["Distill: bert"]
    assert row["movies (f1) mean"] == pytest.approx(76.0)  # 75 and 77
    assert row["movies (f1) sd"] == pytest.approx(math.sqrt(2))
    assert row["movies (f1) seeds"] == 2
    assert row["mnli report_mm (accuracy) mean"] == pytest.approx(68.0)  # 67 and 69
    # Seed 1: (75 + (65 + 67) / 2) / 2 = 70.5; seed 2: 72.5.
    assert row["AVG mean"] == pytest.approx(71.5)
    assert row["AVG sd"] == pytest.approx(math.sqrt(2))
    assert (row["movies T"], row["movies alpha"]) == ("4", "0.7")
    assert master.loc["Student: no distillation", "movies T"] == "NA"
    teacher = master.loc["Teacher: bert"]
    assert teacher["movies (f1) seeds"] == 1 and pd.isna(teacher["movies (f1) sd"])
    assert teacher["AVG mean"] == pytest.approx((85 + 76) / 2)


def test_a_diverged_run_empties_avg_and_leaves_the_other_task_alone(study, records):
    gone = pick(records, "movies", "single", "bert", "2")
    records[gone] = diverged(records[gone])
    row = master_table(runs_table(records), study).set_index("method").loc["Distill: bert"]
    assert (row["movies (f1) mean"], row["movies (f1) seeds"]) == (pytest.approx(75.0), 1)
    assert row["mnli report_m (accuracy) seeds"] == 2
    assert pd.isna(row["AVG mean"]) and row["AVG seeds"] == 0


def test_a_missing_task_empties_avg(study, records):
    runs = runs_table(r for r in records if r["task"] != "mnli" or r["strategy"] != "average")
    master = master_table(runs, study).set_index("method")
    assert pd.isna(master.loc["Multi: average", "AVG mean"])
    assert master.loc["Distill: cnn", "AVG seeds"] == 2


def test_master_refuses_two_runs_of_one_seed(study, records):
    copy = records[pick(records, "movies", "none", "none", "1")] | {"student": "large"}
    with pytest.raises(InputError, match=r"more than one run of seed 1 on task 'movies'"):
        master_table(runs_table([*records, copy]), study)


def test_two_arms_of_one_strategy_have_names_of_their_own(study):
    study = make_study(arms=[*ARMS, described("average", "bert+cnn")])
    master = master_table(runs_table([]), study)
    assert list(master.method[-2:]) == ["Multi: average (cnn+bert)", "Multi: average (bert+cnn)"]


def test_rendered_master_states_metric_split_seeds_and_setting(study, records):
    text = render_master(master_table(runs_table(records), study), study)
    for stated in ("(f1)", "report_mm", "2 student seeds (1, 2)", "T=4, alpha=0.7", "percent"):
        assert stated in text
    assert "76.00 ±1.41 (2)" in text
    assert "85.00 (1)" in text
    assert {line.count("(") for line in text.splitlines()[6:]} == {4}


def grid_values(task, name, T, alpha, seed):
    """Selection prefers T=10, alpha=0.5 for distilled arms; report would prefer T=2."""
    selection, report = hand_values(task, name, T, alpha, seed)
    if T == "NA":
        return selection, report
    return 0.5 + 0.01 * float(T) - 0.1 * float(alpha), report - 0.01 * float(T)


def test_t_and_alpha_are_chosen_on_selection_alone():
    study = make_study(T=["2", "10"], alpha=["0.5", "0.9"])
    runs = runs_table(make_records(study, grid_values))
    row = master_table(runs, study).set_index("method").loc["Multi: average"]
    assert (row["movies T"], row["movies alpha"]) == ("10", "0.5")
    assert row["movies (f1) mean"] == pytest.approx(77 - 10)
    grid = grid_table(runs)
    average = grid[(grid.task == "mnli") & (grid.strategy == "average")]
    assert average.chosen.tolist() == [False, False, True, False]
    assert average["mean"].iloc[0] == pytest.approx(0.68 - 0.02)  # T=2; mean of both splits


def test_ties_on_selection_go_to_the_smaller_number_and_lost_seeds_stand_back():
    study = make_study(T=["10", "2"], alpha=["0.5"])
    records = make_records(study, lambda *a: (0.1 + 0.2, 0.5))
    chosen = chosen_settings(runs_table(records)).set_index(["task", "strategy", "teachers"])
    assert chosen.at[("movies", "average", "cnn+bert"), "T"] == "2"
    lost = next(i for i, r in enumerate(records) if (r["strategy"], r["T"]) == ("average", "2"))
    records[lost] = diverged(records[lost])
    chosen = chosen_settings(runs_table(records)).set_index(["task", "strategy", "teachers"])
    assert chosen.loc[("movies", "average", "cnn+bert"), ["T", "seeds"]].tolist() == ["10", 2]
