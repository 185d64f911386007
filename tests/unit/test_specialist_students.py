"""A student of specialists: how its models begin, and what its record says that it costs."""

from itertools import count

import numpy as np
import pytest
import torch
from toy_specialists import two_domains

from mtkd.config.schema import Model, Training
from mtkd.distillation.learner import Source
from mtkd.distillation.training import Outcome
from mtkd.specialists import student
from mtkd.specialists.student import Stage, train_student
from mtkd.specialists.teachers import load

SEPARATE = {"fusion": "by-column", "heads": "each", "students": "each"}


@pytest.fixture
def stage(tmp_path):
    domains = two_domains(tmp_path)
    source = Source(Model(architecture="word-average", tokenizer={"kind": "word"}), None, None)
    learner = load(source, Training(), domains, 8, 0, tmp_path, torch.device("cpu"))
    rows = len(domains.domain["train"])
    logits = np.zeros((2, rows, 3), dtype=np.float32)
    router = np.full((rows, 2), 0.5)
    records = [{"tokens": 10, "parameters": 100}] * 2
    return Stage(source, learner, domains, logits, router, records, Training(), torch.device("cpu"))


@pytest.fixture
def ending(monkeypatch):
    """What trainings end with, one after another; nothing is trained."""

    def prepared(*statuses):
        left = iter(statuses)
        monkeypatch.setattr(
            student,
            "train",
            lambda *args, **options: Outcome(next(left), None, None, [], 1.0, 1.0, []),
        )

    return prepared


def trained(stage, strategy=SEPARATE):
    return train_student(stage, strategy, 1, lambda number: None).facts


def test_the_models_of_a_student_are_all_of_them_whichever_diverged(stage, ending):
    ending("finished", "finished", "diverged", "finished", "diverged")
    assert [trained(stage)["models"] for _ in range(3)] == [2, 2, 2]


def test_what_texts_take_to_answer_is_told_of_all_of_them(stage, ending, monkeypatch):
    ending("finished", "finished")
    clock = count()
    monkeypatch.setattr(student.time, "process_time", lambda: next(clock))
    # Each of two models takes a second for its own of 6 texts, 2 or 4.
    assert trained(stage)["run_seconds"] == pytest.approx(1000 * 2 / 6, abs=1e-4)
