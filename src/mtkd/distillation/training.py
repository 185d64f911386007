"""The one training loop, for teachers and students: AdamW, linear warm-up and decay, progress."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import PreTrainedModel

from mtkd.config.schema import Training
from mtkd.distillation.checkpoints import Checkpoint, Saved
from mtkd.distillation.device import autocast, machine
from mtkd.distillation.objective import Objective
from mtkd.models.inside import logits_and_inside, open_model
from mtkd.tasks.batches import DeviceTokens, training_batches

PROGRESS_SECONDS = 15.0
# Losses stay on the device between checks: reading one back stalls the GPU.
CHECK_STEPS = 100


class Outcome(NamedTuple):
    """How a training ended. ``step`` counts optimiser steps from 1; history has a row an epoch."""

    status: str  # "finished" or "diverged"
    reason: str | None
    step: int | None
    history: list[dict]
    # Of all its parts, where it was interrupted; of a pack of K, the K-th part.
    seconds: float
    examples_per_second: float
    cpu_seconds: float
    # Each ``mtkd.distillation.device.machine`` that it ran on, in order.
    machines: list[dict]


class Memory(NamedTuple):
    """What ``after_epoch`` keeps from epoch to epoch, saved and restored with the training."""

    tensors: dict[str, torch.Tensor]
    facts: dict[str, Any]


def train(
    model: torch.nn.Module,
    tokens: DeviceTokens,
    objective: Objective,
    training: Training,
    seed: int,
    after_epoch: Callable[[int], dict] | None = None,
    memory: Memory | None = None,
    checkpoint: Checkpoint | None = None,
    rows: np.ndarray | None = None,
) -> Outcome:
    """Train ``model`` in place for a fixed number of epochs, on all rows or on some of them [n].

    ``after_epoch`` may evaluate the model; what it returns joins the epoch's history row, what it
    keeps belongs in ``memory``. The objective's own parameters are trained along. The seed fixes
    the data order and, apart from it, the dropout. A non-finite loss ends the run as
    diverged, at the step where it arose. With a ``checkpoint`` the training goes on from the state
    saved there, to the same numbers bit for bit on one host and thread count; that it was another
    is said.
    """
    rows = np.arange(len(tokens.cpu_lengths)) if rows is None else rows
    after = (lambda epoch, place: after_epoch(epoch)) if after_epoch else None
    members = _Members([rows], torch.nn.utils.clip_grad_norm_, 1)
    [outcome] = _train(model, tokens, objective, training, seed, members, after, memory, checkpoint)
    return outcome


def train_together(
    packed: PreTrainedModel,
    tokens: DeviceTokens,
    objective: Objective,
    training: Training,
    seed: int,
    rows: Sequence[np.ndarray],
    after_epoch: Callable[[int, int], dict] | None = None,
    checkpoint: Checkpoint | None = None,
) -> list[Outcome]:
    """As ``train``, the K models of a pack (``mtkd.models.packed``), each on rows of its own [n].

    The objective gives K values, one for each model. Each has the data order, the schedule and the
    clipping that it has alone, and its numbers but for rounding; one that diverges is left where it
    is, and the others go on. ``after_epoch`` is asked of each by its place. Of time, each has the
    K-th part.
    """
    return _train(
        packed,
        tokens,
        objective,
        training,
        seed,
        _Members(rows, clip_each, 2),
        after_epoch,
        None,
        checkpoint,
    )


class _Members(NamedTuple):
    """What of a training depends on whether it is one model's, or that of a pack of K."""

    rows: Sequence[np.ndarray]  # that each learns from [n]
    clip: Callable[[list[torch.nn.Parameter], float], Any]
    plain: int  # dimensions that biases and normalisation weights have


