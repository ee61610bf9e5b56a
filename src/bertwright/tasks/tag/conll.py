"""Files with one word a line and a blank line between sentences, as the CoNLL tasks have them.

Columns are separated by blanks and tabs; in a file whose lines agree in their tabs only, by tabs alone, so
that a word may have blanks in it. Lines that begin with ``-DOCSTART-`` separate sentences, too. Columns are
numbered from 1.

CoNLL-U (Universal Dependencies) is known by its ten columns that begin with a number: words are in the second
and parts of speech in the fourth; comments, lines of several words at once (``1-2``) and words that are not
written (``1.1``) are passed over. In other files a line ``# ...`` before a sentence is a comment if it has
other columns than the file, or a tag that no other line has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bertwright.errors import InputError, TableError, UsageError, quote
from bertwright.tables.columns import Columns
from bertwright.tables.lines import is_blank, read_lines
from bertwright.tasks.examples import InputRow
from bertwright.tasks.tag.sentences import Sentence

DOCUMENT_START = "-DOCSTART-"
SAMPLE = 20_000
"""So many lines decide which columns there are and which of them has the tags."""
_GAPS = re.compile("[ \t]+")
_TAG = re.compile(r"O|[BIESLUM]-\S+")
_UD_COLUMNS, _UD_WORD, _UD_TAG = 10, 2, 4
_UD_NUMBER = re.compile(r"\d+([-.]\d+)?")
_COMMENT = ("# ", "#\t")
_FEW = 100
"""With fewer lines it does not show which of two columns has words."""

Cells = list[str]


@dataclass(frozen=True)
class ConllFile:
    """An open file, with its columns settled."""

    path: Path
    by_tabs: bool
    width: int
    word: int
    """Number of the column with the words, from 1."""
    tag: int | None
    """Of the one with the tags; None when they do not matter."""
    guess: str | None
    universal: bool = False
    """Whether it is CoNLL-U."""
    tags: frozenset[str] = frozenset()
    """Those of the first lines."""

    @classmethod
    def open(cls, path: Path, columns: Columns, *, labelled: bool, last: bool = False) -> ConllFile:
        """Settle how ``path`` is to be read, by its first lines.

        Args:
            last: of several columns that could have the tags, take the last.

        Raises:
            TableError: it is no such file, or it cannot be told which column has the tags.
            UsageError: a column is no number, or there are fewer.
        """
        lines, opening = _sample(path)
        if not lines:
            raise TableError.at(path, "words, one a line", "nothing but white space")
        universal = _is_universal(lines)
        told = [line for line in lines if line[0] not in opening]  # without what may be comments
        lines = [line for line in told if not universal or line[1].split("\t", 1)[0].isdigit()] or lines
        by_tabs = universal or _by_tabs([line for _, line in lines])
        rows = [_split(line, by_tabs) for _, line in lines]
        width = len(rows[0])
        word = _number(columns.text, "--text") or 1
        tag = _number(columns.label, "--label") if labelled else None
        asked = tag is not None
        if universal:
            word = _UD_WORD if word == 1 else word
            tag = _UD_TAG if labelled and tag is None else tag
        for flag, number in (("--text", word), ("--label", tag or 1)):
            if number > width:
                expected = f"column {number} ({flag})"
                raise TableError.at(path, expected, f"{width} columns", line=lines[0][0])
        if labelled and width == 1:
            hint = "one word and its tag a line; plain text can only be predicted, with --format text"
            raise TableError.at(path, "at least two columns", 1, line=lines[0][0], hint=hint)
        if tag == word:
            raise UsageError(f"expected different columns for word and tag, got {word} twice")
        rows = [cells for cells in rows if len(cells) == width]
        guess = None
        if labelled and not asked:
            tag = _guessed_tag(path, rows, word, last) if tag is None else tag
            guess = f"{path.name}: guessed words in column {word}, tags in column {tag} of {width}"
            guess += " (say --text, --label to choose)"
        if tag is not None and columns.text is None:
            _refuse_tags_first(path, rows, word, tag)
        tags = frozenset() if tag is None else frozenset(cells[tag - 1] for cells in rows)
        return cls(path, by_tabs, width, word, tag, guess, universal, tags)

    @property
    def columns(self) -> Columns:
        """The columns that are read, by number."""
        return Columns(str(self.word), None, None if self.tag is None else str(self.tag))

    def sentences(self) -> Iterator[InputRow]:
        """Every sentence, or why it is none."""
        lines: list[int] = []
        words: list[str] = []
        tags: list[str] | None = None if self.tag is None else []
        problem: InputError | None = None
        for number, line in read_lines(self.path):
            if is_blank(line) or line.startswith(DOCUMENT_START):
                if lines:
                    yield self._sentence(lines, words, tags, problem)
                lines, words, problem = [], [], None
                tags = None if self.tag is None else []
                continue
            if self._is_passed_over(line, first=not lines):
                continue
            lines.append(number)
            cells = self._cells(line)
            if cells is None:
                problem = problem or self._wrong_line(number, line)
                continue
            words.append(cells[self.word - 1])
            if tags is not None and self.tag is not None:
                tags.append(cells[self.tag - 1])
        if lines:
            yield self._sentence(lines, words, tags, problem)

    def _is_passed_over(self, line: str, *, first: bool) -> bool:
        """Whether a line is a comment, or in CoNLL-U no word of its own; ``first`` before a sentence."""
        if self.universal:
            return line.startswith("#") or not line.split("\t", 1)[0].isdigit()
        if not first or not line.startswith(_COMMENT):
            return False
        cells = self._cells(line)
        return cells is None or (self.tag is not None and cells[self.tag - 1] not in self.tags)

    @staticmethod
    def _sentence(
        lines: list[int], words: list[str], tags: list[str] | None, problem: InputError | None
    ) -> InputRow:
        if problem is not None:
            return InputRow(lines[0], None, problem)
        kept = None if tags is None else tuple(tags)
        return InputRow(lines[0], Sentence(tuple(words), kept, lines[0], lines=tuple(lines)))

    def _cells(self, line: str) -> Cells | None:
        """The columns of a line; None when it has other columns than the file."""
        cells = _split(line, self.by_tabs)
        if len(cells) != self.width:
            cells = _split(line, not self.by_tabs)
        return None if len(cells) != self.width or "" in cells else cells

    def _wrong_line(self, number: int, line: str) -> InputError:
        cells = _split(line, self.by_tabs)
        if len(cells) == self.width:
            field = f"column {cells.index('') + 1}"
            return TableError.at(self.path, "something there", line, line=number, field=field)
        expected = "1 column" if self.width == 1 else f"{self.width} columns"
        hint = f"the line is {quote(line)}; a file has one word a line, and blank lines between sentences"
        if self.tag is None:
            hint += "; for plain text say --format text"
        return TableError.at(self.path, expected, len(cells), line=number, hint=hint)


def _sample(path: Path) -> tuple[list[tuple[int, str]], set[int]]:
    """The first lines that are not blank; and the numbers of those before a sentence that may be comments."""
    lines: list[tuple[int, str]] = []
    opening: set[int] = set()
    before = True
    for number, line in islice(read_lines(path), SAMPLE):
        if is_blank(line) or line.startswith(DOCUMENT_START):
            before = True
            continue
        lines.append((number, line))
        before = before and line.startswith(_COMMENT)
        if before:
            opening.add(number)
    return lines, opening


def _is_universal(lines: list[tuple[int, str]]) -> bool:
    """Whether the first line that is no comment has the columns of CoNLL-U."""
    first = next((line for _, line in lines if not line.startswith("#")), "").split("\t")
    return len(first) == _UD_COLUMNS and bool(_UD_NUMBER.fullmatch(first[0]))


def _split(line: str, by_tabs: bool) -> Cells:
    if by_tabs:
        return [cell.strip(" ") for cell in line.split("\t")]
    return _GAPS.split(line.strip(" \t"))


def _by_tabs(lines: list[str]) -> bool:
    """Whether only tabs separate: when the lines agree in their number and not in that of all gaps."""
    tabs = {line.count("\t") for line in lines}
    if len(tabs) > 1 or 0 in tabs:
        return False
    return len({len(_split(line, False)) for line in lines}) > 1


def _number(column: str | None, flag: str) -> int | None:
    if column is None:
        return None
    if not (column.isascii() and column.isdigit() and 0 < int(column[:9]) < 10**8):
        hint = "columns of a file with one word a line have no names"
        raise UsageError(f"{flag}: expected the number of a column, from 1, got {quote(column)} ({hint})")
    return int(column)


def _guessed_tag(path: Path, rows: list[Cells], word: int, last: bool) -> int:
    """The one column beside the words that varies, or the ``last`` that does; or the one there is."""
    others = [number for number in range(1, len(rows[0]) + 1) if number != word]
    varied = [number for number in others if len({cells[number - 1] for cells in rows}) > 1]
    candidates = others if len(others) == 1 else varied
    if len(candidates) == 1 or (candidates and last):
        return candidates[-1]
    shown = ", ".join(f"{number} ({quote(rows[0][number - 1])})" for number in (varied or others)[:6])
    several = "several columns could be it" if varied else "every column is the same in all lines"
    raise TableError.at(path, "--label NUMBER for the column of the tags", hint=f"{several}: {shown}")


def _refuse_tags_first(path: Path, rows: list[Cells], word: int, tag: int) -> None:
    words = {cells[word - 1] for cells in rows}
    tags = {cells[tag - 1] for cells in rows}
    spelled = all(map(_TAG.fullmatch, words)) and not all(map(_TAG.fullmatch, tags))
    few = len(rows) >= _FEW and len(words) < 100 and 10 * len(words) < len(tags)
    if spelled or few:
        shown = ", ".join(map(quote, sorted(words)[:3]))
        hint = f"the tags seem to come first: say --text {tag} --label {word}"
        raise TableError.at(path, f"words in column {word}", shown, hint=hint)
