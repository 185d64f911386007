"""What the pooled encoders share: embeddings, pooling per segment, classification head."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import SequenceClassifierOutput

# How many vectors `combine_segments` makes of one feature: u, v, |u − v|, u ∗ v.
SEGMENT_FEATURES = 4


def pool_segments(states: Tensor, mask: Tensor, token_type_ids: Tensor | None) -> Tensor:
    """Max-pool each of a pair's two segments and combine them; an absent one is zeros.

    Args:
        states: [B, L, F] one vector per position.
        mask: [B, L] bool, false at padding.
        token_type_ids: [B, L] 0 in the first segment, 1 in the second; None for single texts.

    Returns:
        [B, 4F].
    """
    if token_type_ids is None:
        first = _masked_max(states, mask)
        second = torch.zeros_like(first)
    else:
        first = _masked_max(states, mask & (token_type_ids == 0))
        second = _masked_max(states, mask & (token_type_ids == 1))
    return combine_segments(first, second)


def combine_segments(first: Tensor, second: Tensor) -> Tensor:
    """[B, F] of a pair's two segments to [u, v, |u − v|, u ∗ v], [B, 4F].

    The combination is InferSent's (Conneau et al. 2017, section 3.1); u and v as they are tell the
    two orders of a pair apart. With zeros for an absent second segment, one classifier width serves
    single texts and pairs.
    """
    return torch.cat([first, second, (first - second).abs(), first * second], dim=-1)


def _masked_max(states: Tensor, mask: Tensor) -> Tensor:
    """[B, L, F] and [B, L] to [B, F]: the maximum where the mask is true, 0 if it never is."""
    peak = states.masked_fill(~mask[..., None], -torch.inf).amax(dim=1)
    return peak.masked_fill(~mask.any(dim=1, keepdim=True), 0.0)


class TokenEmbeddings(nn.Module):
    """Word plus token-type embedding, exactly zero at padding."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.word = nn.Embedding(config.vocab_size, config.embedding_size)
        self.token_type = nn.Embedding(config.type_vocab_size, config.embedding_size)

    def forward(self, input_ids: Tensor, mask: Tensor, token_type_ids: Tensor | None) -> Tensor:
        """[B, L] ids, bool mask and types to [B, L, E]."""
        types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        embedded = self.word(input_ids) + self.token_type(types)
        return embedded.masked_fill(~mask[..., None], 0.0)


class PooledPreTrainedModel(PreTrainedModel):
    """Initialisation and embedding access of the pooled encoders."""

    base_model_prefix = "encoder"

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        # Transformers' default, a normal of 0.02, suits residual stacks with layer norm; without
        # them it leaves these shallow models with almost no signal. Embeddings follow Kim (2014).
        if isinstance(module, nn.Embedding):
            init.uniform_(module.weight, -0.25, 0.25)
        elif isinstance(module, nn.Linear | nn.Conv1d):
            init.xavier_uniform_(module.weight)
            init.zeros_(module.bias)
        else:
            super()._init_weights(module)

    def get_input_embeddings(self) -> nn.Embedding:
        return self.base_model.embeddings.word

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        self.base_model.embeddings.word = value


class PooledClassifier(PooledPreTrainedModel):
    """Dropout and a linear layer on the pooled vector; a subclass names its encoder."""

    encoder_class: type[PooledPreTrainedModel]

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.encoder = self.encoder_class(config)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = self.head(config)
        self.post_init()

    def head(self, config: PreTrainedConfig) -> nn.Module:
        """What makes logits of the pooled vector."""
        return nn.Linear(self.encoder.output_size, config.num_labels)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
    ) -> SequenceClassifierOutput:
        """[B, L] right-padded ids to logits [B, C]."""
        states = self.encoder(input_ids, attention_mask, token_type_ids).last_hidden_state
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(states[:, 0])))
