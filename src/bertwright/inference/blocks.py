"""Long work over rows in blocks that survive: what is done stays done when the process is killed.

Beside the output stands ``OUTPUT.partial`` while the work goes on: a file a finished block, a log that says
which blocks are complete, and the request they answer. Blocks hold a fixed number of rows, so the bytes that
come out are those of an unbroken run. When all is there the output is put together, appears under its name at
once, and the partial directory goes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from bertwright import durable, strict_json
from bertwright.errors import (
    DiskError,
    Interrupted,
    OutputExistsError,
    ResumeError,
    RunError,
    UsageError,
    shown_path,
)
from bertwright.progress import Progress

Item = TypeVar("Item")

_LOG = "blocks.jsonl"
_REQUEST = "request.json"


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
        self.request = {**request, "rows_per_block": size}
        self.size = size
        self.directory = output.parent / f"{output.name}.partial"
        self._records: list[dict[str, Any]] = []
        self._log = durable.LogFile(self.directory / _LOG)

    @contextmanager
    def open(self, *, resume: bool = False, overwrite: bool = False) -> Iterator[None]:
        """Hold the output for this process; the partial directory goes when the block ends well.

        It also goes on an error before the first block was finished: there is nothing to resume.

        Raises:
            OutputExistsError: the output exists, or unfinished work does and neither ``resume`` nor
                ``overwrite`` says what to do with it.
            OutputBusyError: another process is writing it.
            ResumeError: the unfinished work answers another request; each difference is named.
            Interrupted: a signal came; says that the work can be resumed.
        """
        durable.require_absent(self.output, overwrite)
        with durable.lock(self.output):
            self._begin(resume, overwrite)
            try:
                yield
                self._log.close()
                shutil.rmtree(self.directory, ignore_errors=True)
            except (KeyboardInterrupt, Interrupted) as problem:
                number = signal.SIGINT if isinstance(problem, KeyboardInterrupt) else problem.exit_code - 128
                kept = f"stopped: {self.rows:,} rows are done and kept, --resume goes on from there"
                raise Interrupted(number, kept if self._records else "stopped") from None
            finally:
                self._log.close()
                if not self._records:
                    shutil.rmtree(self.directory, ignore_errors=True)

    def fill(
        self, rows: Iterable[Item], answer: Callable[[int, list[Item]], BlockAnswer], progress: Progress
    ) -> None:
        """Answer every block that is not finished yet.

        Args:
            rows: all rows of the input; those of finished blocks are passed over.
            answer: gets the number of a block's first row, from 0, and its rows.
            progress: advances by the rows passed over; ``answer`` advances by its own.
        """
        iterator = iter(rows)
        number = start = 0
        while block := list(islice(iterator, self.size)):
            if number < len(self._records):
                progress.advance(len(block))
            else:
                self._add(len(block), answer(start, block))
            number, start = number + 1, start + len(block)

    @property
    def rows(self) -> int:
        """Rows of the input that the finished blocks have answered."""
        return self.total("rows")

    def total(self, name: str) -> int:
        """Sum of the count ``name`` over the finished blocks."""
        return sum(int(record[name]) for record in self._records)

    def read(self, part: str) -> Iterator[bytes]:
        """The part ``part`` of every block, in order, checked against its digest.

        Raises:
            ResumeError: a file of the partial directory was damaged.
        """
        for number, record in enumerate(self._records):
            path = self._file(number, part)
            try:
                data = path.read_bytes()
            except OSError as problem:
                raise DiskError.of(path, problem, doing="read") from problem
            if hashlib.sha256(data).hexdigest() != record["sha256"].get(part):
                raise ResumeError(f"{shown_path(path)}: damaged (begin anew with --overwrite)")
            yield data

    def _begin(self, resume: bool, overwrite: bool) -> None:
        if self.directory.exists() and not resume:
            if not overwrite:
                hint = "unfinished work: go on with --resume, or begin anew with --overwrite"
                raise OutputExistsError(self.directory, hint)
            shutil.rmtree(self.directory)
        if (self.directory / _REQUEST).exists():
            self._take_up()
            return
        try:
            self.directory.mkdir(exist_ok=True)
        except OSError as problem:
            raise DiskError.of(self.directory, problem, doing="create") from problem
        durable.write_file(self.directory / _REQUEST, strict_json.dump(self.request))

    def _take_up(self) -> None:
        stored = strict_json.load(self.directory / _REQUEST, error=ResumeError)
        changed = [
            f"{name}: {strict_json.dump(stored.get(name))} -> {strict_json.dump(self.request.get(name))}"
            for name in sorted(set(stored) | set(self.request))
            if stored.get(name) != self.request.get(name)
        ]
        if changed:
            hint = "repeat that request, or begin anew with --overwrite"
            raise ResumeError(
                f"{shown_path(self.directory)}: begun with another request: {'; '.join(changed)} ({hint})"
            )
        # Reading leaves out a torn last line, and keeping rewrites the log without it: the next record would
        # be glued to it.
        self._records = list(self._log.records())
        self._log.keep(lambda _: True)

    def _add(self, rows: int, answer: BlockAnswer) -> None:
        number = len(self._records)
        digests = {}
        for part, data in answer.files.items():
            durable.write_file(self._file(number, part), data, overwrite=True)
            digests[part] = hashlib.sha256(data).hexdigest()
        record = {"rows": rows, **answer.counts, "sha256": digests}
        self._log.append(record)
        self._log.sync()
        self._records.append(record)

    def _file(self, number: int, part: str) -> Path:
        return self.directory / f"{number:06d}.{part}"


def fingerprint(path: Path) -> dict[str, Any]:
    """What tells a file from another or a later one without reading it: size and time of change."""
    status = os.stat(path)
    return {"bytes": status.st_size, "modified": status.st_mtime_ns}


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
