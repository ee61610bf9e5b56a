"""Predictions for every row of a file: streamed, in order, resumable, unusable rows set apart."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bertwright import durable, strict_json
from bertwright.errors import InputError, TableError, UsageError
from bertwright.execution.engine import Engine
from bertwright.inference.blocks import BlockAnswer, Blocks, check_count, check_input, require_beside
from bertwright.progress import Progress, Silent
from bertwright.tables.columns import Columns
from bertwright.tasks.examples import InputRow, InputStream

if TYPE_CHECKING:
    from bertwright.inference.model import Model

ROWS_PER_BLOCK = 2048
_FIRST = 3


@dataclass(frozen=True)
class PredictionSummary:
    """What was written."""

    rows: int
    failed: int
    """Rows without an answer, each with its reason in :attr:`errors`."""
    truncated: int
    seconds: float
    """Of all processes that worked on it."""
    output: Path
    errors: Path | None
    """JSON lines ``{"row", "line", "error"}``; None when every row has its answer."""
    failed_lines: tuple[int, ...] = ()
    """Lines of the first rows that failed."""
    remarks: tuple[str, ...] = ()
    """What was guessed about the columns."""

    def to_dict(self) -> dict[str, Any]:
        """The object that ``bertwright predict --json`` prints."""
        return {
            "rows": self.rows,
            "failed": self.failed,
            "truncated": self.truncated,
            "seconds": round(self.seconds, 3),
            "output": str(self.output),
            "errors": None if self.errors is None else str(self.errors),
        }

    @property
    def failures(self) -> str:
        """One sentence about the rows that failed."""
        first = ", ".join(map(str, self.failed_lines))
        counts = f"{self.failed:,} of {self.rows:,} rows"
        return f"{counts} are unusable, the first at line {first}: see {self.errors}"


def predict_file(
    model: Model,
    file: Path,
    output: Path,
    *,
    columns: Columns | None = None,
    format: str = "auto",
    strict: bool = False,
    rows_per_block: int = ROWS_PER_BLOCK,
    resume: bool = False,
    overwrite: bool = False,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> PredictionSummary:
    """Write the answer for every row of ``file`` to ``output``, in the order of the file.

    Args:
        file: a table; see :mod:`bertwright.tables.formats`.
        output: a ``.jsonl`` file of ``{"row": 0, "label": ..., ...}``; rows count from 0. Unusable ones
            go to a file beside it, whose name ends in ``.errors.jsonl``.
        columns: where they are not those that the model was trained with.
        strict: refuse a file with an unusable row.
        rows_per_block: rows between two points to resume from.
        resume: go on with the unfinished work of an earlier call with the same arguments.
        overwrite: replace ``output``.
        engine: where blocks of rows are answered; by default in this process.

    Raises:
        InputError: the file, the output or an argument is wrong; nothing was written.
        RunError: it failed on the way; ``resume`` goes on from the last finished block.
    """
    started = time.monotonic()
    watch = progress or Silent()
    errors = output.with_name(output.stem + ".errors.jsonl")
    replace_errors = _check_outputs(file, output, errors, overwrite)
    stream = model.task.stream(file, columns, format=format)
    count, failed = _look_through(file, stream, strict)

    request = {"model": model.digest, "file": durable.fingerprint(file), "columns": stream.columns.to_dict()}
    request |= {"format": format, "precision": model.precision}
    blocks = Blocks(output, request, rows_per_block)
    with blocks.open(resume=resume, overwrite=overwrite):
        watch.start("predicting", count, "rows")
        blocks.fill(stream.rows(), partial(_answer, model), watch, engine, model.need)
        watch.finish()
        check_count(file, count, blocks.rows)
        if failed:  # the errors first: where the answers are, the rows without one are told, too
            _assemble(blocks, errors, "errors", replace_errors)
        _assemble(blocks, output, "jsonl", overwrite)
        if not failed:
            errors.unlink(missing_ok=True)  # of an earlier run, whose output has just been replaced
    return PredictionSummary(
        rows=blocks.rows,
        failed=len(failed),
        truncated=blocks.total("truncated"),
        seconds=time.monotonic() - started + blocks.earlier_seconds,
        output=output,
        errors=errors if failed else None,
        failed_lines=tuple(failed[:_FIRST]),
        remarks=() if stream.guess is None else (stream.guess,),
    )


def _check_outputs(file: Path, output: Path, errors: Path, overwrite: bool) -> bool:
    """Whether errors that are there may be replaced."""
    if output.suffix.lower() not in (".jsonl", ".ndjson"):
        raise UsageError.at(output, "a name ending in .jsonl", output.suffix or output.name)
    for path in (output, errors):
        check_input(file, path)
    durable.check_new_file(output, overwrite)
    return require_beside(errors, output, overwrite)


def _look_through(file: Path, stream: InputStream, strict: bool) -> tuple[int, list[int]]:
    """Number of rows, and the lines of the unusable ones; damage shows here, before any work."""
    count = 0
    failed: list[int] = []
    first: InputError | None = None
    for row in stream.rows():
        count += 1
        if row.problem is not None:
            if strict:
                raise row.problem
            first = first or row.problem
            failed.append(row.line)
    if not count:
        raise TableError.at(file, "at least one row", "none")
    if first is not None and len(failed) == count:
        raise first  # no row is usable: the first one says why
    return count, failed


def _answer(model: Model, start: int, rows: list[InputRow], progress: Progress) -> BlockAnswer:
    usable = [(number, row.input) for number, row in enumerate(rows, start) if row.problem is None]
    errors = [
        strict_json.dump({"row": number, "line": row.line, "error": row.problem.message}) + "\n"
        for number, row in enumerate(rows, start)
        if row.problem is not None
    ]
    predictions = model.predict([given for _, given in usable], progress=progress)
    progress.advance(len(errors))
    lines = [
        strict_json.dump({"row": number, **prediction.to_dict()}) + "\n"
        for (number, _), prediction in zip(usable, predictions, strict=True)
    ]
    truncated = sum(prediction.truncated for prediction in predictions)
    files = {"jsonl": "".join(lines).encode(), "errors": "".join(errors).encode()}
    return BlockAnswer(files, {"failed": len(errors), "truncated": truncated})


def _assemble(blocks: Blocks, path: Path, part: str, overwrite: bool) -> None:
    with durable.open_new(path, overwrite=overwrite) as file:
        for data in blocks.read(part):
            file.write(data)
