"""On-policy learning: a student's own responses, and the reverse KL to a teacher along them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from mtkd.distillation.objective import Objective
from mtkd.generation.objective import learnt_places, next_log_probabilities
from mtkd.generation.sampling import continued
from mtkd.generation.tokens import encoded, ids_of
from mtkd.tasks.batches import DeviceTokens


class OwnText(DeviceTokens):
    """Prompts, of which a batch has the responses that the student draws when it is asked for.

    It takes the place of tokens that there are in the training loop. A draw is at temperature 1 and
    depends on the student, the prompts and the ``generator``, which belongs to the objective, so
    that the loop keeps its state.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        prompts: Sequence[str],
        longest: int,
        generator: torch.Generator,
        precision: str,
    ):
        """``longest``: tokens of a response at most, its end among them."""
        self.ids = ids_of(tokenizer, prompts)
        self.end = tokenizer.eos_token_id
        device = next(model.parameters()).device
        super().__init__(
            encoded([(len(one), one) for one in self.ids]), tokenizer.pad_token_id, device
        )
        self.model, self.tokenizer, self.longest = model, tokenizer, longest
        self.generator, self.precision = generator, precision
        # Of the last batch.
        self.responses: list[list[int]] = []

    def batch(self, rows: torch.Tensor, longest: int) -> dict[str, torch.Tensor]:
        """Prompts of some rows with the student's responses, as wide as the longest of them."""
        prompts = [self.ids[row] for row in rows.tolist()]
        self.model.eval()
        written = continued(
            self.model,
            self.tokenizer,
            prompts,
            self.longest,
            1.0,
            self.generator,
            self.precision,
        )
        self.model.train()
        self.responses = [[*one, self.end] if len(one) < self.longest else one for one in written]
        return self.behind(prompts, self.responses)

    def behind(
        self, prompts: Sequence[list[int]], responses: Sequence[list[int]]
    ) -> dict[str, torch.Tensor]:
        """A batch of some responses behind prompts."""
        pairs = [(len(one), [*one, *two]) for one, two in zip(prompts, responses, strict=True)]
        tokens = DeviceTokens(encoded(pairs), self.pad_token_id, self.tokens.device)
        rows = torch.arange(len(pairs), device=self.tokens.device)
        return tokens.batch(rows, int(tokens.cpu_lengths.max()))


class Routed(NamedTuple):
    """A teacher: its model, the prompts' tokens as it reads them, and which of them are its own."""

    model: PreTrainedModel
    prompts: Sequence[list[int]]
    own: np.ndarray  # [N] of truth values


def reverse_kl(own: OwnText, teachers: Sequence[Routed], size: int) -> Objective:
    """Mean KL(student || teacher) in nats at the tokens that the student wrote, at T = 1.

    Of each prompt's own teacher, over the first ``size`` tokens of the vocabulary; each prompt has
    one. What was written is taken as given: no gradient is taken through the draw (GKD,
    arXiv 2306.13649).
    """

    def value(logits, inside, rows, progress):
        total, count = 0.0, 0
        numbers = rows.tolist()
        for teacher in teachers:
            places = [place for place, row in enumerate(numbers) if teacher.own[row]]
            if not places:
                continue
            responses = [own.responses[place] for place in places]
            read = own.behind([teacher.prompts[numbers[place]] for place in places], responses)
            expected = next_log_probabilities(teacher.model, read, size, own.precision)
            said = own.behind([own.ids[numbers[place]] for place in places], responses)
            width = said["input_ids"].shape[1]
            learnt = learnt_places(said)
            log_p = logits[places, : width - 1][learnt][:, :size].log_softmax(dim=-1)
            total = total + (log_p.exp() * (log_p - expected)).sum()
            count += len(log_p)
        return total / count

    return Objective(value, generator=own.generator)
