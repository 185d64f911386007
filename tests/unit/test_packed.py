"""Models that are trained as one: each comes to what it comes to alone, but for rounding."""

import math
from pathlib import Path

import pandas as pd
import pytest
import torch
from tiny_suites import SMALL_GPT2, addition_suite

from mtkd.config.load import validate_suite
from mtkd.config.schema import Training
from mtkd.distillation import checkpoints
from mtkd.distillation.checkpoints import Checkpoint
from mtkd.distillation.group import Machine
from mtkd.errors import InputError
from mtkd.generation import students
from mtkd.generation.learner import train_on_pairs, train_on_pairs_together
from mtkd.generation.models import build_causal
from mtkd.generation.prompts import addition_prompts, write_task
from mtkd.generation.students import Prepared, Writers, lots_of, train_writers
from mtkd.generation.styles import write
from mtkd.generation.teachers import write_traces
from mtkd.generation.tokens import character_tokenizer
from mtkd.models.inside import logits_and_inside
from mtkd.models.packed import copy_out, pack
from mtkd.records.cells import Cell
from mtkd.records.files import read_json
from mtkd.records.leases import claim_output
from mtkd.study.generation import mixings, text_student_settings, writer_settings

CPU = torch.device("cpu")
TOKENIZER = character_tokenizer("0123456789+=,;pq")
SMALL_LLAMA = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
    "initializer_range": 0.3,
}
FEW_HEADS = {"num_key_value_heads": 1}
CONFIGS = {
    "gpt2": SMALL_GPT2,
    "gpt2 without tied tables": {**SMALL_GPT2, "tie_word_embeddings": False},
    "llama": SMALL_LLAMA,
    **dict.fromkeys(("mistral", "phi3", "qwen2", "smollm3"), {**SMALL_LLAMA, **FEW_HEADS}),
    # Its norms are of each head by itself, too.
    "qwen3": {**SMALL_LLAMA, **FEW_HEADS, "head_dim": 8},
}
PROMPTS = [f"{a}{b}+{b}{a}=" for a in range(1, 6) for b in range(4)]
# Their texts differ in length, and their last batch is smaller than the others.
STYLES = ("right", "carry", "p-right", "terse")
TEXTS = [(PROMPTS, [write(style, prompt) for prompt in PROMPTS]) for style in STYLES]
# So large a decay, and gradients cut so short, that one on the wrong weights shows; an epsilon
# above gradients that are nothing but rounding.
TRAINING = Training(
    epochs=2,
    batch_size=8,
    learning_rate=1e-2,
    weight_decay=0.5,
    max_grad_norm=0.1,
    warmup=0.1,
    adam_epsilon=1e-4,
)
STEPS = 6


def models_of(config, seeds=(1, 2, 3, 4)):
    architecture = config.split()[0]
    return [build_causal(architecture, CONFIGS[config], TOKENIZER, seed) for seed in seeds]


def batch_of(rows, longest, seed):
    """Texts padded at the right, of up to so many tokens."""
    random = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, longest + 1, (rows,), generator=random)
    lengths[0] = longest
    mask = (torch.arange(longest)[None] < lengths[:, None]).long()
    ids = torch.randint(3, len(TOKENIZER), (rows, longest), generator=random) * mask
    return {"input_ids": ids, "attention_mask": mask}


def checkpoint_of(folder, digest="d"):
    output = folder / "generations.parquet"
    return Checkpoint(folder / "state", output, digest, 0.0, claim_output(folder, output))


def together(models, folder, texts=TEXTS, training=TRAINING, after_epoch=None):
    return train_on_pairs_together(
        models, TOKENIZER, texts, training, 1, CPU, checkpoint_of(folder), after_epoch
    )


def alone(models, texts=TEXTS, training=TRAINING):
    return [
        train_on_pairs(model, TOKENIZER, *own, training, 1, CPU)
        for model, own in zip(models, texts, strict=True)
    ]


def assert_alike(found, expected, tolerance):
    for (name, tensor), other in zip(
        found.state_dict().items(), expected.state_dict().values(), strict=True
    ):
        assert torch.allclose(tensor, other, atol=tolerance), name


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("texts", [1, 3])
def test_a_pack_computes_what_each_model_computes(config, texts):
    models = models_of(config)
    for number, model in enumerate(models):
        # Norms and biases begin the same in all models.
        for weight in model.parameters():
            weight.data += 0.1 * torch.randn(
                weight.shape, generator=torch.Generator().manual_seed(number)
            )
    batches = [batch_of(texts, 9, seed) for seed in range(len(models))]
    expected = [logits_and_inside(m, b, ())[0] for m, b in zip(models, batches, strict=True)]
    joined = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
    found, _ = logits_and_inside(pack(models), joined, ())
    mask = joined["attention_mask"].bool()
    assert torch.allclose(found[mask], torch.cat(expected)[mask], atol=1e-5)


