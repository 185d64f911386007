"""The plan that ends a dry run: counts, and hours expected from records."""

import pytest

from mtkd.study import forecast as plan
from mtkd.study.forecast import RECORDS_READ, PendingJob, plan_text, recorded_seconds

STUDENTS = "train_students/distilbert/sst2"


@pytest.fixture
def folders(tmp_path):
    return tmp_path / "benchmarks", tmp_path / "logs"


def record(folders, name, seconds, trained=None, restored=0):
    """A finished job's record and, of a job that trains cells, its log."""
    benchmarks, logs = folders
    path = benchmarks / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:00\tNA\n")
    if trained is not None:
        log = logs / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"cell {number}/9  results/x  restored" for number in range(restored)]
        lines += [f"cell {number}/9  results/x  trained in 3.0 s" for number in range(trained)]
        log.write_text("\n".join(["epoch 1/3  trained in no time", *lines, ""]))


def training(strategy, cells, task="sst2", **fields):
    name = f"train_students/distilbert/{task}/bert/{strategy}/1.tsv"
    return PendingJob("train_students", task, [strategy] * cells, record=name, **fields)


def rows(text, first):
    """The columns of the lines that begin with a word, without that word."""
    return [line.split()[1:] for line in text.splitlines() if line.split()[:1] == [first]]


def test_nothing_pending_is_no_plan(folders):
    assert plan_text([], *folders) == ""


def test_cells_are_counted_by_task_and_strategy(folders):
    jobs = [training("single", 9), training("single", 9), training("average", 4)]
    jobs += [training("single", 1, task="mrpc"), PendingJob("make_tables", None)]
    text = plan_text(jobs, *folders)
    assert text.startswith("Plan: 5 jobs, 23 cells to train\n")
    assert rows(text, "cells") == [["to", "train", "single", "average", "total"]]
    assert rows(text, "sst2") == [["18", "4", "22"]]
    assert rows(text, "mrpc") == [["1", "0", "1"]]
    assert rows(text, "total") == [["19", "4", "23"]]


def test_without_records_hours_are_not_guessed(folders):
    text = plan_text([training("single", 9, gpu=1, partition="gpu")], *folders)
    assert rows(text, "gpu") == [["1", "no", "record", "yet", "1", "no", "record", "yet"]]
    assert "no record yet, which no hours count: train_students 1" in text


def test_a_bundles_record_is_scaled_to_the_pending_cells(folders):
    # 9 cells took an hour; 18 are pending, on two GPUs each.
    record(folders, f"{STUDENTS}/bert/single/1", 3600, trained=9)
    jobs = [training("average", 18, gpu=2, partition="gpu")]
    assert rows(plan_text(jobs, *folders), "gpu") == [["1", "2.00", "1", "4.00"]]


def test_a_record_of_another_bundling_serves_too(folders):
    # One job of all arms (its record is named by student and task) against one an arm.
    record(folders, STUDENTS, 7200, trained=8)
    assert recorded_seconds(STUDENTS, *folders) == 900


def untaught(cells, task="sst2"):
    """A job that trains cells without distillation, of all seeds."""
    name = f"train_undistilled/distilbert/{task}.tsv"
    return PendingJob("train_undistilled", task, ["none"] * cells, 1, "gpu", name)


@pytest.mark.parametrize("known", ["train_students", "train_undistilled"])
def test_cells_with_and_without_distillation_serve_for_each_other(folders, known):
    record(folders, f"{known}/distilbert/sst2/bert/single/1", 7200, trained=4)
    jobs = [training("average", 4, gpu=1, partition="gpu"), untaught(2)]
    text = plan_text(jobs, *folders)
    assert rows(text, "gpu") == [["2", "3.00", "2", "3.00"]] and "no record" not in text


def test_each_kinds_own_record_comes_first_and_none_serves_for_another_task_or_rule(folders):
    record(folders, f"{STUDENTS}/bert/single/1", 3600, trained=1)
    record(folders, "train_undistilled/distilbert/sst2", 7200, trained=1)
    assert rows(plan_text([untaught(1)], *folders), "gpu") == [["1", "2.00", "1", "2.00"]]
    jobs = [
        untaught(1, "mrpc"),
        PendingJob("fit_gate", "sst2", (), 0, "gpu", "fit_gate/distilbert/sst2.tsv"),
    ]
    text = plan_text(jobs, *folders)
    assert text.endswith("no hours count: train_undistilled 1, fit_gate 1")


