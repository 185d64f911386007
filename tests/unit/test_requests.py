"""Minutes that jobs ask for, and what they put on disk."""

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import save_file

from mtkd.config.load import load_suite, validate_suite
from mtkd.config.schema import Teacher
from mtkd.errors import InputError
from mtkd.study.disk import (
    Stored,
    Weights,
    config_width,
    disk_text,
    folder_weights,
    stored,
    table_rows,
)
from mtkd.study.requests import LEAST_MINUTES, expected_logits, logits_minutes, training_minutes

# A suite to change: the first embedded one.
FIRST = Path(__file__).parents[1] / "fixtures/first_embedded/suite.yaml"


def teacher(epochs=4, **resources):
    model = {"architecture": "text-cnn", "tokenizer": {"kind": "word"}}
    return Teacher(model=model, training={"epochs": epochs}, resources=resources)


@pytest.mark.parametrize(
    ("resources", "recorded", "runs", "minutes"),
    [
        # Neither said nor known.
        ({}, None, 1, 60),
        ({}, None, 9, 540),
        # The suite's own wins over what is known, also where it is what is asked for without one.
        ({"runtime": 45}, 3600, 1, 45),
        ({"runtime": 60}, 30, 2, 120),
        ({"runtime_per_task": {"mnli": 5}}, 3600, 3, 15),
        ({"runtime_per_task": {"sst2": 5}}, 3600, 1, 120),
        # Records over guesses.
        ({"expected": {"mnli": 100}}, None, 1, 200),
        ({"expected": {"mnli": 0.5}}, None, 40, 40),
        ({"expected": {"mnli": 100}}, 601, 1, 21),
        ({"expected": {"sst2": 100}}, None, 1, 60),
        ({"expected": {"mnli": 0.5}}, None, 1, LEAST_MINUTES),
        ({}, 1.5, 1, LEAST_MINUTES),
    ],
)
def test_a_training_asks_for_its_suites_minutes_or_for_twice_what_is_expected(
    resources, recorded, runs, minutes
):
    assert training_minutes(teacher(**resources), "mnli", recorded, runs) == minutes


@pytest.mark.parametrize(
    ("teachers", "recorded", "minutes"),
    [
        # Of what a training asks for, an epoch's share; of a guess, twice a third of that.
        ([teacher(runtime=240)], None, 60),
        ([teacher(expected={"mnli": 120})], None, 20),
        ([teacher(runtime=240), teacher(expected={"mnli": 120})], None, 80),
        ([teacher()], None, 60),
        # A ready-made classifier is not trained.
        ([teacher(epochs=0, runtime=240)], None, 240),
        ([teacher(epochs=0, expected={"mnli": 120})], None, 240),
        ([teacher(runtime=8)], None, LEAST_MINUTES),
        ([teacher(runtime=240)], 1200, 40),
        ([teacher(runtime=240)], 12, LEAST_MINUTES),
    ],
)
def test_a_job_on_logits_asks_for_less_than_a_training(teachers, recorded, minutes):
    assert logits_minutes(teachers, "mnli", recorded) == minutes


def test_an_expectation_is_of_a_known_task_and_takes_time():
    with pytest.raises(ValidationError, match="expected"):
        teacher(expected={"mnli": 0})
    content = load_suite(FIRST).model_dump(mode="json", exclude_defaults=True)
    content["teachers"]["bert"]["resources"] = {"expected": {"movie": 3}}
    with pytest.raises(InputError, match=r"bert.resources.expected.movie: .*did you mean 'movies'"):
        validate_suite(content, "suite")


def glue_requests():
    """GPU-hours that study main of the GLUE suite asks for at first, and those it expects."""
    suite = load_suite("config/glue.yaml")
    student = suite.students["distilbert-base-uncased"]
    asked = expected = 0.0
    for task in suite.tasks:
        for one in suite.teachers.values():
            asked += training_minutes(one, task, None) + logits_minutes([one], task, None)
            expected += one.resources.expected[task] + expected_logits(one, task)
        asked += 40 * training_minutes(student, task, None)
        expected += 40 * student.resources.expected[task]
    return asked / 60, expected / 60


