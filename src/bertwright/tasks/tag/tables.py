"""Tables with a sentence a row: lists of words and tags, texts with blanks between them, or marked spans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bertwright.tables.columns import ChosenTable, Columns, choose_table, column_named
from bertwright.tables.formats import open_table
from bertwright.tables.table import Row, Table
from bertwright.tasks.examples import InputRow, input_row, text_cell
from bertwright.tasks.tag.sentences import Sentence
from bertwright.tasks.tag.spans import SpanTags, tags_of_spans

WORDS = ("tokens", "words", "text", "text_a", "sentence", "chars", "characters")
TAGS = ("tags", "ner_tags", "pos_tags", "labels", "label", "tag", "ner", "upos")

Split = Callable[[str, int], Sentence]


def choose_columns(
    path: Path, given: Columns, stored: Columns, *, format: str, labelled: bool
) -> ChosenTable:
    """Open ``path``; ``text`` has the words, ``label`` the tags.

    Columns by number come back with no ``names`` (``()``): the numbers of a table, and not those of a file
    with one word a line.

    Args:
        given: the columns asked for; what is not is as in ``stored`` if there is such a column, or guessed.

    Raises:
        TableError: the file cannot be read, or it cannot be told which columns are meant.
    """
    if given.names is None and given.are_numbers:
        chosen = choose_table(path, given, format=format, labelled=labelled)
        return replace(chosen, columns=replace(chosen.columns, names=()))
    table = open_table(path, format=format, names=given.names)
    columns = Columns(
        given.text or _present(table, stored.text),
        None,
        given.label or _present(table, stored.label),
        given.names,
    )
    words = columns.text or column_named(table, "--text", "words", WORDS)
    tags = columns.label
    if labelled and tags is None:
        tags = column_named(table, "--label", "tags", TAGS)
    settled = Columns(words, None, tags, columns.names)
    chosen = choose_table(path, settled, format=format, labelled=labelled)
    said = [f"words {words!r}"] if columns.text is None else []
    said += [f"tags {tags!r}"] if labelled and columns.label is None else []
    guess = f"{path.name}: guessed {', '.join(said)} (say --text, --label to choose)" if said else None
    return ChosenTable(chosen.table, chosen.columns, guess)


def _present(table: Table, column: str | None) -> str | None:
    return column if column in table.columns else None


class TableReader:
    """The sentences of a chosen table.

    Args:
        split: makes words of a plain text at a line; how depends on the task.
    """

    def __init__(self, chosen: ChosenTable, split: Split) -> None:
        self._table, self._columns, self._split = chosen.table, chosen.columns, split
        self.overlaps: list[int] = []
        """Lines of spans that were left out because they overlap others; filled while rows are read."""

    def rows(self, *, lenient: bool) -> Iterator[InputRow]:
        """Every row as a sentence, or with the reason why it is none; blank lines only when ``lenient``."""
        self.overlaps.clear()
        columns = self._columns
        wanted = list(columns.given)
        if columns.label is None:  # unlabelled; where tags stand all the same, a text has its words apart
            wanted += [name for name in self._table.columns if name.strip().lower() in TAGS][:1]
        for row in self._table.rows(wanted, lenient=lenient):
            yield input_row(row, self._sentence)

    def _sentence(self, row: Row) -> Sentence:
        name = self._columns.text or ""
        cell = row.cells[0]
        marks = row.cells[1] if len(row.cells) > 1 else None
        if self._columns.label is None:
            return self._unlabelled(row, cell, marks)
        if isinstance(marks, dict):
            return self._spanned(row.line, text_cell(self._table, row.line, name, cell), marks)
        words = self._words(row.line, cell)
        tags = self._tags(row.line, marks)
        if len(words) != len(tags):
            raise self._table.error(f"as many tags as words, {len(words)}", len(tags), line=row.line)
        return Sentence(words, tags, row.line)

    def _unlabelled(self, row: Row, cell: object, marks: object) -> Sentence:
        if isinstance(cell, list):
            return Sentence(self._words(row.line, cell), None, row.line)
        text = text_cell(self._table, row.line, self._columns.text or "", cell)
        if isinstance(marks, str) and len(marks.split()) == len(words := text.split()):
            return Sentence(tuple(words), None, row.line)
        sentence = self._split(text, row.line)
        if not sentence.words:
            raise self._table.error("at least one word", text, line=row.line, column=self._columns.text)
        return sentence

    def _words(self, line: int, cell: object) -> tuple[str, ...]:
        name = self._columns.text or ""
        if isinstance(cell, str):
            return tuple(text_cell(self._table, line, name, cell).split())
        if not isinstance(cell, list):
            raise self._table.error(
                "a list of words", "null" if cell is None else cell, line=line, column=name
            )
        if not cell:
            raise self._table.error("at least one word", cell, line=line, column=name)
        for word in cell:
            if not isinstance(word, str) or not word:
                raise self._table.error(
                    "words", "null" if word is None else word or "an empty one", line=line, column=name
                )
        return tuple(cell)

    def _tags(self, line: int, cell: object) -> tuple[str, ...]:
        name = self._columns.label or ""
        if isinstance(cell, str):
            return tuple(cell.split())
        if not isinstance(cell, list):
            raise self._table.error(
                "a list of tags", "null" if cell is None else cell, line=line, column=name
            )
        tags = []
        for tag in cell:
            if isinstance(tag, int) and not isinstance(tag, bool):
                tag = str(tag)
            if not isinstance(tag, str) or not tag or tag != tag.strip():
                raise self._table.error(
                    "tags", "null" if tag is None else tag or "an empty one", line=line, column=name
                )
            tags.append(tag)
        return tuple(tags)

    def _spanned(self, line: int, text: str, marks: dict[str, Any]) -> Sentence:
        """A text whose entities are marked by their characters: one word a character."""
        sentence = self._split(text, line)
        if not sentence.words:
            raise self._table.error("at least one word", text, line=line, column=self._columns.text)
        try:
            found: SpanTags = tags_of_spans(text, sentence, marks)
        except ValueError as problem:
            raise self._table.error(*problem.args, line=line, column=self._columns.label) from None
        self.overlaps += [line] * found.overlaps
        return replace(sentence, tags=found.tags)
