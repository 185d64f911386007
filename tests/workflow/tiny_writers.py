"""Tiny causal models of the architectures that suites name, with tokenizers, made on the spot.

Each has learnt to write ``3+4=7;7`` behind a question of two small numbers: enough for a verifier
to find an answer. Their tokenizers differ as published ones do, in what they put before a text; a
conversation has a template and a token of its own that ends a turn.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pandas as pd

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 96,
    "initializer_range": 0.2,
}
HEADS = {**SIZES, "head_dim": 16}
# By architecture: its sizes, whether its tokenizer puts a token before every text.
ARCHITECTURES = {
    "qwen3": (HEADS, False),
    "qwen2": (SIZES, False),
    "llama": (HEADS, True),
    "phi3": (SIZES, False),
    "smollm3": (SIZES, False),
    "gemma3_text": ({**HEADS, "layer_types": ["full_attention"]}, True),
}
PAD, BEGIN, END, TURN, USER = "<pad>", "<s>", "</s>", "<|end|>", "<|user|>"
TEMPLATE = (
    "{% for message in messages %}<|user|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}>{% endif %}"
)
# Numbers that questions have: so few that a tiny model learns their sums.
LARGEST = 3
NAMES = ("Ann", "Bo", "Cy", "Di", "Ed", "Flo", "Gus", "Hal", "Ida", "Jo")
THINGS = ("pears", "figs", "plums", "limes")


def question(a: int, b: int, number: int) -> str:
    """A question whose answer is ``a + b``; different for each number below 40."""
    name, thing = NAMES[number % len(NAMES)], THINGS[number // len(NAMES) % len(THINGS)]
    return f"{name} has {a} {thing} and buys {b}. How many?"


def response(a: int, b: int) -> str:
    return f"{a}+{b}={a + b};{a + b}"


def problems(count: int, seed: int) -> pd.DataFrame:
    """Questions, no two alike, with their worked answers as GSM8K has them."""
    rng = random.Random(seed)
    numbers = range(1, LARGEST + 1)
    chosen = rng.sample([(a, b, n) for a in numbers for b in numbers for n in range(40)], count)
    return pd.DataFrame(
        {
            "question": [question(*one) for one in chosen],
            "answer": [str(a + b) for a, b, _ in chosen],
        }
    )


def write_tokenizer(folder: Path, begins: bool):
    """A tokenizer of characters, with a conversation's tokens and template; returns it loaded."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = [PAD, BEGIN, END, TURN, USER]
    letters = sorted({*"0123456789+=;>.,?! abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\n"})
    words = {word: number for number, word in enumerate([*special, *letters])}
    backend = Tokenizer(models.WordLevel(words, PAD))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    backend.decoder = decoders.Fuse()
    backend.add_special_tokens(special)
    if begins:
        backend.post_processor = processors.TemplateProcessing(
            single=f"{BEGIN} $A", special_tokens=[(BEGIN, words[BEGIN])]
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=PAD,
        bos_token=BEGIN,
        eos_token=END,
        additional_special_tokens=[TURN, USER],
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return tokenizer


def write_writer(folder: Path, architecture: str, epochs: int = 12, turn: bool = False) -> None:
    """Write a tiny model that has learnt to answer; in a conversation, ending by ``TURN``."""
    import torch

    from mtkd.config.schema import Training
    from mtkd.generation.learner import train_on_pairs
    from mtkd.generation.models import build_causal
    from mtkd.models.build import save_model

    sizes, begins = ARCHITECTURES[architecture]
    tokenizer = write_tokenizer(folder, begins)
    rng = random.Random(0)
    pairs = [
        (rng.randint(1, LARGEST), rng.randint(1, LARGEST), rng.randrange(40)) for _ in range(96)
    ]
    texts = [question(*pair) for pair in pairs]
    if turn:
        texts = [f"{USER}{text}{TURN}>" for text in texts]
        tokenizer.eos_token = TURN
    model = build_causal(architecture, sizes, tokenizer, 1)
    training = Training(epochs=epochs, batch_size=16, learning_rate=1e-2, warmup=0.1)
    replies = [response(a, b) for a, b, _ in pairs]
    train_on_pairs(model, tokenizer, texts, replies, training, 1, torch.device("cpu"))
    tokenizer.eos_token = END
    model.generation_config.eos_token_id = [tokenizer.convert_tokens_to_ids(TURN)]
    model.generation_config.eos_token_id += [tokenizer.eos_token_id]
    save_model(model, tokenizer, folder)


def add_traces(path: Path, rows: pd.DataFrame, text: str = "so it is {answer};{answer}") -> None:
    """Traces that somebody else's model wrote, as JSONL."""
    with open(path, "w", encoding="utf-8") as file:
        for prompt, answer in zip(rows["question"], rows["answer"], strict=True):
            said = {"prompt": prompt, "response": text.format(answer=answer)}
            file.write(json.dumps(said) + "\n")
