"""Batches: which rows go together, and their padded tensors."""

from __future__ import annotations

import numpy as np
import torch

from mtkd.tasks.encoding import Encoded

# Rows are sorted by length inside pools of this many batches: long enough that padding nearly
# vanishes, short enough that batches stay random draws.
POOL_BATCHES = 50


class DeviceTokens:
    """An encoded split resident on the device, from which padded batches are gathered.

    Padding stands at ``padding_side``, "right" unless set to "left".
    """

    def __init__(self, encoded: Encoded, pad_token_id: int, device: torch.device):
        self.tokens = torch.from_numpy(np.array(encoded.tokens, dtype=np.int64)).to(device)
        self.segments = torch.from_numpy(np.array(encoded.segments, dtype=np.int64)).to(device)
        self.starts = torch.from_numpy(np.array(encoded.offsets[:-1])).to(device)
        self.lengths = torch.from_numpy(np.array(encoded.lengths)).to(device)
        self.cpu_lengths = np.array(encoded.lengths)
        self.pad_token_id = pad_token_id
        self.padding_side = "right"

    def batch(self, rows: torch.Tensor, longest: int) -> dict[str, torch.Tensor]:
        """``input_ids``, ``attention_mask`` and ``token_type_ids`` [B, longest].

        ``rows`` [B] lie on the device; ``longest`` is the greatest of their lengths, which is known
        without asking the device.
        """
        positions = torch.arange(longest, device=self.tokens.device)[None, :]
        lengths = self.lengths[rows][:, None]
        if self.padding_side == "left":
            positions = positions - (longest - lengths)
        mask = (positions >= 0) & (positions < lengths)
        places = torch.where(mask, self.starts[rows][:, None] + positions, 0)
        return {
            "input_ids": torch.where(mask, self.tokens[places], self.pad_token_id),
            "attention_mask": mask.long(),
            "token_type_ids": torch.where(mask, self.segments[places], 0),
        }


def training_batches(
    lengths: np.ndarray, batch_size: int, seed: int, epoch: int
) -> list[np.ndarray]:
    """Rows of each batch of an epoch: a random order, bucketed by length.

    A function of seed and epoch alone, so the order is the same in every arm, and a resumed run
    needs no more than its position.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), batch_size * POOL_BATCHES):
        pool = order[start : start + batch_size * POOL_BATCHES]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += np.split(pool, range(batch_size, len(pool), batch_size))
    return [batches[index] for index in generator.permutation(len(batches))]


def evaluation_batches(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Rows of each batch, sorted by length: every row once, padding least."""
    order = np.argsort(lengths, kind="stable")
    return np.split(order, range(batch_size, len(order), batch_size))
