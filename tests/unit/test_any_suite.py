"""Whatever suite validates can be planned: its cells, paths, settings, runs and rows."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from any_suite import suites
from hypothesis import HealthCheck, given, settings

from mtkd.analysis.master import methods
from mtkd.config.load import load_suite
from mtkd.config.schema import Suite, Training
from mtkd.config.values import LONGEST_FILE_NAME, split_teacher
from mtkd.report.unsaid import unsaid
from mtkd.study import paths
from mtkd.study import settings as of
from mtkd.study.forecast import PendingJob, plan_text
from mtkd.study.grid import (
    cells,
    expected_runs,
    folded_arms,
    folded_axes,
    teacher_runs,
    teacher_seeds,
)
from mtkd.study.view import column_title, reference_names, seeds_text, settings_text

AXES = ("student", "task", "teachers", "strategy", "T", "alpha", "seed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("suites")


@settings(max_examples=100, derandomize=True, suppress_health_check=list(HealthCheck))
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
    of_student = len(study.tasks) * by_arm * len(study.seeds)
    assert len(every) == len(set(every)) == len(study.students) * of_student
    # Each has a path of its own, that is read back and that a file system takes.
    found = [paths.CELL.format(suite=suite.suite, **cell._asdict()) for cell in every]
    assert len(set(found)) == len(every)
    for cell, path in zip(every, found, strict=True):
        assert paths.parse_cell(f"{path}/eval.json") == {"suite": suite.suite, **cell._asdict()}
        assert re.fullmatch(r"[\w.+@/-]+", path)
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
    names = study.teachers
    texts = []
    for student, task in itertools.product(study.students, study.tasks):
        own = of.student_settings(suite, task, student)
        trained = suite.students[student].training_for(task)
        assert Training.model_validate(own["training"]) == trained
        texts += [own, of.task_settings(suite, task), of.score_settings(suite, task)]
        texts += [of.examples_settings(suite, task, student), of.logits_settings(suite, task)]
        texts += [of.table_settings(suite, student), of.figure_settings(suite, student)]
        texts += [of.teacher_settings(suite, task, split_teacher(name)[0]) for name in names]
    assert all(json.loads(of.canonical_json(text)) == text for text in texts)
    # Every run is expected once by its student's tables.
    runs = teacher_runs(names, teacher_seeds(suite, study.seeds))
    teachers = len(study.tasks) * len({(run.teacher, run.seed) for run in runs})
    found = [as_tabulated(of.table_settings(suite, one), of_student) for one in study.students]
    assert set.union(*(students for students, _ in found)) == set(map(tuple, every))
    assert all(kinds["teacher"] == teachers for _, kinds in found)
    # A plan counts every cell.
    jobs = [PendingJob("train_students", cell.task, [cell.strategy]) for cell in every]
    assert f"{len(every):,} cell" in plan_text(jobs, Path("absent"), Path("absent"))


def as_tabulated(table: dict, cells: int) -> tuple[set[tuple], Counter]:
    """A student's runs and how many of each kind there are; every method has a row of its own."""
    runs = expected_runs(table)
    kinds, tasks = Counter(run["kind"] for run in runs), len(table["tasks"])
    references = len(reference_names(table))
    assert kinds["student"] == cells and kinds["constant"] == tasks
    assert kinds["reference"] == tasks * references
    assert len({json.dumps(run, sort_keys=True) for run in runs}) == len(runs)
    rows = methods(table)
    labels = {arm["teachers"] for arm in table["arms"]} - {"none"}
    names = {name for label in labels for name in label.split("+")}
    assert rows.method.is_unique and len(rows) == 1 + references + len(table["arms"]) + len(names)
    titles = [column_title(table, task, split) for task in table["tasks"]
              for split in table["report_splits"][task]]  # fmt: skip
    assert len(set(titles)) == len(titles)
    assert seeds_text(table) and settings_text(table)
    assert ("Anything about distillation" in " ".join(unsaid(table))) == (not names)
    return {tuple(run[axis] for axis in AXES) for run in runs if run["kind"] == "student"}, kinds
