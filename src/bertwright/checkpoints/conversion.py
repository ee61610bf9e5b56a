"""Weights under foreign names into ours, and back.

Nothing is dropped in silence: a tensor that belongs to the encoder or to a head of ours but is not in the
table is an error; one of another head is reported; a part that is absent is reported; a part of which only
some tensors are there is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from bertwright.checkpoints.names import Name, names_of
from bertwright.errors import ModelError, shown_path
from bertwright.model.config import BertConfig

Read = Callable[[str], Tensor]

_DECODER = "cls.predictions.decoder."
_ROOMS = ("bert.", "cls.")
_BARE_ROOMS = ("embeddings.", "encoder.", "pooler.")
_BUFFERS = ("bert.embeddings.position_ids", "bert.embeddings.token_type_ids")
_OPTIMIZER = ("/adam_m", "/adam_v", "global_step")
_SHOWN = 5


@dataclass(frozen=True)
class Place:
    """One tensor as a file stores it."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Weights:
    """Parameters under our names, float32, and what the file held or lacked besides."""

    tensors: dict[str, Tensor]
    parts: frozenset[str]
    """What is there: ``encoder``, ``pooler``, ``masked_language_head``, ``next_sentence_head``, ``head``,
    ``span_head``."""
    ignored: tuple[str, ...]
    """Tensors of heads that are not ours."""
    places: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)
    """Our name -> the tensors that it was read from."""


def from_hugging_face(tensors: Mapping[str, Tensor], config: BertConfig, source: str | Path) -> Weights:
    """Parameters from a Hugging Face state dict: with or without ``bert.``, gamma/beta or weight/bias.

    Raises:
        ModelError: missing or unknown tensors (five named, all counted), a shape that does not fit the
            configuration, a decoder that contradicts the word embeddings it is tied to, two names of one
            tensor.
    """
    found = _renamed(tensors, source)
    for buffer in _BUFFERS:
        found.pop(buffer, None)
    _check_tied(found, source)
    classes = found.get("classifier.weight")
    num_labels = classes.shape[0] if classes is not None and classes.dim() == 2 else None
    names = names_of(config, num_labels, spans="qa_outputs.weight" in found)
    known = {theirs for name in names for theirs in name.hugging_face}
    unknown = [name for name in found if name not in known]
    misplaced = [name for name in unknown if name.startswith(_ROOMS)]
    if misplaced:
        _refuse(source, "tensors that this network does not have", misplaced)
    weights = _collect(names, lambda name: name.hugging_face, set(found), found.__getitem__, source)
    return replace(weights, ignored=tuple(unknown))


def from_tensorflow(available: Iterable[str], read: Read, config: BertConfig, source: str | Path) -> Weights:
    """Parameters from a TensorFlow 1 checkpoint; optimizer slots and step counter stay where they are.

    Args:
        available: names in the checkpoint.
        read: gives the tensor of a name.

    Raises:
        ModelError: as :func:`from_hugging_face`.
    """
    present = [name for name in available if not name.endswith(_OPTIMIZER)]
    num_labels = read("output_weights").shape[0] if "output_weights" in present else None
    names = names_of(config, num_labels, spans="cls/squad/output_weights" in present)
    known = {theirs for name in names for theirs in name.tensorflow}
    unknown = [name for name in present if name not in known]
    misplaced = [name for name in unknown if name.startswith(("bert/", "cls/"))]
    if misplaced:
        _refuse(source, "tensors that this network does not have", misplaced)

    def oriented(name: str) -> Tensor:
        return read(name).t() if name.endswith("/kernel") else read(name)

    weights = _collect(names, lambda name: name.tensorflow, set(present), oriented, source)
    places = {
        ours: tuple(
            replace(place, shape=place.shape[::-1]) if place.name.endswith("/kernel") else place
            for place in stored
        )
        for ours, stored in weights.places.items()
    }
    return replace(weights, ignored=tuple(unknown), places=places)


