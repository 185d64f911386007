"""Students that learn from their teachers' next-token distributions, and on their own responses."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_suites import SMALL_GPT2

from mtkd.config.generation import Mixing
from mtkd.config.schema import Training
from mtkd.distillation.checkpoints import Checkpoint
from mtkd.errors import InputError
from mtkd.fusion.operators import fuse
from mtkd.generation.learning import Read, learn, read_teacher, warmed_up
from mtkd.generation.models import build_causal
from mtkd.generation.objective import POOLS, Along, pool_loss
from mtkd.generation.rollouts import OwnText, Routed, reverse_kl
from mtkd.generation.styles import write
from mtkd.generation.tokens import ANY, MODES, character_tokenizer, encode_pairs, ids_of
from mtkd.models.build import save_model
from mtkd.records.leases import claim_output
from mtkd.tasks.batches import DeviceTokens

TRAINING = Training(epochs=4, batch_size=8, learning_rate=1e-2, warmup=0.1)
# Adam makes whole steps of gradients that are nothing but rounding, unless epsilon is above them.
STILL = TRAINING.model_copy(update={"adam_epsilon": 1.0, "weight_decay": 0.0})
TOKENIZER = character_tokenizer("0123456789+=,;pq")
CPU = torch.device("cpu")
PROMPTS = [f"{a}{b}+{b}{a}=" for a in range(4) for b in range(4)]
MIXTURE = pd.DataFrame(
    {
        "teacher": ["right", "left"] * 8,
        "mode": [MODES[0], MODES[1]] * 8,
        "prompt": PROMPTS,
        "response": [write(("right", "left")[row % 2], one) for row, one in enumerate(PROMPTS)],
    }
)


def model_of(seed):
    return build_causal("gpt2", SMALL_GPT2, TOKENIZER, seed)


def along(model):
    pairs = [ANY + prompt for prompt in PROMPTS], MIXTURE["response"].tolist()
    return Along(model, DeviceTokens(encode_pairs(TOKENIZER, *pairs), TOKENIZER.pad_token_id, CPU))


def value_of(objective, tokens, model, rows):
    batch = tokens.batch(rows, int(tokens.cpu_lengths[rows].max()))
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    return objective.value(logits, None, rows, 0.0)


class TestPools:
    @pytest.mark.parametrize("name", POOLS)
    def test_they_are_the_pools_of_classifiers(self, name):
        logits = np.random.default_rng(0).normal(size=(3, 40, 7)) * 3
        found = POOLS[name](torch.from_numpy(logits).log_softmax(dim=-1)).exp().numpy()
        np.testing.assert_allclose(found, fuse(name, logits), atol=1e-12)

    @pytest.mark.parametrize("name", POOLS)
    @pytest.mark.parametrize("count", [1, 2])
    def test_of_one_teacher_or_of_equal_ones_it_is_that_teacher(self, name, count):
        """The distance of a student from its teacher, at each token of the responses, by hand."""
        rows, teacher, student = torch.arange(6), along(model_of(1)), model_of(2)
        pairs = (MIXTURE["mode"] + PROMPTS).tolist(), MIXTURE["response"].tolist()
        tokens = DeviceTokens(encode_pairs(TOKENIZER, *pairs), TOKENIZER.pad_token_id, CPU)
        objective = pool_loss(tokens, [teacher] * count, name, len(TOKENIZER), "fp32")
        with torch.no_grad():
            found = value_of(objective, tokens, student, rows)
            distances = []
            for row in rows.tolist():
                prompt, mode, response = (
                    PROMPTS[row],
                    MIXTURE["mode"][row],
                    MIXTURE["response"][row],
                )
                start = len(ids_of(TOKENIZER, [mode + prompt])[0])
                p, q = (
                    one(torch.tensor(ids_of(TOKENIZER, [before + prompt + response])))
                    .logits[0, start - 1 :]
                    .log_softmax(dim=-1)
                    for one, before in ((teacher.model, ANY), (student, mode))
                )
                distances += (p.exp() * (p - q)).sum(dim=-1).tolist()
        assert found.item() == pytest.approx(np.mean(distances), rel=1e-4)

    def test_the_student_of_a_pool_of_itself_has_nothing_to_learn(self):
        mixture = MIXTURE.assign(mode=ANY)
        model = model_of(3)
        taught(
            model,
            Mixing(pool="linear-pool"),
            {"right": model_of(3), "left": model_of(3)},
            mixture,
            training=STILL,
        )
        for name, tensor in model_of(3).state_dict().items():
            assert torch.allclose(tensor, model.state_dict()[name], atol=1e-3), name


def taught(
    model, mixing, teachers, mixture=MIXTURE, folder=None, after_epoch=None, training=TRAINING
):
    """A student that learnt; its states are saved at every step, below ``folder``."""

    class Never:
        load = staticmethod(lambda: None)
        due = staticmethod(lambda: False)
        save = staticmethod(lambda tensors, facts: None)

    claim = claim_output(folder / "state", folder / "model") if folder else None

    def checkpoint(part):
        if folder is None:
            return Never
        output = folder / "model" / part if part else folder / "model"
        return Checkpoint(folder / "state", output, "digest", 1e-9, claim)

    read = {name: Read(one, ANY + "{prompt}") for name, one in teachers.items()}
    reads = (mixture["mode"] + mixture["prompt"]).tolist()
    return learn(
        model,
        TOKENIZER,
        reads,
        mixture,
        mixing,
        read,
        training,
        1,
        20,
        CPU,
        checkpoint,
        after_epoch,
    )


class TestRollouts:
    def own(self, model, seed=1):
        generator = torch.Generator().manual_seed(seed)
        return OwnText(model, TOKENIZER, [ANY + one for one in PROMPTS], 20, generator, "fp32")

    def test_the_loss_is_of_each_prompt_s_teacher_along_what_the_student_wrote(self):
        student, teachers = model_of(1), {"right": model_of(2), "left": model_of(3)}
        own, rows = self.own(student), torch.tensor([3, 0, 8, 5])
        routed = [
            Routed(one, own.ids, (MIXTURE["teacher"] == name).to_numpy())
            for name, one in teachers.items()
        ]
        with torch.no_grad():
            batch = own.batch(rows, 0)
            logits = student(
                input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
            ).logits
            found = reverse_kl(own, routed, len(TOKENIZER)).value(logits, None, rows, 0.0)
            distances = []
            for row, response in zip(rows.tolist(), own.responses, strict=True):
                ids = torch.tensor([[*own.ids[row], *response]])
                start = len(own.ids[row])
                s, t = (
                    one(ids).logits[0, start - 1 : -1].log_softmax(dim=-1)
                    for one in (student, teachers[MIXTURE["teacher"][row]])
                )
                distances += (s.exp() * (s - t)).sum(dim=-1).tolist()
        assert found.item() == pytest.approx(np.mean(distances), rel=1e-4)

    def test_draws_differ_and_end_where_the_student_ends_them(self):
        own, rows = self.own(model_of(1)), torch.arange(16)
        own.batch(rows, 0)
        first = own.responses
        own.batch(rows, 0)
        assert first != own.responses
        for one in first + own.responses:
            assert TOKENIZER.eos_token_id not in one[:-1] and len(one) <= 20
            assert len(one) == 20 or one[-1] == TOKENIZER.eos_token_id

    def test_a_student_that_learns_from_itself_stays_what_it_was(self):
        cold, itself = model_of(1), model_of(1)
        start = taught(cold, Mixing(rollouts={"share": 0.5, "of": "nobody"}), {}, training=STILL)
        outcome = taught(
            itself, Mixing(rollouts={"share": 0.5, "of": "itself"}), {}, training=STILL
        )
        assert [row["epoch"] for row in outcome.history] == [1, 2, 3, 4]
        assert outcome.history[:2] == [
            {**row, "seconds": own["seconds"]}
            for row, own in zip(start.history, outcome.history, strict=False)
        ]
        assert all(abs(row["loss"]) < 1e-3 for row in outcome.history[2:])
        ids = torch.tensor(ids_of(TOKENIZER, [ANY + one for one in PROMPTS]))
        with torch.no_grad():
            before, after = (one(ids).logits.softmax(dim=-1) for one in (cold, itself))
        assert (before - after).abs().max() < 1e-3

    def test_one_that_learns_from_its_teacher_comes_nearer(self):
        student = model_of(1)
        outcome = taught(
            student,
            Mixing(rollouts={"share": 0.75}),
            {"right": model_of(2), "left": model_of(2)},
        )
        assert outcome.status == "finished"
        assert outcome.history[-1]["loss"] < outcome.history[1]["loss"]

    def test_own_responses_have_a_learning_rate_of_their_own(self):
        """One so small changes nothing; that of the cold start is the training's."""
        rollouts = {"share": 0.5, "learning_rate": 1e-12}
        cold, student = model_of(1), model_of(1)
        taught(cold, Mixing(rollouts={"share": 0.5, "of": "nobody"}), {})
        taught(student, Mixing(rollouts=rollouts), {"right": model_of(2), "left": model_of(3)})
        for name, tensor in cold.state_dict().items():
            assert torch.allclose(tensor, student.state_dict()[name], atol=1e-7), name

    @pytest.mark.parametrize("stop", [1, 2, 3])
    def test_it_goes_on_bit_for_bit_from_either_part(self, tmp_path, stop):
        mixing = Mixing(rollouts={"share": 0.5})
        teachers = {"right": model_of(2), "left": model_of(3)}
        whole, again = model_of(1), model_of(1)
        expected = taught(whole, mixing, teachers)

        calls = []

        def after_epoch(epoch):
            calls.append(epoch)
            if len(calls) == stop:
                raise KeyboardInterrupt
            return {}

        with pytest.raises(KeyboardInterrupt):
            taught(model_of(1), mixing, teachers, folder=tmp_path, after_epoch=after_epoch)
        steps = []
        outcome = taught(
            again, mixing, teachers, folder=tmp_path, after_epoch=lambda e: steps.append(e) or {}
        )
        assert len(steps) == 4 - stop + 1
        assert [row["loss"] for row in outcome.history] == [r["loss"] for r in expected.history]
        for name, tensor in whole.state_dict().items():
            assert torch.equal(tensor, again.state_dict()[name]), name