def test_cells_that_a_job_restored_took_no_time(folders):
    record(folders, f"{STUDENTS}/bert/single/1", 100, trained=2, restored=7)
    assert recorded_seconds(STUDENTS, *folders) == 50


@pytest.mark.parametrize("trained", [None, 0], ids=["no log", "all restored"])
def test_a_record_of_an_unknown_number_of_cells_is_not_used(folders, trained):
    record(folders, f"{STUDENTS}/bert/single/1", 100, trained=trained)
    assert recorded_seconds(STUDENTS, *folders) is None


def test_records_of_another_task_learner_or_rule_are_not_used(folders):
    record(folders, "train_teacher/mnli/bert-large/1", 10)
    record(folders, "train_teacher/sst2/roberta/1", 10)
    record(folders, "train_teacher/sst2/bert-large-uncased/1", 10)
    record(folders, "teacher_logits/sst2/bert-large/1", 10)
    assert recorded_seconds("train_teacher/sst2/bert-large", *folders) is None


def test_teachers_count_by_job_and_mean_over_seeds(folders):
    record(folders, "train_teacher/sst2/bert/1", 3600)
    record(folders, "train_teacher/sst2/bert/2", 7200)
    jobs = [
        PendingJob("train_teacher", "sst2", (), 1, "gpu", f"train_teacher/sst2/bert/{seed}.tsv")
        for seed in (3, 4)
    ]
    assert rows(plan_text(jobs, *folders), "gpu") == [["2", "3.00", "2", "3.00"]]


def test_hours_are_split_by_partition_and_say_what_they_leave_out(folders):
    record(folders, "prepare_task/sst2", 1800)
    jobs = [
        PendingJob("prepare_task", "sst2", (), 0, "cpu", "prepare_task/sst2.tsv"),
        PendingJob("prepare_task", "qqp", (), 0, "cpu", "prepare_task/qqp.tsv"),
        training("single", 1, gpu=1, partition="gpu"),
        PendingJob("fetch_model", None, partition="local"),
    ]
    text = plan_text(jobs, *folders)
    assert rows(text, "cpu") == [["2", "0.50", "0", "0"]]
    assert rows(text, "gpu")[0][0] == "1"
    # A download keeps no record: it is not missing one.
    assert text.splitlines()[-1].endswith("count: prepare_task 1, train_students 1")


def test_hours_asked_for_stand_beside_those_expected(folders):
    record(folders, f"{STUDENTS}/bert/single/1", 3600, trained=1)
    jobs = [
        training("single", 2, gpu=1, partition="gpu", minutes=240, guess=60),
        training("single", 2, task="mrpc", gpu=1, partition="gpu", minutes=30, guess=900),
        PendingJob("prepare_task", "sst2", (), 0, "gpu", "prepare_task/sst2.tsv", minutes=30),
        PendingJob("make_tables", None, (), 0, "here"),
    ]
    text = plan_text(jobs, *folders)
    # A record counts, not the guess, and a guess where there is none.
    assert rows(text, "gpu") == [["3", "2.25", "5.00", "2", "2.25", "4.50"]]
    assert rows(text, "here") == [["1", "no", "record", "yet", "0", "0", "0", "0"]]
    assert "record yet, whose hours the suite guesses: train_students 1\n" in text
    assert text.endswith("record yet, which no hours count: prepare_task 1")


def test_a_record_that_was_cut_off_is_not_used(folders):
    record(folders, "prepare_task/sst2", "")
    record(folders, "prepare_task/sst2/x", "s")
    (folders[0] / "prepare_task/sst2/y.tsv").write_text("")
    assert recorded_seconds("prepare_task/sst2", *folders) is None


def test_only_so_many_records_are_read(folders, monkeypatch):
    for seed in range(RECORDS_READ + 5):
        record(folders, f"train_teacher/sst2/bert/{seed}", 5)
    read = []
    monkeypatch.setattr(plan, "_seconds", lambda path: read.append(path) or 7)
    assert recorded_seconds("train_teacher/sst2/bert", *folders) == 7
    assert len(read) == RECORDS_READ


def test_ten_thousand_jobs_read_no_record_twice(folders, monkeypatch):
    for seed in range(50):
        record(folders, f"{STUDENTS}/bert/single/{seed}", 100, trained=9)
    jobs = [training("single", 9, gpu=1, partition="gpu") for _ in range(10_000)]
    read, seconds = [], plan._seconds
    monkeypatch.setattr(plan, "_seconds", lambda path: read.append(path) or seconds(path))
    plan_text(jobs, *folders)
    assert 0 < len(read) <= 50 and len(read) == len(set(read))