@pytest.mark.parametrize("config", ["gpt2", "gpt2 without tied tables", "llama"])
def test_a_pack_gives_each_model_back(config):
    models = models_of(config)
    packed, others = pack(models), models_of(config, (5, 6, 7, 8))
    for place, (other, model) in enumerate(zip(others, models, strict=True)):
        copy_out(packed, place, other)
        assert_alike(other, model, 0.0)
    # A table that is head too is one weight, of the pack as of the model.
    assert len([*packed.parameters()]) == len([*models[0].parameters()])


@pytest.mark.parametrize("config", ["gpt2", "gpt2 without tied tables", "llama"])
def test_each_learns_as_it_does_alone(config, tmp_path):
    models, others = models_of(config), models_of(config)
    found, expected = together(models, tmp_path), alone(others)
    for model, other in zip(models, others, strict=True):
        assert_alike(model, other, 1e-4)
    for one, other in zip(found, expected, strict=True):
        assert (one.status, one.reason, one.step) == ("finished", None, None)
        assert [(row["epoch"], row["step"]) for row in one.history] == [(1, 3), (2, STEPS)]
        losses = [[row["loss"] for row in each.history] for each in (one, other)]
        assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    # They learn different things, so that one that took another's place would show.
    assert len({round(one.history[-1]["loss"], 3) for one in expected}) == len(models)


@pytest.mark.parametrize("config", ["gpt2", "llama"])
def test_a_padding_token_in_a_text_is_learnt_or_not_as_alone(config):
    """Llama's table gives its row no gradient; GPT-2's does."""
    models = models_of(config)
    batches = [batch_of(3, 9, seed) for seed in range(len(models))]
    for batch in batches:
        batch["input_ids"][:, 2] = TOKENIZER.pad_token_id
        batch["attention_mask"][:] = 1
    joined = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
    packed = pack(models)
    logits_and_inside(packed, joined, ())[0].square().sum().backward()
    name = next(
        n for n, _ in models[0].named_parameters() if n.endswith(("wte.weight", "tokens.weight"))
    )
    for place, (model, batch) in enumerate(zip(models, batches, strict=True)):
        logits_and_inside(model, batch, ())[0].square().sum().backward()
        expected = model.get_parameter(name).grad
        found = packed.get_parameter(name).grad[place]
        assert torch.allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_one_that_diverges_leaves_the_others_as_they_are(tmp_path):
    models, others = models_of("gpt2"), models_of("gpt2")
    with torch.no_grad():
        models[1].transformer.ln_f.weight[0] = math.nan
    seen = []
    found = together(models, tmp_path, after_epoch=lambda e, place: seen.append((e, place)) or {})
    expected = alone(others)
    assert [one.status for one in found] == ["finished", "diverged", "finished", "finished"]
    assert (found[1].step, found[1].reason) == (1, f"loss is nan at step 1 of {STEPS}")
    assert found[1].history == []
    assert seen == [(epoch, place) for epoch in (1, 2) for place in (0, 2, 3)]
    for place in (0, 2, 3):
        assert_alike(models[place], others[place], 1e-4)
        assert len(found[place].history) == len(expected[place].history)


def test_all_that_diverge_end_at_once(tmp_path):
    models = models_of("gpt2", (1, 2))
    with torch.no_grad():
        for model in models:
            model.transformer.ln_f.weight[0] = math.nan
    found = together(models, tmp_path, TEXTS[:2], after_epoch=lambda epoch, place: 1 / 0)
    assert [(one.status, one.step) for one in found] == [("diverged", 1)] * 2


def stop_at(step, monkeypatch):
    """Have a training told to stop in a step; gives a list of as many items as it has had steps."""
    steps = []

    def due(checkpoint):
        steps.append(1)
        monkeypatch.setattr(checkpoints, "_signals", [15] if len(steps) == step else [])
        return len(steps) == step

    monkeypatch.setattr(Checkpoint, "due", due)
    return steps


@pytest.mark.parametrize("stop", [1, 2, 3, 4, STEPS])
def test_a_pack_goes_on_bit_for_bit(tmp_path, stop, monkeypatch):
    whole, again = models_of("gpt2"), models_of("gpt2")
    expected = together(whole, tmp_path / "whole")
    steps = stop_at(stop, monkeypatch)
    with pytest.raises(SystemExit):
        together(models_of("gpt2"), tmp_path)
    found = together(again, tmp_path)
    assert len(steps) == STEPS
    for model, other in zip(again, whole, strict=True):
        assert_alike(model, other, 0.0)
    losses = [[[row["loss"] for row in one.history] for one in each] for each in (found, expected)]
    assert losses[0] == losses[1]


