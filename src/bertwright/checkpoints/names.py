"""What each parameter is called here, in Hugging Face folders and in TensorFlow 1 checkpoints: one table.

Differences beyond names: our one query-key-value matrix is three matrices elsewhere, stacked here along its
first axis; TensorFlow stores ``kernel`` as (inputs, outputs), the transpose of ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from bertwright.model.config import BertConfig

ENCODER = "encoder."
"""Prefix of the encoder's parameters inside a model with heads."""


@dataclass(frozen=True)
class Name:
    """One parameter of ours and what it is elsewhere."""

    ours: str
    """As in ``BertForPreTraining.state_dict()`` and that of every ``TaskModel``."""
    hugging_face: tuple[str, ...]
    """More than one: stacked along the first axis."""
    tensorflow: tuple[str, ...]
    """None for what the original does not have."""
    shape: tuple[int, ...]
    """Of ours."""

    @property
    def part(self) -> str:
        """Which part of a model it belongs to: ``encoder``, ``pooler``, or a head by its module's name."""
        first, second = self.ours.split(".")[:2]
        return "pooler" if second == "pooler" else first


def names_of(config: BertConfig, num_labels: int | None = None, *, spans: bool = False) -> list[Name]:
    """The table for ``config``: encoder, pooler, pre-training heads; a classifier of rows, tokens or choices
    (all have one name) with ``num_labels``; the head of answers with ``spans``."""
    names = _embeddings(config)
    for layer in range(config.num_hidden_layers):
        names += _layer(config, layer)
    names += _heads(config)
    if spans:
        ours, theirs, shape = "span_head.output.", "qa_outputs.", (2, config.hidden_size)
        names.append(Name(f"{ours}weight", (f"{theirs}weight",), ("cls/squad/output_weights",), shape))
        names.append(Name(f"{ours}bias", (f"{theirs}bias",), ("cls/squad/output_bias",), shape[:1]))
    if num_labels is not None:
        shape = (num_labels, config.hidden_size)
        names.append(Name("head.output.weight", ("classifier.weight",), ("output_weights",), shape))
        names.append(Name("head.output.bias", ("classifier.bias",), ("output_bias",), shape[:1]))
    return names


def _embeddings(config: BertConfig) -> list[Name]:
    ours, theirs, tensorflow = "encoder.embeddings.", "bert.embeddings.", "bert/embeddings/"
    rows = {
        "word_embeddings": config.vocab_size,
        "position_embeddings": config.max_position_embeddings,
        "token_type_embeddings": config.type_vocab_size,
    }
    tables = [
        Name(
            f"{ours}{name}.weight",
            (f"{theirs}{name}.weight",),
            (tensorflow + name,),
            (count, config.hidden_size),
        )
        for name, count in rows.items()
    ]
    return tables + _norm(f"{ours}layer_norm", f"{theirs}LayerNorm", config.hidden_size)


def _layer(config: BertConfig, layer: int) -> list[Name]:
    ours, theirs = f"encoder.layers.{layer}.", f"bert.encoder.layer.{layer}."
    hidden, inner = config.hidden_size, config.intermediate_size
    self_attention = tuple(f"{theirs}attention.self.{role}" for role in ("query", "key", "value"))
    return [
        *_dense(f"{ours}attention.query_key_value", self_attention, (3 * hidden, hidden)),
        *_dense(f"{ours}attention.output", (f"{theirs}attention.output.dense",), (hidden, hidden)),
        *_norm(f"{ours}attention_layer_norm", f"{theirs}attention.output.LayerNorm", hidden),
        *_dense(f"{ours}intermediate", (f"{theirs}intermediate.dense",), (inner, hidden)),
        *_dense(f"{ours}output", (f"{theirs}output.dense",), (hidden, inner)),
        *_norm(f"{ours}output_layer_norm", f"{theirs}output.LayerNorm", hidden),
    ]


def _heads(config: BertConfig) -> list[Name]:
    hidden = config.hidden_size
    ours, theirs, tensorflow = "masked_language_head.", "cls.predictions.", "cls/predictions/"
    decoder = Name(f"{ours}decoder", (f"{theirs}decoder.weight",), (), (config.vocab_size, hidden))
    pair = ("next_sentence_head.output.", "cls.seq_relationship.", "cls/seq_relationship/")
    return [
        *_dense("encoder.pooler.dense", ("bert.pooler.dense",), (hidden, hidden)),
        *_dense(f"{ours}transform", (f"{theirs}transform.dense",), (hidden, hidden)),
        *_norm(f"{ours}layer_norm", f"{theirs}transform.LayerNorm", hidden),
        Name(f"{ours}bias", (f"{theirs}bias",), (f"{tensorflow}output_bias",), (config.vocab_size,)),
        Name(f"{pair[0]}weight", (f"{pair[1]}weight",), (f"{pair[2]}output_weights",), (2, hidden)),
        Name(f"{pair[0]}bias", (f"{pair[1]}bias",), (f"{pair[2]}output_bias",), (2,)),
        *([] if config.tie_word_embeddings else [decoder]),
    ]


def _dense(ours: str, theirs: tuple[str, ...], shape: tuple[int, int]) -> list[Name]:
    tensorflow = [_tensorflow(name) for name in theirs]
    weight = tuple(f"{name}.weight" for name in theirs)
    bias = tuple(f"{name}.bias" for name in theirs)
    return [
        Name(f"{ours}.weight", weight, tuple(f"{name}/kernel" for name in tensorflow), shape),
        Name(f"{ours}.bias", bias, tuple(f"{name}/bias" for name in tensorflow), shape[:1]),
    ]


def _norm(ours: str, theirs: str, width: int) -> list[Name]:
    tensorflow = _tensorflow(theirs)
    return [
        Name(f"{ours}.weight", (f"{theirs}.weight",), (f"{tensorflow}/gamma",), (width,)),
        Name(f"{ours}.bias", (f"{theirs}.bias",), (f"{tensorflow}/beta",), (width,)),
    ]


def _tensorflow(name: str) -> str:
    """``bert.encoder.layer.0.output.dense`` is ``bert/encoder/layer_0/output/dense`` there."""
    return name.replace(".layer.", ".layer_").replace(".", "/")