def _train(
    model: torch.nn.Module,
    tokens: DeviceTokens,
    objective: Objective,
    training: Training,
    seed: int,
    members: _Members,
    after_epoch: Callable[[int, int], dict] | None,
    memory: Memory | None,
    checkpoint: Checkpoint | None,
) -> list[Outcome]:
    device = tokens.tokens.device
    open_model(model, objective.shown)
    torch.manual_seed(dropout_seed(seed))
    count = len(members.rows)
    steps_an_epoch = math.ceil(len(members.rows[0]) / training.batch_size)
    total = steps_an_epoch * training.epochs
    learning = torch.nn.ModuleDict({"model": model})
    if objective.parameters is not None:
        learning["objective"] = objective.parameters
    optimizer = make_optimizer(learning, training, members.plain)
    parameters = list(learning.parameters())
    memory = memory or Memory({}, {})
    saved = checkpoint.load() if checkpoint else None
    if saved:
        _restore(saved, learning, optimizer, objective, memory)
    at = saved.facts if saved else {}
    step, histories = at.get("step", 0), at.get("histories", [[] for _ in range(count)])
    # The step at which a model's loss was no number, and why it ended there.
    ends: list[tuple[int, str] | None] = at.get("ends", [None] * count)
    progress = _Progress(
        total, at.get("examples", 0), at.get("seconds", 0.0), at.get("cpu_seconds", 0.0)
    )
    machines = _machines(at.get("machines", []), machine(device, training.precision))
    for epoch in range(at.get("epoch", 1), training.epochs + 1):
        model.train()
        losses = saved.tensors["losses"] if saved else torch.zeros(steps_an_epoch, count)
        losses = losses.to(device)
        epoch_start = time.perf_counter() - at.get("epoch_seconds", 0.0)
        batches = _batches(tokens.cpu_lengths, members.rows, training.batch_size, seed, epoch)
        # One copy an epoch: a copy a step would stall the GPU.
        rows_of_batches = (
            torch.from_numpy(np.concatenate(batches))
            .to(device)
            .split([len(batch) for batch in batches])
        )
        for place in range(at.get("place", 0), len(batches)):
            chosen = rows_of_batches[place]
            longest = int(tokens.cpu_lengths[batches[place]].max())
            set_learning_rate(optimizer, training, step, total)
            batch = tokens.batch(chosen, longest)
            with autocast(device, training.precision):
                logits, inside = logits_and_inside(model, batch, objective.shown)
            value = objective.value(logits.float(), inside, chosen, step / total)
            # As optimizer.zero_grad() does, in a third of the time.
            for parameter in parameters:
                parameter.grad = None
            value.backward(torch.ones_like(value))
            members.clip(parameters, training.max_grad_norm)
            optimizer.step()
            losses[place] = value.detach()
            step += 1
            progress.count(step, len(chosen), losses[max(0, place - 20) : place + 1])
            if step % CHECK_STEPS == 0 or place == len(batches) - 1:
                for one, fault in enumerate(_first_non_finite(losses[: place + 1])):
                    if fault is not None and ends[one] is None:
                        bad = step - place + fault
                        reason = f"loss is {losses[fault, one].item()} at step {bad} of {total}"
                        ends[one] = (bad, reason)
                if all(ends):
                    break
            if checkpoint and checkpoint.due():
                facts = {
                    "epoch": epoch,
                    "place": place + 1,
                    "step": step,
                    "examples": progress.examples,
                    "seconds": progress.seconds(),
                    "cpu_seconds": progress.cpu_seconds(),
                    "epoch_seconds": time.perf_counter() - epoch_start,
                    "histories": histories,
                    "ends": ends,
                    "memory": memory.facts,
                    "machines": machines,
                }
                checkpoint.save(_tensors(learning, optimizer, losses, objective, memory), facts)
        if all(ends):
            break
        seconds = (time.perf_counter() - epoch_start) / count
        for one, loss in enumerate(losses.mean(dim=0).tolist()):
            if ends[one] is None:
                row = {"epoch": epoch, "step": step, "loss": loss, "seconds": seconds}
                histories[one].append({**row, **(after_epoch(epoch, one) if after_epoch else {})})
        saved, at = None, {}  # they speak of the epoch that is done
    seconds, speed, cpu_seconds = progress.totals()
    return [
        Outcome(
            "finished" if end is None else "diverged",
            end and end[1],
            end and end[0],
            history,
            seconds / count,
            speed,
            cpu_seconds / count,
            machines,
        )
        for end, history in zip(ends, histories, strict=True)
    ]


def _batches(
    lengths: np.ndarray, rows: Sequence[np.ndarray], batch_size: int, seed: int, epoch: int
) -> list[np.ndarray]:
    """Rows of each step of an epoch: a batch of every model's, one behind the other."""
    of_each = [
        [own[batch] for batch in training_batches(lengths[own], batch_size, seed, epoch)]
        for own in rows
    ]
    return [np.concatenate(batches) for batches in zip(*of_each, strict=True)]


def clip_each(parameters: Sequence[torch.nn.Parameter], most: float) -> None:
    """As ``torch.nn.utils.clip_grad_norm_``, for each of K models by itself: gradients [K, ...]."""
    gradients = [one.grad for one in parameters if one.grad is not None]
    norms = torch.stack([one.flatten(1).norm(dim=1) for one in gradients]).norm(dim=0)
    shares = (most / (norms + 1e-6)).clamp(max=1.0)
    for one in gradients:
        one.mul_(shares.view(-1, *[1] * (one.ndim - 1)))


def _machines(before: list[dict], here: dict) -> list[dict]:
    """The machines of a training, with a line where it goes on on one that computes otherwise."""
    if not before:
        return [here]
    last = before[-1]
    names = dict.fromkeys([*last, *here])
    other = [
        f"{name} {last.get(name)}, now {here.get(name)}"
        for name in names
        if last.get(name) != here.get(name)
    ]
    if not other:
        return before
    print(
        f"that state was computed otherwise ({'; '.join(other)}): the training goes on, and its "
        "record names both, but its numbers are not those of one machine, bit for bit",
        file=sys.stderr,
        flush=True,
    )
    return [*before, here]


