"""One flat axis of tokens over memory that lies in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bertwright.data.shards import Bits, Ids, Offsets, Segment


@dataclass(frozen=True)
class TokenAxis:
    """Offsets of documents and sentences on the flat axis, and the segments that the axis lies on.

    For a selection of documents ``starts`` (D,) is where each begins on the flat axis, and ``origins`` (D,)
    where it begins on the axis of all segments together.
    """

    segments: tuple[Segment, ...]
    bounds: Offsets
    document_offsets: Offsets
    sentence_offsets: Offsets
    origins: Offsets | None = None
    starts: Offsets | None = None

    @classmethod
    def whole(cls, segments: Sequence[Segment]) -> TokenAxis:
        """All documents of ``segments``."""
        return cls(
            tuple(segments),
            cumulated(len(segment.ids) for segment in segments),
            _chained([segment.document_offsets for segment in segments]),
            _chained([segment.sentence_offsets for segment in segments]),
        )

    def tokens(self, start: int, stop: int) -> Ids:
        """A view of the flat range [start, stop), which lies within one document."""
        segment, place = self._place(start)
        return segment.ids[place : place + stop - start]

    def word_starts(self, start: int, stop: int) -> npt.NDArray[np.bool_] | None:
        """Whether a word begins at each token of the same range, a copy; None where no words were found."""
        segment, place = self._place(start)
        if segment.word_starts is None:
            return None
        end = place + stop - start
        bits = segment.word_starts[place >> 3 : -(-end >> 3)]
        return np.unpackbits(bits, bitorder="little")[place & 7 :][: stop - start].astype(np.bool_)

    def _place(self, start: int) -> tuple[Segment, int]:
        """The segment of a token, and its place there."""
        if self.origins is not None and self.starts is not None:
            document = int(self.starts.searchsorted(start, side="right")) - 1
            start += int(self.origins[document] - self.starts[document])
        if len(self.segments) == 1:
            return self.segments[0], start
        number = int(self.bounds.searchsorted(start, side="right")) - 1
        return self.segments[number], start - int(self.bounds[number])

    def locate(self, starts: Offsets) -> tuple[Offsets, Offsets]:
        """The segment of each token of the flat axis, and its place there, each (n,)."""
        if self.origins is not None and self.starts is not None:
            documents = self.starts.searchsorted(starts, side="right") - 1
            starts = starts + (self.origins - self.starts)[documents]
        numbers = self.bounds.searchsorted(starts, side="right") - 1
        return numbers, starts - self.bounds[numbers]

    def select(self, documents: npt.NDArray[np.int64]) -> TokenAxis:
        """The documents with these numbers."""
        offsets = self.document_offsets
        first, counts = offsets[documents], np.diff(offsets)[documents]
        document_offsets = cumulated(counts)
        # Sentence numbers of the chosen documents, one after the other.
        chosen = np.repeat(first - document_offsets[:-1], counts) + np.arange(document_offsets[-1])
        sentence_offsets = cumulated(np.diff(self.sentence_offsets)[chosen])
        starts = sentence_offsets[document_offsets[:-1]]
        origins = self.sentence_offsets[first]
        if self.origins is not None:
            origins = self.origins[documents]
        return TokenAxis(self.segments, self.bounds, document_offsets, sentence_offsets, origins, starts)

    def cut(self, sentences: int) -> TokenAxis:
        """The same tokens; of a document each run of ``sentences`` sentences, and the rest, is a document."""
        parts = [np.arange(first, last, sentences) for first, last in pairwise(self.document_offsets)]
        first = np.concatenate(parts)
        cut = replace(self, document_offsets=np.append(first, self.document_offsets[-1]))
        if self.origins is None or self.starts is None:
            return cut
        starts = self.sentence_offsets[first]
        moved = np.repeat(self.origins - self.starts, [len(part) for part in parts])
        return replace(cut, origins=starts + moved, starts=starts)


def cumulated(lengths: Iterable[int]) -> Offsets:
    """Offsets of things of these lengths that lie one after the other: one more than there are lengths."""
    counts = np.fromiter(lengths, dtype=np.int64)
    result = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=result[1:])
    return result


def packed(flags: npt.NDArray[np.bool_]) -> Bits:
    """A bit for each flag, the lowest first: uint8 (ceil(n / 8),)."""
    return np.packbits(flags, bitorder="little")


def _chained(offsets: Sequence[Offsets]) -> Offsets:
    """Offsets of segments one after the other."""
    base, parts = 0, [np.zeros(1, dtype=np.int64)]
    for part in offsets:
        parts.append(part[1:] + base)
        base += int(part[-1])
    return np.concatenate(parts)
