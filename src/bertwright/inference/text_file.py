"""An answer in JSON for every text of a file: streamed, in order, resumable."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bertwright import durable
from bertwright.errors import TableError, UsageError
from bertwright.inference.blocks import AnswerRows, Blocks, check_count, check_input
from bertwright.inference.texts import read_texts
from bertwright.progress import Progress

PART = "jsonl"
"""The part of a :class:`BlockAnswer` that holds the lines."""


def answer_texts(
    file: Path,
    output: Path,
    answer: AnswerRows[str],
    *,
    stage: str,
    request: Mapping[str, Any],
    column: str | None,
    rows_per_block: int,
    resume: bool,
    overwrite: bool,
    progress: Progress,
) -> Blocks:
    """Write a line for every text of ``file`` to ``output``.

    Args:
        file: a text a line, or a table; see :func:`bertwright.inference.texts.read_texts`.
        output: a ``.jsonl`` file.
        answer: gets the number of a block's first text, from 0, its texts, and what to tell of its progress.
        stage: what the work is called.
        request: all that the answers depend on besides the texts.

    Returns:
        The finished blocks, with their counts.

    Raises:
        InputError: the file, the output or an argument is wrong; nothing was written.
        RunError: it failed on the way; ``resume`` goes on from the last finished block.
    """
    if output.suffix.lower() not in (".jsonl", ".ndjson"):
        raise UsageError.at(output, "a name ending in .jsonl", output.suffix or output.name)
    check_input(file, output)
    durable.check_new_file(output, overwrite)
    count = sum(1 for _ in read_texts(file, column))  # whatever is wrong with the file shows before the work
    if not count:
        raise TableError.at(file, "at least one text", "none")
    source = {"file": durable.fingerprint(file), "column": column}
    blocks = Blocks(output, {**request, **source}, rows_per_block)
    with blocks.open(resume=resume, overwrite=overwrite):
        progress.start(stage, count, "texts")
        blocks.fill(read_texts(file, column), answer, progress)
        progress.finish()
        check_count(file, count, blocks.rows)
        with durable.open_new(output, overwrite=overwrite) as opened:
            for data in blocks.read(PART):
                opened.write(data)
    return blocks