def test_a_teacher_of_another_vocabulary_is_one_line(tmp_path):
    other = character_tokenizer("0123456789+=,;")
    save_model(build_causal("gpt2", SMALL_GPT2, other, 1), other, tmp_path / "model")
    with pytest.raises(InputError, match="teacher right has another vocabulary") as caught:
        read_teacher("right", tmp_path / "model", TOKENIZER, CPU)
    assert "\n" not in str(caught.value)


def test_a_teacher_is_read_as_it_was_trained(tmp_path):
    save_model(model_of(1), TOKENIZER, tmp_path / "model")
    (tmp_path / "run.json").write_text(json.dumps({"reads": ANY + "{prompt}"}))
    teacher = read_teacher("right", tmp_path / "model", TOKENIZER, CPU)
    assert teacher.texts(["1+2="]) == [ANY + "1+2="]
    assert not any(one.requires_grad for one in teacher.model.parameters())


def test_likelihoods_are_of_a_student_that_learnt_the_warm_up_alone():
    from mtkd.config.generation import CausalModel
    from mtkd.generation.learner import settle_causal

    source = settle_causal(CausalModel(architecture="gpt2", config=SMALL_GPT2), None)
    pairs = pd.DataFrame({"prompt": MIXTURE["prompt"], "response": MIXTURE["response"]})
    likelihood = warmed_up(source, TOKENIZER, TRAINING, 1, CPU, "{prompt}")
    of_few, again, of_all = (likelihood(some, pairs) for some in (pairs[:4], pairs[:4], pairs))
    assert of_few.shape == (16,) and (of_few == again).all() and (of_few < 0).all()
    assert of_all.mean() > of_few.mean()
    broken = TRAINING.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(InputError, match="diverged: loss is nan .* lower training.learning_rate"):
        warmed_up(source, TOKENIZER, broken, 1, CPU, "{prompt}")(pairs, pairs)
