"""What was met while documents became ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field


@dataclass
class Counts:
    """What was met; counts of several parts add up."""

    documents: int = 0
    sentences: int = 0
    tokens: int = 0
    bytes: int = 0
    """UTF-8 bytes of the sentences."""
    unknown_tokens: int = 0
    cut_sentences: int = 0
    single_sentence_documents: int = 0
    unknown_documents: int = 0
    """Documents of nothing but [UNK]; ``unknown_at`` says where the first of them are."""
    unknown_at: list[str] = field(default_factory=list)

    @classmethod
    def total(cls, parts: Iterable[Counts]) -> Counts:
        """Of all ``parts``, in their order."""
        counts = cls()
        for part in parts:
            counts.add(part)
        return counts

    def figures(self) -> dict[str, int]:
        """The numbers by name, without the places, which are paths as somebody typed them."""
        return {name: value for name, value in asdict(self).items() if name != "unknown_at"}

    def add(self, other: Counts) -> None:
        """Add ``other``, which comes after."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        del self.unknown_at[3:]
