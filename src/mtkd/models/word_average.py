"""Averaged word vectors with one hidden layer (Iyyer et al. 2015, "deep averaging networks").

Like fastText's classifier (Joulin et al. 2017), but for the hidden layer. Registered with the Auto
classes as "word-average".
"""

from __future__ import annotations

import torch
from huggingface_hub.dataclasses import strict
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
)
from transformers.modeling_outputs import BaseModelOutput

from mtkd.models.pooled import (
    SEGMENT_FEATURES,
    PooledClassifier,
    PooledPreTrainedModel,
    combine_segments,
)


@strict
class WordAverageConfig(PreTrainedConfig):
    """Sizes of a word-average model: of the vectors, and of its one hidden layer."""

    model_type = "word-average"

    vocab_size: int = 30522
    embedding_size: int = 50
    hidden_size: int = 100
    dropout: float | int = 0.3
    type_vocab_size: int = 2
    pad_token_id: int = 0


class WordAverageModel(PooledPreTrainedModel):
    """The mean of the embeddings of each segment's tokens."""

    config_class = WordAverageConfig

    def __init__(self, config: WordAverageConfig) -> None:
        super().__init__(config)
        # No embedding of token types: in a segment's mean it would be a constant.
        self.word = nn.Embedding(config.vocab_size, config.embedding_size)
        self.output_size = SEGMENT_FEATURES * config.embedding_size
        self.post_init()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
    ) -> BaseModelOutput:
        """[B, L] ids to ``last_hidden_state`` [B, 1, H], whose only position is the pooled vector.

        H is 4 · embedding_size.
        """
        if attention_mask is None:
            attention_mask = input_ids != self.config.pad_token_id
        types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        members = attention_mask.bool()[:, None] & torch.stack([types == 0, types == 1], dim=1)
        shares = members / members.sum(dim=-1, keepdim=True).clamp(min=1)
        means = shares @ self.word(input_ids)
        pooled = combine_segments(means[:, 0], means[:, 1])
        return BaseModelOutput(last_hidden_state=pooled[:, None])

    def get_input_embeddings(self) -> nn.Embedding:
        return self.word

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        self.word = value


class WordAverageForSequenceClassification(PooledClassifier):
    """A layer of rectified linear units on the averages, and a linear one on these."""

    config_class = WordAverageConfig
    encoder_class = WordAverageModel

    def get_input_embeddings(self) -> nn.Embedding:
        return self.encoder.word

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        self.encoder.word = value

    def head(self, config: WordAverageConfig) -> nn.Module:
        return nn.Sequential(
            nn.Linear(self.encoder.output_size, config.hidden_size),
            nn.ReLU(),
            nn.Linear(config.hidden_size, config.num_labels),
        )


AutoConfig.register(WordAverageConfig.model_type, WordAverageConfig)
AutoModel.register(WordAverageConfig, WordAverageModel)
AutoModelForSequenceClassification.register(WordAverageConfig, WordAverageForSequenceClassification)
