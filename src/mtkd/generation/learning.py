"""How a student learns its mixture: from tokens, from a pool of its teachers' next-token
distributions, or on its own responses behind a cold start."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from mtkd.config.generation import CausalModel, Mixing
from mtkd.config.schema import Training
from mtkd.distillation.checkpoints import Checkpoint
from mtkd.distillation.training import Outcome, train
from mtkd.errors import InputError
from mtkd.generation.learner import (
    CausalSource,
    load_tokens,
    log_likelihoods,
    make_causal,
    settle_causal,
    train_on_pairs,
)
from mtkd.generation.mixtures import Likelihood
from mtkd.generation.models import positions_of
from mtkd.generation.objective import Along, pool_loss, response_loss
from mtkd.generation.rewriting import Rewriter
from mtkd.generation.rollouts import OwnText, Routed, reverse_kl
from mtkd.generation.sampling import write
from mtkd.generation.tokens import ANY, MODES, encode_pairs, ids_of, read_as
from mtkd.records.files import read_json
from mtkd.tasks.batches import DeviceTokens

# States that a training may have left: of the traces, what that ended in, and of own responses.
PARTS = ("", "cold start", "rollouts")


class Read(NamedTuple):
    """A teacher's model, and what it reads of a prompt: text with ``{prompt}`` in it."""

    model: PreTrainedModel
    reads: str

    def texts(self, prompts: Sequence[str]) -> list[str]:
        return [self.reads.replace("{prompt}", prompt) for prompt in prompts]


def read_teacher(
    name: str, folder: Path, tokenizer: PreTrainedTokenizerBase, device: torch.device
) -> Read:
    """A teacher's model that is not trained any more; its record lies beside the ``folder``.

    Raises InputError where its vocabulary is not that of the student's ``tokenizer``.
    """
    source = settle_causal(CausalModel(folder=str(folder)), None)
    own = load_tokens(source)
    if own.get_vocab() != tokenizer.get_vocab():
        raise InputError(
            f"teacher {name} has another vocabulary than the student ({len(own)} and "
            f"{len(tokenizer)} tokens): its next-token distributions cannot be learnt; give both "
            "models of one tokenizer"
        )
    model = make_causal(source, own, 0).to(device).requires_grad_(False)
    return Read(model, read_json(folder.parent / "run.json")["reads"])


def learn(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    mixture: pd.DataFrame,
    mixing: Mixing,
    teachers: Mapping[str, Read],
    training: Training,
    seed: int,
    longest: int,
    device: torch.device,
    checkpoint: Callable[[str], Checkpoint],
    after_epoch: Callable[[int], dict] | None,
) -> Outcome:
    """Train a student in place on a mixture, as its strategy says.

    ``prompts`` are the mixture's as the student is to see them, mode token included; ``teachers``
    are those that are run along, by name. ``checkpoint`` gives the state of each of
    ``PARTS``, which are for the caller to remove. Raises InputError.
    """
    responses = mixture["response"].tolist()

    def along(tokens: DeviceTokens):
        found = []
        for one in teachers.values():
            most = positions_of(one.model)
            read = encode_pairs(tokenizer, one.texts(mixture["prompt"]), responses, most)
            found.append(Along(one.model, DeviceTokens(read, tokens.pad_token_id, device)))
        return pool_loss(tokens, found, mixing.pool, len(tokenizer), training.precision)

    def on_traces(training: Training) -> Outcome:
        return train_on_pairs(
            model,
            tokenizer,
            prompts,
            responses,
            training,
            seed,
            device,
            checkpoint(""),
            after_epoch,
            along if mixing.pool else response_loss,
        )

    if not mixing.rollouts:
        return on_traces(training)
    later: dict[str, Any] = {"epochs": mixing.rollouts.epochs(training.epochs)}
    if mixing.rollouts.learning_rate:
        later["learning_rate"] = mixing.rollouts.learning_rate
    early = training.epochs - later["epochs"]
    start = _cold_start(
        model,
        checkpoint("cold start"),
        lambda: on_traces(training.model_copy(update={"epochs": early})),
    )
    if start.status != "finished" or mixing.rollouts.of == "nobody":
        return start
    generator = torch.Generator(device).manual_seed(_seed(seed))
    own = OwnText(model, tokenizer, prompts, longest, generator, training.precision)
    if mixing.rollouts.of == "itself":
        fixed = copy.deepcopy(model).eval().requires_grad_(False)
        routed = [Routed(fixed, own.ids, np.ones(len(mixture), bool))]
    else:
        routed = [
            Routed(
                one.model,
                ids_of(tokenizer, one.texts(mixture["prompt"])),
                (mixture["teacher"] == name).to_numpy(),
            )
            for name, one in teachers.items()
        ]
    then = train(
        model,
        own,
        reverse_kl(own, routed, len(tokenizer)),
        training.model_copy(update=later),
        seed,
        after_epoch,
        checkpoint=checkpoint("rollouts"),
    )
    return _joined(start, then)


