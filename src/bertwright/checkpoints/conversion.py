"""Weights under foreign names into ours, and back.

Nothing is dropped in silence: a tensor that belongs to the encoder or to a head of ours but is not in the
table is an error; one of another head is reported; a part that is absent is reported; a part of which only
some tensors are there is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from bertwright.checkpoints.names import Name, names_of
from bertwright.checkpoints.places import Place, Take, copied
from bertwright.checkpoints.tensor_file import require_finite
from bertwright.checkpoints.tensor_files import take_from
from bertwright.errors import ModelError, listed, shown_path
from bertwright.execution.threads import computing_with
from bertwright.model.config import BertConfig

Read = Callable[[str], Tensor]

_DECODER = "cls.predictions.decoder."
_ROOMS = ("bert.", "cls.")
_BARE_ROOMS = ("embeddings.", "encoder.", "pooler.")
_TWINS = {"weight": "bert.embeddings.word_embeddings.weight", "bias": "cls.predictions.bias"}
"""What the decoder's tensors are when they are tied."""
_BUFFERS = ("bert.embeddings.position_ids", "bert.embeddings.token_type_ids")
_COUNTERS = ("global_step", "beta1_power", "beta2_power")
"""What optimizers of TensorFlow 1 keep beside the moments of each variable."""
_SHOWN = 5


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
    slots: tuple[str, ...] = ()
    """What an optimizer kept (moments, averages, step counters): no part of a model, and left in the file."""


def from_hugging_face(
    tensors: Mapping[str, Tensor],
    config: BertConfig,
    source: str | Path,
    *,
    allow_nonfinite: bool,
    prefix: str = "bert.",
) -> Weights:
    """Parameters from a Hugging Face state dict: with or without ``bert.``, gamma/beta or weight/bias.

    Args:
        tensors: a :class:`~bertwright.checkpoints.tensor_files.TensorFiles` reads each tensor straight to its
            place; of anything else the numbers are copied.
        allow_nonfinite: accept weights that are NaN or infinite.
        prefix: of the encoder's tensors, where they have one.

    Raises:
        ModelError: missing or unknown tensors (five named, all counted), a shape that does not fit the
            configuration, a decoder that contradicts the word embeddings it is tied to, two names of one
            tensor, numbers that are not finite.
    """
    found = _renamed(tensors, prefix, source)
    for buffer in _BUFFERS:
        found.pop(buffer, None)
    unused = _settle_decoder(found, tensors, config, source)
    _require_layers(config, len(found), source)
    num_labels = _outputs(tensors.__getitem__, found.get("classifier.weight"))
    names = names_of(config, num_labels, spans="qa_outputs.weight" in found)
    known = {theirs for name in names for theirs in name.hugging_face}
    unknown = [name for name in found if name not in known]
    misplaced = [name for name in unknown if name.startswith(_ROOMS)]
    if misplaced:
        _refuse(source, "tensors that this network does not have", misplaced)
    read = take_from(tensors, source)
    weights, nonfinite = _collect(
        names, lambda name: name.hugging_face, set(found), lambda name, out: read(found[name], out), source
    )
    if nonfinite and not allow_nonfinite:
        require_finite({name: tensors[name].to(torch.float32) for name in nonfinite}, source)
    return replace(weights, ignored=(*unknown, *unused))


def from_tensorflow(
    available: Iterable[str],
    read: Read,
    config: BertConfig,
    source: str | Path,
    *,
    allow_nonfinite: bool,
) -> Weights:
    """Parameters from a TensorFlow 1 checkpoint; optimizer slots and step counter stay where they are.

    Args:
        available: names in the checkpoint.
        read: gives the tensor of a name.
        allow_nonfinite: accept weights that are NaN or infinite.

    Raises:
        ModelError: as :func:`from_hugging_face`.
    """
    stored = set(available)
    _require_layers(config, len(stored), source)
    num_labels = _outputs(read, "output_weights" if "output_weights" in stored else None)
    names = names_of(config, num_labels, spans="cls/squad/output_weights" in stored)
    known = {theirs for name in names for theirs in name.tensorflow}
    slots = {name for name in stored - known if _is_slot(name, known)}
    present = stored - slots
    unknown = sorted(present - known)
    misplaced = [name for name in unknown if name.startswith(("bert/", "cls/"))]
    if misplaced:
        _refuse(source, "tensors that this network does not have", misplaced)

    def oriented(name: str) -> Tensor:
        tensor = read(name)
        return tensor.permute(tuple(reversed(range(tensor.ndim)))) if name.endswith("/kernel") else tensor

    take = copied(oriented, source)
    weights, nonfinite = _collect(names, lambda name: name.tensorflow, present, take, source)
    if nonfinite and not allow_nonfinite:
        require_finite({name: read(name).to(torch.float32) for name in nonfinite}, source)
    places = {
        ours: tuple(
            replace(place, shape=place.shape[::-1]) if place.name.endswith("/kernel") else place
            for place in stored
        )
        for ours, stored in weights.places.items()
    }
    return replace(weights, ignored=tuple(unknown), slots=tuple(sorted(slots)), places=places)


