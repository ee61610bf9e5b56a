"""Long work over rows in blocks that survive: what is done stays done when the process is killed.

Beside the output stands ``OUTPUT.partial`` while the work goes on: a file a finished block, a log that says
which blocks are complete, and the request they answer. Blocks hold a fixed number of rows, so the bytes that
come out are those of an unbroken run. When all is there the output is put together, appears under its name at
once, and the partial directory goes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from bertwright import durable
from bertwright.errors import (
    DiskError,
    Interrupted,
    OutputExistsError,
    ResumeError,
    RunError,
    UsageError,
    shown_path,
)
from bertwright.execution.engine import Engine, Need
from bertwright.execution.local import Local
from bertwright.inference.stages import Told
from bertwright.progress import Progress

Item = TypeVar("Item")

AnswerRows = Callable[[int, list[Item], Progress], "BlockAnswer"]
"""The number of the first row, the rows, what to tell -> what came of them."""

_LOG = "blocks.jsonl"


@dataclass(frozen=True)
class BlockAnswer:
    """What came of one block of rows."""

    files: Mapping[str, bytes]
    """The block's part of each output file, by name."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Whatever is to be summed over the blocks."""


class Blocks:
    """The finished blocks of one output.

    Args:
        output: what is to be written in the end.
        request: everything the rows depend on, as plain JSON values; resuming with another one is refused.
        size: rows a block.
    """

    def __init__(self, output: Path, request: Mapping[str, Any], size: int) -> None:
        self.output = output
        self.size = size
        self._work = durable.UnfinishedWork(output, {**request, "rows_per_block": size}, _LOG)

    @contextmanager
    def open(self, *, resume: bool = False, overwrite: bool = False) -> Iterator[None]:
        """Hold the output for this process; the partial directory goes when the block ends well.

        It also goes on an error before the first block was finished: there is nothing to resume.

        Raises:
            OutputExistsError, OutputBusyError, ResumeError: see :meth:`UnfinishedWork.held`.
            Interrupted: a signal came; says that the work can be resumed.
        """
        with self._work.held(resume=resume, overwrite=overwrite):
            try:
                yield
            except (KeyboardInterrupt, Interrupted) as problem:
                kept = f"stopped: {self.rows:,} rows are done and kept, --resume goes on from there"
                raise Interrupted.by(problem, kept if self._work.records else "stopped") from None

    def fill(
        self,
        rows: Iterable[Item],
        answer: AnswerRows[Item],
        progress: Progress,
        engine: Engine | None = None,
        need: Need | None = None,
    ) -> None:
        """Answer every block that is not finished yet.

        Args:
            rows: all rows of the input; those of finished blocks are passed over.
            answer: gets the number of a block's first row, from 0, its rows, and what to tell of its progress
                by rows; picklable, where the engine is not this process.
            progress: advances by rows.
            engine: where blocks are answered; by default in this process.
            need: of one block.
        """
        told = Told(progress)
        work = partial(_answered, answer, told)
        blocks = self._unfinished(iter(rows), progress)
        with closing((engine or Local()).map(work, blocks, describe=_described, need=need)) as answers:
            for count, result in answers:
                self._add(count, result)
                told.complete(count)

    def _unfinished(self, rows: Iterator[Item], progress: Progress) -> Iterator[tuple[int, list[Item]]]:
        """First row and rows of every block that is not finished when this begins."""
        finished, number, start = len(self._work.records), 0, 0
        while block := list(islice(rows, self.size)):
            if number < finished:
                progress.advance(len(block))
            else:
                yield start, block
            number, start = number + 1, start + len(block)

    @property
    def rows(self) -> int:
        """Rows of the input that the finished blocks have answered."""
        return self.total("rows")

    @property
    def earlier_seconds(self) -> float:
        """That the processes took whose blocks were taken up."""
        return self._work.earlier_seconds

    def total(self, name: str) -> int:
        """Sum of the count ``name`` over the finished blocks."""
        return sum(int(record[name]) for record in self._work.records)

    def read(self, part: str) -> Iterator[bytes]:
        """The part ``part`` of every block, in order, checked against its digest.

        Raises:
            ResumeError: a file of the partial directory was damaged.
        """
        for number, record in enumerate(self._work.records):
            path = self._file(number, part)
            try:
                data = path.read_bytes()
            except OSError as problem:
                raise DiskError.of(path, problem, doing="read") from problem
            if hashlib.sha256(data).hexdigest() != record["sha256"].get(part):
                raise ResumeError(f"{shown_path(path)}: damaged (begin anew with --overwrite)")
            yield data

    def _add(self, rows: int, answer: BlockAnswer) -> None:
        number = len(self._work.records)
        digests = {}
        for part, data in answer.files.items():
            durable.write_file(self._file(number, part), data, overwrite=True)
            digests[part] = hashlib.sha256(data).hexdigest()
        record = {"rows": rows, **answer.counts, "sha256": digests}
        self._work.add(record)

    def _file(self, number: int, part: str) -> Path:
        return self._work.directory / f"{number:06d}.{part}"


def _answered(
    answer: AnswerRows[Item], progress: Progress, block: tuple[int, list[Item]]
) -> tuple[int, BlockAnswer]:
    start, rows = block
    return len(rows), answer(start, rows, progress)


def _described(block: tuple[int, list[Item]]) -> str:
    start, rows = block
    return f"rows {start:,} to {start + len(rows) - 1:,}"


def require_beside(path: Path, output: Path, overwrite: bool) -> bool:
    """Whether what stands at ``path``, which is written just before ``output``, may be replaced.

    Where there is unfinished work on ``output``, it may be of that: killed between the two. Opening the
    blocks then refuses the request that does not go on with them.

    Raises:
        OutputExistsError: something stands there, and neither is the case, or it is no file.
    """
    replace = overwrite or durable.unfinished_directory(output).exists()
    durable.check_new_file(path, replace)
    return replace


def check_input(file: Path, output: Path) -> None:
    """Refuse an input that can be read only once, and an output that is the input.

    Raises:
        UsageError: ``file`` is a pipe or a device.
        OutputExistsError: they are the same file.
    """
    if file.exists() and not (file.is_file() or file.is_dir()):
        raise UsageError.at(file, "a file", "a pipe or device", hint="it is read twice: save it first")
    if file.exists() and output.exists() and file.samefile(output):
        raise OutputExistsError(output, "it is the input: choose another output")


def check_count(file: Path, expected: int, found: int) -> None:
    """Refuse to finish when another process changed ``file`` after it was looked through.

    Raises:
        RunError: ``found`` rows were answered where ``expected`` were counted.
    """
    if found != expected:
        raise RunError(
            f"{shown_path(file)}: changed while it was read: {found:,} rows instead of {expected:,}"
        )
