"""Which columns of a table mean what: as asked for, or guessed when there is only one way to read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bertwright.errors import UsageError, quote
from bertwright.tables.formats import open_table
from bertwright.tables.table import Table

LABELS = (
    "label",
    "labels",
    "class",
    "category",
    "target",
    "gold_label",
    "sentiment",
    "topic",
    "quality",
    "is_duplicate",
    "entailment_label",
)
PAIRS = (
    ("sentence1", "sentence2"),
    ("sentence_a", "sentence_b"),
    ("text_a", "text_b"),
    ("text1", "text2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("query", "passage"),
    ("#1 string", "#2 string"),
)
TEXTS = (
    "text",
    "sentence",
    "content",
    "review",
    "comment",
    "document",
    "question",
    "query",
    "title",
    "text_a",
    "sentence1",
)


@dataclass(frozen=True)
class Columns:
    """Columns as the user names them; None is to be guessed (``text``, ``label``) or absent (``text_pair``).

    A column is a name, or its number from 1 in a TSV or CSV file without header. ``names`` names the
    columns of a file without header.
    """

    text: str | None = None
    text_pair: str | None = None
    label: str | None = None
    names: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls, text: str | None, text_pair: str | None, label: str | None = None, *, names: str | None = None
    ) -> Columns:
        """As a command line says it: ``names`` are separated by commas."""
        listed = None if names is None else tuple(name.strip() for name in names.split(","))
        return cls(text, text_pair, label, listed)

    def to_dict(self) -> dict[str, Any]:
        """As stored with a model."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Columns:
        """What :meth:`to_dict` gave."""
        chosen = {key: stored.get(key) for key in ("text", "text_pair", "label")}
        names = stored.get("names")
        return cls(**chosen, names=None if names is None else tuple(names))

    def or_else(self, stored: Columns) -> Columns:
        """These columns, and those of ``stored`` (a model's own) for what is not given here."""
        if self == Columns():
            return stored
        return Columns(
            self.text or stored.text,
            self.text_pair or stored.text_pair,
            self.label or stored.label,
            self.names,
        )

    @property
    def given(self) -> tuple[str, ...]:
        """The columns that are named, without the absent ones."""
        return tuple(name for name in (self.text, self.text_pair, self.label) if name is not None)

    @property
    def are_numbers(self) -> bool:
        """Whether the columns are given by number, which says that the file has no header."""
        return bool(self.given) and all(name.isascii() and name.isdigit() for name in self.given)

    @property
    def has_header(self) -> bool:
        """Whether the first line of a TSV or CSV file names its columns."""
        return self.names is None and not self.are_numbers


@dataclass(frozen=True)
class ChosenTable:
    """An open table, the columns to read from it, and what was guessed about them (a sentence, or None)."""

    table: Table
    columns: Columns
    guess: str | None = None


def choose_table(
    path: Path,
    columns: Columns,
    *,
    format: str = "auto",
    labelled: bool = True,
    labels: Sequence[str] = LABELS,
) -> ChosenTable:
    """Open ``path`` and settle its columns.

    Args:
        labelled: whether a column of labels is needed.
        labels: names by which that column is guessed.

    Raises:
        TableError: the file cannot be read, or lacks a column.
        UsageError: a column is used twice, or it cannot be guessed which ones are meant.
    """
    repeated = next((name for name in columns.given if columns.given.count(name) > 1), None)
    if repeated is not None:
        raise UsageError(
            f"expected different columns for text, second text and label, got {quote(repeated)} twice"
        )
    columns = columns if labelled else replace(columns, label=None)
    if columns.names is None and columns.are_numbers:
        return _by_number(path, columns, format, labelled)
    table = open_table(path, format=format, names=columns.names)
    settled, guess = _guessed(table, columns, labels if labelled else None)
    if settled.label is not None and settled.label not in table.columns and len(table.columns) > 1:
        hint = f"{table.listing}; --label names another; a file without labels can only be predicted"
        raise table.error(f"a column {quote(settled.label)} with the labels", hint=hint)
    table.places(settled.given)
    return ChosenTable(table, settled, guess)


def _by_number(path: Path, columns: Columns, format: str, labelled: bool) -> ChosenTable:
    """A file without header: its columns are named 1, 2, and so on."""
    width = max(map(int, columns.given))
    if min(map(int, columns.given)) < 1:
        raise UsageError("expected column numbers from 1, got 0")
    if columns.text is None or (labelled and columns.label is None):
        raise UsageError("expected --text and --label both as numbers for a file without header")
    table = open_table(path, format=format, names=())
    if width > len(table.columns):
        raise table.error(f"at least {width} columns", len(table.columns), line=1)
    return ChosenTable(table, columns)


def _guessed(table: Table, columns: Columns, labels: Sequence[str] | None) -> tuple[Columns, str | None]:
    needs_text, needs_label = columns.text is None, labels is not None and columns.label is None
    if not needs_text and not needs_label:
        return columns, None
    label = columns.label
    if needs_label:
        label = _only(table, "label", _named(table, labels or ()), ("--label",))
    text, pair = columns.text, columns.text_pair
    if needs_text:
        text, pair = _guess_texts(table, label, pair)
    settled = Columns(text, pair, label, columns.names)
    said = [f"text {text!r}"] if needs_text else []
    said += [f"second text {pair!r}"] if pair is not None and columns.text_pair is None else []
    said += [f"label {label!r}"] if needs_label else []
    return (
        settled,
        f"{table.path.name}: guessed {', '.join(said)} (say --text, --text-pair, --label to choose)",
    )


def _guess_texts(table: Table, label: str | None, pair: str | None) -> tuple[str, str | None]:
    if pair is not None:
        raise UsageError("expected --text with --text-pair")
    pairs = [
        (first, second)
        for names in PAIRS
        for first in _named(table, names[:1])
        for second in _named(table, names[1:])
    ]
    if len(pairs) == 1:
        return pairs[0]
    rest = [name for name in table.columns if name and name != label]
    candidates = [name for name in _named(table, TEXTS) if name != label]
    if not candidates and len(rest) == 1:
        candidates = rest
    if pairs:
        candidates = [first for first, _ in pairs]
    return _only(table, "text", candidates, ("--text", "--text-pair")), None


def _named(table: Table, names: Sequence[str]) -> list[str]:
    """The columns that are called one of ``names``, however their letters are written."""
    return [column for column in table.columns if column.strip().lower() in names]


def column_named(table: Table, flag: str, what: str, names: Sequence[str]) -> str:
    """The one column that is called one of ``names``.

    Raises:
        TableError: there is none, or several: ``flag`` has to name it.
    """
    found = _named(table, names)
    if len(found) == 1:
        return found[0]
    several = "several could be it" if found else f"none is named {' or '.join(names[:2])}"
    raise table.error(f"{flag} COLUMN for the {what}", hint=f"{several}; {table.listing}")


def _only(table: Table, what: str, candidates: Sequence[str], flags: Sequence[str]) -> str:
    """The one candidate; none or several cannot be decided here."""
    if len(candidates) == 1:
        return candidates[0]
    found = "several could be it" if candidates else "none is named like one, if the first line is a header"
    raise table.error(f"{' or '.join(flags)} COLUMN for the {what}", hint=f"{found}; {table.listing}")
