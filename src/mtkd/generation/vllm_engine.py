"""The engine vLLM for models as they are: writes as ``mtkd.generation.sampling`` does, but faster.

It is no dependency: vLLM pins its own torch and Transformers, and has an environment of its own
(``envs/vllm.yaml``). Nothing here imports it, or what it pins, before it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mtkd.errors import InputError
from mtkd.generation.tokens import prompt_ids

# Prompts that are handed over at a time, and kept together: the fewer, the more often the GPU runs
# dry; the more, the more is lost with a job that is killed.
PROMPTS = 1024
PRECISION = "bfloat16"


def load(folder: Path, name: str, positions: int, seed: int) -> Any:
    """A model of a folder in vLLM, in bfloat16, for ``positions`` tokens of prompt and response.

    Raises InputError where vLLM is not installed, and for a model that it refuses.
    """
    try:
        from vllm import LLM
    except ImportError as error:
        raise InputError(
            f"model {name}: engine 'vllm' needs vLLM in the environment of its job "
            f"(docs/generation.md, vLLM), and here it cannot be imported ({error})"
        ) from None
    try:
        return LLM(
            model=str(folder),
            dtype=PRECISION,
            seed=seed,
            max_model_len=positions,
            trust_remote_code=False,
        )
    except (ValueError, RuntimeError, OSError) as error:
        raise InputError(f"model {name}: vLLM: {' '.join(str(error).split())}") from None


def versions() -> dict[str, str]:
    """Those that a record names: of vLLM, and of what it computes with."""
    return {name: version(name) for name in ("vllm", "torch", "transformers")}


def write(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    longest: int,
    T: float = 0.0,
    seed: int = 0,
    precision: str = "fp32",
) -> list[str]:
    """What the model writes behind each of N prompts, as ``mtkd.generation.sampling.write`` has it.

    ``precision`` is there for the signature: the model is in bfloat16. Each draw has its own seed.
    """
    from vllm import SamplingParams

    # As tokens, so that vLLM puts nothing before a prompt that a chat template has put there.
    asked = [{"prompt_token_ids": ids} for ids in prompt_ids(tokenizer, prompts)]
    settings = [
        SamplingParams(
            temperature=T,
            max_tokens=longest,
            # A request's seed is a 64-bit number of its own.
            seed=(seed * len(prompts) + row) % 2**63,
            skip_special_tokens=True,
            spaces_between_special_tokens=False,
        )
        for row in range(len(prompts))
    ]
    outputs = model.generate(asked, settings, use_tqdm=False)
    return [output.outputs[0].text for output in outputs]
