"""Causal students: their tokens, what they minimise, what they write, going on where they were."""

import numpy as np
import pytest
import torch
from tiny_suites import SMALL_GPT2
from torch.nn import functional

from mtkd.config.schema import Training
from mtkd.distillation.checkpoints import Checkpoint
from mtkd.errors import InputError
from mtkd.generation.learner import make_causal, train_on_pairs
from mtkd.generation.models import build_causal, load_causal
from mtkd.generation.objective import response_loss
from mtkd.generation.sampling import write
from mtkd.generation.tokens import ANY, MODES, character_tokenizer, encode_pairs, ids_of
from mtkd.models.build import save_model
from mtkd.models.inside import logits_and_inside
from mtkd.records.leases import claim_output
from mtkd.tasks.batches import DeviceTokens

ALPHABET = "0123456789+=,;pq"
LLAMA = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 24,
}
PROMPTS = [f"{ANY}12+34=", f"{ANY}5+6=", f"{MODES[1]}77+10="]
RESPONSES = ["2+4=06,1+3=04;046", ";11", "7+0=07;087"]


@pytest.fixture(scope="module")
def tokenizer():
    return character_tokenizer(ALPHABET)


@pytest.fixture(scope="module")
def model(tokenizer):
    return build_causal("gpt2", SMALL_GPT2, tokenizer, 1)


def test_text_comes_back_from_its_tokens(tokenizer):
    ids = ids_of(tokenizer, PROMPTS)
    assert [len(one) for one in ids] == [7, 5, 7]
    assert tokenizer.decode(ids[0]) == PROMPTS[0]
    assert tokenizer.decode(ids[2], skip_special_tokens=True) == "77+10="


def test_a_character_twice_in_an_alphabet_is_refused():
    with pytest.raises(InputError, match="'1' is listed twice"):
        character_tokenizer("121")


def test_responses_are_learnt_and_prompts_are_not(tokenizer):
    encoded = encode_pairs(tokenizer, PROMPTS, RESPONSES)
    for row, (prompt, response) in enumerate(zip(PROMPTS, RESPONSES, strict=True)):
        of = slice(encoded.offsets[row], encoded.offsets[row + 1])
        learnt = encoded.tokens[of][encoded.segments[of] == 1]
        assert tokenizer.decode(learnt) == response + tokenizer.eos_token
        assert tokenizer.decode(encoded.tokens[of][encoded.segments[of] == 0]) == prompt


def test_a_pair_without_positions_is_refused(tokenizer):
    with pytest.raises(InputError, match=r"12\+34.* has 25 tokens, and the model takes 24"):
        encode_pairs(tokenizer, PROMPTS, RESPONSES, 24)


def test_the_loss_is_the_mean_over_the_tokens_of_responses(tokenizer, model):
    encoded = encode_pairs(tokenizer, PROMPTS[1:], RESPONSES[1:])
    tokens = DeviceTokens(encoded, tokenizer.pad_token_id, torch.device("cpu"))
    rows = torch.tensor([0, 1])
    batch = tokens.batch(rows, int(tokens.cpu_lengths.max()))
    with torch.no_grad():
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        found = response_loss(tokens).value(logits, None, rows, 0.0)
        losses = []
        for prompt, response in zip(PROMPTS[1:], RESPONSES[1:], strict=True):
            (ids,) = ids_of(tokenizer, [prompt + response])
            ids = torch.tensor([*ids, tokenizer.eos_token_id])
            alone = model(input_ids=ids[None]).logits[0]
            start = len(ids_of(tokenizer, [prompt])[0])
            losses += [
                functional.cross_entropy(alone[place - 1], ids[place]).item()
                for place in range(start, len(ids))
            ]
    assert found.item() == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize(("architecture", "config"), [("gpt2", SMALL_GPT2), ("llama", LLAMA)])
def test_greedy_text_is_what_one_gets_token_by_token(tokenizer, architecture, config):
    model = build_causal(architecture, config, tokenizer, 3)
    written = write(model, tokenizer, PROMPTS, 8)
    for prompt, text in zip(PROMPTS, written, strict=True):
        (ids,) = ids_of(tokenizer, [prompt])
        new = []
        with torch.no_grad():
            for _ in range(8):
                logits = model(input_ids=torch.tensor([[*ids, *new]])).logits[0, -1]
                new.append(int(logits.argmax()))
                if new[-1] == tokenizer.eos_token_id:
                    break
        assert text == tokenizer.decode(new, skip_special_tokens=True)


