"""TextCNN (Kim 2014) as a Transformers model, registered with the Auto classes as "text-cnn"."""

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
    TokenEmbeddings,
    pool_segments,
)


@strict
class TextCnnConfig(PreTrainedConfig):
    """Sizes of a TextCNN: ``filters`` feature maps for each of ``kernel_sizes`` (in tokens)."""

    model_type = "text-cnn"

    vocab_size: int = 30522
    embedding_size: int = 50
    kernel_sizes: list[int] | tuple[int, ...] = (3, 4, 5)
    filters: int = 100
    dropout: float | int = 0.5
    type_vocab_size: int = 2
    pad_token_id: int = 0


class TextCnnModel(PooledPreTrainedModel):
    """Convolutions over the embeddings, max-pooled per segment (Kim 2014, section 2)."""

    config_class = TextCnnConfig

    def __init__(self, config: TextCnnConfig) -> None:
        super().__init__(config)
        self.embeddings = TokenEmbeddings(config)
        # Padded so that texts shorter than a kernel have a feature map too. The embeddings hold the
        # same zeros at padding, so a batch's padding cannot be told from the end of a text.
        self.convolutions = nn.ModuleList(
            nn.Conv1d(config.embedding_size, config.filters, size, padding=size // 2)
            for size in config.kernel_sizes
        )
        self.output_size = SEGMENT_FEATURES * config.filters * len(config.kernel_sizes)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
    ) -> BaseModelOutput:
        """[B, L] ids to ``last_hidden_state`` [B, 1, H], whose only position is the pooled vector.

        H is 4 · filters · number of kernel sizes.
        """
        if attention_mask is None:
            attention_mask = input_ids != self.config.pad_token_id
        mask = attention_mask.bool()
        embedded = self.embeddings(input_ids, mask, token_type_ids).transpose(1, 2)
        # An even kernel yields one window more than there are positions.
        length = input_ids.shape[1]
        maps = torch.cat([convolve(embedded)[..., :length] for convolve in self.convolutions], 1)
        pooled = pool_segments(maps.relu().transpose(1, 2), mask, token_type_ids)
        return BaseModelOutput(last_hidden_state=pooled[:, None])


class TextCnnForSequenceClassification(PooledClassifier):
    """TextCNN with a linear head."""

    config_class = TextCnnConfig
    encoder_class = TextCnnModel


AutoConfig.register(TextCnnConfig.model_type, TextCnnConfig)
AutoModel.register(TextCnnConfig, TextCnnModel)
AutoModelForSequenceClassification.register(TextCnnConfig, TextCnnForSequenceClassification)
