"""Models as they are, asked for a response to each prompt: in chunks, each kept as it is written.

A job that is killed goes on behind the last chunk. Two engines write, by functions that look alike:
``mtkd.generation.sampling`` with Transformers, and ``mtkd.generation.vllm_engine``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mtkd.errors import InputError
from mtkd.records.files import digest_bytes, write_json
from mtkd.records.leases import Claim, check_claim

if TYPE_CHECKING:
    from mtkd.distillation.group import Machine

# Prompts that Transformers is given at a time, and that are kept together.
PROMPTS = 256
# Seconds between two lines of progress.
PROGRESS = 15.0


class Engine(NamedTuple):
    """A model that can be asked: how it writes, how many prompts at a time, what a record says."""

    write: Callable[[Sequence[str], int], list[str]]  # prompts and a seed to their responses
    prompts: int
    facts: dict[str, Any]


def ask(
    own: Mapping[str, Any],
    folder: Path,
    prompts: Sequence[str],
    longest: int,
    seed: int,
    machine: Machine,
    kept: Path,
    claim: Claim,
) -> tuple[list[str], list[int], dict[str, Any]]:
    """What the model in a folder writes behind each of N prompts, their tokens, what a record says.

    ``own`` are the teacher's settings, ``kept`` the folder of what it has written. Raises
    InputError.
    """
    from mtkd.generation.tokens import chat_text, ids_of, prompt_ids
    from mtkd.models.tokenizers import load_tokenizer

    name = own["model"].get("hub") or own["model"]["folder"]
    start = time.perf_counter()
    tokenizer = load_tokenizer(folder, 10**9)
    texts = [own.get("template", "{prompt}").replace("{prompt}", text) for text in prompts]
    if own.get("chat"):
        texts = [chat_text(tokenizer, text, name) for text in texts]
    positions = longest + max(map(len, prompt_ids(tokenizer, texts)), default=0)
    make = _vllm if own.get("engine") == "vllm" else _transformers
    engine = make(folder, name, tokenizer, positions, longest, own.get("T", 0.0), seed, machine)
    responses = in_chunks(texts, engine.write, engine.prompts, seed, kept, claim)
    tokens = [len(ids) for ids in ids_of(tokenizer, responses)]
    facts = {
        "engine": own.get("engine", "transformers"),
        "seconds": round(time.perf_counter() - start, 3),
        "tokens": sum(tokens),
        # Those that used up all that they might have most likely no answer.
        "cut": sum(count >= longest for count in tokens),
        **engine.facts,
    }
    return responses, tokens, facts


def in_chunks(
    prompts: Sequence[str],
    write: Callable[[Sequence[str], int], list[str]],
    size: int,
    seed: int,
    kept: Path,
    claim: Claim,
) -> list[str]:
    """The responses to some prompts, ``size`` at a time; chunks that are kept are not asked again.

    Each chunk's draws depend on its number and ``seed``. Raises InputError when another job has
    taken the output over.
    """
    responses: list[str] = []
    start = last = time.monotonic()
    asked = 0
    for number, place in enumerate(range(0, len(prompts), size)):
        chunk, path = prompts[place : place + size], kept / f"{number:05d}.json"
        found = _read_chunk(path, len(chunk))
        if found is None:
            drawn = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
            found = write(chunk, drawn)
            check_claim(claim)
            write_json(path, {"responses": found, "digest": _digest(found)})
            asked += len(chunk)
        responses += found
        now = time.monotonic()
        if asked and now - last >= PROGRESS:
            last = now
            left = (now - start) / asked * (len(prompts) - len(responses))
            print(
                f"prompt {len(responses)}/{len(prompts)}  {asked / (now - start):.1f} prompts/s  "
                f"{left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )
    if asked < len(prompts):
        print(f"{len(prompts) - asked} prompts were answered before", file=sys.stderr)
    return responses


def _read_chunk(path: Path, count: int) -> list[str] | None:
    """A chunk's responses; None where it is not there, or not what was written."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        responses = content["responses"]
        if len(responses) == count and content["digest"] == _digest(responses):
            return responses
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    print(f"{path}: damaged; its prompts are asked again", file=sys.stderr)
    return None


def _digest(responses: Sequence[str]) -> str:
    return digest_bytes(response.encode() for response in responses)


def _transformers(folder, name, tokenizer, positions, longest, T, seed, machine) -> Engine:
    import torch

    from mtkd.distillation.device import computed_in, prepare_device, provenance
    from mtkd.distillation.device import machine as facts_of
    from mtkd.generation import sampling
    from mtkd.generation.models import load_causal, positions_of
    from mtkd.models.build import share_padding

    device = prepare_device(machine.threads, machine.gpus, machine.allow_cpu)
    # Weights that are cast at every token would cost more than they compute.
    dtype = torch.bfloat16 if computed_in(device, "auto") == "bfloat16" else torch.float32
    model = load_causal(folder, dtype)
    share_padding(model, tokenizer, name)
    if not sampling.end_tokens(model, tokenizer):
        raise InputError(
            f"model {name}: neither its tokenizer nor its generation_config.json names an end "
            "token; name one as 'eos_token' in its tokenizer_config.json"
        )
    most = positions_of(model)
    if most is not None and positions > most:
        raise InputError(
            f"model {name} takes {most} tokens, and its longest prompt with a response of "
            f"{longest} has {positions}; lower the task's 'longest', or take another model"
        )
    model = model.to(device)

    def write(prompts: Sequence[str], drawn: int) -> list[str]:
        return sampling.write(model, tokenizer, prompts, longest, T, drawn)

    used = facts_of(device, "fp32")
    if dtype is torch.bfloat16:
        used["precision"] = "bfloat16"
    parameters = sum(one.numel() for one in model.parameters())
    return Engine(write, PROMPTS, {"parameters": parameters, **provenance([used])})


def _vllm(folder, name, tokenizer, positions, longest, T, seed, machine) -> Engine:
    from mtkd.generation import vllm_engine

    model = vllm_engine.load(folder, name, positions, seed)

    def write(prompts: Sequence[str], drawn: int) -> list[str]:
        return vllm_engine.write(model, tokenizer, prompts, longest, T, drawn)

    facts = {"precision": vllm_engine.PRECISION, "versions": vllm_engine.versions()}
    return Engine(write, vllm_engine.PROMPTS, facts)
