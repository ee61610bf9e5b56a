"""Long work that survives its process: what is done stands beside the output until all is done.

``OUTPUT.partial`` holds the request that the work answers, a log with a record for each finished part, the
parts, and how long they took. Going on with another request is refused. It goes when the output is there.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bertwright import strict_json
from bertwright.durable.abandoned import remove_abandoned, remove_stale, temporary_beside
from bertwright.durable.files import make_directory, reported, write_file
from bertwright.durable.locks import lock
from bertwright.durable.logs import LogFile
from bertwright.durable.questions import require_absent
from bertwright.errors import DiskError, OutputExistsError, ResumeError, shown_path

_REQUEST = "request.json"
_SECONDS = "seconds.json"
_TIED = "tied.json"


def unfinished_directory(output: Path) -> Path:
    """``OUTPUT.partial``, where what is done of ``output`` stands until all is."""
    return output.parent / f"{output.name}.partial"


class UnfinishedWork:
    """What is done of one piece of work.

    Args:
        output: what is to be written in the end.
        request: everything the result depends on, as plain JSON values.
        log: name of the log of finished parts; unused by work whose parts tell for themselves.

    Attributes:
        directory: ``OUTPUT.partial``.
        records: of the finished parts, in order.
        earlier_seconds: of the processes whose work was taken up, as far as they could write them down: up to
            the last finished part of one that was killed.
    """

    def __init__(self, output: Path, request: Mapping[str, Any], log: str = "parts.jsonl") -> None:
        self.output = output
        self.directory = unfinished_directory(output)
        self.records: list[dict[str, Any]] = []
        self.earlier_seconds = 0.0
        self._began = time.monotonic()
        self._request = dict(request)
        self._log = LogFile(self.directory / log)

    @contextmanager
    def held(
        self,
        *,
        resume: bool | None = False,
        overwrite: bool = False,
        worth_keeping: Callable[[], bool] | None = None,
    ) -> Iterator[None]:
        """Hold the output for this process; the directory goes when the block ends well.

        Args:
            resume: go on with what an earlier process left; None goes on unasked, also with ``overwrite``
                where that answers the same request, and begins anew where it was tied to something else.
            overwrite: replace the output, and what an earlier process left.
            worth_keeping: whether what is done should stay when the block ends badly; by default when a part
                is finished.

        Raises:
            OutputExistsError: the output exists, or unfinished work does and neither ``resume`` nor
                ``overwrite`` says what to do with it, or something of someone else has its name.
            OutputBusyError: another process is writing it.
            ResumeError: the unfinished work answers another request; each difference is named.
            DiskError: the file system refused.
        """
        require_absent(self.output, overwrite)
        with lock(self.output):
            self._began = time.monotonic()
            self._begin(resume, overwrite)
            ended = False
            try:
                yield
                ended = True
            finally:
                self._log.close()
                if ended or not (worth_keeping() if worth_keeping else self.records):
                    with suppress(OSError):  # what is left is removed by the next that writes here
                        self._remove()
                else:
                    with suppress(DiskError):  # what the block ended with is to be told, not this
                        self._keep_seconds()

    def add(self, record: dict[str, Any]) -> None:
        """A part is finished: its files are on the disk.

        Raises:
            DiskError: the file system refused.
        """
        self._log.append(record)
        self._log.sync()
        self.records.append(record)
        self._keep_seconds()

    def tie(self, name: str) -> None:
        """What is done is of no use to a request with another ``name``: one that goes on unasked replaces it.

        Raises:
            DiskError: the file system refused.
        """
        write_file(self.directory / _TIED, strict_json.dump({"name": name}), overwrite=True)

    def _keep_seconds(self) -> None:
        seconds = self.earlier_seconds + time.monotonic() - self._began
        write_file(self.directory / _SECONDS, strict_json.dump({"seconds": seconds}), overwrite=True)

    def _begin(self, resume: bool | None, overwrite: bool) -> None:
        request = strict_json.dump_for(self.directory / _REQUEST, self._request)
        remove_abandoned(self.directory)
        if self._is_foreign():
            raise OutputExistsError(self.directory, "it is in the way and not ours: move it away")
        if resume is None:
            overwrite = overwrite or self._is_useless()
            resume = not overwrite or self._is_of_this_request()
        if self.directory.exists() and not resume:
            if not overwrite:
                hint = "unfinished work: go on with --resume, or begin anew with --overwrite"
                raise OutputExistsError(self.directory, hint)
            with reported(self.directory, "remove"):
                self._remove()
        if (self.directory / _REQUEST).exists():
            self._take_up()
            return
        make_directory(self.directory)
        try:
            write_file(self.directory / _REQUEST, request)
        except BaseException:
            with suppress(OSError):  # not empty, then: something else is in it
                self.directory.rmdir()
            raise

    def _is_foreign(self) -> bool:
        """Ours has a request, or was left so early that there is at most an unfinished one in it."""
        if not os.path.lexists(self.directory):
            return False
        if self.directory.is_symlink() or not self.directory.is_dir():
            return True
        with reported(self.directory, "read"):
            names = os.listdir(self.directory)
        return _REQUEST not in names and not all(name.startswith(f".tmp-{_REQUEST}-") for name in names)

    def _remove(self) -> None:
        """Remove the directory, under another name first: half of it is no unfinished work."""
        doomed = temporary_beside(self.directory)
        remove_stale(doomed)
        os.rename(self.directory, doomed)
        shutil.rmtree(doomed)

    def _is_of_this_request(self) -> bool:
        try:
            return not self._changes()
        except ResumeError:  # damaged, or hardly begun
            return False

    def _is_useless(self) -> bool:
        """Whether that to which the unfinished work was tied is another one now."""
        try:
            tied, stored = (
                strict_json.load(self.directory / name, error=ResumeError, max_bytes=strict_json.OWN_BYTES)
                for name in (_TIED, _REQUEST)
            )
            return bool(stored[tied["name"]] != self._request[tied["name"]])
        except (ResumeError, TypeError, KeyError):  # not tied, or damaged
            return False

    def _changes(self) -> list[str]:
        """In what the request differs from that of the unfinished work."""
        path = self.directory / _REQUEST
        stored = strict_json.load(path, error=ResumeError, max_bytes=strict_json.OWN_BYTES)
        if not isinstance(stored, dict):
            raise ResumeError.at(path, "the request that the unfinished work answers")
        return list(_changes(stored, self._request))

    def _take_up(self) -> None:
        if changed := self._changes():
            hint = "repeat that request, or begin anew with --overwrite"
            raise ResumeError(
                f"{shown_path(self.directory)}: begun with another request: {'; '.join(changed)} ({hint})"
            )
        self.records = list(self._log.records())
        self.earlier_seconds = self._stored_seconds()

    def _stored_seconds(self) -> float:
        """Nobody is to lose work for a figure: 0 where they cannot be read."""
        with suppress(ResumeError, FileNotFoundError):
            stored = strict_json.load(self.directory / _SECONDS, error=ResumeError)
            if isinstance(stored, dict) and isinstance(stored.get("seconds"), float):
                return float(stored["seconds"])
        return 0.0


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], inside: str = "") -> Iterator[str]:
    """``NAME: 1 -> 2`` for all that differs, ``NAME.INNER`` in objects; of digests only that they do."""
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _changes(old, new, f"{inside}{name}.")
        elif name == "digest":
            yield f"{inside}{name}: another one"
        else:
            yield f"{inside}{name}: {strict_json.dump(old)} -> {strict_json.dump(new)}"