def to_hugging_face(
    tensors: Mapping[str, Tensor], config: BertConfig, *, prefix: bool = True
) -> dict[str, Tensor]:
    """Hugging Face's names for ``tensors`` under ours; ``prefix=False`` for a bare encoder (``BertModel``).

    Raises:
        KeyError: a name outside the table.
    """
    pieces = _pieces(tensors, config, lambda name: name.hugging_face)
    result = {name if prefix else name.removeprefix("bert."): piece for name, piece in pieces}
    if _DECODER + "weight" in result:  # there an untied decoder reads a bias of its own
        result[_DECODER + "bias"] = result[_TWINS["bias"]]
    return result


def to_tensorflow(tensors: Mapping[str, Tensor], config: BertConfig) -> dict[str, Tensor]:
    """The original's names for ``tensors`` under ours; kernels are transposed views, nothing is copied.

    Raises:
        KeyError: a name outside the table.
    """
    pieces = _pieces(tensors, config, lambda name: name.tensorflow)
    return {name: piece.t() if name.endswith("/kernel") else piece for name, piece in pieces}


def _pieces(
    tensors: Mapping[str, Tensor], config: BertConfig, theirs: Callable[[Name], tuple[str, ...]]
) -> Iterator[tuple[str, Tensor]]:
    """Each tensor cut into what it is elsewhere, with the names there."""
    head = tensors.get("head.output.weight")
    num_labels, spans = None if head is None else head.shape[0], "span_head.output.weight" in tensors
    table = {name.ours: name for name in names_of(config, num_labels, spans=spans)}
    for key, tensor in tensors.items():
        items = theirs(table[key])
        yield from zip(items, tensor.chunk(len(items)), strict=True)


def _is_slot(name: str, known: set[str]) -> bool:
    """Whether an optimizer keeps a tensor of this name: a counter, or something below a variable's name
    (``adam_m`` of the original, ``Adam_1`` of TensorFlow's own, either below ``part_0`` of a partition)."""
    parts = name.split("/")
    return parts[-1] in _COUNTERS or any("/".join(parts[:end]) in known for end in range(1, len(parts)))


def _renamed(tensors: Mapping[str, Tensor], prefix: str, source: str | Path) -> dict[str, str]:
    """Canonical names, of which none may come twice, to those that are stored."""
    names: dict[str, str] = {}
    for name in tensors:
        first = names.setdefault(_canonical(name, prefix), name)
        if first != name:
            raise ModelError.at(source, "a single name", f"also {name}", field=f"tensor {first}")
    return names


def _canonical(name: str, prefix: str) -> str:
    if name.startswith(prefix):
        name = "bert." + name.removeprefix(prefix)
    name = name.replace(".gamma", ".weight").replace(".beta", ".bias")
    return "bert." + name if name.startswith(_BARE_ROOMS) else name


def _settle_decoder(
    found: dict[str, str], tensors: Mapping[str, Tensor], config: BertConfig, source: str | Path
) -> tuple[str, ...]:
    """Leave one name for the output's weights and one for its bias; gives what is stored and not used.

    Some store the decoder (the word embeddings) and its bias (the output bias) again: they must agree. A
    decoder that is not tied has weights of its own, and then its own bias is the one that counts.
    """
    unused = []
    for kind, twin in _TWINS.items():
        name = _DECODER + kind
        if name not in found or (kind == "weight" and not config.tie_word_embeddings):
            continue
        copy, other = found.pop(name), found.get(twin)
        differ = other is not None and not torch.equal(tensors[copy], tensors[other])
        if differ and config.tie_word_embeddings:
            expected = f"{name} equal to {twin} (they are tied)"
            hint = "where they are not, config.json says tie_word_embeddings false"
            raise ModelError.at(source, expected, "other numbers", hint=hint)
        if differ and other is not None:
            unused.append(other)
        found[twin] = copy
    return tuple(unused)


def _require_layers(config: BertConfig, stored: int, source: str | Path) -> None:
    """Refuse far too many layers before a table of all their names is made."""
    if config.num_hidden_layers > stored:
        expected = f"the tensors of {config.num_hidden_layers:,} layers (num_hidden_layers)"
        raise ModelError.at(source, expected, f"{stored:,} tensors")


def _outputs(read: Read, name: str | None) -> int | None:
    """Outputs of a classifier, by the tensor ``name``; what does not fit is refused by its shape later."""
    if name is None:
        return None
    shape = read(name).shape
    return max(1, shape[0]) if shape else 1


def _collect(
    names: list[Name],
    theirs: Callable[[Name], tuple[str, ...]],
    available: set[str],
    take: Take,
    source: str | Path,
) -> tuple[Weights, list[str]]:
    """All parameters of the parts that are there, and the stored tensors that are not finite."""
    parts = {name.part for name in names if any(item in available for item in theirs(name))} | {"encoder"}
    missing = [item for name in names if name.part in parts for item in theirs(name) if item not in available]
    if missing:
        _refuse(source, "missing tensors", missing)
    tensors, places, nonfinite = {}, {}, []
    for name in names:
        if name.part in parts:
            items = theirs(name)
            tensors[name.ours] = torch.empty(name.shape)
            with computing_with(1):
                taken = [
                    take(item, part)
                    for item, part in zip(items, tensors[name.ours].chunk(len(items)), strict=True)
                ]
            places[name.ours] = tuple(place for place, _ in taken)
            nonfinite += [place.name for place, finite in taken if not finite]
    return Weights(tensors, frozenset(parts), (), places), nonfinite


def _refuse(source: str | Path, what: str, items: list[str]) -> None:
    shown = listed([item[:60] for item in items], _SHOWN)
    raise ModelError(f"{shown_path(source)}: {what}: {len(items)} ({shown})")
