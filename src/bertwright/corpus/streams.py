"""The bytes of a file, through its compression, a block at a time."""

from __future__ import annotations

import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from bertwright.corpus.formats import Compression
from bertwright.errors import CorpusError, RunError, shown_path

BLOCK_BYTES = 1 << 20
MAX_RATIO = 200
"""Text rarely shrinks to a twentieth; what shrinks to a two-hundredth is a bomb."""
RATIO_FREE_BYTES = 64 << 20
"""So much may come out of any archive before its ratio is looked at."""


class ByteStream:
    """The decompressed bytes of ``path`` in blocks.

    Raises (while reading):
        CorpusError: the archive is damaged, cut short, or grows beyond :data:`MAX_RATIO`.
        RunError: the file vanished since it was found.
    """

    def __init__(self, path: Path, compression: Compression = "none") -> None:
        self.path = path
        self._compression = compression
        self._raw: IO[bytes] | None = None
        self._start = 0

    def position(self) -> int:
        """Bytes of the stored file consumed so far."""
        return self._raw.tell() if self._raw is not None and not self._raw.closed else self._start

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Blocks of at most 1 MiB; ``start`` and ``stop`` are for files that are not compressed."""
        with open_found(self.path) as raw:
            self._raw = raw
            if self._compression == "none":
                yield from _range(raw, start, stop)
            else:
                yield from self._decompressed(raw)
            self._start = raw.tell()

    def _decompressed(self, raw: IO[bytes]) -> Iterator[bytes]:
        total = 0
        with self._checked(raw):
            stream = _opened(raw, self._compression)
        while True:
            with self._checked(raw):
                block = stream.read(BLOCK_BYTES)
            if not block:
                return
            total += len(block)
            if total > RATIO_FREE_BYTES and total > MAX_RATIO * raw.tell():
                raise CorpusError.at(
                    self.path,
                    f"text that grows at most {MAX_RATIO}-fold when decompressed",
                    hint=f"{total:,} bytes came out of {raw.tell():,}: decompress it yourself if it is right",
                )
            yield bytes(block)

    @contextmanager
    def _checked(self, raw: IO[bytes]) -> Iterator[None]:
        kind = self._compression
        try:
            yield
        except EOFError:
            raise self._cut(raw) from None
        except (gzip.BadGzipFile, lzma.LZMAError, zlib.error, OSError) as problem:
            if "runcated" in str(problem):
                raise self._cut(raw) from None
            raise CorpusError.at(
                self.path, f"sound {kind} data", hint=f"damaged near byte {raw.tell():,}: {problem}"
            ) from None

    def _cut(self, raw: IO[bytes]) -> CorpusError:
        message = (
            f"{shown_path(self.path)}: expected complete {self._compression} data, got an archive cut short"
        )
        return CorpusError(f"{message} at byte {raw.tell():,}")


def read_head(path: Path, compression: Compression, count: int) -> bytes:
    """The first ``count`` bytes of ``path``, decompressed."""
    blocks = ByteStream(path, compression).blocks(0, count if compression == "none" else None)
    return next(blocks, b"")[:count]


@contextmanager
def open_found(path: Path) -> Iterator[IO[bytes]]:
    """``path`` open for reading; it was there when the corpus was looked through.

    Raises:
        RunError: it is not there any more, or cannot be read.
    """
    try:
        file = path.open("rb")
    except OSError as problem:
        raise RunError(
            f"{shown_path(path)}: vanished while the corpus was read: {problem.strerror}"
        ) from None
    with file:
        yield file


def _range(raw: IO[bytes], start: int, stop: int | None) -> Iterator[bytes]:
    raw.seek(start)
    left = -1 if stop is None else stop - start
    while left:
        block = raw.read(BLOCK_BYTES if left < 0 else min(BLOCK_BYTES, left))
        if not block:
            return
        left = left - len(block) if left > 0 else left
        yield block


def _opened(raw: IO[bytes], compression: Compression) -> IO[bytes]:
    if compression == "gzip":
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw, mode="rb"))
    if compression == "xz":
        return cast(IO[bytes], lzma.LZMAFile(raw, "rb"))
    import pyarrow

    stream: Any = pyarrow.CompressedInputStream(pyarrow.PythonFile(raw, mode="r"), "zstd")
    return cast(IO[bytes], stream)
