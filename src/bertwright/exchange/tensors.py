"""What became of every tensor: absent, left behind, turned, or stored with another precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.checkpoints.names import names_of
from bertwright.checkpoints.places import Place


@dataclass(frozen=True)
class Change:
    """A tensor whose stored form differs in the result."""

    name: str
    """In the source."""
    before: str
    after: str


@dataclass(frozen=True)
class TensorReport:
    """The four things that can happen to a tensor besides being carried over."""

    missing: tuple[str, ...]
    """Of a pre-trained BERT (encoder, pooler, both heads), absent in the source: absent in the result, too.
    Hugging Face's names."""
    unexpected: tuple[str, ...]
    """In the source, and of no part that a BERT has (other heads, what an optimizer kept): left behind."""
    reshaped: tuple[Change, ...]
    retyped: tuple[Change, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "missing": list(self.missing),
            "unexpected": list(self.unexpected),
            "reshaped": [vars(change) for change in self.reshaped],
            "retyped": [vars(change) for change in self.retyped],
        }


def compare_tensors(folder: ModelFolder, result: Mapping[str, tuple[Place, ...]] | None) -> TensorReport:
    """The source's tensors beside those of the result (None: the result has no names to compare)."""
    weights = folder.weights
    missing = [
        item
        for name in names_of(folder.config)
        if name.ours not in weights.tensors
        for item in name.hugging_face
    ]
    pairs = [
        (before, after)
        for ours, places in weights.places.items()
        for before, after in zip(places, (result or {}).get(ours, ()), strict=False)
    ]
    return TensorReport(
        tuple(missing),
        weights.ignored + weights.slots,
        tuple(
            Change(before.name, _shape(before), _shape(after))
            for before, after in pairs
            if before.shape != after.shape
        ),
        tuple(
            Change(before.name, _type(before), _type(after))
            for before, after in pairs
            if before.dtype is not after.dtype
        ),
    )


def _shape(place: Place) -> str:
    return " x ".join(map(str, place.shape))


def _type(place: Place) -> str:
    return str(place.dtype).removeprefix("torch.")