def to_hugging_face(
    tensors: Mapping[str, Tensor], config: BertConfig, *, prefix: bool = True
) -> dict[str, Tensor]:
    """Hugging Face's names for ``tensors`` under ours; ``prefix=False`` for a bare encoder (``BertModel``).

    Raises:
        KeyError: a name outside the table.
    """
    head = tensors.get("head.output.weight")
    num_labels, spans = None if head is None else head.shape[0], "span_head.output.weight" in tensors
    table = {name.ours: name for name in names_of(config, num_labels, spans=spans)}
    result = {}
    for key, tensor in tensors.items():
        theirs = table[key].hugging_face
        for name, piece in zip(theirs, tensor.chunk(len(theirs)), strict=True):
            result[name if prefix else name.removeprefix("bert.")] = piece
    return result


def _renamed(tensors: Mapping[str, Tensor], source: str | Path) -> dict[str, Tensor]:
    """All under canonical names, of which none may come twice."""
    names: dict[str, str] = {}
    for name in tensors:
        first = names.setdefault(_canonical(name), name)
        if first != name:
            raise ModelError.at(source, "a single name", f"also {name}", field=f"tensor {first}")
    return {canonical: tensors[name] for canonical, name in names.items()}


def _canonical(name: str) -> str:
    name = name.replace(".gamma", ".weight").replace(".beta", ".bias")
    return "bert." + name if name.startswith(_BARE_ROOMS) else name


def _check_tied(found: dict[str, Tensor], source: str | Path) -> None:
    """Some store the decoder (the word embeddings) and its bias (the output bias) again: they must agree."""
    pairs = {"weight": "bert.embeddings.word_embeddings.weight", "bias": "cls.predictions.bias"}
    for kind, twin in pairs.items():
        copy = found.pop(_DECODER + kind, None)
        if copy is None:
            continue
        if twin in found and not torch.equal(copy, found[twin]):
            raise ModelError.at(source, f"{_DECODER}{kind} equal to {twin} (they are tied)", "other numbers")
        found.setdefault(twin, copy)


def _collect(
    names: list[Name],
    theirs: Callable[[Name], tuple[str, ...]],
    available: set[str],
    read: Read,
    source: str | Path,
) -> Weights:
    parts = {name.part for name in names if any(item in available for item in theirs(name))} | {"encoder"}
    missing = [item for name in names if name.part in parts for item in theirs(name) if item not in available]
    if missing:
        _refuse(source, "missing tensors", missing)
    tensors, places = {}, {}
    for name in names:
        if name.part in parts:
            pieces = {item: read(item) for item in theirs(name)}
            tensors[name.ours] = _joined(name, list(pieces.values()), theirs(name), source)
            places[name.ours] = tuple(Place(item, p.dtype, tuple(p.shape)) for item, p in pieces.items())
    return Weights(tensors, frozenset(parts), (), places)


def _joined(name: Name, pieces: list[Tensor], items: tuple[str, ...], source: str | Path) -> Tensor:
    expected = (name.shape[0] // len(pieces), *name.shape[1:])
    for item, piece in zip(items, pieces, strict=True):
        if tuple(piece.shape) != expected:
            raise ModelError.at(source, f"shape {expected}", str(tuple(piece.shape)), field=f"tensor {item}")
        if not piece.is_floating_point():
            raise ModelError.at(source, "floating-point numbers", str(piece.dtype), field=f"tensor {item}")
    joined = pieces[0] if len(pieces) == 1 else torch.cat(pieces)
    return joined.to(torch.float32).contiguous()


def _refuse(source: str | Path, what: str, items: list[str]) -> None:
    shown = ", ".join(item[:60] for item in items[:_SHOWN]) + (", …" if len(items) > _SHOWN else "")
    raise ModelError(f"{shown_path(source)}: {what}: {len(items)} ({shown})")