def test_one_that_has_diverged_is_known_when_the_others_go_on(tmp_path, monkeypatch):
    def models():
        found = models_of("gpt2")
        with torch.no_grad():
            found[1].transformer.ln_f.weight[0] = math.nan
        return found

    # In the second epoch: its end is known from the saved state alone.
    stop_at(4, monkeypatch)
    with pytest.raises(SystemExit):
        together(models(), tmp_path)
    found = together(models(), tmp_path)
    assert [one.status for one in found] == ["finished", "diverged", "finished", "finished"]
    assert (found[1].step, found[1].history) == (1, [])
    assert [len(one.history) for one in found] == [2, 0, 2, 2]


def test_time_is_shared_out(tmp_path):
    found = together(models_of("gpt2"), tmp_path)
    texts = TRAINING.epochs * len(PROMPTS)
    assert texts / found[0].seconds == pytest.approx(found[0].examples_per_second, rel=0.01)


@pytest.mark.parametrize(
    ("architecture", "config", "message"),
    [
        ("gpt2", {**SMALL_GPT2, "resid_pdrop": 0.1}, "dropout are not trained together, and "),
        ("llama", {**SMALL_LLAMA, "attention_dropout": 0.1}, "layers.0.self_attn has some"),
        (
            "llama",
            {**SMALL_LLAMA, "rope_parameters": {"rope_type": "dynamic", "factor": 2.0}},
            "positions of rope_type dynamic",
        ),
        (
            "gemma",
            {**SMALL_LLAMA, "head_dim": 8},
            "a layer GemmaRMSNorm are not trained together",
        ),
    ],
)
def test_what_cannot_be_trained_together_is_one_line(architecture, config, message):
    models = [build_causal(architecture, config, TOKENIZER, seed) for seed in (1, 2)]
    with pytest.raises(InputError, match=message) as caught:
        pack(models)
    assert "\n" not in str(caught.value)


PROGRAMS = ("right", "left", "carry")
SUITE = addition_suite(
    {"teach": 0, "transfer": 48, "selection": 4, "report": 8},
    {name: {"style": name} for name in PROGRAMS},
    {"model": {"architecture": "gpt2", "config": SMALL_GPT2}, "training": {"epochs": 1}},
    {},
    longest=20,
    n=16,
    arms=[{"teachers": list(PROGRAMS)}],
    seeds=[1],
    samples=0,
)


class TestStudents:
    """Students of one job, by what they leave."""

    @pytest.fixture
    def trained(self, tmp_path, monkeypatch):
        """Trains some of the students, so many as one; gives their records by their teachers."""
        monkeypatch.chdir(tmp_path)
        root = Path("results/tiny")
        task, state, code = root / "tasks/addition", root / "state", {"code": "1"}
        settings = SUITE["tasks"]["addition"]
        write_task(task, settings, addition_prompts(2, settings["rows"]), digits=2)
        suite, traces = validate_suite(SUITE, "tiny.yaml"), []
        # A state at every step.
        machine = Machine(1, 0, False, 1e-9)
        for name in PROGRAMS:
            traces.append(root / "traces/addition" / name / "seed1/traces.parquet")
            job = {"settings": writer_settings(suite, "addition", name), "code": code}
            write_traces(job, job, task, name, "1", None, state, machine, None, traces[-1])

        def train(students, together):
            small = {**SUITE["students"]["small"], "together": together}
            shared = validate_suite({**SUITE, "students": {"small": small}}, "tiny.yaml")
            job = {
                "settings": text_student_settings(shared, "addition", "small"),
                "code": code,
                "strategies": mixings(shared, ("plain",)),
            }
            folders = {
                name: root / f"generators/small/addition/{name}/plain/n{n}/seed1"
                for name, n in students.items()
            }
            outputs = [folder / "generations.parquet" for folder in folders.values()]
            train_writers(Writers(job, task, traces, None, state, outputs, together), machine)
            assert not list(state.glob("training/*"))
            return {name: read_json(one / "run.json") for name, one in folders.items()}

        return train

    STUDENTS = {"right": 16, "left": 16, "carry": 16, "right+left": 16, "right+left+carry": 16}

    def test_their_records_say_how_many_were_trained_as_one(self, trained, capfd):
        found = trained(self.STUDENTS, 8)
        assert {name: one["together"] for name, one in found.items()} == {
            **dict.fromkeys(("right", "left", "carry"), 3),
            "right+left": 1,
            "right+left+carry": 1,
        }
        assert {one["status"] for one in found.values()} == {"finished"}
        assert capfd.readouterr().err.count("trained in") == len(found)

        # How many is no reason to train them again, nor is a job of others.
        again = trained({name: self.STUDENTS[name] for name in ("left", "right+left")}, 2)
        assert again == {name: found[name] for name in again}
        assert capfd.readouterr().err.count("restored") == len(again)

        # Whether any are is one, since it rounds otherwise.
        alone, packed = trained({"right+left": 16}, 1)["right+left"], found["right+left"]
        assert capfd.readouterr().err.count("trained in") == 1
        assert alone["digests"]["cell"] != packed["digests"]["cell"]
        for teacher in ("right", "left"):
            losses = [one["by_teacher"][teacher]["loss"] for one in (alone, packed)]
            assert losses[0] == pytest.approx(losses[1], abs=1e-3)

    def test_an_end_between_two_of_a_lot_loses_no_training(self, trained, capfd, monkeypatch):
        asked, write = [], students.generations

        def generations(*arguments):
            asked.append(1)
            if len(asked) == 2:
                raise KeyboardInterrupt
            return write(*arguments)

        monkeypatch.setattr(students, "generations", generations)
        three = {name: 16 for name in PROGRAMS}
        with pytest.raises(KeyboardInterrupt):
            trained(three, 3)
        assert not list(Path("results").rglob("generations.parquet"))
        capfd.readouterr()
        assert {one["together"] for one in trained(three, 3).values()} == {3}
        assert "going on from the state of step 1" in capfd.readouterr().err

    def test_a_state_of_other_company_is_not_taken_up_and_goes(self, trained, capfd, monkeypatch):
        with monkeypatch.context() as patched, pytest.raises(ZeroDivisionError):
            patched.setattr(students, "generations", lambda *arguments: 1 / 0)
            trained({name: 16 for name in PROGRAMS}, 3)
        found = trained({"right": 16, "left": 16}, 3)
        assert {one["together"] for one in found.values()} == {2}
        assert "belongs to other data, settings or code" in capfd.readouterr().err


