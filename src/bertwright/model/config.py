"""The shape of a BERT: the fields of ``bert_config.json`` and what a foreign ``config.json`` may say.

Field names are those of every published configuration, letter for letter. This module imports no torch.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bertwright.errors import ModelError, SettingsError, did_you_mean, quote
from bertwright.model.foreign_config import foreign_problems

Size = Literal["tiny", "mini", "small", "medium", "base", "large"]

PUBLISHED: Mapping[str, tuple[int, int, int]] = {
    "tiny": (2, 128, 2),
    "mini": (4, 256, 4),
    "small": (4, 512, 8),
    "medium": (8, 512, 8),
    "base": (12, 768, 12),
    "large": (24, 1024, 16),
}
"""Size -> layers L, hidden size H, attention heads A (Devlin et al. 2019, section 3; Turc et al. 2019)."""

ACTIVATIONS = ("gelu_pytorch_tanh", "gelu", "gelu_new", "relu", "tanh", "linear", "silu")
"""What ``hidden_act`` may say. ``gelu`` is the erf form, ``gelu_pytorch_tanh`` (``gelu_new``) is Google's."""

REQUIRED = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
)

_SELDOM = ("tie_word_embeddings", "is_decoder", "pooled_token")
_WHOLE = "a whole number of 1 or more"
_SHARE = "a number from 0 up to, but not including, 1"
_POSITIVE = "a finite number above 0"

Whole = Annotated[int, Field(ge=1, lt=2**31, title=_WHOLE)]
Share = Annotated[float, Field(ge=0, lt=1, title=_SHARE)]
Positive = Annotated[float, Field(gt=0, title=_POSITIVE)]


