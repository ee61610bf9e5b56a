"""Predictions as a file of the CoNLL form: what ``conlleval.pl`` and its relatives read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bertwright import durable
from bertwright.tasks.tag.decoding import Tagging

_GAP = re.compile(r"\s+")


def conll_lines(taggings: Iterable[Tagging], references: Iterable[Sequence[str]] | None = None) -> str:
    """A line for each word: the word, its true tag if ``references`` are given, the predicted tag.

    Columns are separated by one blank, sentences by a blank line. White space within a word becomes ``_``.
    """
    return "".join(_sentences(taggings, references))


def write_conll(
    path: Path,
    taggings: Iterable[Tagging],
    references: Iterable[Sequence[str]] | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Write :func:`conll_lines`.

    Raises:
        InputError: the file exists.
        DiskError: it could not be written.
    """
    durable.write_file(path, conll_lines(taggings, references), overwrite=overwrite)


def _sentences(taggings: Iterable[Tagging], references: Iterable[Sequence[str]] | None) -> Iterator[str]:
    truth = None if references is None else iter(references)
    for tagging in taggings:
        columns: list[Sequence[str]] = [[_GAP.sub("_", word) for word in tagging.words]]
        if truth is not None:
            columns.append(next(truth))
        columns.append(tagging.tags)
        yield "".join(" ".join(cells) + "\n" for cells in zip(*columns, strict=True)) + "\n"
