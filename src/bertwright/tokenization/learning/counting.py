"""A corpus -> its distinct words with their counts: columnar, in parallel, in memory bounded by the
distinct words.

Beside its count a word has a weight. Words come in bursts: a name that one article uses forty times says
little about other texts, and forty articles that use a word once say much. So a word weighs the sum over
passages of the square root of its count there. A passage is a document or, where documents are long, about
20,000 characters of one.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bertwright.corpus import Chunk, Corpus, Document, read_chunk, split_work
from bertwright.execution.local import default_workers, map_ordered
from bertwright.progress import Progress, Silent
from bertwright.tokenization.basic import BasicTokenizer
from bertwright.tokenization.learning.splitting import Splitter
from bertwright.tokenization.settings import TokenizerSettings

Ints = npt.NDArray[np.int64]

SCALE = 1024
"""Weights are whole numbers of 1/1024, so that sums do not depend on the order of adding."""
DISCOUNT = 3 * SCALE // 2
"""A saving that rests on a weight of F (F passages, where a word occurs once in each) counts 1 - 1.5/F
times."""

PASSAGE_CHARACTERS = 20_000
HELD_OUT_SHARE = 1 / 128

_CHUNK_BYTES = 8 << 20
_BATCH_CHARACTERS = 8 << 20
_MERGE_ROWS = 4 << 20
_PARALLEL_BYTES = 128 << 20
"""Starting processes costs as much time as counting some 50 MB of text."""
_SCHEMA = pa.schema([("word", pa.large_string()), ("count", pa.int64()), ("weight", pa.int64())])


@dataclass(frozen=True)
class Reading:
    """How the text is split into words; travels to the workers."""

    settings: TokenizerSettings = field(default_factory=TokenizerSettings)
    hold_out: bool = False
    """Keep one passage in 128 apart: chosen by its text, so whatever the order of the files."""

    def whole(self) -> Reading:
        """The same, with nothing held out."""
        return replace(self, hold_out=False)


@dataclass(frozen=True)
class WordCounts:
    """Distinct words after lower-casing and accent stripping, in the order of their code points."""

    words: pa.LargeStringArray
    """(n,)"""
    counts: Ints
    """(n,) how often each occurs."""
    weights: Ints
    """(n,) in 1/:data:`SCALE`: the sum over passages of the square root of the count. 0 for characters that
    always stand alone."""

    @property
    def total(self) -> int:
        """Number of running words."""
        return int(self.counts.sum())

    def at_least(self, minimum: int) -> WordCounts:
        """The words that occur ``minimum`` times or more."""
        kept = self.counts >= minimum
        return WordCounts(self.words.filter(pa.array(kept)), self.counts[kept], self.weights[kept])

    def __add__(self, other: WordCounts) -> WordCounts:
        return _sorted(_added_up(pa.concat_tables([self._table(), other._table()])))

    def _table(self) -> pa.Table:
        return pa.table([self.words, self.counts, self.weights], schema=_SCHEMA)

    @classmethod
    def of(cls, counts: dict[str, int]) -> WordCounts:
        """From words that occur so often, each time in another passage."""
        words = sorted(counts)
        numbers = np.array([counts[word] for word in words], dtype=np.int64)
        return cls(pa.array(words, pa.large_string()), numbers, numbers * SCALE)

    def as_dict(self) -> dict[str, int]:
        """Word -> count."""
        return dict(zip(self.words.to_pylist(), self.counts.tolist(), strict=True))


@dataclass(frozen=True)
class CorpusCounts:
    """The words of a corpus, and those of the passages held out."""

    learned: WordCounts
    held_out: WordCounts


def count_words(
    corpus: Corpus, reading: Reading, *, workers: int | None = None, progress: Progress | None = None
) -> CorpusCounts:
    """Count the words of ``corpus``. The result does not depend on the order of its files, nor on
    ``workers``.

    Args:
        workers: processes; by default one a core where the corpus is so large that they pay.

    Raises:
        CorpusError: what is wrong with the text, with file and line.
        RunError: a file vanished; WorkerError: a worker died.
    """
    watch = progress or Silent()
    if workers is None:
        workers = default_workers() if corpus.text_bytes > _PARALLEL_BYTES else 1
    chunks = split_work(corpus, _CHUNK_BYTES, at="line")
    learned, held_out = _Sum(), _Sum()
    watch.start("counting words", corpus.stored_bytes, "bytes")
    for tables, stored_bytes in map_ordered(partial(_count_chunk, reading), chunks, workers=workers):
        learned.add(tables[0])
        held_out.add(tables[1])
        watch.advance(stored_bytes, f"{learned.rows:,} distinct words")
    watch.finish()
    basic = BasicTokenizer(reading.settings)
    return CorpusCounts(*(_normalized(part.table(), basic) for part in (learned, held_out)))


class _Sum:
    """Tables of words, added up now and then so that memory grows with the distinct words only."""

    def __init__(self) -> None:
        self._tables: list[pa.Table] = []
        self.rows = 0
        self._loose = 0

    def add(self, table: pa.Table) -> None:
        self._tables.append(table)
        self._loose += table.num_rows
        if self._loose > max(_MERGE_ROWS, self.rows):
            self.table()

    def table(self) -> pa.Table:
        if len(self._tables) != 1:
            self._tables = [_added_up(pa.concat_tables([_SCHEMA.empty_table(), *self._tables]))]
        self.rows, self._loose = self._tables[0].num_rows, 0
        return self._tables[0]


def _added_up(table: pa.Table) -> pa.Table:
    summed = table.group_by("word", use_threads=False).aggregate([("count", "sum"), ("weight", "sum")])
    return summed.select(["word", "count_sum", "weight_sum"]).rename_columns(_SCHEMA.names).cast(_SCHEMA)


def _count_chunk(reading: Reading, chunk: Chunk) -> tuple[tuple[pa.Table, pa.Table], int]:
    splitter = Splitter(reading.settings)
    learned, held_out = _Sum(), _Sum()
    for batch in _batches(_passages(read_chunk(chunk))):
        kept = [p for p in batch if not (reading.hold_out and _is_held_out(p))]
        learned.add(_count_batch(splitter, kept))
        if len(kept) < len(batch):
            held_out.add(_count_batch(splitter, [p for p in batch if _is_held_out(p)]))
    return (learned.table(), held_out.table()), chunk.stored_bytes


def _passages(documents: Iterable[Document]) -> Iterator[list[str]]:
    for document in documents:
        if sum(map(len, document.lines)) < PASSAGE_CHARACTERS:
            yield list(document.lines)
            continue
        held: list[str] = []
        size = 0
        for line in document.lines:
            held.append(line)
            size += len(line)
            if size >= PASSAGE_CHARACTERS:
                yield held
                held, size = [], 0
        if held:
            yield held


def _batches(passages: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    batch: list[list[str]] = []
    size = 0
    for passage in passages:
        batch.append(passage)
        size += sum(map(len, passage))
        if size >= _BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _is_held_out(passage: list[str]) -> bool:
    return zlib.crc32("\n".join(passage).encode()) < HELD_OUT_SHARE * 2**32


def _count_batch(splitter: Splitter, passages: list[list[str]]) -> pa.Table:
    """Word, count and weight of the words of ``passages``."""
    lengths = [len(passage) for passage in passages]
    words = splitter.split([line for passage in passages for line in passage])
    passage_of_line = np.repeat(np.arange(len(passages)), lengths)
    encoded = words.texts.dictionary_encode()
    counts, weights = _weighed(
        np.asarray(encoded.indices), passage_of_line[words.lines], len(encoded.dictionary)
    )
    split = pa.table([encoded.dictionary.cast(pa.large_string()), counts, weights], schema=_SCHEMA)
    alone = pa.table([list(words.alone), list(words.alone.values()), [0] * len(words.alone)], schema=_SCHEMA)
    return pa.concat_tables([split.filter(pc.not_equal(split["word"], "")), alone])


def _weighed(codes: npt.NDArray[np.int32], passages: Ints, distinct: int) -> tuple[Ints, Ints]:
    """How often each code occurs, and the sum over passages of the square root of its count there, scaled."""
    keys = np.sort(passages * distinct + codes)
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    counts = np.diff(starts, append=len(keys))
    codes_of_runs = keys[starts] % distinct if distinct else keys[starts]
    roots = np.rint(SCALE * np.sqrt(counts))
    return (
        np.bincount(codes_of_runs, weights=counts, minlength=distinct).astype(np.int64),
        np.bincount(codes_of_runs, weights=roots, minlength=distinct).astype(np.int64),
    )


def _normalized(table: pa.Table, basic: BasicTokenizer) -> WordCounts:
    """``table`` after what depends on single words: NFD, accents, punctuation that comes out of them."""
    plain = pc.string_is_ascii(table["word"])
    others = table.filter(pc.invert(plain))
    split = [basic.tokenize(word) for word in others["word"].to_pylist()]
    source = np.repeat(np.arange(len(split)), [len(words) for words in split])
    words = pa.array([word for found in split for word in found], pa.large_string())
    weights = others["weight"].to_numpy()[source]
    normalized = pa.table([words, others["count"].to_numpy()[source], weights], schema=_SCHEMA)
    return _sorted(_added_up(pa.concat_tables([table.filter(plain), normalized])))


def _sorted(table: pa.Table) -> WordCounts:
    ordered = table.sort_by("word").combine_chunks()
    column = ordered["word"]
    return WordCounts(
        column.chunk(0) if column.num_chunks else pa.array([], pa.large_string()),
        ordered["count"].to_numpy(),
        ordered["weight"].to_numpy(),
    )


def code_points(words: pa.LargeStringArray) -> npt.NDArray[np.uint32]:
    """The code points of all words, one after the other."""
    if not len(words):
        return np.zeros(0, np.uint32)
    offsets = np.frombuffer(words.buffers()[1], np.int64)[words.offset : words.offset + len(words) + 1]
    text = words.buffers()[2][int(offsets[0]) : int(offsets[-1])].to_pybytes().decode()
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