class TestLots:
    """Which students are trained as one."""

    def student(self, name, rows=4, characters=5, seed=1, mixing=None):
        mixture = pd.DataFrame({"response": ["x" * characters] * rows})
        cell = Cell(name, None, {}, name)
        return Prepared(cell, mixing or {}, ["right"], seed, mixture, {}, [])

    def names(self, several, together):
        return [[one.cell.title for one in lot] for lot in lots_of(several, together)]

    def test_alone_each_comes_as_it_is_asked_for(self):
        asked = []
        lots = lots_of((asked.append(n) or self.student(n) for n in "abc"), 1)
        assert [one.cell.title for one in next(lots)] == ["a"] and asked == ["a"]

    def test_those_with_as_many_traces_and_one_seed_go_together(self):
        several = [
            self.student("a"),
            self.student("b", rows=8),
            self.student("c"),
            self.student("d", seed=2),
            self.student("e", rows=8),
        ]
        assert self.names(several, 8) == [["a", "c"], ["b", "e"], ["d"]]

    def test_those_of_the_same_length_stand_together(self):
        several = [self.student(str(n), characters=n % 5 + 1) for n in range(10)]
        lots = self.names(several, 4)
        assert [len(lot) for lot in lots] == [4, 4, 2]
        assert [int(name) % 5 for lot in lots for name in lot] == sorted([0, 1, 2, 3, 4] * 2)

    @pytest.mark.parametrize("together", [2, 3, 4, 8])
    @pytest.mark.parametrize("count", [7, 14, 22])
    def test_lots_that_are_done_leave_the_others_as_they_are(self, together, count):
        several = [self.student(str(n), characters=n % 5 + 1) for n in range(count)]
        lots = self.names(several, together)
        for done in range(len(lots)):
            known = {name for lot in lots[:done] for name in lot}
            left = [one for one in several if one.cell.title not in known]
            assert self.names(left, together) == lots[done:]

    def test_one_that_takes_more_training_is_alone(self):
        several = [
            self.student("a"),
            self.student("pool", mixing={"pool": "linear-pool"}),
            self.student("own", mixing={"rollouts": {"share": 0.5}}),
            self.student("persyn", mixing={"route": {"learnability": 1}}),
            self.student("rewritten", mixing={"rewrite": {"into": "right"}}),
            self.student("oracle", mixing={"route": {"quality": 1}}),
            self.student("b", mixing={"mode": "token"}),
        ]
        alone = [["pool"], ["own"], ["persyn"], ["rewritten"]]
        assert self.names(several, 8) == [*alone, ["a", "oracle", "b"]]
