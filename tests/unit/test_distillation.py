"""The objective, the training loop, label maps, and the state of finished cells."""

import json
import math
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
import warm
from hypothesis import given
from hypothesis import strategies as st

from mtkd.config.schema import Model, Training
from mtkd.distillation import inference
from mtkd.distillation.device import free_device, prepare_device
from mtkd.distillation.engines.single import Cell, Stage, train_cells
from mtkd.distillation.inference import head_states, predict
from mtkd.distillation.learner import Source, settle_source
from mtkd.distillation.objective import Objective, distillation, hard_labels, with_labels
from mtkd.distillation.teachers import train_teacher
from mtkd.distillation.training import set_learning_rate, train
from mtkd.errors import InputError
from mtkd.fusion.targets import fuse_teachers, lacks_gate, read_gates, teacher_determinants
from mtkd.models.build import build_model
from mtkd.models.tokenizers import train_tokenizer
from mtkd.records.cells import PREDICTIONS, cell_digest, keep_cell, restore_cell
from mtkd.records.logits import read_logits, read_tensors, write_tensors
from mtkd.records.teachers import TeacherLogits, Teachers
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import Split, TaskInfo
from mtkd.tasks.encoding import encode
from mtkd.tasks.label_map import check_label_map, in_task_order

CPU = torch.device("cpu")


def slow_loss(student, labels, fused, T, alpha):
    def softmax(z):
        top = max(z)
        e = [math.exp(x - top) for x in z]
        return [x / sum(e) for x in e]

    total = 0.0
    for s, y, z in zip(student, labels, fused, strict=True):
        q, p = softmax([x / T for x in z]), softmax([x / T for x in s])
        kl = sum(a * (math.log(a) - math.log(b)) for a, b in zip(q, p, strict=True) if a > 0)
        total += alpha * T * T * kl + (1 - alpha) * -math.log(softmax(s)[y])
    return total / len(labels)


numbers = st.floats(-8, 8)


@given(
    st.integers(2, 4).flatmap(
        lambda C: st.lists(
            st.tuples(
                st.lists(numbers, min_size=C, max_size=C),
                st.integers(0, C - 1),
                st.lists(numbers, min_size=C, max_size=C),
            ),
            min_size=1,
            max_size=5,
        )
    ),
    st.floats(0.5, 10),
    st.floats(0.01, 1),
)
def test_the_objective_is_hintons(rows, T, alpha):
    student, labels, fused = zip(*rows, strict=True)
    z = np.array(fused)
    found = objective_of(torch.tensor(student, dtype=torch.float64), labels, z, T, alpha)
    assert float(found) == pytest.approx(slow_loss(student, labels, fused, T, alpha), abs=1e-6)


def objective_of(logits, labels, fused, T, alpha):
    """The default objective of a batch that is all of train."""
    labels, rows = torch.tensor(labels), torch.arange(len(labels))
    objective = distillation(HINTON, T, alpha, labels, fused, fused[None], None, seed=1)
    return objective.value(logits, None, rows, 0.0)


