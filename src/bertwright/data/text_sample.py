"""Some documents of a corpus, chosen by their digests: the same ones however it is cut into chunks."""

from __future__ import annotations

from dataclasses import dataclass, field

LEAST = 2
"""Documents that a sample has at least: a random next sentence comes from another one."""
LONGEST = 4 << 20
"""Characters of a document of which only the beginning is kept."""

Lines = tuple[str, ...]


@dataclass
class TextSample:
    """One document in so many, those with small digests; of few documents the :data:`LEAST` smallest."""

    one_in: int
    _chosen: list[Lines] = field(default_factory=list)
    _spare: list[tuple[int, Lines]] = field(default_factory=list)
    """(digest, lines) of the next ones, the smallest first, for as long as they may be needed."""

    def offer(self, digest: int, lines: Lines) -> None:
        """Keep a document, if it is one to be kept.

        Args:
            digest: 64 bits that go by its text.
        """
        if digest < (1 << 64) // self.one_in:
            self._chosen.append(_beginning(lines))
        elif len(self._chosen) < LEAST and (len(self._spare) < LEAST or digest < self._spare[-1][0]):
            self._keep_spare([*self._spare, (digest, _beginning(lines))])

    def add(self, other: TextSample) -> None:
        """Add the sample of the text that follows."""
        self._chosen += other._chosen
        self._keep_spare(self._spare + other._spare)

    @property
    def documents(self) -> list[Lines]:
        """Their lines."""
        missing = max(0, LEAST - len(self._chosen))
        return self._chosen + [lines for _, lines in self._spare[:missing]]

    @property
    def characters(self) -> int:
        """Of all that is kept."""
        return sum(len(line) for lines in self.documents for line in lines)

    def _keep_spare(self, documents: list[tuple[int, Lines]]) -> None:
        self._spare = sorted(documents, key=lambda document: document[0])[:LEAST]


def _beginning(lines: Lines) -> Lines:
    """As many lines as :data:`LONGEST` characters have room for, and at least one."""
    room = LONGEST
    for number, line in enumerate(lines):
        room -= len(line)
        if room < 0:
            return lines[: max(1, number)]
    return lines
