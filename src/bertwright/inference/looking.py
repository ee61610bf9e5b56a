"""Looking inside a model: attention, heads, and words in their contexts."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bertwright.errors import InputError, ModelError, TableError, UsageError, quote
from bertwright.features.piece_rows import GivenWords, PieceRow, piece_row
from bertwright.inference.embedding import sequence_length
from bertwright.inference.feature_rows import read_rows
from bertwright.inference.model import Model, load
from bertwright.looking.look import Look
from bertwright.looking.maps import text_maps
from bertwright.looking.measures import HeadWatcher
from bertwright.looking.neighbours import Neighbour, NeighbourWatcher
from bertwright.looking.passing import Watcher, pass_through
from bertwright.looking.words import Occurrence, find_word, word_layers
from bertwright.model.encoder import BertEncoder
from bertwright.progress import Progress, Silent

NEIGHBOURS = 5
MOST_OCCURRENCES = 12
"""Of words that are asked about: more cannot be compared with each other on one page."""

_BLOCK = 256  # rows of a file that are held at once

Texts = str | tuple[str, str]
"""A text or a pair of texts."""


def look(
    model: Model | str | Path,
    texts: Sequence[Texts] = (),
    *,
    words: Sequence[str] = (),
    file: str | Path | None = None,
    text: str | None = None,
    text_pair: str | None = None,
    neighbours: int = NEIGHBOURS,
    max_length: int | None = None,
    progress: Progress | None = None,
) -> Look:
    """What goes on inside ``model`` when it reads.

    With N heads in each of L layers, hidden size H, and S pieces of a text ([CLS] and [SEP] included), the
    answer holds for every text ``attention`` float32 (L, N, S, S) and ``hidden_states`` float32
    (L + 1, S, H); for every head (L, N) what it looks at; and for n occurrences of the words their
    ``vectors`` float32 (n, L + 1, H), their ``similarity`` (L + 1, n, n) and their nearest neighbours in the
    file.

    Args:
        model: a loaded model, or a model folder.
        texts: texts, and pairs as tuples.
        words: to follow through the layers, wherever they stand in ``texts``; each must stand there.
        file: a text a line, ``A ||| B`` for a pair, or a table: what heads look at is measured on it, and
            neighbours are looked for in it. Without it heads are measured on ``texts``.
        text, text_pair: the table's columns.
        neighbours: how many are looked for.
        max_length: cut texts to so many pieces; None for what the network sees.
        progress: advances by texts.

    Raises:
        ModelError: the model has no attention to look at.
        InputError: a text is empty, a word does not occur, or the file has no text.
        NonFiniteError: the weights give no finite numbers.
    """
    opened = model if isinstance(model, Model) else load(model)
    return _Looking(opened, max_length, progress or Silent()).look(
        texts, words, None if file is None else _Source(Path(file), text, text_pair), neighbours
    )


@dataclass(frozen=True)
class _Source:
    """A file of texts."""

    path: Path
    text: str | None
    text_pair: str | None

    def rows(self) -> Iterator[Texts]:
        for row in read_rows(self.path, self.text, self.text_pair):
            yield " ".join(row.words) if isinstance(row, GivenWords) else row


class _Looking:
    def __init__(self, model: Model, max_length: int | None, progress: Progress) -> None:
        self._encoder = _encoder_of(model)
        self._tokenizer = model.tokenizer
        self._longest = sequence_length(max_length, model.config.max_position_embeddings)
        self._sizes = model.config.num_hidden_layers, model.config.num_attention_heads
        self._watch = progress
        self._remarks: list[str] = []

    def look(
        self, texts: Sequence[Texts], words: Sequence[str], source: _Source | None, neighbours: int
    ) -> Look:
        if isinstance(texts, str):
            raise UsageError(f"texts: expected a list of texts, got the text {quote(texts)}")
        if not texts and source is None:
            raise UsageError("expected texts, or a file of texts, got neither")
        if neighbours < 1:
            raise UsageError(f"neighbours: expected at least 1, got {neighbours}")
        rows = [self._row(text, f"text {number}") for number, text in enumerate(texts, 1)]
        occurrences = self._occurrences(rows, words)
        maps = text_maps(self._encoder, rows)
        heads = HeadWatcher(*self._sizes)
        watchers: list[Watcher] = [heads]
        near = None
        if source is None:
            pass_through(self._encoder, rows, watchers)
            measured = len(rows)
        else:
            if occurrences:
                near = NeighbourWatcher(word_layers(maps, occurrences).vectors)
                watchers.append(near)
            measured = self._survey(source, watchers)
        any_two = None if near is None else near.any_two()
        return Look(
            tuple(maps),
            heads.measures(),
            measured,
            word_layers(maps, occurrences, any_two) if occurrences else None,
            () if near is None or source is None else _in_context(near.nearest(neighbours), source),
            tuple(self._remarks),
        )

    def _row(self, text: Texts, name: str) -> PieceRow:
        parts = [text] if isinstance(text, str) else list(text)
        if not all(isinstance(part, str) for part in parts) or len(parts) not in (1, 2):
            raise InputError(f"{name}: expected a text or a pair of texts, got {quote(text)}")
        for part in parts:
            if not len(self._tokenizer.encode(part)):
                raise InputError(f"{name}: expected at least one word, got {quote(part)}")
        row = piece_row(text, self._tokenizer, self._longest)
        if row.truncated:
            self._remarks.append(f"{name} is longer than {self._longest} pieces and was cut")
        return row

    def _occurrences(self, rows: Sequence[PieceRow], words: Sequence[str]) -> list[Occurrence]:
        """Every place of every word, text by text.

        Raises:
            InputError: a word does not occur.
        """
        if words and not rows:
            raise UsageError("words: expected texts that they stand in, got none")
        found = []
        for word in words:
            ids = self._tokenizer.encode(word).ids
            if not ids or self._tokenizer.vocabulary.unk_id in ids:
                raise InputError(f"word: expected one that the vocabulary can spell, got {quote(word)}")
            places = [
                Occurrence(word, number, *place)
                for number, row in enumerate(rows)
                for place in find_word(row, ids)
            ]
            if not places:
                raise InputError(
                    f"word: expected one that stands in the texts as a whole word, got {quote(word)}"
                    + self._nearest(word, rows)
                )
            found += places
        found.sort(key=lambda place: (place.text, place.start))
        if len(found) > MOST_OCCURRENCES:
            self._remarks.append(
                f"the words stand in {len(found)} places: the first {MOST_OCCURRENCES} are compared"
            )
        return found[:MOST_OCCURRENCES]

    def _nearest(self, word: str, rows: Sequence[PieceRow]) -> str:
        there = [self._tokenizer.decode(row.input_ids[a:b]) for row in rows for a, b in row.whole_words]
        lowered = self._tokenizer.decode(self._tokenizer.encode(word).ids)
        near = difflib.get_close_matches(lowered, there, n=1)
        return f" (did you mean {quote(near[0])}?)" if near else ""

    def _survey(self, source: _Source, watchers: Sequence[Watcher]) -> int:
        """Send the file through the network; how many texts it has.

        Raises:
            TableError: it has none.
        """
        count = sum(1 for _ in source.rows())  # whatever is wrong with the file shows before the work
        self._watch.start("looking", count, "texts")
        iterator, first, empty, cut, short = source.rows(), 0, 0, 0, self._longest
        while block := list(islice(iterator, _BLOCK)):
            rows = [piece_row(row, self._tokenizer, short) for row in block]
            kept = [(number, row) for number, row in enumerate(rows, first) if row.words]
            empty += len(block) - len(kept)
            cut += sum(row.truncated for _, row in kept)
            numbers = [number for number, _ in kept]
            pass_through(
                self._encoder, [row for _, row in kept], watchers, numbers=numbers, progress=self._watch
            )
            first += len(block)
            self._watch.advance(len(block) - len(kept))
        self._watch.finish()
        if first == empty:
            raise TableError.at(source.path, "at least one text", "none")
        if cut:
            self._remarks.append(
                f"{cut:,} of {first:,} texts of the file are longer than {short} pieces and were cut"
            )
        if empty:
            self._remarks.append(
                f"{empty:,} of {first:,} texts of the file have no word and were passed over"
            )
        return first - empty


def _encoder_of(model: Model) -> BertEncoder:
    """The network, where it can be looked into.

    Raises:
        ModelError: it has no attention, or does not give it out.
    """
    encoder = model.encoder
    if not isinstance(encoder, BertEncoder):
        raise ModelError.at(
            model.folder.path,
            "a Transformer with its weights, whose attention can be looked at",
            "a model in ONNX" if hasattr(model.folder, "contents") else "another network",
            hint="look at the model that it was made of",
        )
    return encoder


def _in_context(
    found: tuple[tuple[tuple[Neighbour, ...], ...], ...], source: _Source
) -> tuple[tuple[tuple[Neighbour, ...], ...], ...]:
    """The neighbours with what stands around them; reads the file once more."""
    wanted = {near.row for layers in found for layer in layers for near in layer}
    texts = {
        number: (row,) if isinstance(row, str) else row
        for number, row in enumerate(source.rows())
        if number in wanted
    }
    return tuple(
        tuple(tuple(near.in_context(texts[near.row]) for near in layer) for layer in layers)
        for layers in found
    )
