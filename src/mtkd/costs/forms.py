"""Ways of running a model: from texts to logits, as somebody does who has trained it.

What is measured of a model (``mtkd.costs.measure``) is measured of each of its forms. Another form
of every model is a function in ``FORMS``; those of students alone are made where students are taken
away (``mtkd.deployment.onnx_costs``).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mtkd.distillation.device import device_name
from mtkd.distillation.learner import Learner
from mtkd.models.build import model_inputs, padding_id
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import Split
from mtkd.tasks.encoding import encode
from mtkd.tasks.reference import refit_words


class Form(NamedTuple):
    """A model that can be asked, and its size.

    ``answer`` takes N texts or pairs, tokenising included, and returns logits [N, C] on the CPU;
    on a processor it has as many threads as torch has then. ``size`` is in bytes, of the weights as
    safetensors hold them, headers apart. ``operations`` are floating-point operations for each
    token of some texts, each text alone, without padding; a multiplication and an addition are two.
    ``device`` is where it runs, as records name it.
    """

    name: str
    answer: Callable[[Split], np.ndarray]
    parameters: int
    size: int
    operations: float
    device: str = "cpu"


def reader(
    learner: Learner, max_length: int, device: torch.device
) -> Callable[[Split], DeviceTokens]:
    """How texts become a model's tokens on a device. What is of the model alone is asked once."""
    tokenizer, pad = learner.tokenizer, padding_id(learner.model)

    def read(texts: Split) -> DeviceTokens:
        tokens = DeviceTokens(encode(tokenizer, texts, max_length), pad, device)
        tokens.padding_side = tokenizer.padding_side
        return tokens

    return read


def padded(tokens: DeviceTokens, rows: Sequence[int]) -> dict[str, torch.Tensor]:
    """A batch of rows, as long as the longest of them."""
    index = torch.as_tensor(rows, device=tokens.tokens.device)
    return tokens.batch(index, int(tokens.cpu_lengths[rows].max()))


def torch_form(learner: Learner, max_length: int, texts: Split) -> Form:
    """A model as torch runs it where it is, in float32; operations are counted on the texts."""
    model = learner.model.eval()
    device = next(model.parameters()).device
    read = reader(learner, max_length, device)

    @torch.inference_mode()
    def answer(texts: Split) -> np.ndarray:
        inputs = padded(read(texts), range(len(texts.ids)))
        return model(**{name: inputs[name] for name in taken}).logits.cpu().numpy()

    one = torch.ones((1, 1), dtype=torch.long, device=device)
    # Asked once: it is asked of a signature, which takes as long as a small model.
    taken = list(model_inputs(model, one, one, one))
    tokens = read(texts)
    with _counted() as counter:
        for row in range(len(texts.ids)):
            inputs = padded(tokens, [row])
            model(**{name: inputs[name] for name in taken})
    operations = counter.get_total_flops() / int(tokens.cpu_lengths.sum())
    weights = {tensor.data_ptr(): tensor for tensor in model.state_dict().values()}
    size = sum(tensor.numel() * tensor.element_size() for tensor in weights.values())
    parameters = sum(tensor.numel() for tensor in model.parameters())
    return Form("torch", answer, parameters, size, operations, device_name(device))


# Of a teacher or a student: each is measured.
FORMS: dict[str, Callable[[Learner, int, Split], Form]] = {"torch": torch_form}


def ensemble_form(members: Sequence[Form]) -> Form:
    """Several models, asked one after another, and the mean of their logits."""

    def answer(texts: Split) -> np.ndarray:
        return np.mean([member.answer(texts) for member in members], axis=0)

    return Form(
        members[0].name,
        answer,
        sum(member.parameters for member in members),
        sum(member.size for member in members),
        sum(member.operations for member in members),
        members[0].device,
    )


def words_form(train: Split, chosen: Mapping[str, Any], texts: Split) -> Form:
    """A reference on words, refitted as it was ``chosen`` (``mtkd.tasks.reference.Reference``).

    Its tokens are the words that spaces part.
    """
    features_of, regression = refit_words(train, chosen)
    numbers = [regression.coef_, regression.intercept_]
    words = sum(len(text.split()) for text in texts.text_a + (texts.text_b or []))
    return Form(
        "scikit-learn",
        lambda texts: regression.predict_log_proba(features_of(texts)),
        sum(one.size for one in numbers),
        sum(one.nbytes for one in numbers),
        2 * features_of(texts).nnz * len(regression.coef_) / words,
    )


@contextmanager
def _counted() -> Iterator[FlopCounterMode]:
    """A counter of operations, without the kernels of several that it passes over.

    Those are attention in one, and recurrent layers of oneDNN and cuDNN.
    """
    with (
        # oneDNN's flags warn of a GPU that torch was not built for.
        warnings.catch_warnings(action="ignore"),
        torch.no_grad(),
        sdpa_kernel(SDPBackend.MATH),
        torch.backends.mkldnn.flags(enabled=False),
        torch.backends.cudnn.flags(enabled=False),
        FlopCounterMode(display=False) as counter,
    ):
        yield counter
