"""The bytes of a file, through its compression, a block at a time."""

from __future__ import annotations

import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeGuard

from bertwright.corpus.formats import Compression
from bertwright.errors import CorpusError, DiskError, RunError, shown_path

BLOCK_BYTES = 1 << 20
MAX_RATIO = 200
"""Text rarely shrinks to a twentieth; what shrinks to a two-hundredth is a bomb."""
RATIO_FREE_BYTES = 64 << 20
"""So much may come out of any archive before its ratio is looked at."""

_CUT_SHORT = "runcated"  # as pyarrow says it ("Truncated compressed stream"); the others raise EOFError


class ByteStream:
    """The decompressed bytes of ``path`` in blocks.

    Raises (while reading):
        CorpusError: the archive is damaged, cut short, or grows beyond :data:`MAX_RATIO`.
        RunError: the file vanished since it was found.
        DiskError: the file system refused: the text may be sound.
    """

    def __init__(self, path: Path, compression: Compression = "none") -> None:
        self.path = path
        self._compression = compression
        self.position = 0
        """Bytes of the stored file consumed so far."""

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Blocks of at most 1 MiB; ``start`` and ``stop`` are for files that are not compressed."""
        with open_found(self.path) as raw:
            if self._compression == "none":
                yield from _range(raw, start, stop)
            else:
                yield from self._decompressed(raw)

    def _decompressed(self, raw: IO[bytes]) -> Iterator[bytes]:
        total = 0
        blocks = _DECOMPRESSORS[self._compression](raw)
        while True:
            with self._checked(raw):
                block = next(blocks, None)
            if block is None:
                return
            total += len(block)
            self.position = raw.tell()
            if total > RATIO_FREE_BYTES and total > MAX_RATIO * raw.tell():
                raise CorpusError.at(
                    self.path,
                    f"text that grows at most {MAX_RATIO}-fold when decompressed",
                    hint=f"{total:,} bytes came out of {raw.tell():,}: decompress it yourself if it is right",
                )
            yield block

    @contextmanager
    def _checked(self, raw: IO[bytes]) -> Iterator[None]:
        kind = self._compression
        try:
            yield
        except EOFError:
            raise self._cut(raw) from None
        except (gzip.BadGzipFile, lzma.LZMAError, zlib.error, OSError) as problem:
            if is_of_the_disk(problem):
                raise  # :func:`open_found` tells of it
            if _CUT_SHORT in str(problem):
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
        RunError: it is not there any more.
        DiskError: it cannot be opened, or not be read on: told of the block, too.
    """
    with reading(path), path.open("rb") as file:
        yield file


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what the file system says of ``path``, which was found, into an error of the run.

    Raises:
        RunError: it is not there any more.
        DiskError: anything else.
    """
    try:
        yield
    except FileNotFoundError as problem:
        raise RunError(
            f"{shown_path(path)}: vanished while the corpus was read: {problem.strerror}"
        ) from None
    except OSError as problem:
        if not is_of_the_disk(problem):
            raise
        raise DiskError.of(path, problem, doing="read") from problem


def is_of_the_disk(problem: Exception) -> TypeGuard[OSError]:
    """Whether the file system refused, which says nothing about the text; decompressors give no number."""
    return isinstance(problem, OSError) and problem.errno is not None


def _range(raw: IO[bytes], start: int, stop: int | None) -> Iterator[bytes]:
    raw.seek(start)
    left = -1 if stop is None else stop - start
    while left:
        block = raw.read(BLOCK_BYTES if left < 0 else min(BLOCK_BYTES, left))
        if not block:
            return
        left = left - len(block) if left > 0 else left
        yield block


def _gzip_blocks(raw: IO[bytes]) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            yield block


def _xz_blocks(raw: IO[bytes]) -> Iterator[bytes]:
    """All streams of the file; unlike ``lzma.open``, what follows the last and is none is an error."""
    held = bytearray()
    data = raw.read(BLOCK_BYTES)
    while data:
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ)
        while not decompressor.eof:
            if decompressor.needs_input and not data:
                raise EOFError
            held += decompressor.decompress(data, BLOCK_BYTES)
            data = b"" if not decompressor.needs_input else raw.read(BLOCK_BYTES)
            while len(held) >= BLOCK_BYTES:
                yield bytes(held[:BLOCK_BYTES])
                del held[:BLOCK_BYTES]
        # The end of a stream may be the end of what was read: there may be more behind it all the same.
        data = decompressor.unused_data or raw.read(BLOCK_BYTES)
        while data and not data.strip(b"\0"):  # padding between streams
            data = raw.read(BLOCK_BYTES)
        data = data.lstrip(b"\0")
    if held:
        yield bytes(held)


class _Borrowed(io.RawIOBase):
    """Reads a file that stays open when pyarrow closes this."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._raw.read(size)


def _zstd_blocks(raw: IO[bytes]) -> Iterator[bytes]:
    import pyarrow

    with pyarrow.CompressedInputStream(pyarrow.PythonFile(_Borrowed(raw), mode="r"), "zstd") as stream:
        while block := stream.read(BLOCK_BYTES):
            yield bytes(block)


_DECOMPRESSORS: dict[Compression, Callable[[IO[bytes]], Iterator[bytes]]] = {
    "gzip": _gzip_blocks,
    "xz": _xz_blocks,
    "zstd": _zstd_blocks,
}
