"""Files of tagged sentences: one word a line, or a table with a sentence a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

from bertwright.errors import TableError, UsageError, listed
from bertwright.tables.columns import Columns
from bertwright.tables.formats import FORMATS, suffix_of
from bertwright.tables.lines import is_blank, read_lines
from bertwright.tasks.examples import ExampleFile, InputRow
from bertwright.tasks.tag.conll import ConllFile
from bertwright.tasks.tag.remarks import warnings_about
from bertwright.tasks.tag.schemes import repaired
from bertwright.tasks.tag.sentences import Sentence
from bertwright.tasks.tag.tables import TAGS, WORDS, Split, TableReader, choose_columns

CONLL, TEXT = "conll", "text"
"""The names of the formats, besides those of tables: one word a line, and one plain text a line."""
_FIRST = 20
"""So many sentences show whether their words are words."""
_TABLES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet"}


@dataclass(frozen=True)
class SentenceSource:
    """A file that is open for reading."""

    path: Path
    columns: Columns
    guess: str | None
    rows: Callable[[], Iterator[InputRow]]
    """A new pass: every sentence, or why it is none."""
    blank_lines: Sequence[int] = ()
    overlaps: Sequence[int] = field(default=())
    """Lines of marked entities that were left out because they overlap others."""


def open_sentences(
    path: Path,
    given: Columns,
    stored: Columns,
    *,
    format: str,
    labelled: bool,
    split: Split,
    last_column: bool = False,
) -> SentenceSource:
    """The sentences of ``path``, with their tags if ``labelled``.

    Args:
        given: the columns asked for now.
        stored: those that the task was trained with; they count where the file has such columns. Those of a
            table without header count in every TSV and CSV table when none are asked for.
        split: makes words of a plain text at a line.
        last_column: whether the last of several columns that could have the tags has them.

    Raises:
        TableError: the file is missing or damaged as a whole, or it cannot be told what its columns are.
        UsageError: the format is unknown.
    """
    kind = format_of(path, given, stored) if format == "auto" else format
    if kind == TEXT:
        if labelled:
            raise UsageError.at(path, "a format with tags", TEXT, hint="plain text can only be predicted")
        return SentenceSource(path, Columns(), None, partial(_text_rows, path, split))
    numbers = _only_numbers(stored)
    if kind == CONLL:
        wanted = given.or_else(stored) if numbers else given
        file = ConllFile.open(path, wanted, labelled=labelled, last=last_column)
        guess = file.guess
        if labelled and format == "auto":
            _refuse_texts(file)
        if not labelled and file.width > 1 and format == "auto" and given.text is None:
            guess = f"{path.name}: read as one word a line, in column {file.word} of {file.width}"
            guess += " (say --text to choose; plain text is --format text)"
        return SentenceSource(path, file.columns, guess, file.sentences)
    if kind not in FORMATS:
        raise UsageError(f"expected a format among {', '.join((CONLL, TEXT, *FORMATS))}, got {format!r}")
    bare = given == Columns() and stored.names is not None and kind in ("csv", "tsv")
    wanted, known = (stored if bare else given), (Columns() if numbers else stored)
    chosen = choose_columns(path, wanted, known, format=kind, labelled=labelled)
    reader = TableReader(chosen, split)
    rows = partial(reader.rows, lenient=not labelled)
    return SentenceSource(path, chosen.columns, chosen.guess, rows, chosen.table.blank_lines, reader.overlaps)


def format_of(path: Path, given: Columns, stored: Columns) -> str:
    """The format that a file has by its name; text without header has one word a line.

    A ``.tsv`` or ``.txt`` is a table when its first line names a column of words and one of tags; or one of
    words alone, with more than a word in the cell below; or nothing but the column of ``stored``; or, where
    ``stored`` is of a table without header, when there is more than a word in its column of words.
    """
    suffix = suffix_of(path)
    if suffix in _TABLES:
        return _TABLES[suffix]
    lines = islice((line for _, line in read_lines(path) if not is_blank(line)), 2)
    first, second = (line.split("\t") for line in (next(lines, ""), next(lines, "")))
    asked = {name for name in given.given if not name.isdigit()}
    if given.names or asked & set(first):
        return "tsv"
    if given == Columns() and any(" " in cell.strip() for cell in _bare_texts(stored, (first, second))):
        return "tsv"
    names = [name.strip().lower() for name in first]
    known = {*WORDS, (stored.text or WORDS[0]).strip().lower()}
    if known.intersection(names) and set(TAGS).intersection(names):
        return "tsv"
    texts = [cell for name, cell in zip(names, second, strict=False) if name in known]
    alone = first == [stored.text] and not _only_numbers(stored)
    return "tsv" if alone or any(" " in cell.strip() for cell in texts) else CONLL


def read_sentences(source: SentenceSource, *, repair: bool = False) -> ExampleFile[Sentence]:
    """Every sentence.

    Args:
        repair: make a ``B-`` of every ``I-`` that follows no entity of its type.

    Raises:
        TableError: there are none, or one of them is wrong.
    """
    sentences: list[Sentence] = []
    for row in source.rows():
        if row.problem is not None:
            raise row.problem
        sentences.append(row.input)
    if not sentences:
        raise TableError.at(source.path, "at least one sentence", "none")
    warnings = warnings_about(source.path.name, sentences, source.blank_lines, source.overlaps, repair)
    if repair:
        sentences = [one if one.tags is None else replace(one, tags=repaired(one.tags)) for one in sentences]
    return ExampleFile(source.path, sentences, warnings)


def check_tags(file: ExampleFile[Sentence], tags: Sequence[str]) -> None:
    """Refuse a file with a tag that the model does not know.

    Raises:
        TableError: naming the first word that has one.
    """
    known = set(tags)
    for sentence in file.examples:
        for word, tag in enumerate(sentence.tags or ()):
            if tag not in known:
                hint = "it was never seen in training"
                alike = [name for name in tags if name.casefold() == tag.casefold()]
                if alike:
                    hint = f"the model knows {alike[0]!r}: capitals matter"
                raise file.error(f"a tag among {listed(tags)}", tag, line=sentence.line_of(word), hint=hint)


def _refuse_texts(file: ConllFile) -> None:
    """Refuse a table that would be read as one word a line: most words have blanks, and no tag is ``O``."""
    found = (row.input for row in islice(file.sentences(), _FIRST))
    words = [word for sentence in found if sentence is not None for word in sentence.words]
    texts = [word for word in words if " " in word]
    if 2 * len(texts) > len(words) and "O" not in file.tags:
        hint = "is it a table? --format tsv --text COLUMN --label COLUMN; else --format conll"
        raise TableError.at(file.path, "a word a line", texts[0], hint=hint)


def _only_numbers(columns: Columns) -> bool:
    return columns.names is None and columns.are_numbers


def _bare_texts(stored: Columns, lines: Sequence[list[str]]) -> list[str]:
    """The cells of words in ``lines`` of a table without header, its columns named as in ``stored``."""
    names = stored.names or ()
    rows = [line for line in lines if len(line) == len(names)]
    return [cell for row in rows for name, cell in zip(names, row, strict=True) if name == stored.text]


def _text_rows(path: Path, split: Split) -> Iterator[InputRow]:
    for number, line in read_lines(path):
        sentence = split(line, number)
        problem = None if sentence.words else TableError.at(path, "at least one word", line, line=number)
        yield InputRow(number, None if problem else sentence, problem)