def dropout_seed(seed: int) -> int:
    """A seed for dropout apart from the ones of initialisation and data order."""
    return 1_000_003 * (seed + 1)


def make_optimizer(
    model: torch.nn.Module, training: Training, plain_dimensions: int
) -> torch.optim.Optimizer:
    """Fused AdamW; biases and normalisation weights, of so many dimensions, are not decayed."""
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > plain_dimensions]
    plain = [p for p in model.parameters() if p.requires_grad and p.ndim <= plain_dimensions]
    return torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": training.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ],
        lr=training.learning_rate,
        betas=(0.9, training.adam_beta2),
        eps=training.adam_epsilon,
        fused=True,
    )


def set_learning_rate(optimizer, training: Training, step: int, total: int) -> None:
    """Linear warm-up over the share ``warmup`` of all steps, then linear decay to zero."""
    warmup = training.warmup * total
    share = (step + 1) / warmup if step + 1 < warmup else (total - step) / max(total - warmup, 1)
    for group in optimizer.param_groups:
        group["lr"] = training.learning_rate * min(share, 1.0)


# Names of a state's tensors: model/{name}, objective/{name} (its own parameters),
# optimizer/{parameter}/{name}, memory/{name}, and losses (of the epoch so far), random and
# random_cuda (the generators that dropout draws from) and random_objective.
def _tensors(
    learning: torch.nn.ModuleDict,
    optimizer: torch.optim.Optimizer,
    losses: torch.Tensor,
    objective: Objective,
    memory: Memory,
) -> dict[str, torch.Tensor]:
    tensors = {"losses": losses, "random": torch.get_rng_state()}
    if losses.is_cuda:
        tensors["random_cuda"] = torch.cuda.get_rng_state(losses.device)
    if objective.generator:
        tensors["random_objective"] = objective.generator.get_state()
    for part, module in learning.items():
        tensors |= {f"{part}/{name}": tensor for name, tensor in module.state_dict().items()}
    for number, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{number}/{name}": tensor for name, tensor in moments.items()}
    return tensors | {f"memory/{name}": tensor for name, tensor in memory.tensors.items()}


def _restore(
    saved: Saved,
    learning: torch.nn.ModuleDict,
    optimizer: torch.optim.Optimizer,
    objective: Objective,
    memory: Memory,
) -> None:
    """Put a saved state back."""
    for part, module in learning.items():
        module.load_state_dict(_below(f"{part}/", saved.tensors))
    if objective.generator:
        objective.generator.set_state(saved.tensors["random_objective"])
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in _below("optimizer/", saved.tensors).items():
        number, moment = name.split("/")
        moments.setdefault(int(number), {})[moment] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
    memory.tensors.update(_below("memory/", saved.tensors))
    memory.facts.update(saved.facts["memory"])
    torch.set_rng_state(saved.tensors["random"])
    # One that goes on on the processor draws its dropout there.
    if "random_cuda" in saved.tensors and next(learning.parameters()).is_cuda:
        torch.cuda.set_rng_state(saved.tensors["random_cuda"])


def _below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors whose names begin with ``prefix``, by the rest of their names."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _first_non_finite(losses: torch.Tensor) -> list[int | None]:
    """The first row of losses [n, K] that is no finite number, of each column."""
    bad = ~torch.isfinite(losses)
    firsts = bad.int().argmax(dim=0).tolist()
    return [
        first if any_bad else None
        for first, any_bad in zip(firsts, bad.any(dim=0).tolist(), strict=True)
    ]


class _Progress:
    """A line of progress now and then: step, loss, examples a second, time left."""

    def __init__(self, total: int, examples: int, seconds: float, cpu_seconds: float):
        """All but ``total`` are those of an earlier part of the same training."""
        self.total = total
        self.examples = examples
        self.last = time.perf_counter()
        self.start = self.last - seconds
        self.cpu_start = time.process_time() - cpu_seconds

    def count(self, step: int, examples: int, recent: torch.Tensor) -> None:
        self.examples += examples
        now = time.perf_counter()
        if now - self.last < PROGRESS_SECONDS:
            return
        self.last = now
        left = (now - self.start) / step * (self.total - step)
        print(
            f"step {step}/{self.total}  loss {recent.nanmean().item():.4f}  "
            f"{self.speed():.0f} examples/s  {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )

    def seconds(self) -> float:
        return time.perf_counter() - self.start

    def cpu_seconds(self) -> float:
        return time.process_time() - self.cpu_start

    def speed(self) -> float:
        """Examples per second."""
        seconds = self.seconds()
        return self.examples / seconds if seconds > 0 else 0.0

    def totals(self) -> tuple[float, float, float]:
        """Seconds, examples per second and CPU seconds, as an ``Outcome`` has them."""
        return self.seconds(), self.speed(), self.cpu_seconds()