def test_the_soft_part_vanishes_at_the_teacher_and_pulls_towards_it():
    fused = np.array([[2.0, -1.0, 0.2]], dtype=np.float32)
    at_teacher = torch.from_numpy(fused).clone().requires_grad_()
    loss = objective_of(at_teacher, [0], fused, 4.0, 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert at_teacher.grad.abs().max() < 1e-6
    away = torch.zeros(1, 3, requires_grad=True)
    objective_of(away, [0], fused, 4.0, 1.0).backward()
    assert (away.grad.sign().numpy() == -np.sign(fused - fused.mean())).all()


HINTON = {"fusion": "average", "loss": "hinton", "options": {}}
TRAINING = Training(epochs=2, batch_size=8, learning_rate=5e-3, warmup=0.1)
WORDS = ["good", "fine", "great", "bad", "poor", "awful", "film", "plot", "cast", "of", "the", "a"]


@pytest.fixture(scope="module")
def corpus():
    rng = np.random.default_rng(0)
    texts, labels = [], []
    for _ in range(96):
        label = int(rng.integers(2))
        mood = rng.choice(WORDS[:3] if label else WORDS[3:6])
        texts.append(" ".join([*rng.choice(WORDS[6:], rng.integers(1, 6)), mood]))
        labels.append(label)
    split = Split(np.array([str(i) for i in range(96)]), texts, None, np.array(labels))
    tokenizer = train_tokenizer("word", texts, 100, 16)
    return tokenizer, DeviceTokens(encode(tokenizer, split, 16), tokenizer.pad_token_id, CPU), split


def new_model(tokenizer, seed=1):
    config = {
        "dim": 16,
        "hidden_dim": 32,
        "n_layers": 1,
        "n_heads": 2,
        "max_position_embeddings": 32,
    }
    return build_model("distilbert", config, ["no", "yes"], tokenizer, seed)


def run(corpus, seed=1, training=TRAINING, objective=None, after_epoch=None):
    tokenizer, tokens, split = corpus
    model = new_model(tokenizer, seed)
    labels = torch.from_numpy(split.labels)
    objective = objective or hard_labels(labels)
    outcome = train(model, tokens, objective, training, seed, after_epoch)
    return outcome, predict(model, tokens), model


def test_a_model_gone_from_the_hub_cache_is_named(tmp_path):
    model, record = Model(hub="unit/bert"), tmp_path / "record.json"
    record.write_text(json.dumps({"folder": str(tmp_path / "snapshot")}))
    with pytest.raises(InputError, match=f"snapshot is gone .* delete {record} and run again"):
        settle_source(model, record)
    (tmp_path / "snapshot").mkdir()
    assert settle_source(model, record).folder == tmp_path / "snapshot"


def test_training_learns_and_repeats_bit_by_bit(corpus):
    training = TRAINING.model_copy(update={"epochs": 12, "learning_rate": 5e-3})
    outcome, logits, _ = run(corpus, training=training)
    assert outcome.status == "finished"
    assert (logits.argmax(1) == corpus[2].labels).mean() > 0.9
    assert outcome.history[-1]["loss"] < outcome.history[0]["loss"]
    _, logits, _ = run(corpus)
    torch.rand(17)  # the caller's random state must not matter
    assert np.array_equal(run(corpus)[1], logits)
    assert not np.array_equal(run(corpus, seed=2)[1], logits)


def test_rows_without_a_label_are_as_if_they_were_not_there(corpus):
    """Some rows of a corpus train as a corpus of these rows alone, bit by bit."""
    tokenizer, tokens, split = corpus
    rows = np.arange(0, 96, 3)
    labels = np.full(96, -1)
    labels[rows] = split.labels[rows]
    model = new_model(tokenizer)
    objective = hard_labels(torch.from_numpy(labels))
    train(model, tokens, objective, TRAINING, 1, rows=with_labels(labels))
    few = Split(split.ids[rows], [split.text_a[row] for row in rows], None, split.labels[rows])
    encoded = DeviceTokens(encode(tokenizer, few, 16), tokenizer.pad_token_id, CPU)
    alone = new_model(tokenizer)
    train(alone, encoded, hard_labels(torch.from_numpy(few.labels)), TRAINING, 1)
    ours, theirs = model.state_dict(), alone.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert with_labels(split.labels) is None


def test_evaluating_between_epochs_changes_nothing(corpus):
    plain = run(corpus)[1]
    outcome, logits, _ = run(corpus, after_epoch=lambda epoch: {"selection": 0.5})
    assert np.array_equal(logits, plain)
    assert [row["selection"] for row in outcome.history] == [0.5, 0.5]


def test_a_non_finite_loss_ends_the_run_at_its_step(corpus):
    labels = torch.from_numpy(corpus[2].labels)
    calls = []

    def loss(z, states, rows, progress):
        calls.append(1)
        value = torch.nn.functional.cross_entropy(z, labels[rows])
        return value * float("nan") if len(calls) == 15 else value

    outcome, _, _ = run(corpus, objective=Objective(loss))
    assert (outcome.status, outcome.step) == ("diverged", 15)
    assert "nan at step 15 of 24" in outcome.reason


def test_predictions_do_not_depend_on_the_batch(corpus):
    tokenizer, tokens, split = corpus
    model = new_model(tokenizer)
    everything = predict(model, tokens)
    for row in (0, 5, 50):
        one = Split(split.ids[row : row + 1], [split.text_a[row]], None, None)
        alone = DeviceTokens(encode(tokenizer, one, 16), tokenizer.pad_token_id, CPU)
        np.testing.assert_allclose(predict(model, alone)[0], everything[row], atol=1e-5)
    assert head_states(model, tokens).shape == (96, 16)


def test_a_long_prediction_shows_how_far_it_is(corpus, monkeypatch, capsys):
    tokenizer, tokens, split = corpus
    model = new_model(tokenizer)
    predict(model, tokens)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(inference, "PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr(inference, "BATCH_SIZE", 60)
    predict(model, tokens)
    lines = capsys.readouterr().err.splitlines()
    line = r"predicted (\d+)/96  \d+ examples/s  \d+ s left"
    shown = [re.fullmatch(line, text) for text in lines]
    assert [match[1] for match in shown] == ["60", "96"]


def test_the_learning_rate_warms_up_and_decays_to_zero():
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
    training = Training(learning_rate=1.0, warmup=0.2)
    rates = []
    for step in range(20):
        set_learning_rate(optimizer, training, step, 20)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert 0 < rates[-1] < 0.1


NAMES = ["entailment", "neutral", "contradiction"]


def predictions(rng, accuracy, order=(0, 1, 2), n=600):
    labels = rng.integers(0, 3, n)
    said = np.where(rng.random(n) < accuracy, labels, rng.integers(0, 3, n))
    z = np.eye(3, dtype=np.float32)[said] + rng.normal(0, 0.1, (n, 3))
    return z[:, list(order)], labels


@pytest.mark.parametrize("accuracy", [0.9, 0.5, 0.05])
def test_teachers_of_the_right_order_pass_however_weak(accuracy):
    rng = np.random.default_rng(0)
    check_label_map(*predictions(rng, accuracy), NAMES, "t")


def test_a_permuted_teacher_is_refused_with_the_remedy_that_works():
    z, labels = predictions(np.random.default_rng(0), 0.8, order=(1, 2, 0))
    with pytest.raises(InputError) as caught:
        check_label_map(z, labels, NAMES, "ready")
    order = ["neutral", "contradiction", "entailment"]
    assert f"label_order: [{', '.join(order)}]" in str(caught.value)
    check_label_map(in_task_order(z, order, NAMES), labels, NAMES, "ready")
    with pytest.raises(InputError, match="does not hold"):
        in_task_order(z, ["a", "b", "c"], NAMES)


def test_two_labels_that_were_swapped_are_refused_also_of_few_rows():
    labels = np.repeat([0, 1, 2], [30, 20, 37])
    said = np.where(labels == 2, 2, 1 - labels)
    said[::12] = 2  # and some errors
    with pytest.raises(InputError, match="in the order neutral, entailment, contradiction"):
        check_label_map(np.eye(3)[said], labels, NAMES, "llm")
    # All of sixteen, but not most of nine.
    with pytest.raises(InputError, match="accuracy 1.000 against 0.000"):
        check_label_map(np.eye(2)[[1, 0] * 8], np.array([0, 1] * 8), NAMES[:2], "llm")
    check_label_map(np.eye(2)[[1, 0] * 4 + [0]], np.array([0, 1] * 4 + [0]), NAMES[:2], "llm")


def teachers():
    rng = np.random.default_rng(0)
    runs = {}
    for place, name in enumerate(["a", "b"]):
        z = rng.normal(size=(5, 2)).astype(np.float32)
        runs[name, "1"] = TeacherLogits(
            f"{name}/seed1", z, 0.6 + 0.2 * place, "m", f"digest-{name}", ["no", "yes"]
        )
    return Teachers(runs, "1")


def test_weights_by_scores_that_are_all_0_are_refused_in_one_line():
    runs = {key: run._replace(score=0.0) for key, run in teachers().by_run.items()}
    axes = {"teachers": "a+b", "strategy": "weighted", "seed": "1", "T": "4"}
    with pytest.raises(InputError, match="^strategy 'weighted': a, b: selection"):
        fuse_teachers(axes, {"fusion": "weighted"}, Teachers(runs, "1"), {})


def test_each_strategy_fuses_the_arms_own_teachers():
    both = teachers()
    axes = {"teachers": "a+b", "seed": "1", "T": "4"}
    z = np.stack([both.of("a", "1").logits, both.of("b", "1").logits])
    gates = {("a+b", "1"): np.tile([0.25, 0.75], (5, 1))}
    expected = {
        "average": z.mean(0),
        "weighted": (0.6 * z[0] + 0.8 * z[1]) / 1.4,
        "gating": 0.25 * z[0] + 0.75 * z[1],
    }
    for strategy, value in expected.items():
        fused = fuse_teachers(axes, {"fusion": strategy}, both, gates)
        np.testing.assert_allclose(fused, value, atol=1e-6)
    alone = fuse_teachers({**axes, "teachers": "b"}, {"fusion": "single"}, both, {})
    assert np.array_equal(alone, z[1])


def test_a_cell_is_determined_by_its_own_teachers_alone():
    both, gates = teachers(), {("a+b", "1"): np.full((5, 2), 0.5)}
    one, single = {"teachers": "a", "seed": "1"}, {"fusion": "single"}
    assert list(teacher_determinants(one, single, both, gates)) == ["a/seed1"]
    axes = {"teachers": "a+b", "seed": "1", "T": "4"}
    digests = {
        cell_digest(teacher_determinants(axes, {"fusion": s}, both, gates))
        for s in ("average", "weighted", "gating")
    }
    assert len(digests) == 3
    gates["a+b", "1"][0] = [0.4, 0.6]
    changed = cell_digest(teacher_determinants(axes, {"fusion": "gating"}, both, gates))
    assert changed not in digests
    # Logits other than those that a kept cell learnt from, of a model that says it is the same.
    known = teacher_determinants(one, single, both, gates)
    both.by_run["a", "1"] = both.by_run["a", "1"]._replace(digest="other")
    assert cell_digest(teacher_determinants(one, single, both, gates)) != cell_digest(known)


FILES = ["run.json", PREDICTIONS]


@pytest.fixture
def finished(tmp_path):
    cell = tmp_path / "made"
    cell.mkdir()
    (cell / "run.json").write_text(json.dumps({"a": 1}))
    (cell / PREDICTIONS).write_bytes(b"numbers" * 100)
    state = tmp_path / "state"
    keep_cell(state, "d1", cell, FILES)
    return state, cell


def test_a_finished_cell_survives_the_deletion_of_its_outputs(finished, tmp_path):
    state, cell = finished
    target = tmp_path / "results" / "seed1"
    assert restore_cell(state, "d1", target, FILES)
    os.utime(target / PREDICTIONS, (1, 1))
    (target / PREDICTIONS).unlink()
    assert restore_cell(state, "d1", target, FILES)
    assert (target / PREDICTIONS).read_bytes() == (cell / PREDICTIONS).read_bytes()
    assert (target / PREDICTIONS).stat().st_mtime > 1000
    assert sorted(path.name for path in target.iterdir()) == sorted(FILES)
    assert not restore_cell(state, "d2", target, FILES)


@pytest.mark.parametrize("damage", ["truncate", "flip", "lose", "manifest"])
def test_a_damaged_cell_is_never_restored(finished, tmp_path, damage, capsys):
    state, _ = finished
    kept = state / "d1" / PREDICTIONS
    content = kept.read_bytes()
    kept.unlink()  # its own file from here on: the maker's is a hard link to it
    match damage:
        case "truncate":
            kept.write_bytes(content[:-1])
        case "flip":
            kept.write_bytes(b"N" + content[1:])
        case "manifest":
            kept.write_bytes(content)
            (state / "d1" / "sha256.json").write_text("{")
    target = tmp_path / "results"
    assert not restore_cell(state, "d1", target, FILES)
    assert "damaged" in capsys.readouterr().err
    assert not target.exists()
    assert not (state / "d1").exists()


def test_two_writers_of_one_cell_do_no_harm(finished, tmp_path):
    state, cell = finished
    keep_cell(state, "d1", cell, FILES)
    assert [path.name for path in state.iterdir()] == ["d1"]
    assert restore_cell(state, "d1", tmp_path / "results", FILES)


ONE_WILD_STEP = Training(epochs=1, batch_size=96, learning_rate=1e30, warmup=0)


@pytest.fixture
def stage(corpus):
    tokenizer, tokens, split = corpus
    model = {
        "architecture": "distilbert",
        "config": {"dim": 16, "hidden_dim": 32, "n_layers": 1, "n_heads": 2},
        "tokenizer": {"kind": "word"},
    }
    return Stage(
        source=Source(Model.model_validate(model), None, None),
        info=TaskInfo(["no", "yes"], {"train": 96, "selection": 96}, "digest"),
        splits={"train": split, "selection": split},
        tokenizer=tokenizer,
        tokens={"train": tokens, "selection": tokens},
        labels=torch.from_numpy(split.labels),
        device=CPU,
    )


AXES = {"strategy": "none", "teachers": "none", "T": "NA", "alpha": "NA", "seed": "1"}


def cell_of(folder, axes=AXES, untrainable=None):
    """A cell without distillation."""
    record = {"labels": ["no", "yes"]}
    recipe = {"fusion": None}
    return Cell(axes, recipe, ONE_WILD_STEP, None, None, [], untrainable, record, folder, None)


def test_a_student_that_blows_up_in_its_last_step_has_diverged(stage, tmp_path):
    list(train_cells(stage, [cell_of(tmp_path)], with_features=True))
    splits, record = read_logits(tmp_path / PREDICTIONS)
    assert splits == {}
    assert (record["status"], record["step"]) == ("diverged", 1)
    assert "not finite after step 1 of 1" in record["reason"]
    assert read_tensors(tmp_path / "features.safetensors")[1]["status"] == "diverged"


def test_a_teacher_that_blows_up_in_its_last_step_has_diverged(stage, tmp_path):
    teacher = train_teacher(
        stage.source,
        ONE_WILD_STEP,
        16,
        stage.info,
        stage.info.labels,
        stage.splits,
        seed=1,
        score=lambda logits: pytest.fail("logits that are not finite must not be scored"),
        cache=tmp_path,
        device=CPU,
    )
    assert teacher.outcome.status == "diverged"
    assert teacher.outcome.reason == "selection logits are not finite after epoch 1"


@pytest.mark.parametrize(
    ("scores", "more_is_better", "kept"),
    [
        ([0.5, 0.5, 0.5], True, 1),
        ([0.5, 0.7, 0.7], True, 2),
        ([-1.0, -1.0, -1.0], True, 1),
        ([2.5, 0.7, 0.7], False, 2),
    ],
)
def test_a_teacher_keeps_the_earliest_of_its_best_epochs(
    stage, tmp_path, scores, more_is_better, kept
):
    def fitted(keep):
        return train_teacher(
            stage.source,
            Training(epochs=3, batch_size=16, learning_rate=1e-3),
            16,
            stage.info,
            stage.info.labels,
            stage.splits,
            seed=1,
            score=lambda logits: next(waiting),
            cache=tmp_path,
            device=CPU,
            greater_is_better=more_is_better,
            keep=keep,
        )

    waiting = iter(scores)
    teacher = fitted("best")
    assert (teacher.epoch, teacher.score) == (kept, scores[kept - 1])
    # To keep the last leaves nothing to be chosen, and its weights are other ones.
    waiting = iter(scores)
    last = fitted("last")
    assert (last.epoch, last.score) == (3, scores[2])
    best, end = teacher.model.state_dict(), last.model.state_dict()
    assert not all(torch.equal(best[name], end[name]) for name in best)


def test_a_seed_whose_undistilled_student_diverged_has_no_gate(stage, tmp_path):
    record = {"teachers": "a+b", "seed": "1", "status": "diverged"}
    write_tensors(tmp_path / "1", {}, record)
    weights = np.full((5, 2), 0.5, dtype=np.float32)
    record = {**record, "seed": "2", "status": "finished", "digests": {"data": "d"}}
    write_tensors(tmp_path / "2", {"train": weights}, record)
    gates = read_gates([tmp_path / "1", tmp_path / "2"], 5, "d")
    assert list(gates) == [("a+b", "2")]
    axes = {**AXES, "strategy": "gating", "teachers": "a+b"}
    gating = {"fusion": "gating"}
    assert list(teacher_determinants(axes, gating, teachers(), gates)) == ["a/seed1", "b/seed1"]
    assert lacks_gate(axes, gating, gates)
    assert not lacks_gate({**axes, "seed": "2"}, gating, gates)
    list(train_cells(stage, [cell_of(tmp_path / "cell", axes, "no gate")], with_features=False))
    splits, record = read_logits(tmp_path / "cell" / PREDICTIONS)
    assert splits == {} and record["status"] == "diverged" and record["reason"] == "no gate"
    for rows, data in ((6, "d"), (5, "other")):
        with pytest.raises(InputError, match="a gate of other data"):
            read_gates([tmp_path / "2"], rows, data)


def test_two_gating_arms_keep_their_own_gates(tmp_path):
    for name, weight in (("a+b", 0.25), ("b+a", 0.75)):
        record = {"teachers": name, "seed": "1", "status": "finished", "digests": {"data": "d"}}
        write_tensors(tmp_path / name, {"train": np.tile([weight, 1 - weight], (5, 1))}, record)
    gates = read_gates([tmp_path / "a+b", tmp_path / "b+a"], 5, "d")
    both = teachers()
    first, second = both.of("a", "1").logits, both.of("b", "1").logits
    for name, logits in (("a+b", (first, second)), ("b+a", (second, first))):
        axes = {"teachers": name, "seed": "1", "T": "4"}
        weight = 0.25 if name == "a+b" else 0.75
        expected = weight * logits[0] + (1 - weight) * logits[1]
        np.testing.assert_allclose(
            fuse_teachers(axes, {"fusion": "gating"}, both, gates), expected, atol=1e-6
        )


def test_a_job_that_asked_for_no_gpu_leaves_a_visible_one_alone(monkeypatch):
    taken = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    assert prepare_device(torch.get_num_threads(), gpus=0) == CPU
    assert not taken


def taken_elsewhere(folder, shown=""):
    """The GPU that another process takes, and holds until it is ended."""
    program = folder / "taken.py"
    program.write_text(
        "import time; from pathlib import Path; from mtkd.distillation.device import "
        f"free_device; print(free_device(2, Path({str(folder)!r})), flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [warm.python(), program],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": shown, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return process, int(process.stdout.readline())


def test_jobs_on_one_machine_take_different_gpus(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    other, index = taken_elsewhere(tmp_path)
    try:
        assert index == 0
        assert free_device(2, tmp_path) == 1
        # All taken: the first, rather than none.
        assert free_device(2, tmp_path) == 0
    finally:
        other.terminate()
        other.wait()
    assert free_device(1, tmp_path) == 0


def test_a_gpu_is_known_by_its_name_whatever_its_index(tmp_path, monkeypatch):
    other, index = taken_elsewhere(tmp_path, shown="3,5")
    try:
        assert index == 0
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,3")
        assert free_device(2, tmp_path) == 0
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,6")
        assert free_device(2, tmp_path) == 1
    finally:
        other.terminate()
        other.wait()
