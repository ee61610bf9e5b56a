"""The shape of an ELMo-like language model: two one-way LSTMs (Peters et al. 2018). Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, ValidationError, model_validator

from bertwright.errors import ModelError
from bertwright.model.config import BertConfig, Whole, problems

LAYERS = 2
"""Of LSTM in each direction, as in the original: it is shallow."""

_FIELDS = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "intermediate_size",
    "max_position_embeddings",
    "hidden_dropout_prob",
    "initializer_range",
    "pad_token_id",
)
"""Fields that mean something here; the others of a BERT have their defaults and are not stored."""


class BilmConfig(BertConfig):
    """Sizes by BERT's names: what reads vectors of tokens need not know which network gives them.

    A token's vector of ``hidden_size`` numbers is the forward direction's half and the backward one's. With
    ``size = "large"`` these are the sizes of the published ELMo: vectors of 1,024, 4,096 cells, projections
    to 512, two layers.
    """

    model_type: ClassVar[str] = "bilm"

    num_hidden_layers: Whole = LAYERS
    """L: layers of LSTM in each direction."""
    num_attention_heads: Annotated[int, Field(ge=1, le=1, title="1")] = 1
    """There is no attention."""

    @model_validator(mode="after")
    def _halves(self) -> Self:
        if self.hidden_size % 2:
            raise ValueError(
                f"hidden_size: expected an even number, half a direction, got {self.hidden_size}"
            )
        if self.intermediate_size <= self.direction_size:
            expected = f"more cells than they are projected to ({self.direction_size})"
            raise ValueError(f"intermediate_size: expected {expected}, got {self.intermediate_size}")
        return self

    @property
    def direction_size(self) -> int:
        """P: width of embeddings, and of what each layer of a direction gives; half of H."""
        return self.hidden_size // 2

    @property
    def num_cells(self) -> int:
        """Cells of each LSTM layer of a direction, projected to P."""
        return self.intermediate_size

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str | Path) -> Self:
        """The configuration in ``values``, the parsed ``config.json`` of a model folder.

        Raises:
            ModelError: every problem found, on one line.
        """
        found = [f"{name}: missing" for name in _FIELDS[:5] if name not in values]
        config = None
        try:
            config = cls.model_validate({name: values[name] for name in _FIELDS if name in values})
        except ValidationError as error:
            found += problems(error, cls)
        if found or config is None:
            raise ModelError(f"{source}: " + "; ".join(found))
        return config

    def reading_rows(self) -> Self:
        """The same."""
        return self

    def to_dict(self) -> dict[str, Any]:
        """The fields that mean something, as JSON values."""
        return {name: getattr(self, name) for name in _FIELDS}

    def num_parameters(self) -> int:
        """Parameters of embeddings and both directions."""
        p, c = self.direction_size, self.num_cells
        layer = 2 * 4 * c * p + 2 * 4 * c + c * p  # of inputs and of state, two biases, the projection
        return self.vocab_size * p + 2 * self.num_hidden_layers * layer

    def num_pretraining_parameters(self) -> int:
        """Parameters with the bias of the softmax."""
        return self.num_parameters() + self.vocab_size
