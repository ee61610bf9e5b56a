"""What was seen inside a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bertwright.looking.maps import TextMaps
from bertwright.looking.measures import HeadMeasure
from bertwright.looking.neighbours import Neighbour
from bertwright.looking.words import WordLayers


@dataclass(frozen=True)
class Look:
    """Attention, heads, and words in context."""

    texts: tuple[TextMaps, ...]
    """Every text that was given, in order."""
    heads: tuple[HeadMeasure, ...]
    """Measured on the file, or on the texts where there is none."""
    measured_rows: int
    """Texts that the heads were measured on."""
    words: WordLayers | None
    """None where no word was asked about."""
    neighbours: tuple[tuple[tuple[Neighbour, ...], ...], ...]
    """For each occurrence of a word, for each of L + 1 layers: the nearest first. Empty without a file."""
    remarks: tuple[str, ...]
    """What had to be cut or passed over, a sentence each."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; attention and vectors, which are large, are left out."""
        rows = [found.row for found in self.texts]
        words = None if self.words is None else self.words.to_dict(rows)
        if words is not None:
            words["neighbours"] = [
                [[near.to_dict() for near in layer] for layer in layers] for layers in self.neighbours
            ]
        return {
            "texts": [
                {
                    "tokens": row.tokens,
                    "offsets": [None if span is None else list(span) for span in row.offsets],
                    "segments": row.token_type_ids,
                    "truncated": row.truncated,
                }
                for row in rows
            ],
            "heads": {measure.name: measure.to_dict() for measure in self.heads},
            "measured_rows": self.measured_rows,
            "words": words,
            "remarks": list(self.remarks),
        }
