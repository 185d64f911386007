"""Several models of one architecture as one: each of its layers computes for all of them at once.

The way to the logits is the architecture's own code. Only layers with weights are exchanged, for
ones that hold every model's weights side by side and take all models' texts in a row, as many of
each: after HFTA (Wang et al., MLSys 2021). What is one operation for a batch of one model then is
one for the batches of all.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from mtkd.errors import InputError


def pack(models: Sequence[PreTrainedModel]) -> PreTrainedModel:
    """K models of one architecture and size as one whose parameters are [K, ...] of theirs.

    It takes texts [K * B, tokens], of each model in turn. What the models are is copied. Raises
    InputError for an architecture with other layers than those known here, and for one with
    dropout, whose draws would depend on which models are packed.
    """
    first = models[0]
    if dropping := _dropout(first):
        raise InputError(
            f"models with dropout are not trained together, and {dropping} has some; set it to 0 "
            "in the model's 'config', or take 'together' out"
        )
    # A weight that two layers share is one weight of the pack too.
    weights: dict[int, nn.Parameter] = {}

    def packed_weight(name: str) -> nn.Parameter:
        own = [model.get_parameter(name) for model in models]
        if id(own[0]) not in weights:
            weights[id(own[0])] = nn.Parameter(torch.stack([one.detach() for one in own]))
        return weights[id(own[0])]

    shell = copy.deepcopy(first)
    sizes = _Sizes(len(models))
    for name, layer in list(shell.named_modules()):
        if not list(layer.parameters(recurse=False)):
            continue
        kind = type(layer).__name__
        if kind not in _LAYERS:
            raise InputError(
                f"models with a layer {kind} are not trained together; take 'together' out"
            )
        layer.forward = _LAYERS[kind](layer, sizes)
        for own, _ in list(layer.named_parameters(recurse=False)):
            setattr(layer, own, packed_weight(f"{name}.{own}"))
    shell.register_forward_pre_hook(sizes.see, with_kwargs=True)
    return shell


@torch.no_grad()
def take_out(packed: PreTrainedModel, place: int, model: PreTrainedModel) -> None:
    """Give a model the weights of the one that stands at ``place`` in a pack."""
    for name, weight in packed.named_parameters():
        model.get_parameter(name).copy_(weight[place])


class _Sizes:
    """How many models a pack holds, and how many texts of each it is given at present."""

    def __init__(self, models: int):
        self.models = models
        self.texts = 0

    def see(self, module: nn.Module, positional: tuple, inputs: dict[str, Tensor]) -> None:
        self.texts = len(inputs["input_ids"]) // self.models


# A layer's new forward pass. Its parameters are [K, ...] of its kind's, what it takes [K * B, ...].
Forward = Callable[[Tensor], Tensor]


def _linear(layer: nn.Linear | Conv1D, sizes: _Sizes) -> Forward:
    def forward(inputs: Tensor) -> Tensor:
        weight = layer.weight.mT if isinstance(layer, nn.Linear) else layer.weight
        flat = inputs.reshape(sizes.models, -1, inputs.shape[-1])
        if layer.bias is None:
            outputs = torch.bmm(flat, weight)
        else:
            outputs = torch.baddbmm(layer.bias[:, None], flat, weight)
        return outputs.view(*inputs.shape[:-1], -1)

    return forward


def _embedding(layer: nn.Embedding, sizes: _Sizes) -> Forward:
    def forward(ids: Tensor) -> Tensor:
        table = layer.weight.flatten(0, 1)
        firsts = torch.arange(sizes.models, device=ids.device) * layer.num_embeddings
        if len(ids) > 1 or sizes.models * sizes.texts == 1:
            return functional.embedding(ids + firsts.repeat_interleave(sizes.texts)[:, None], table)
        # Positions, which are the same for every text.
        found = functional.embedding(ids + firsts[:, None], table)
        return found[:, None].expand(-1, sizes.texts, -1, -1).flatten(0, 1)

    return forward


def _norm(layer: nn.Module, sizes: _Sizes) -> Forward:
    def forward(inputs: Tensor) -> Tensor:
        if isinstance(layer, nn.LayerNorm):
            scaled = functional.layer_norm(inputs, layer.normalized_shape, eps=layer.eps)
        else:
            width, eps = inputs.shape[-1:], layer.variance_epsilon
            scaled = functional.rms_norm(inputs.float(), width, eps=eps).to(inputs.dtype)
        flat = scaled.view(sizes.models, -1, inputs.shape[-1])
        bias = getattr(layer, "bias", None)
        if bias is None:
            return (flat * layer.weight[:, None]).view(inputs.shape)
        return torch.addcmul(bias[:, None], flat, layer.weight[:, None]).view(inputs.shape)

    return forward


# By the name of their class: every architecture has a class of its own for the same norm.
_LAYERS = {
    "Linear": _linear,
    "Conv1D": _linear,
    "Embedding": _embedding,
    "LayerNorm": _norm,
    "LlamaRMSNorm": _norm,
    "MistralRMSNorm": _norm,
    "Phi3RMSNorm": _norm,
    "Qwen2RMSNorm": _norm,
    "Qwen3RMSNorm": _norm,
    "SmolLM3RMSNorm": _norm,
}


def _dropout(model: PreTrainedModel) -> str | None:
    """The first layer that drops anything out, by its name; attention does it by a number."""
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Dropout):
            shares = [layer.p]
        else:
            shares = [value for key, value in vars(layer).items() if key.endswith("dropout")]
        if any(isinstance(share, float) and share > 0 for share in shares):
            return name
    return None