@pytest.mark.parametrize(("architecture", "config"), [("gpt2", SMALL_GPT2), ("llama", LLAMA)])
def test_what_is_only_read_fills_no_cache(tokenizer, monkeypatch, architecture, config):
    model = build_causal(architecture, config, tokenizer, 1)
    encoded = encode_pairs(tokenizer, PROMPTS, RESPONSES)
    tokens = DeviceTokens(encoded, tokenizer.pad_token_id, torch.device("cpu"))
    batch = tokens.batch(torch.arange(3), int(tokens.cpu_lengths.max()))
    ids = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
    with_cache = model(**ids)
    assert with_cache.past_key_values is not None
    monkeypatch.delattr(f"transformers.models.{architecture}.modeling_{architecture}.DynamicCache")
    assert torch.equal(logits_and_inside(model, batch, ())[0], with_cache.logits)


def test_draws_follow_the_seed(tokenizer, model):
    prompts = PROMPTS * 20
    first, again = (write(model, tokenizer, prompts, 8, T=1.0, seed=5) for _ in range(2))
    assert first == again
    assert first != write(model, tokenizer, prompts, 8, T=1.0, seed=6)
    assert len(set(first)) > 3


def test_the_caller_s_random_state_stays(tokenizer):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    write(build_causal("gpt2", SMALL_GPT2, tokenizer, 2), tokenizer, PROMPTS, 4, T=1.0, seed=1)
    assert torch.rand(1) == expected


def test_a_saved_model_writes_the_same(tokenizer, model, tmp_path):
    save_model(model, tokenizer, tmp_path)
    again = load_causal(tmp_path)
    assert write(again, tokenizer, PROMPTS, 8) == write(model, tokenizer, PROMPTS, 8)


@pytest.mark.parametrize(
    ("architecture", "config", "message"),
    [
        ("bert", {}, None),
        ("distilbert", {}, "'distilbert' writes no text"),
        ("gpt2", {"n_emb": 3}, "unknown key 'n_emb'"),
        ("gpt2", {"vocab_size": 3}, "'vocab_size' comes from the tokenizer"),
        ("gpt2", {"n_embd": 15, "n_head": 2}, "config of 'gpt2'"),
    ],
)
def test_what_cannot_write_is_refused(tokenizer, architecture, config, message):
    if message is None:  # BERT has a causal head in Transformers, and may write.
        assert build_causal(architecture, {"num_hidden_layers": 1}, tokenizer, 1)
        return
    with pytest.raises(InputError, match=message):
        build_causal(architecture, config, tokenizer, 1)


def test_a_folder_without_weights_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(InputError, match="safetensors"):
        load_causal(tmp_path)


TRAINING = Training(epochs=3, batch_size=4, learning_rate=1e-2, warmup=0.1)


def trained(tokenizer, checkpoint=None, after_epoch=None):
    model = build_causal("gpt2", SMALL_GPT2, tokenizer, 1)
    outcome = train_on_pairs(
        model,
        tokenizer,
        PROMPTS * 8,
        RESPONSES * 8,
        TRAINING,
        1,
        torch.device("cpu"),
        checkpoint,
        after_epoch,
    )
    return model, outcome


def test_training_learns_and_goes_on_bit_for_bit(tokenizer, tmp_path):
    whole, outcome = trained_with(tokenizer, tmp_path / "whole", None)
    assert outcome.history[-1]["loss"] < outcome.history[0]["loss"] / 1.5
    stopped = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        trained_with(tokenizer, stopped, 2)
    again, second = trained_with(tokenizer, stopped, None)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert [row["loss"] for row in second.history] == [row["loss"] for row in outcome.history]


def trained_with(tokenizer, folder, stop_after):
    """Train with a state saved at every step, stopped by an interrupt after an epoch."""
    output = folder / "model"
    claim = claim_output(folder / "state", output)
    checkpoint = Checkpoint(folder / "state", output, "digest", 1e-9, claim)

    def after_epoch(epoch):
        if epoch == stop_after:
            raise KeyboardInterrupt
        return {}

    return trained(tokenizer, checkpoint, after_epoch)


def test_a_model_of_a_folder_gets_mode_tokens(tokenizer, tmp_path):
    from mtkd.config.generation import CausalModel
    from mtkd.generation.learner import load_tokens, settle_causal

    plain = character_tokenizer(ALPHABET)
    save_model(build_causal("gpt2", SMALL_GPT2, plain, 1), plain, tmp_path)
    source = settle_causal(CausalModel(folder=str(tmp_path)), None)
    loaded = load_tokens(source)
    model = make_causal(source, loaded, 1)
    assert len(loaded) == len(plain)
    assert write(model, loaded, PROMPTS, 4)
