"""One pass over a corpus, chunk by chunk, in bounded memory."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bertwright.corpus import Chunk, Document, read_chunk
from bertwright.data.repetition import Digests
from bertwright.data.text_sample import TextSample
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS

LONG_LINE = 10_000
"""Characters from which a line is called long."""
FEW_WORDS = 5
"""A document of fewer words is called tiny."""
SENTENCE = 250
"""A document of one line of fewer characters is taken for a single sentence."""
TEXT_LINE = 30
"""Lines of fewer characters are headings, and may repeat."""

_MARKUP = re.compile(r"</?[A-Za-z][^<>]{0,200}>|\[\[[^\]]*\]\]|\{\{")
_SPECIAL = re.compile("|".join(map(re.escape, SPECIAL_TOKENS)))
_SHOWN = 8


@dataclass(frozen=True)
class SurveyTask:
    """A chunk, and how much of it to keep; picklable."""

    chunk: Chunk
    sample_one_in: int
    """Keep the text of one document in so many; see :class:`~bertwright.data.text_sample.TextSample`."""


@dataclass
class CorpusSurvey:
    """What one pass sees; surveys of chunks add up."""

    documents: int = 0
    lines: int = 0
    characters: int = 0
    words: int = 0
    one_line: int = 0
    """Documents of one line that is no longer than a sentence."""
    tiny: int = 0
    """Documents of less than ``FEW_WORDS`` words in a script with spaces."""
    long_lines: int = 0
    longest_line: int = 0
    json_lines: int = 0
    markup_lines: int = 0
    damaged_lines: int = 0
    """Lines with U+FFFD, which stands for bytes that were lost."""
    special_lines: int = 0
    document_digests: list[Digests] = field(default_factory=list)
    document_sizes: list[npt.NDArray[np.int64]] = field(default_factory=list)
    line_digests: list[Digests] = field(default_factory=list)
    line_sizes: list[npt.NDArray[np.int64]] = field(default_factory=list)
    repeated: Counter[str] = field(default_factory=Counter)
    """Lines that come several times in one chunk."""
    sample: TextSample = field(default_factory=lambda: TextSample(1))

    def add(self, other: CorpusSurvey) -> None:
        """Add the survey of another chunk."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.longest_line = max(self.longest_line, other.longest_line)
        self.document_digests += other.document_digests
        self.document_sizes += other.document_sizes
        self.line_digests += other.line_digests
        self.line_sizes += other.line_sizes
        self.repeated = Counter(dict((self.repeated + other.repeated).most_common(100 * _SHOWN)))
        self.sample.add(other.sample)


_COUNTS = (
    "documents", "lines", "characters", "words", "one_line", "tiny", "long_lines", "json_lines",
    "markup_lines", "damaged_lines", "special_lines",
)  # fmt: skip


def survey_chunk(task: SurveyTask) -> CorpusSurvey:
    """The survey of one chunk.

    Raises:
        CorpusError: the chunk cannot be read.
    """
    survey = CorpusSurvey(sample=TextSample(task.sample_one_in))
    documents: list[tuple[int, int]] = []
    lines: list[tuple[int, int]] = []
    seen: Counter[str] = Counter()
    for document in read_chunk(task.chunk):
        number = digest("\n".join(document.lines))
        documents.append((number, sum(map(len, document.lines))))
        lines += ((digest(line), len(line)) for line in document.lines if len(line) >= TEXT_LINE)
        seen.update(line for line in document.lines if len(line) >= TEXT_LINE)
        _count_document(survey, document)
        survey.sample.offer(number, document.lines)
    survey.document_digests, survey.document_sizes = _arrays(documents)
    survey.line_digests, survey.line_sizes = _arrays(lines)
    survey.repeated = Counter({line: count for line, count in seen.most_common(_SHOWN) if count > 1})
    return survey


def digest(text: str) -> int:
    """64 bits that differ for different texts."""
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _arrays(pairs: list[tuple[int, int]]) -> tuple[list[Digests], list[npt.NDArray[np.int64]]]:
    digests = np.array([number for number, _ in pairs], np.uint64)
    return [digests], [np.array([size for _, size in pairs], np.int64)]


def _count_document(survey: CorpusSurvey, document: Document) -> None:
    survey.documents += 1
    survey.lines += len(document.lines)
    words = 0
    for line in document.lines:
        words += len(line.split())
        _count_line(survey, line)
    survey.words += words
    only = document.lines[0]
    survey.one_line += len(document.lines) == 1 and len(only) < SENTENCE
    survey.tiny += words < FEW_WORDS and sum(map(len, document.lines)) < 8 * FEW_WORDS


def _count_line(survey: CorpusSurvey, line: str) -> None:
    survey.characters += len(line)
    survey.longest_line = max(survey.longest_line, len(line))
    survey.long_lines += len(line) > LONG_LINE
    survey.damaged_lines += "\ufffd" in line
    if "[" in line or "<" in line or "{" in line:
        survey.markup_lines += _MARKUP.search(line) is not None
        survey.special_lines += _SPECIAL.search(line) is not None
        survey.json_lines += line.startswith(("{", "[{")) and line.rstrip().endswith(("}", "}]"))
