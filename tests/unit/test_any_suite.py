"""Whatever suite validates can be planned: its cells, paths, settings, runs and rows."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from any_suite import suites
from hypothesis import HealthCheck, given, settings

from mtkd.analysis.master import column_title, methods, seeds_text, settings_text
from mtkd.config.load import load_suite
from mtkd.config.schema import Suite, Training
from mtkd.config.values import LONGEST_FILE_NAME
from mtkd.report.unsaid import unsaid
from mtkd.study import paths
from mtkd.study import settings as of
from mtkd.study.grid import (
    cells,
    expected_runs,
    folded_arms,
    folded_axes,
    tasks_with_teachers,
    teacher_seeds,
)
from mtkd.study.plan import PendingJob, plan_text

AXES = ("student", "task", "teachers", "strategy", "T", "alpha", "seed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("suites")


@settings(max_examples=200, derandomize=True, suppress_health_check=list(HealthCheck))
@given(content=suites())
def test_any_suite_that_validates_is_planned(folder, content):
    path = folder / "suite.yaml"
    path.write_text(yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False), "utf-8")
    suite = load_suite(path)
    for study in suite.studies:
        planned_in_full(suite.model_copy(update={"study": study}))


def planned_in_full(suite: Suite) -> None:
    study, every = suite.chosen_study, cells(suite.chosen_study)
    soft = len(study.T) * len(study.alpha)
    by_arm = sum(1 if arm.strategy == "none" else soft for arm in study.arms)
    assert len(every) == len(set(every)) == len(study.tasks) * by_arm * len(study.seeds)
    # Each has a path of its own, that is read back and that a file system takes.
    found = [paths.CELL.format(suite=suite.suite, **cell._asdict()) for cell in every]
    assert len(set(found)) == len(every)
    for cell, path in zip(every, found, strict=True):
        assert paths.parse_cell(f"{path}/eval.json") == {"suite": suite.suite, **cell._asdict()}
        assert re.fullmatch(r"[\w.+/-]+", path)
        assert max(map(len, path.split("/"))) <= LONGEST_FILE_NAME
    # Bundles share them out: as many in each as the folded axes have values.
    folded, arms = folded_axes(suite), folded_arms(suite)
    left = [name for name in AXES if name not in folded]
    left = [name for name in left if not arms or name not in ("teachers", "strategy")]
    bundles = Counter(
        tuple(getattr(cell, name) for name in left) for cell in every if cell.strategy != "none"
    )
    assert set(bundles.values()) <= {math.prod(map(len, folded.values())) * max(len(arms), 1)}
    # Its settings are text that says the same when it is read.
    texts = [of.table_settings(suite), of.figure_settings(suite)]
    for task in study.tasks:
        student = of.student_settings(suite, task, study.student)
        trained = suite.students[study.student].training_for(task)
        assert Training.model_validate(student["training"]) == trained
        texts += [student, of.task_settings(suite, task), of.score_settings(suite, task)]
        texts += [of.examples_settings(suite, task), of.logits_settings(suite, task)]
    texts += [of.teacher_settings(suite, *pair) for pair in tasks_with_teachers(study)]
    assert all(json.loads(of.canonical_json(text)) == text for text in texts)
    # Every run is expected once, and every method has a row and a column of its own.
    table = of.table_settings(suite)
    runs = expected_runs(table)
    kinds = Counter(run["kind"] for run in runs)
    teachers = len(tasks_with_teachers(study)) * len(teacher_seeds(suite, study.seeds))
    tasks = len(study.tasks)
    counts = {"student": len(every), "teacher": teachers, "reference": tasks, "constant": tasks}
    assert kinds == {kind: count for kind, count in counts.items() if count}
    students = {tuple(run[axis] for axis in AXES) for run in runs if run["kind"] == "student"}
    assert students == set(map(tuple, every))
    rows = methods(table)
    names = {teacher for _, teacher in tasks_with_teachers(study)}
    assert rows.method.is_unique and len(rows) == 2 + len(study.arms) + len(names)
    titles = [column_title(table, task, split) for task in study.tasks
              for split in table["report_splits"][task]]  # fmt: skip
    assert len(set(titles)) == len(titles)
    assert seeds_text(table) and settings_text(table)
    assert ("Anything about distillation" in " ".join(unsaid(table))) == (not teachers)
    # A plan counts every cell.
    jobs = [PendingJob("train_students", cell.task, [cell.strategy]) for cell in every]
    assert f"{len(every):,} cell" in plan_text(jobs, Path("absent"), Path("absent"))
