"""The recipe of the feature-based way."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bertwright.config.settings import Settings
from bertwright.features.layers import ChoiceName
from bertwright.features.pooling import PoolingName


class FeatureSettings(Settings):
    """What reads the frozen vectors, and how it is trained."""

    layers: ChoiceName = "concat-last-four"
    """A row of the paper's table 7, of which the default was the best there; or weighted-sum-with-embeddings,
    ELMo's way."""
    head: Literal["auto", "linear", "bilstm"] = "auto"
    """What stands on the vectors: ``auto`` is a two-layer BiLSTM for tags, as in the paper, and one linear
    layer for everything else."""
    lstm_size: Annotated[int, Field(ge=1)] | None = None
    """Numbers in each direction of the BiLSTM; by default 768 (the paper), or the hidden size if less."""
    pooling: PoolingName = "mean"
    """How the vectors of a row become one, for tasks with one answer a row."""
    dtype: Literal["float32", "float16"] = "float32"
    """Of the vectors on disk: float16 takes half the space."""
    batch_size: Annotated[int, Field(ge=1)] = 32
    """Rows an update."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-3
    """Highest rate; it rises in the first tenth of the updates and falls linearly to zero."""
    epochs: Annotated[int, Field(ge=1)] = 30
    """Passes over the training rows at most."""
    patience: Annotated[int, Field(ge=1)] = 5
    """A run ends when the development rows were not better for so many epochs."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """On what the output layer reads, and between the layers of the BiLSTM."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Decoupled weight decay, of matrices only."""
