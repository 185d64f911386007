"""A student of specialists: how its models begin, and what its record says that it costs."""

from itertools import count

import numpy as np
import pytest
import torch
from toy_specialists import two_domains

from mtkd.config.schema import Model, Training
from mtkd.distillation.inference import predict
from mtkd.distillation.learner import Source
from mtkd.distillation.training import Outcome
from mtkd.models.build import save_model
from mtkd.specialists import student
from mtkd.specialists.student import Stage, begin, train_student
from mtkd.specialists.targets import parts
from mtkd.specialists.teachers import load

SEPARATE = {"fusion": "by-column", "heads": "each", "students": "each"}
SIZES = {
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 16,
}


def made(folder, source):
    """What students of a job share, of models that come from a source."""
    domains = two_domains(folder)
    learner = load(source, Training(), domains, 8, 0, folder / "state", torch.device("cpu"))
    rows = len(domains.domain["train"])
    logits = np.zeros((2, rows, 3), dtype=np.float32)
    router = np.full((rows, 2), 0.5)
    records = [{"tokens": 10, "parameters": 100}] * 2
    device = torch.device("cpu")
    return Stage(source, learner, domains, logits, router, records, Training(), device)


def of_architecture(name, **config):
    model = Model(architecture=name, config=config, tokenizer={"kind": "word"})
    return Source(model, None, None)


@pytest.fixture
def stage(tmp_path):
    return made(tmp_path, of_architecture("word-average"))


@pytest.fixture
def ending(monkeypatch):
    """What trainings end with, one after another; nothing is trained."""

    def prepared(*statuses):
        left = iter(statuses)
        monkeypatch.setattr(
            student,
            "train",
            lambda *args, **options: Outcome(next(left), None, None, [], 1.0, 1.0, 1.0, []),
        )

    return prepared


def trained(stage, strategy=SEPARATE):
    return train_student(stage, strategy, 1, lambda number: None).facts


@pytest.mark.parametrize(
    ("architecture", "config"),
    [("word-average", {}), ("text-cnn", {}), ("bilstm", {}), ("bert", SIZES), ("roberta", SIZES)],
)
def test_outputs_begin_as_those_of_the_base_that_stand_for_their_labels(
    tmp_path, architecture, config
):
    first = made(tmp_path, of_architecture(architecture, **config)).learner
    folder = tmp_path / "base"
    save_model(first.model, first.tokenizer, folder)
    stage = made(tmp_path, Source(Model(folder=str(folder)), folder, None))
    tokens = stage.learner.tokens["train"]
    said = predict(first.model, tokens)
    for strategy in ({**SEPARATE, "students": "one"}, SEPARATE):
        for part in parts(strategy, stage.domains):
            model = begin(stage, part, 1)
            assert list(model.config.id2label.values()) == part.names
            begins = predict(model, tokens)
            np.testing.assert_allclose(begins, said[:, part.begins], rtol=1e-5, atol=1e-6)


def test_the_models_of_a_student_are_all_of_them_whichever_diverged(stage, ending):
    ending("finished", "finished", "diverged", "finished", "diverged")
    assert [trained(stage)["models"] for _ in range(3)] == [2, 2, 2]


def test_what_texts_take_to_answer_is_told_of_all_of_them(stage, ending, monkeypatch):
    ending("finished", "finished")
    clock = count()
    monkeypatch.setattr(student.time, "process_time", lambda: next(clock))
    # Each of two models takes a second for its own of 6 texts, 2 or 4.
    assert trained(stage)["run_seconds"] == pytest.approx(1000 * 2 / 6, abs=1e-4)