class BertConfig(BaseModel):
    """Sizes and constants of one BERT. Frozen; equal configs build equal networks.

    Raises:
        pydantic.ValidationError: on construction, for a value outside its range. :meth:`published` and
            :meth:`from_dict` raise this package's errors instead.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
    model_type: ClassVar[str] = "bert"
    """What ``config.json`` calls the network."""

    vocab_size: Whole = 30522
    """V: entries of the vocabulary."""
    hidden_size: Whole = 768
    """H: width of every hidden state."""
    num_hidden_layers: Whole = 12
    """L: Transformer blocks."""
    num_attention_heads: Whole = 12
    """N (the paper's A): attention heads; divides H."""
    intermediate_size: Whole = 3072
    """I: width inside the feed-forward sub-layer; 4H in the paper."""
    hidden_act: Annotated[str, Field(title="one of " + ", ".join(ACTIVATIONS))] = "gelu_pytorch_tanh"
    """Activation of the feed-forward sub-layer and of the masked-language head."""
    hidden_dropout_prob: Share = 0.1
    """Probability of dropping, after embeddings and after every sub-layer."""
    attention_probs_dropout_prob: Share = 0.1
    """Probability of dropping an attention weight."""
    max_position_embeddings: Whole = 512
    """Longest sequence."""
    type_vocab_size: Whole = 2
    """Segments: sentence A, sentence B."""
    initializer_range: Positive = 0.02
    """Standard deviation of the normal distribution, cut at two of them, that weights are drawn from."""
    layer_norm_eps: Positive = 1e-12
    """Added to the variance in layer normalization."""
    tie_word_embeddings: bool = True
    """Whether the masked-language head's output weights are the word embeddings, as in every published BERT.
    Stored only where it is false."""
    pad_token_id: Annotated[int, Field(ge=0, title="an id of the vocabulary")] = 0
    """Id of [PAD]. The network does not use it (the attention mask decides); it is stored for others."""
    is_decoder: Annotated[bool, Field(title="true or false")] = False
    """Left-to-right: a token sees those before it and itself, none after it. False is BERT."""
    pooled_token: Annotated[Literal["first", "last"], Field(title="first or last")] = "first"
    """Whose hidden state the pooler reads. BERT's first token, [CLS], has seen all of the row; left-to-right
    only the last one has, as in GPT. Other libraries always read the first."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.hidden_act not in ACTIVATIONS:
            raise ValueError(_wrong("hidden_act", "one of " + ", ".join(ACTIVATIONS), self.hidden_act))
        if self.hidden_size % self.num_attention_heads:
            expected = f"a divisor of hidden_size {self.hidden_size}"
            raise ValueError(_wrong("num_attention_heads", expected, self.num_attention_heads))
        if self.pad_token_id >= self.vocab_size:
            raise ValueError(
                _wrong("pad_token_id", f"an id below vocab_size {self.vocab_size}", self.pad_token_id)
            )
        return self

    @property
    def head_size(self) -> int:
        """D: width of one attention head, H / N."""
        return self.hidden_size // self.num_attention_heads

    @classmethod
    def published(cls, size: str, *, vocab_size: int = 30522, **changes: Any) -> BertConfig:
        """The published size ``tiny`` .. ``large`` with its feed-forward width 4H, and ``changes``.

        Raises:
            SettingsError: no such size, no such field, or a value outside its range.
        """
        if size not in PUBLISHED:
            raise SettingsError(_wrong("size", "one of " + ", ".join(PUBLISHED), size))
        layers, hidden, heads = PUBLISHED[size]
        sizes = {
            "vocab_size": vocab_size,
            "num_hidden_layers": layers,
            "hidden_size": hidden,
            "num_attention_heads": heads,
            "intermediate_size": 4 * hidden,
        }
        try:
            return cls.model_validate(sizes | changes)
        except ValidationError as error:
            raise SettingsError(problems(error, cls)) from None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str | Path) -> BertConfig:
        """The configuration in ``values``, the parsed ``config.json`` of a model folder.

        Fields of other libraries are read past, unless they name code, another architecture, or change what
        the network computes: those are refused. A missing ``hidden_act`` means ``gelu`` as in transformers.

        Args:
            source: file name for messages.

        Raises:
            ModelError: every problem found, on one line.
        """
        if not isinstance(values, Mapping):
            raise ModelError.at(source, "a JSON object with the fields of a BERT", values)
        found = foreign_problems(values) + [_missing(name, values) for name in REQUIRED if name not in values]
        known = {name: values[name] for name in cls.model_fields if name in values}
        known.setdefault("hidden_act", "gelu")
        if known.get("pad_token_id", 0) is None:  # transformers' way of saying that there is none
            del known["pad_token_id"]
        try:
            config = cls.model_validate(known)
        except ValidationError as error:
            found += problems(error, cls)
        if found:
            raise ModelError(f"{source}: " + "; ".join(found))
        return config

    @classmethod
    def from_tensorflow(cls, values: Mapping[str, Any], source: str | Path) -> BertConfig:
        """As :meth:`from_dict` for the ``bert_config.json`` beside a TensorFlow 1 checkpoint.

        There ``gelu`` means the tanh form, and ``type_vocab_size`` is 16 when absent (``modeling.py``).
        """
        if isinstance(values, Mapping):
            if values.get("tie_word_embeddings", True) is not True:
                raise ModelError.at(source, "true (the original ties them)", field="tie_word_embeddings")
            act = values.get("hidden_act", "gelu")
            values = {"type_vocab_size": 16, **values, "hidden_act": _TENSORFLOW_NAMES.get(_as_key(act), act)}
        return cls.from_dict(values, source)

    def reading_rows(self) -> BertConfig:
        """The same, for a new output layer on whole rows: left-to-right it must read the last token."""
        return self.model_copy(update={"pooled_token": "last"}) if self.is_decoder else self

    def with_dropout(self, probability: float | None) -> BertConfig:
        """The same, dropping hidden states and attention with ``probability``; None changes nothing."""
        if probability is None:
            return self
        changes = {"hidden_dropout_prob": probability, "attention_probs_dropout_prob": probability}
        return self.model_copy(update=changes)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values, in their order here; the seldom ones where they are not BERT's."""
        return {
            name: value
            for name, value in self.model_dump().items()
            if name not in _SELDOM or value != type(self).model_fields[name].default
        }

    def num_parameters(self) -> int:
        """Parameters of encoder and pooler (no heads)."""
        h, i = self.hidden_size, self.intermediate_size
        embeddings = (self.vocab_size + self.max_position_embeddings + self.type_vocab_size + 2) * h
        layer = 4 * (h * h + h) + (h * i + i) + (i * h + h) + 4 * h
        return embeddings + self.num_hidden_layers * layer + h * h + h

    def num_pretraining_parameters(self) -> int:
        """Parameters with both pre-training heads: transform, its norm, output bias, next sentence.

        Left-to-right those of the pooler and of next sentence are counted too, though they learn nothing.
        """
        h = self.hidden_size
        decoder = 0 if self.tie_word_embeddings else self.vocab_size * h
        return self.num_parameters() + (h * h + h) + 2 * h + self.vocab_size + decoder + 2 * h + 2


_TENSORFLOW_NAMES = {"gelu": "gelu_pytorch_tanh", "": "linear"}


def _as_key(value: object) -> str:
    """A name for a look-up: null and "" both mean the identity in ``modeling.py``."""
    return "" if value is None else str(value)


def problems(error: ValidationError, cls: type[BertConfig]) -> list[str]:
    """One sentence for each thing pydantic found wrong with a ``cls``: ``field: expected X, got Y``."""
    return [_sentence(detail, cls) for detail in error.errors()]


def _sentence(detail: Any, cls: type[BertConfig]) -> str:
    name = ".".join(map(str, detail["loc"]))
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    if detail["type"] == "extra_forbidden":
        return f"{name}: no such field{did_you_mean(name, cls.model_fields)}"
    title = next((m.title for m in _metadata(name, cls) if getattr(m, "title", None)), detail["msg"])
    return _wrong(name, str(title), detail["input"])


def _metadata(name: str, cls: type[BertConfig]) -> list[Any]:
    field = cls.model_fields[name]
    return [field, *field.metadata]


def _wrong(name: str, expected: str, got: object) -> str:
    return f"{name}: expected {expected}, got {quote(got)}"


def _missing(name: str, values: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, [key for key in values if key not in BertConfig.model_fields], n=1)
    return f"{name}: missing" + (f" (is {quote(near[0])} meant?)" if near else "")
