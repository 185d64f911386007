"""What students of specialists learn: soft labels, heads, and who teaches how much of it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mtkd.config.schema import Training
from mtkd.errors import InputError
from mtkd.specialists.compute import epochs_of_compute, epochs_of_steps, labelling, spent
from mtkd.specialists.domains import Domains
from mtkd.specialists.targets import (
    ABSENT,
    answered,
    in_places,
    of_all_labels,
    own_places,
    parts,
    shares,
    taught,
)
from mtkd.tasks.corpus import Split, TaskInfo

RNG = np.random.default_rng(0)
LABELS = ["negative", "neutral", "positive"]
TASKS = ["movies", "tweets"]
OWN = [np.array([0, 2]), np.array([0, 1, 2])]
DOMAIN = np.array([0, 0, 1, 1, 1, 1])
GOLD = np.array([0, 2, 1, -1, 2, -1])
LOGITS = RNG.normal(size=(2, 6, 3)).astype(np.float32)
COLUMN = [TASKS[number] for number in DOMAIN]
ROUTER = RNG.dirichlet(np.ones(2), size=6)


def domains():
    texts = [f"text {row}" for row in range(6)]
    split = Split(np.array(texts), texts, None, GOLD)
    info = TaskInfo(LABELS, {"train": 6}, "digest")
    return Domains(TASKS, info, {"train": split}, {"train": DOMAIN}, OWN)


def test_each_row_learns_from_the_teacher_that_its_column_names():
    what = taught("by-column", COLUMN, TASKS, LOGITS, ROUTER)
    for row in range(6):
        assert np.array_equal(what.fused[row], LOGITS[DOMAIN[row], row])
    assert what.weights.tolist() == np.eye(2)[DOMAIN].tolist()


def test_the_average_and_the_gate_by_a_slow_reference():
    average = taught("average", COLUMN, TASKS, LOGITS, ROUTER)
    np.testing.assert_allclose(average.fused, LOGITS.mean(axis=0), rtol=1e-6)
    gate = taught("gate", COLUMN, TASKS, LOGITS, ROUTER)
    for row in range(6):
        wanted = sum(ROUTER[row, k] * LOGITS[k, row] for k in range(2))
        np.testing.assert_allclose(gate.fused[row], wanted, rtol=1e-5)
    perfect = np.eye(2)[DOMAIN]
    by_column = taught("by-column", COLUMN, TASKS, LOGITS, ROUTER)
    gated = taught("gate", COLUMN, TASKS, LOGITS, perfect)
    assert np.array_equal(gated.fused, by_column.fused)
    assert taught("none", COLUMN, TASKS, LOGITS, ROUTER) is None


def test_a_column_that_names_a_teacher_that_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"'tweets' as a row's teacher, and there are movies; add"):
        taught("by-column", COLUMN, ["movies"], LOGITS[:1], ROUTER)


@pytest.mark.parametrize(
    ("strategy", "names", "rows"),
    [
        ({"fusion": "by-column"}, [LABELS], [[0, 1, 2, 3, 4, 5]]),
        ({"fusion": "none"}, [LABELS], [[0, 1, 2, 4]]),
        (
            {"fusion": "by-column", "heads": "each"},
            [["movies: negative", "movies: positive", *(f"tweets: {one}" for one in LABELS)]],
            [[0, 1, 2, 3, 4, 5]],
        ),
        (
            {"fusion": "by-column", "heads": "each", "students": "each"},
            [["negative", "positive"], LABELS],
            [[0, 1], [2, 3, 4, 5]],
        ),
    ],
)
def test_the_models_of_a_student(strategy, names, rows):
    found = parts(strategy, domains())
    assert [part.names for part in found] == names
    assert [part.rows.tolist() for part in found] == rows
    several = len(found) > 1
    for number, part in enumerate(found):
        mine = answered(part, DOMAIN)
        assert mine.tolist() == (np.flatnonzero(number == DOMAIN).tolist() if several
                                 else list(range(6)))  # fmt: skip
        assert [LABELS[label] for label in part.begins] == [one.split(": ")[-1] for one in
                                                            part.names]  # fmt: skip
        # What an output says is that of its label, and nothing is said of others'.
        outputs = RNG.normal(size=(len(mine), len(part.names))).astype(np.float32)
        full = of_all_labels(part, outputs, DOMAIN[mine], 3)
        for place, row in enumerate(mine):
            own = range(3) if strategy.get("heads") is None else OWN[DOMAIN[row]]
            for label in range(3):
                if label not in own:
                    assert full[place, label] == ABSENT
                    continue
                named = LABELS[label] if several or len(part.names) == 3 else (
                    f"{COLUMN[row]}: {LABELS[label]}")  # fmt: skip
                assert full[place, label] == outputs[place, part.names.index(named)]


def test_places_of_labels_and_back():
    (part,) = parts({"fusion": "by-column", "heads": "each"}, domains())
    assert own_places(part, GOLD, DOMAIN).tolist() == [0, 1, 1, -1, 2, -1]
    values = in_places(part, LOGITS[0], DOMAIN)
    assert values[0].tolist() == [LOGITS[0, 0, 0], LOGITS[0, 0, 2], ABSENT]
    assert np.array_equal(values[2], LOGITS[0, 2])


def test_shares_of_rows_and_loss_by_what_a_training_minimises():
    from mtkd.distillation.objective import distillation

    T, alpha = 2.0, 0.7
    what = taught("by-column", COLUMN, TASKS, LOGITS, ROUTER)
    student = RNG.normal(size=(6, 3)).astype(np.float32)
    recipe = {"loss": "hinton", "options": {}}
    labels = torch.from_numpy(GOLD)
    whole = distillation(recipe, T, alpha, labels, what.fused, LOGITS, 0, 0)

    def loss(rows):
        rows = torch.tensor(rows)
        return float(whole.value(torch.from_numpy(student)[rows], None, rows, 0.0)) * len(rows)

    first, second = loss([0, 1]), loss([2, 3, 4, 5])
    found = shares(what, student, GOLD, T, alpha)
    assert [rows for rows, _ in found] == pytest.approx([1 / 3, 2 / 3])
    wanted = [first / (first + second), second / (first + second)]
    assert [share for _, share in found] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("strategy", [{}, {"heads": "each"}, {"heads": "each", "students": "each"}])
def test_the_loss_that_is_shared_out_is_the_one_that_each_model_minimises(strategy):
    from mtkd.specialists.student import _shares, objective

    strategy = {"fusion": "by-column", "T": 2, "alpha": 0.7, **strategy}
    stage = SimpleNamespace(domains=domains(), device="cpu")
    what = taught("by-column", COLUMN, TASKS, LOGITS, ROUTER)
    begun = np.full((6, 3), ABSENT, dtype=np.float32)
    losses = np.zeros(2)
    for part in parts(strategy, stage.domains):
        whole = objective(stage, part, what, strategy, 0)
        outputs = RNG.normal(size=(6, len(part.names))).astype(np.float32)
        mine = answered(part, DOMAIN)
        begun[mine] = of_all_labels(part, outputs[mine], DOMAIN[mine], 3)
        for task in set(DOMAIN[mine]):
            rows = torch.from_numpy(np.flatnonzero(task == DOMAIN))
            mean = whole.value(torch.from_numpy(outputs)[rows], None, rows, 0.0)
            losses[task] = float(mean) * len(rows)
    found = _shares(stage, what, strategy, begun, begun)
    wanted = (losses / losses.sum()).tolist()
    assert [one["loss_start"] for one in found] == pytest.approx(wanted, rel=1e-5)
    assert [one["loss_end"] for one in found] == pytest.approx(wanted, rel=1e-5)


def test_a_starved_teacher_shows():
    column = ["movies"] + ["tweets"] * 5
    what = taught("by-column", column, TASKS, LOGITS, ROUTER)
    agreed = np.where(np.arange(6)[:, None] == 0, LOGITS[0], 0)
    (rows, loss), _ = shares(what, agreed, np.full(6, -1), 1.0, 1.0)
    assert rows == pytest.approx(1 / 6) and loss == pytest.approx(0, abs=1e-6)


def test_compute_by_hand():
    records = [{"tokens": 10, "parameters": 3}, {"tokens": 5, "parameters": 4}]
    assert spent(records) == 50
    lengths = np.array([3, 2, 1])
    own, all_of_them = np.eye(2)[[0, 0, 1]], np.full((3, 2), 0.5)
    assert labelling(own, lengths, records) == pytest.approx((5 * 3 + 1 * 4) / 3)
    assert labelling(all_of_them, lengths, records) == pytest.approx(6 * 7 / 3)
    training = Training(epochs=4, batch_size=10)
    assert epochs_of_steps(training, 30, 95) == pytest.approx(40 / 3)
    assert epochs_of_compute(120, 5, 4) == 6
