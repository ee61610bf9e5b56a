"""JSON lines: one object a line, the same keys in each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bertwright import strict_json
from bertwright.errors import InputError, TableError
from bertwright.tables.lines import MAX_LINE_BYTES, is_blank, read_any_lines
from bertwright.tables.table import Row, Table, check_names


class JsonLinesTable(Table):
    """A table of JSON objects; the keys of the first are its columns."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, ())
        first = next(self._lines(), None)
        if first is None:
            raise self.error("a JSON object a line", "nothing but white space")
        line, text = first
        if isinstance(text, InputError):
            raise text
        value = self._object(line, text)
        self.columns = tuple(value)
        check_names(path, self.columns, line)
        self.blank_lines.clear()

    def rows(self, columns: Sequence[str], *, lenient: bool = False) -> Iterator[Row]:
        self.places(columns)
        expected = dict.fromkeys(self.columns).keys()
        told = 0
        for line, text in self._lines():
            if lenient:  # answers must line up with the file
                yield from self.blank_rows(told, columns)
                told = len(self.blank_lines)
            try:
                if isinstance(text, InputError):
                    raise text
                value = self._object(line, text)
                if value.keys() != expected:
                    self._refuse_keys(line, value)
                for column in columns:
                    self._check_characters(line, column, value[column])
            except InputError as problem:
                yield self.damaged(line, problem, lenient)
            else:
                yield Row(line, tuple(value[column] for column in columns))

    def _lines(self) -> Iterator[tuple[int, str | InputError]]:
        """Number and text of every line that is not blank, or what is wrong with it."""
        self.blank_lines.clear()
        blank: list[int] = []
        for line, text in read_any_lines(self.path):
            if isinstance(text, str) and is_blank(text):
                blank.append(line)
                continue
            self.blank_lines.extend(blank)
            blank.clear()
            yield line, text

    def _object(self, line: int, text: str) -> dict[str, Any]:
        if text.lstrip().startswith("["):
            hint = "the file is a JSON array; write its objects one a line, e.g. jq -c '.[]'"
            raise self.error("a JSON object a line", text.strip(), line=line, hint=hint)
        value = strict_json.parse(text, self.path, line=line, error=TableError, max_bytes=MAX_LINE_BYTES)
        if not isinstance(value, dict):
            raise self.error("a JSON object", value, line=line)
        if not value:
            raise self.error("an object with keys", value, line=line)
        return value

    def _refuse_keys(self, line: int, value: dict[str, Any]) -> None:
        hint = "every line has the keys of the first"
        for column in self.columns:
            if column not in value:
                raise self.error(f"the key {column!r}", "none", line=line, hint=hint)
        new = next(key for key in value if key not in self.columns)
        raise self.error("no other keys than the first line has", new, line=line, hint=hint)

    def _check_characters(self, line: int, column: str, value: object) -> None:
        if found := strict_json.lone_surrogate(value):
            raise self.error("Unicode text", found, line=line, column=column)
