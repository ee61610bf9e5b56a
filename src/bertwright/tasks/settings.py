"""The recipe of fine-tuning: the paper's values, and what they become for a small encoder."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bertwright.config.settings import Settings
from bertwright.errors import SettingsError
from bertwright.model.config import BertConfig
from bertwright.tasks.answer.settings import AnswerSettings
from bertwright.tasks.regress.settings import RegressSettings
from bertwright.training.choices import OptimizerName, PrecisionName
from bertwright.training.schedule import DecayShape

PAPER_RATE = 5e-5
COMPACT_RATE = 3e-4
FROZEN_RATE = 1e-3
COMPACT_WIDTH = 512


class FinetuneSettings(Settings):
    """How a pre-trained encoder is adapted to a task."""

    batch_size: Annotated[int, Field(ge=1)] = 32
    """Rows an update."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    """Highest learning rate. By default 5e-5, the first of the paper's grid; 3e-4 for encoders narrower than
    512, the first of the grid published with BERT's compact models; 1e-3 when the encoder is frozen."""
    epochs: Annotated[int, Field(ge=1)] = 3
    """Passes over the training rows."""
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the updates in which the learning rate rises from zero; then it falls linearly to zero."""
    optimizer: OptimizerName = "adamw"
    """``adamw`` corrects the moments' bias, without which small data often fail; ``bert-adam`` does not."""
    schedule: DecayShape = "continuous"
    """``original`` is what google-research/bert does: the rate drops at the end of the warm-up."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Decoupled weight decay, of matrices only."""
    max_gradient_norm: Annotated[float, Field(gt=0)] = 1.0
    """Gradients are scaled down to this norm."""
    max_length: Annotated[int, Field(ge=3)] | None = None
    """Longest row in pieces, with [CLS] and [SEP]. By default 128 (``answer``: 384), or the model's
    positions if fewer."""
    freeze: bool = False
    """Train the output layer only; the encoder keeps its weights."""
    from_scratch: bool = False
    """Start from new weights in the encoder's shape: what pre-training is worth is the difference."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; auto takes a GPU if there is one."""
    precision: PrecisionName = "auto"
    """Of the matrix products in training; evaluation is always in fp32."""
    metric: str | None = None
    """What decides which epoch and which seed is best; by default the task's first metric."""
    restarts: Annotated[int, Field(ge=0)] = 2
    """How often a run that learned nothing is started again with other chance."""
    answer: AnswerSettings = AnswerSettings()
    """Of the task ``answer``."""
    regress: RegressSettings = RegressSettings()
    """Of the task ``regress``."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.freeze and self.from_scratch:
            raise ValueError(
                "freeze and from_scratch: an encoder with new weights has nothing worth freezing"
            )
        return self

    def rate_for(self, config: BertConfig) -> float:
        """The learning rate for an encoder of this shape."""
        if self.learning_rate is not None:
            return self.learning_rate
        if self.freeze:
            return FROZEN_RATE
        return COMPACT_RATE if config.hidden_size < COMPACT_WIDTH else PAPER_RATE

    def length_for(self, config: BertConfig, default: int) -> int:
        """The longest row for an encoder of this shape; ``default`` is the task's own.

        Raises:
            SettingsError: ``max_length`` is more than the encoder has positions.
        """
        positions = config.max_position_embeddings
        if self.max_length is not None and self.max_length > positions:
            raise SettingsError(
                f"max_length: expected at most {positions}, the model's positions, got {self.max_length}"
            )
        return self.max_length or min(default, positions)
