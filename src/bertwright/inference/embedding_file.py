"""Vectors for every text of a file: streamed, in order, resumable."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bertwright import durable
from bertwright.errors import TableError
from bertwright.execution.engine import Engine
from bertwright.features.pooling import SentencePoolingName
from bertwright.inference.blocks import BlockAnswer, Blocks, check_count, check_input
from bertwright.inference.embedding import sequence_length
from bertwright.inference.texts import read_texts
from bertwright.inference.vectors import check_format, write_vectors
from bertwright.progress import Progress, Silent

if TYPE_CHECKING:
    from bertwright.checkpoints.sentence_recipe import SentenceRecipe
    from bertwright.inference.model import Model

ROWS_PER_BLOCK = 2048
"""Texts between two points to resume from; among so many, rows of like length find each other."""


@dataclass(frozen=True)
class EmbeddingSummary:
    """What was written."""

    rows: int
    dimensions: int
    truncated: int
    """Texts that were cut to the longest sequence."""
    empty: int
    """Texts of white space alone; their vector is that of ``[CLS] [SEP]``."""
    seconds: float
    """Of all processes that worked on it."""
    recipe: SentenceRecipe
    """How the vectors were made."""
    output: Path


def embed_file(
    model: Model,
    file: Path,
    output: Path,
    *,
    column: str | None = None,
    pooling: SentencePoolingName | None = None,
    normalize: bool | None = None,
    max_length: int | None = None,
    rows_per_block: int = ROWS_PER_BLOCK,
    resume: bool = False,
    overwrite: bool = False,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> EmbeddingSummary:
    """Write the vector of every text in ``file`` to ``output``.

    Args:
        file: a text a line, or a table; see :func:`bertwright.inference.texts.read_texts`.
        output: ``.npy``, ``.parquet`` or ``.jsonl``; see :func:`bertwright.inference.vectors.write_vectors`.
        column: of a table.
        pooling, normalize, max_length: see :meth:`bertwright.inference.model.Model.embed`.
        rows_per_block: texts between two points to resume from.
        resume: go on with the unfinished work of an earlier call with the same arguments.
        overwrite: replace ``output``.
        engine: where blocks of texts are turned into vectors; by default in this process.

    Raises:
        InputError: the file, the output or an argument is wrong; nothing was written.
        RunError: it failed on the way; ``resume`` goes on from the last finished block.
    """
    started = time.monotonic()
    watch = progress or Silent()
    recipe = model.sentence_recipe(pooling, normalize, max_length)
    dimensions = recipe.width(model.config.hidden_size)
    sequence_length(recipe.max_length, model.config.max_position_embeddings)
    check_format(output)
    check_input(file, output)
    durable.check_new_file(output, overwrite)
    count = sum(1 for _ in read_texts(file, column))  # whatever is wrong with the file shows before the work
    if not count:
        raise TableError.at(file, "at least one text", "none")
    durable.check_free_space(output, 2 * count * dimensions * 4)

    answer = _Answer(model, pooling, normalize, max_length)
    source = {"model": model.digest, "file": durable.fingerprint(file), "column": column}
    way = {"recipe": recipe.facts(), "precision": model.precision}
    blocks = Blocks(output, source | way, rows_per_block)
    with blocks.open(resume=resume, overwrite=overwrite):
        watch.start("embedding", count, "texts")
        blocks.fill(read_texts(file, column), answer, watch, engine, model.need)
        watch.finish()
        check_count(file, count, blocks.rows)
        vectors = (np.frombuffer(data, np.float32).reshape(-1, dimensions) for data in blocks.read("f32"))
        write_vectors(output, vectors, (blocks.rows, dimensions), overwrite=overwrite)
    return EmbeddingSummary(
        rows=blocks.rows,
        dimensions=dimensions,
        truncated=blocks.total("truncated"),
        empty=blocks.total("empty"),
        seconds=time.monotonic() - started + blocks.earlier_seconds,
        recipe=recipe,
        output=output,
    )


@dataclass(frozen=True)
class _Answer:
    """Blocks of texts to their vectors."""

    model: Model
    pooling: SentencePoolingName | None
    normalize: bool | None
    max_length: int | None

    def __call__(self, _start: int, texts: list[str], told: Progress) -> BlockAnswer:
        result = self.model.embed_texts(
            texts,
            pooling=self.pooling,
            normalize=self.normalize,
            max_length=self.max_length,
            progress=told,
        )
        empty = sum(not text.strip() for text in texts)
        return BlockAnswer({"f32": result.vectors.tobytes()}, {"truncated": result.truncated, "empty": empty})
