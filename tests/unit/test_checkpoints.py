"""A training that is stopped and taken up again: the same numbers, and nothing torn or foreign."""

import itertools
import os
import signal

import numpy as np
import pytest
import torch

from mtkd.config.schema import Training
from mtkd.distillation import checkpoints, training
from mtkd.distillation.checkpoints import Checkpoint, stop_on_signals
from mtkd.distillation.objective import Objective
from mtkd.distillation.training import Memory, train
from mtkd.errors import InputError
from mtkd.models.build import build_model
from mtkd.models.tokenizers import train_tokenizer
from mtkd.records.leases import check_claim, claim_output, release_claim
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import Split
from mtkd.tasks.encoding import encode

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
# 13 steps an epoch: the last batch is smaller than the others.
TRAINING = Training(epochs=3, batch_size=8, learning_rate=5e-3, warmup=0.1)
STEPS = 39


@pytest.fixture(params=DEVICES)
def corpus(request):
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(30)]
    texts = [" ".join(rng.choice(words, rng.integers(2, 12))) for _ in range(99)]
    labels = rng.integers(2, size=99)
    split = Split(np.array([str(i) for i in range(99)]), texts, None, labels)
    tokenizer = train_tokenizer("word", texts, 100, 16)
    device = torch.device(request.param)
    tokens = DeviceTokens(encode(tokenizer, split, 16), tokenizer.pad_token_id, device)
    return tokenizer, tokens, torch.from_numpy(labels).to(device)


