"""The one training loop, for teachers and students: AdamW, linear warm-up and decay, progress."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from mtkd.config.schema import Training
from mtkd.distillation.device import autocast
from mtkd.models.build import model_inputs
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
    seconds: float
    examples_per_second: float


def train(
    model: torch.nn.Module,
    tokens: DeviceTokens,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    training: Training,
    seed: int,
    after_epoch: Callable[[int], dict] | None = None,
) -> Outcome:
    """Train ``model`` in place for a fixed number of epochs.

    ``loss`` maps logits [B, C] and row indices [B] to a scalar. ``after_epoch`` may evaluate the
    model; what it returns joins the epoch's history row. The seed fixes the data order and, apart
    from it, the dropout. A non-finite loss ends the run as diverged, at the step where it arose.
    """
    device = tokens.tokens.device
    torch.manual_seed(dropout_seed(seed))
    steps_an_epoch = math.ceil(len(tokens.cpu_lengths) / training.batch_size)
    total = steps_an_epoch * training.epochs
    optimizer = make_optimizer(model, training)
    progress = _Progress(total)
    history: list[dict] = []
    step = 0
    for epoch in range(1, training.epochs + 1):
        model.train()
        losses = torch.zeros(steps_an_epoch, device=device)
        epoch_start = time.perf_counter()
        batches = training_batches(tokens.cpu_lengths, training.batch_size, seed, epoch)
        for place, rows in enumerate(batches):
            set_learning_rate(optimizer, training, step, total)
            with autocast(device, training.precision):
                logits = model(**model_inputs(model, **tokens.batch(rows))).logits
            value = loss(logits.float(), torch.from_numpy(rows).to(device))
            optimizer.zero_grad()
            value.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), training.max_grad_norm)
            optimizer.step()
            losses[place] = value.detach()
            step += 1
            progress.count(step, len(rows), losses[max(0, place - 20) : place + 1])
            if step % CHECK_STEPS == 0 or place == len(batches) - 1:
                fault = _first_non_finite(losses[: place + 1])
                if fault is not None:
                    bad = step - place + fault
                    reason = f"loss is {losses[fault].item()} at step {bad} of {total}"
                    return Outcome("diverged", reason, bad, history, *progress.totals())
        row = {
            "epoch": epoch,
            "step": step,
            "loss": losses.mean().item(),
            "seconds": time.perf_counter() - epoch_start,
        }
        history.append({**row, **(after_epoch(epoch) if after_epoch else {})})
    return Outcome("finished", None, None, history, *progress.totals())


def dropout_seed(seed: int) -> int:
    """A seed for dropout apart from the ones of initialisation and data order."""
    return 1_000_003 * (seed + 1)


def make_optimizer(model: torch.nn.Module, training: Training) -> torch.optim.Optimizer:
    """Fused AdamW; biases and normalisation weights are not decayed."""
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    plain = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
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


def _first_non_finite(losses: torch.Tensor) -> int | None:
    bad = (~torch.isfinite(losses)).nonzero()
    return int(bad[0]) if len(bad) else None


class _Progress:
    """A line of progress now and then: step, loss, examples a second, time left."""

    def __init__(self, total: int):
        self.total = total
        self.examples = 0
        self.start = self.last = time.perf_counter()

    def count(self, step: int, examples: int, recent: torch.Tensor) -> None:
        self.examples += examples
        now = time.perf_counter()
        if now - self.last < PROGRESS_SECONDS:
            return
        self.last = now
        left = (now - self.start) / step * (self.total - step)
        print(
            f"step {step}/{self.total}  loss {recent.mean().item():.4f}  "
            f"{self.totals()[1]:.0f} examples/s  {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )

    def totals(self) -> tuple[float, float]:
        """Seconds since the start, and examples per second."""
        seconds = time.perf_counter() - self.start
        return seconds, self.examples / seconds if seconds > 0 else 0.0