def warmed_up(
    source: CausalSource,
    tokenizer: PreTrainedTokenizerBase,
    training: Training,
    seed: int,
    device: torch.device,
    template: str,
) -> Likelihood:
    """Likelihoods under a student that differs from that of ``seed`` in what it learnt from.

    It reads prompts in its ``template``, behind nobody's token.
    """

    def likelihood(warmup: pd.DataFrame, pairs: pd.DataFrame) -> np.ndarray:
        first = make_causal(source, tokenizer, seed).to(device)
        learnt, read = (
            ([read_as(template, ANY, one) for one in rows["prompt"]], rows["response"].tolist())
            for rows in (warmup, pairs)
        )
        outcome = train_on_pairs(first, tokenizer, *learnt, training, seed, device)
        if outcome.status != "finished":
            raise InputError(
                f"the student whose likelihoods route prompts {outcome.status}: {outcome.reason}; "
                "lower training.learning_rate"
            )
        sums, counts = log_likelihoods(first, tokenizer, *read, training.precision)
        return sums / counts

    return likelihood


def rewriting(
    source: CausalSource,
    tokenizer: PreTrainedTokenizerBase,
    training: Training,
    seed: int,
    longest: int,
    device: torch.device,
    template: str,
) -> Rewriter:
    """What a student of one teacher writes that reads another's trace behind each prompt.

    It is trained as that of ``seed``, and writes greedily, ``longest`` tokens at most.
    """

    def rewrite(pairs: pd.DataFrame, traces: pd.DataFrame) -> list[str]:
        model = make_causal(source, tokenizer, seed).to(device)

        def read(rows: pd.DataFrame) -> list[str]:
            # A mode token parts what is read from what is written.
            return [
                f"{read_as(template, ANY, prompt)}{response}{MODES[0]}"
                for prompt, response in zip(rows["prompt"], rows["response"], strict=True)
            ]

        outcome = train_on_pairs(
            model, tokenizer, read(pairs), pairs["rewritten"].tolist(), training, seed, device
        )
        if outcome.status != "finished":
            raise InputError(
                f"the student that rewrites traces {outcome.status}: {outcome.reason}; lower "
                "training.learning_rate"
            )
        return write(model, tokenizer, read(traces), longest, precision=training.precision)

    return rewrite


def _seed(seed: int) -> int:
    """A seed for what a student draws apart from those of order, dropout and losses."""
    return 3_000_017 * (seed + 1)


def _cold_start(
    model: PreTrainedModel, checkpoint: Checkpoint, on_traces: Callable[[], Outcome]
) -> Outcome:
    """Train on traces, or take up what a training that was interrupted later had come to."""
    saved = checkpoint.load()
    if saved:
        model.load_state_dict(saved.tensors)
        return Outcome(**saved.facts["outcome"])
    outcome = on_traces()
    if outcome.status == "finished":
        facts = {"step": outcome.history[-1]["step"], "outcome": outcome._asdict()}
        checkpoint.save(model.state_dict(), facts)
    return outcome


def _joined(start: Outcome, then: Outcome) -> Outcome:
    """The outcome of a cold start and of what followed, whose epochs and steps are counted on."""
    last = start.history[-1]
    later = [
        {
            **row,
            "epoch": row["epoch"] + last["epoch"],
            "step": row["step"] + last["step"],
            "own_responses": True,
        }
        for row in then.history
    ]
    seconds = start.seconds + then.seconds
    examples = sum(one.seconds * one.examples_per_second for one in (start, then))
    return Outcome(
        then.status,
        then.reason,
        then.step and then.step + last["step"],
        [*start.history, *later],
        seconds,
        examples / seconds if seconds else 0.0,
        start.cpu_seconds + then.cpu_seconds,
        [*start.machines, *(one for one in then.machines if one not in start.machines)],
    )