@pytest.fixture(autouse=True)
def signals():
    """Each test starts without a signal received, and leaves the handlers as they were."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    checkpoints._signals.clear()
    yield
    checkpoints._signals.clear()
    for number, handler in before.items():
        signal.signal(number, handler)


def fit(corpus, checkpoint=None, at_step=None, act=None):
    """Train a small DistilBERT with dropout; ``act`` happens within step ``at_step``."""
    tokenizer, tokens, labels = corpus
    config = {"dim": 16, "hidden_dim": 32, "n_layers": 1, "n_heads": 2, "dropout": 0.3}
    config["max_position_embeddings"] = 16
    model = build_model("distilbert", config, ["a", "b"], tokenizer, 1).to(labels.device)
    memory = Memory({}, {"best": None})
    step = 0

    def loss(logits, states, rows, progress):
        nonlocal step
        step += 1
        if step == at_step:
            act()
        return torch.nn.functional.cross_entropy(logits, labels[rows])

    def after_epoch(epoch):
        if epoch == 1:
            memory.facts["best"] = epoch
            memory.tensors["bias"] = model.classifier.bias.detach().cpu().clone()
        return {"seen": epoch}

    outcome = train(model, tokens, Objective(loss), TRAINING, 1, after_epoch, memory, checkpoint)
    history = [{**row, "seconds": None} for row in outcome.history]
    return {k: v.cpu() for k, v in model.state_dict().items()}, history, memory, step


def assert_same(found, expected):
    weights, history, memory = found[:3]
    assert weights.keys() == expected[0].keys()
    assert all(torch.equal(weights[name], expected[0][name]) for name in weights)
    assert history == expected[1]
    assert memory.facts == expected[2].facts
    assert torch.equal(memory.tensors["bias"], expected[2].tensors["bias"])


def checkpoint_of(tmp_path, digest="d", minutes=0.0):
    output = tmp_path / "model"
    return Checkpoint(tmp_path / "state", output, digest, minutes, claim_output(tmp_path, output))


def stop():
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)  # schedulers repeat themselves


def stopped(corpus, tmp_path, step, digest="d"):
    """The state file of a training that SIGTERM ended at ``step``."""
    stop_on_signals()
    checkpoint = checkpoint_of(tmp_path, digest)
    with pytest.raises(SystemExit) as error:
        fit(corpus, checkpoint, step, stop)
    assert error.value.code == 128 + signal.SIGTERM
    checkpoints._signals.clear()
    return checkpoint.path


# In the first step, within an epoch, at an epoch's end, just after it, at the very end.
@pytest.mark.parametrize("step", [1, 7, 13, 14, 30, STEPS])
def test_a_stopped_training_goes_on_to_the_same_numbers(corpus, tmp_path, capfd, step):
    undisturbed = fit(corpus)
    stopped(corpus, tmp_path, step)
    assert f"SIGTERM: state of step {step} saved" in capfd.readouterr().err
    resumed = fit(corpus, checkpoint_of(tmp_path))
    assert f"going on from the state of step {step}" in capfd.readouterr().err
    assert_same(resumed, undisturbed)
    assert resumed[3] == STEPS - step


def test_a_training_stopped_twice_goes_on_to_the_same_numbers(corpus, tmp_path):
    undisturbed = fit(corpus)
    stopped(corpus, tmp_path, 9)
    stopped(corpus, tmp_path, 9)
    resumed = fit(corpus, checkpoint_of(tmp_path))
    assert_same(resumed, undisturbed)
    assert resumed[3] == STEPS - 18


def test_the_time_of_all_parts_is_counted_and_no_other(corpus, tmp_path, monkeypatch):
    passed = itertools.count()
    for clock in ("process_time", "perf_counter"):
        monkeypatch.setattr(training.time, clock, lambda: float(next(passed)))
    found = []
    for _ in range(3):
        stopped(corpus, tmp_path, 9)
        found.append(checkpoint_of(tmp_path).load().facts["cpu_seconds"])
        for _ in range(10_000):
            next(passed)
    first, second, third = found
    assert 0 < first < second < third < 1000


def test_going_on_on_another_kind_of_machine_is_said_and_recorded(
    corpus, tmp_path, capfd, monkeypatch
):
    def stopped_on(device):
        """The machines in the state of a training that goes on here, and is stopped once more."""
        facts = {"device": device, "precision": "bfloat16", "torch": "2"}
        monkeypatch.setattr(training, "machine", lambda *_: facts)
        stopped(corpus, tmp_path, 9)
        said = capfd.readouterr().err
        return checkpoint_of(tmp_path).load().facts["machines"], said

    for _ in range(2):
        machines, said = stopped_on("A100")
        assert [one["device"] for one in machines] == ["A100"]
        assert "computed otherwise" not in said
    machines, said = stopped_on("T4")
    assert [one["device"] for one in machines] == ["A100", "T4"]
    assert "computed otherwise (device A100, now T4): the training goes on" in said


def test_states_are_saved_as_time_passes_and_change_nothing(corpus, tmp_path):
    checkpoint = checkpoint_of(tmp_path, minutes=1e-9)
    assert_same(fit(corpus, checkpoint), fit(corpus))
    assert checkpoint.path.exists()
    checkpoint.remove()
    assert not checkpoint.path.exists()


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    path.write_bytes(b"")


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("harm", [truncate, empty, flip_a_bit])
def test_a_damaged_state_is_refused_and_the_training_starts_anew(corpus, tmp_path, capfd, harm):
    harm(stopped(corpus, tmp_path, 20))
    again = fit(corpus, checkpoint_of(tmp_path))
    assert (
        "is damaged" in (said := capfd.readouterr().err) and "starting from the beginning" in said
    )
    assert_same(again, fit(corpus))
    assert again[3] == STEPS


def test_a_state_of_other_settings_is_refused(corpus, tmp_path, capfd):
    stopped(corpus, tmp_path, 20, digest="other")
    assert fit(corpus, checkpoint_of(tmp_path))[3] == STEPS
    assert "belongs to other data, settings or code" in capfd.readouterr().err


def test_a_state_that_cannot_be_written_does_not_end_the_training(corpus, tmp_path, capfd):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "training").write_text("a file where a folder belongs")
    assert fit(corpus, checkpoint_of(tmp_path, minutes=1e-9))[3] == STEPS
    assert "NOT saved" in capfd.readouterr().err


def test_an_orphan_neither_saves_nor_publishes(corpus, tmp_path):
    checkpoint = checkpoint_of(tmp_path, minutes=1e-9)
    with pytest.raises(InputError, match="another run took this over"):
        fit(corpus, checkpoint, 20, lambda: checkpoint_of(tmp_path))
    assert "step" in checkpoint.load().facts  # the one from before the takeover


def test_a_claim_ends_with_the_next_one_or_with_the_work(tmp_path):
    output = tmp_path / "model"
    first = claim_output(tmp_path, output)
    check_claim(first)
    second = claim_output(tmp_path, output)
    check_claim(second)
    with pytest.raises(InputError, match="this one publishes nothing"):
        check_claim(first)
    release_claim(second)
    with pytest.raises(InputError, match="one that has finished"):
        check_claim(first)
