"""Several models of one architecture as one: each of its layers computes for all of them at once.

The way to the logits is the architecture's own code. Only layers with weights are exchanged, for
ones that hold every model's weights side by side and take all models' texts in a row, as many of
each: after HFTA (Wang et al., MLSys 2021). What is one operation for a batch of one model then is
one for the batches of all.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from mtkd.errors import InputError

# Rotary positions that are scaled by the longest text at hand: in a pack, that of any model.
SCALED_BY_BATCH = ("dynamic", "longrope")


def check_packable(model: PreTrainedModel) -> None:
    """Raises InputError for a model whose numbers would depend on what it is packed with.

    So would dropout's draws, and positions that are scaled by the longest text of a batch; layers
    with weights must be of a kind known here.
    """
    reason = None
    if dropping := _dropout(model):
        reason = f"models with dropout are not trained together, and {dropping} has some"
    kinds = {type(layer).__name__ for layer in model.modules() if _has_weights(layer)}
    if other := sorted(kinds - _LAYERS.keys()):
        reason = f"models with a layer {other[0]} are not trained together"
    config = model.config.to_json_string()
    for scaling in SCALED_BY_BATCH:
        if f'"rope_type": "{scaling}"' in config:
            reason = f"models with positions of rope_type {scaling} are not trained together"
    if reason:
        raise InputError(
            f"{reason}; take 'together' out (of a model from scratch, its 'config' can be another)"
        )


def pack(models: Sequence[PreTrainedModel]) -> PreTrainedModel:
    """K models of one architecture and size as one whose parameters are [K, ...] of theirs.

    It takes texts [K * B, tokens], of each model in turn. What the models are is copied. Raises
    InputError as ``check_packable`` does.
    """
    check_packable(models[0])
    # A weight that two layers share is one weight of the pack too.
    weights: dict[int, nn.Parameter] = {}

    def packed_weight(name: str) -> nn.Parameter:
        own = [model.get_parameter(name) for model in models]
        if id(own[0]) not in weights:
            weights[id(own[0])] = nn.Parameter(torch.stack([one.detach() for one in own]))
        return weights[id(own[0])]

    shell, sizes = copy.deepcopy(models[0]), _Sizes(len(models))
    for name, layer in list(shell.named_modules()):
        if _has_weights(layer):
            packed = _LAYERS[type(layer).__name__](layer, sizes)
            for own, _ in layer.named_parameters(recurse=False):
                packed.register_parameter(own, packed_weight(f"{name}.{own}"))
            shell.set_submodule(name, packed)
    shell.register_forward_pre_hook(sizes.see, with_kwargs=True)
    return shell


@torch.no_grad()
def copy_out(packed: PreTrainedModel, place: int, model: PreTrainedModel) -> None:
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


# Parameters of what follows are [K, ...] of those of the layer that it stands for; it takes and
# gives [K * B, ...].
class _Linear(nn.Module):
    def __init__(self, layer: nn.Linear | Conv1D, sizes: _Sizes):
        super().__init__()
        self.sizes, self.outputs_first = sizes, isinstance(layer, nn.Linear)
        self.register_parameter("bias", None)

    def forward(self, inputs: Tensor) -> Tensor:
        weight = self.weight.mT if self.outputs_first else self.weight
        flat = inputs.reshape(self.sizes.models, -1, inputs.shape[-1])
        if self.bias is None:
            outputs = torch.bmm(flat, weight)
        else:
            outputs = torch.baddbmm(self.bias[:, None], flat, weight)
        return outputs.view(*inputs.shape[:-1], -1)


class _Embedding(nn.Module):
    def __init__(self, layer: nn.Embedding, sizes: _Sizes):
        super().__init__()
        self.sizes, self.rows, self.padding_idx = sizes, layer.num_embeddings, layer.padding_idx

    def forward(self, ids: Tensor) -> Tensor:
        table = self.weight.flatten(0, 1)
        firsts = torch.arange(self.sizes.models, device=ids.device) * self.rows
        if len(ids) == 1:
            # Positions, which are the same for every text.
            found = functional.embedding(ids + firsts[:, None], table)
            return found[:, None].expand(-1, self.sizes.texts, -1, -1).flatten(0, 1)
        offsets = firsts.repeat_interleave(self.sizes.texts)[:, None]
        found = functional.embedding(ids + offsets, table)
        if self.padding_idx is None:
            return found
        # Its row is not learnt, wherever it stands.
        return torch.where((ids == self.padding_idx)[..., None], found.detach(), found)


class _Norm(nn.Module):
    def __init__(self, layer: nn.Module, sizes: _Sizes):
        super().__init__()
        self.sizes, self.centred = sizes, isinstance(layer, nn.LayerNorm)
        self.eps = layer.eps if self.centred else layer.variance_epsilon
        self.register_parameter("bias", None)

    def forward(self, inputs: Tensor) -> Tensor:
        width = inputs.shape[-1:]
        if self.centred:
            scaled = functional.layer_norm(inputs, width, eps=self.eps)
        else:
            scaled = functional.rms_norm(inputs.float(), width, eps=self.eps).to(inputs.dtype)
        flat = scaled.view(self.sizes.models, -1, *width)
        if self.bias is None:
            return (flat * self.weight[:, None]).view(inputs.shape)
        return torch.addcmul(self.bias[:, None], flat, self.weight[:, None]).view(inputs.shape)


# By the name of their class: every architecture has a class of its own for the same norm.
_LAYERS = {
    "Linear": _Linear,
    "Conv1D": _Linear,
    "Embedding": _Embedding,
    "LayerNorm": _Norm,
    "LlamaRMSNorm": _Norm,
    "MistralRMSNorm": _Norm,
    "Phi3RMSNorm": _Norm,
    "Qwen2RMSNorm": _Norm,
    "Qwen3RMSNorm": _Norm,
    "SmolLM3RMSNorm": _Norm,
}


def _has_weights(layer: nn.Module) -> bool:
    return any(True for _ in layer.parameters(recurse=False))


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
