"""Networks whose code is BERT's under another name: read as BERTs where that is exact, else refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertwright.errors import ModelError
from bertwright.model.foreign_config import stated_architecture

_ALL_HEADS = (
    "ForPreTraining",
    "ForMaskedLM",
    "ForNextSentencePrediction",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
    "ForMultipleChoice",
)


@dataclass(frozen=True)
class Relative:
    """One ``model_type``."""

    name: str
    """As its classes begin."""
    prefix: str
    """Of the encoder's tensors."""
    same: tuple[str, ...]
    """Classes whose output layer is BERT's."""
    other: tuple[str, ...] = ()
    """Classes of which only the encoder is BERT's: the rest is left behind, and said."""


RELATIVES: Mapping[str, Relative] = {
    "electra": Relative(
        "Electra",
        "electra.",
        same=("Model", "ForTokenClassification", "ForQuestionAnswering"),
        other=("ForPreTraining", "ForMaskedLM", "ForSequenceClassification"),
    ),
    "ernie": Relative("Ernie", "ernie.", same=("Model", *_ALL_HEADS)),
}
"""ELECTRA without a factorized embedding, ERNIE without task ids (transformers' ``modeling_electra.py`` and
``modeling_ernie.py``)."""

_EMBEDDING_SIZE = 128  # transformers' default for ELECTRA


def as_bert(values: Any, source: str | Path) -> tuple[Any, str, list[str]]:
    """``config.json`` of a relative as a BERT would have it; anything else comes back as it is.

    Returns:
        The values, the prefix of the encoder's tensors, and what is to be said of it.

    Raises:
        ModelError: a relative of a shape or with a head that is not BERT's.
    """
    kind = values.get("model_type") if isinstance(values, Mapping) else None
    relative = RELATIVES.get(kind) if isinstance(kind, str) else None
    if relative is None:
        return values, "bert.", []
    if kind == "electra" and values.get("embedding_size", _EMBEDDING_SIZE) != values.get("hidden_size"):
        expected = "hidden_size (a factorized embedding is not BERT's)"
        raise ModelError.at(source, expected, values.get("embedding_size"), field="embedding_size")
    if kind == "ernie" and values.get("use_task_id", False) is not False:
        raise ModelError.at(
            source, "false (task ids are not BERT's)", values["use_task_id"], field="use_task_id"
        )
    changed = {**values, "model_type": "bert"}
    changed.pop("architectures", None)
    architecture = _architecture(values, relative, source)
    notes = [f"model_type {kind}: the encoder is BERT's, and is read as one"]
    if architecture in relative.other:
        notes.append(f"{relative.name}{architecture}: its head is not BERT's, and is left behind")
    elif architecture is not None:
        changed["architectures"] = [f"Bert{architecture}"]
    return changed, relative.prefix, notes


def _architecture(values: Mapping[str, Any], relative: Relative, source: str | Path) -> str | None:
    """The class without the name of the network; None where nothing is said."""
    stated = stated_architecture(values, source)
    if stated is None:
        return None
    known = {relative.name + kind: kind for kind in (*relative.same, *relative.other)}
    if stated not in known:
        raise ModelError.at(source, f"one of {', '.join(known)}", stated, field="architectures")
    return known[stated]
