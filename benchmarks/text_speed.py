"""How fast causal models of published shapes train and write here.

    python benchmarks/text_speed.py [--models qwen3-0.6b ...] [--tokens 512] [--batch 8]

The project's own loop on random tokens, and its own sampling; weights are random, as speed does not
depend on them.
"""

import argparse
import time

import numpy as np
import torch
import transformers

from mtkd.config.schema import Training
from mtkd.distillation.device import peak_memory_mb, prepare_device
from mtkd.distillation.training import train
from mtkd.generation import sampling
from mtkd.generation.objective import response_loss
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.encoding import Encoded

QWEN3 = {"vocab_size": 151_936, "head_dim": 128, "num_key_value_heads": 8}
# The published shapes; no weights are needed for a speed.
SHAPES = {
    "qwen3-0.6b": transformers.Qwen3Config(
        **QWEN3,
        hidden_size=1024,
        intermediate_size=3072,
        num_hidden_layers=28,
        num_attention_heads=16,
        tie_word_embeddings=True,
    ),
    "qwen3-4b": transformers.Qwen3Config(
        **QWEN3,
        hidden_size=2560,
        intermediate_size=9728,
        num_hidden_layers=36,
        num_attention_heads=32,
        tie_word_embeddings=True,
    ),
}
STEPS, WARM = 20, 5
# A quarter of a pair is its prompt.
PROMPT = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--train", nargs="*", default=["qwen3-0.6b"], help="those to be trained")
    parser.add_argument("--tokens", type=int, default=512, help="of a prompt with its response")
    parser.add_argument("--batch", type=int, default=8, help="pairs of a step")
    parser.add_argument("--rows", type=int, default=128, help="responses written at a time")
    parser.add_argument("--written", type=int, default=256, help="tokens of a response")
    args = parser.parse_args()
    device = prepare_device(1, int(torch.cuda.is_available()))
    name = torch.cuda.get_device_name() if device.type == "cuda" else "processor"
    print(f"{name}, torch {torch.__version__}, transformers {transformers.__version__}")
    print("model  trained tokens/s  peak MiB  written tokens/s  peak MiB", flush=True)
    for shape in args.models:
        with torch.device(device):
            model = transformers.AutoModelForCausalLM.from_config(SHAPES[shape])
        figures = [shape]
        figures += trained(model, device, args) if shape in args.train else ["-", "-"]
        model.to(torch.bfloat16 if device.type == "cuda" else torch.float32)
        figures += written(model, device, args)
        print("  ".join(map(str, figures)), flush=True)
        del model


def forget_peak(device) -> None:
    """Let the peak of memory be that of what comes."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def trained(model, device, args) -> list[float]:
    """Tokens a second of training, the warm steps apart, and the peak of memory."""
    forget_peak(device)
    rng = np.random.default_rng(0)
    seconds = []
    for steps in (WARM, STEPS):
        rows = steps * args.batch
        tokens = rng.integers(model.config.vocab_size, size=rows * args.tokens).astype(np.int32)
        segments = np.tile(np.arange(args.tokens) >= args.tokens // PROMPT, rows)
        offsets = np.arange(rows + 1) * args.tokens
        encoded = Encoded(tokens, segments.astype(np.uint8), offsets)
        on_device = DeviceTokens(encoded, 0, device)
        training = Training(epochs=1, batch_size=args.batch, learning_rate=1e-5)
        start = time.perf_counter()
        train(model, on_device, response_loss(on_device), training, 0)
        seconds.append(time.perf_counter() - start)
    peak = peak_memory_mb(device)
    return [round(STEPS * args.batch * args.tokens / seconds[1]), peak]


class Ids:
    """In a tokenizer's place: every prompt some random tokens, and no end."""

    pad_token_id, eos_token_id = 0, -1


def written(model, device, args) -> list[float]:
    """Tokens a second of greedy writing behind prompts of a quarter of the tokens."""
    forget_peak(device)
    rng = np.random.default_rng(0)
    width = args.tokens // PROMPT
    prompts = rng.integers(1, model.config.vocab_size, (args.rows, width)).tolist()
    generator = torch.Generator(device=device).manual_seed(0)
    model.eval()
    seconds = []
    for longest in (8, args.written):
        start = time.perf_counter()
        sampling.continued(model, Ids, prompts, longest, 0.0, generator, "auto")
        seconds.append(time.perf_counter() - start)
    peak = peak_memory_mb(device)
    return [round(args.rows * (args.written - 8) / (seconds[1] - seconds[0])), peak]


if __name__ == "__main__":
    main()