def test_the_glue_suite_asks_for_little_more_than_twice_its_need():
    asked, expected = glue_requests()
    # benchmarks/README.md: 18 hours of teachers, 40 of students; and the logits.
    assert expected == pytest.approx(60, abs=1)
    assert asked < 2.2 * expected


BERT, ROBERTA, DEBERTA = Weights(1344, 1024), Weights(1421, 1024), Weights(556, 768)
DISTILBERT = Weights(268, 768)
# Rows of GLUE's train and dev splits.
ROWS = {"sst2": 68_221, "mnli": 412_349, "qqp": 404_276, "mrpc": 4_076}


def test_what_the_main_study_of_glue_puts_on_disk():
    mega = 10**6
    jobs = []
    for task, rows in ROWS.items():
        classes = 3 if task == "mnli" else 2
        student = [Weights(DISTILBERT.size * mega, DISTILBERT.width)]
        for one in (BERT, ROBERTA, DEBERTA):
            models = [Weights(one.size * mega, one.width)]
            jobs.append(stored("train_teacher", 2, models=models, rows=rows, classes=classes))
            jobs.append(stored("teacher_logits", 3, models=models, rows=rows, classes=classes))
        jobs += [stored("train_undistilled", 2, 1, student, rows, classes)] * 5
        jobs += [stored("train_students", 1, 1, student, rows, classes)] * 35
    kept = 4 * (1344 + 1421 + 556) / 1e3 + 5 * sum(ROWS.values()) * 768 * 2 / 1e9
    text = disk_text(jobs, at_a_time=100)
    assert text.startswith(f"Disk, about: {kept:.1f} GB kept in ")
    assert kept == pytest.approx(20.1, abs=0.05)
    assert text.endswith(
        "up to 53.1 GB of 12 trainings of teachers or 80.4 GB of 100 trainings of students"
    )
    assert "of 8 trainings of students" in disk_text(jobs, at_a_time=8)


def test_a_cell_is_ten_files_with_its_score():
    cell, score = stored("train_students", 1, cells=1), stored("score_students", 1)
    logs_and_times = 2 * 2
    assert cell.files + score.files - logs_and_times == 10
    assert disk_text([Stored("score_students", 0, 4, 0)], 1) == (
        "Disk, about: 0.0 GB kept in 4 files"
    )


def test_a_crossfitted_teacher_keeps_no_model_and_takes_a_teachers_state_while_it_trains():
    model = Weights(1000, 8)
    teacher = stored("train_teacher", 2, models=[model], rows=50, classes=2)
    folded = stored("crossfit_logits", 1, models=[model], rows=50, classes=2, folds=3)
    assert (folded.kept, folded.state) == (50 * 2 * 4, teacher.state)
    assert folded.files == stored("crossfit_logits", 1).files + 3 * 3
    assert "1 trainings of teachers" in disk_text([folded._replace(state=10**9)], 1)


def test_weights_and_rows_are_read_from_what_is_there(tmp_path):
    # In half precision, as it is published; it is trained in float32.
    for name in ("model-1.safetensors", "model-2.safetensors"):
        save_file({"weight": np.zeros((5, 5), dtype=np.float16)}, tmp_path / name)
    (tmp_path / "vocab.txt").write_bytes(b"x" * 50)
    (tmp_path / "config.json").write_text(json.dumps({"dim": 768}))
    assert folder_weights(tmp_path) == Weights(200, 768)
    (tmp_path / "config.json").unlink()
    assert folder_weights(tmp_path) == Weights(200, 0)
    assert config_width({"d_model": 64, "n_layers": 2}) == 64
    (tmp_path / "a.csv").write_text("text,label\na,1\nb,0\n")
    assert table_rows(tmp_path / "a.csv") == 3
    with pytest.raises(OSError):
        table_rows(tmp_path / "b.parquet")
