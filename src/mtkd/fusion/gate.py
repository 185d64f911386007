"""The learned gate: teachers' weights for an example, from the state the undistilled student reads.

``g = softmax(MLP(h))`` with one hidden layer minimises the gold NLL of ``softmax(sum_k g_k z_k)``
on selection rows. Trained on the distillation loss instead, a gate would learn which teacher is
closest to the student; that is another strategy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

HIDDEN = 32
STEPS = 150
LEARNING_RATE = 0.04
FOLDS = 4
WEIGHT_DECAYS = (1e-3, 1e-2, 1e-1, 1.0)


class Gate(NamedTuple):
    """A fitted gate: standardisation of h, MLP weights, and how its weight decay was chosen."""

    mean: torch.Tensor  # [H]
    scale: torch.Tensor  # [H]
    hidden: torch.Tensor  # [H + 1, HIDDEN], last row the bias
    output: torch.Tensor  # [HIDDEN + 1, K], last row the bias
    weight_decay: float
    validation_nll: dict[float, float]  # mean over folds, in nats, by weight decay


def fit_gate(states: np.ndarray, logits: np.ndarray, labels: np.ndarray, seed: int) -> Gate:
    """Fit on selection rows: states [N, H], teachers' logits [K, N, C], labels [N].

    The weight decay is the one of lowest cross-validated NLL inside these rows, ties to the
    larger. All fits (folds x decays, and the final ones) run at once as one batched problem.
    Raises ValueError with fewer rows than folds.
    """
    if len(labels) < FOLDS:
        raise ValueError(f"{len(labels)} selection rows are too few for {FOLDS} folds")
    generator = torch.Generator().manual_seed(seed)
    h = torch.from_numpy(np.asarray(states, dtype=np.float32))
    z = torch.from_numpy(np.asarray(logits, dtype=np.float32))
    y = torch.from_numpy(np.asarray(labels, dtype=np.int64))
    mean, scale = h.mean(0), h.std(0).clamp_min(1e-6)
    h = _with_bias((h - mean) / scale)

    fold = torch.randperm(len(y), generator=generator) % FOLDS
    # One fit per (decay, fold) leaving that fold out, then one per decay on all rows.
    left_out = torch.arange(FOLDS + 1).repeat(len(WEIGHT_DECAYS))
    decay = torch.tensor(WEIGHT_DECAYS).repeat_interleave(FOLDS + 1)
    used = (fold[None, :] != left_out[:, None]).float()
    hidden, output = _fit(h, z, y, used, decay, generator)

    with torch.no_grad():
        nll = _nll(h, z, y, hidden, output)
        held_out = 1 - used
        mean_nll = (nll * held_out).sum(1) / held_out.sum(1).clamp_min(1)
        by_decay = mean_nll.view(len(WEIGHT_DECAYS), FOLDS + 1)[:, :FOLDS].mean(1)
    best = max(range(len(WEIGHT_DECAYS)), key=lambda i: (-float(by_decay[i]), WEIGHT_DECAYS[i]))
    final = best * (FOLDS + 1) + FOLDS
    table = {d: float(value) for d, value in zip(WEIGHT_DECAYS, by_decay, strict=True)}
    return Gate(mean, scale, hidden[final], output[final], WEIGHT_DECAYS[best], table)


def varies(states: np.ndarray) -> bool:
    """Whether states [N, H], in half precision, tell any two examples apart.

    Equal ones differ by a rounding here and there: a feature counts that varies by more.
    """
    h = np.asarray(states, dtype=np.float64)
    rounding = 1e-3 * np.abs(h.mean(0)) + 1e-4 * np.sqrt(np.square(h).mean())
    return bool((h.std(0) > rounding).any())


def gate_weights(gate: Gate, states: np.ndarray) -> np.ndarray:
    """Weights [N, K] of the teachers for examples with states [N, H]."""
    h = torch.from_numpy(np.asarray(states, dtype=np.float32))
    h = _with_bias((h - gate.mean) / gate.scale)
    return _weights(h, gate.hidden[None], gate.output[None])[0].numpy()


def _fit(h, z, y, used, decay, generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Adam on F gates side by side; their losses share no parameter, so each is fitted alone."""
    fits, width, teachers = len(decay), h.shape[1], len(z)
    hidden = torch.randn(width, HIDDEN, generator=generator) / width**0.5
    # Equal starting points; a zero output layer starts every gate at the average.
    hidden = hidden.repeat(fits, 1, 1).requires_grad_()
    output = torch.zeros(fits, HIDDEN + 1, teachers, requires_grad=True)
    optimizer = torch.optim.Adam([hidden, output], lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    rows = used.sum(1)
    for _ in range(STEPS):
        data = (_nll(h, z, y, hidden, output) * used).sum(1) / rows
        # Biases are not shrunk.
        size = hidden[:, :-1].square().sum((1, 2)) + output[:, :-1].square().sum((1, 2))
        loss = (data + decay * size / width).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return hidden.detach(), output.detach()


def _nll(h, z, y, hidden, output) -> torch.Tensor:
    """Gold NLL [F, N] of each gate's fused logits."""
    fused = torch.einsum("fnk,knc->fnc", _weights(h, hidden, output), z)
    return torch.nn.functional.cross_entropy(
        fused.flatten(0, 1), y.repeat(len(fused)), reduction="none"
    ).view(len(fused), -1)


def _weights(h, hidden, output) -> torch.Tensor:
    """Softmax outputs [F, N, K] of F one-layer perceptrons."""
    return (_with_bias(torch.tanh(h @ hidden)) @ output).softmax(-1)


def _with_bias(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([x, x.new_ones(*x.shape[:-1], 1)], dim=-1)
