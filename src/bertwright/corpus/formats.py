"""What a file is: decided by its first bytes where they speak, and by its name for the formats of text."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from bertwright.errors import CorpusError, quote

Format = Literal["auto", "text", "jsonl", "csv", "tsv", "parquet"]
"""How documents stand in a file; ``auto`` goes by the file's name, and is ``text`` where it says nothing."""

Compression = Literal["none", "gzip", "xz", "zstd"]

HEAD_BYTES = 4096
"""So many bytes of a file are looked at before it is read."""

_COMPRESSIONS: dict[bytes, Compression] = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
_COMPRESSED_SUFFIXES: dict[str, Compression] = {".gz": "gzip", ".xz": "xz", ".zst": "zstd", ".zstd": "zstd"}
_FOREIGN = {
    b"PK\x03\x04": "a zip archive (or docx, xlsx): extract its text first",
    b"PK\x05\x06": "an empty zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: extract it first",
    b"Rar!\x1a\x07": "a rar archive: extract it first",
    b"BZh": "bzip2: compress it with gzip, xz or zstd instead",
    b"%PDF": "a PDF: extract its text first",
    b"\x7fELF": "an ELF program",
    b"PAR1": "a Parquet file: give --format parquet",
    b"ARROW1": "an Arrow file: save it as Parquet",
    b"SQLite format 3": "an SQLite database",
    b"\xd0\xcf\x11\xe0": "an old Office document: save it as plain text",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_TAR_MAGIC = slice(257, 262)


def format_of(path: Path, requested: str) -> Format:
    """The format of ``path``: the requested one, or with ``auto`` what its name says.

    Raises:
        CorpusError: ``requested`` is no format.
    """
    if requested not in get_args(Format):
        raise CorpusError(f"--format: expected one of {', '.join(get_args(Format))}, got {quote(requested)}")
    if requested != "auto":
        return requested  # type: ignore[return-value]
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED_SUFFIXES:
        suffixes.pop()
    return _SUFFIXES.get(suffixes[-1], "text") if suffixes else "text"


def compression_of(path: Path, head: bytes) -> Compression:
    """The compression that the first bytes of ``path`` show.

    Raises:
        CorpusError: the name promises a compression and the bytes are something else.
    """
    for magic, compression in _COMPRESSIONS.items():
        if head.startswith(magic):
            return compression
    promised = _COMPRESSED_SUFFIXES.get(path.suffix.lower())
    if promised is not None and head:
        raise CorpusError.at(path, f"{promised} data, as the name says", head[:8])
    return "none"


def refuse_binary(path: Path, head: bytes, format: Format) -> None:
    """Refuse ``head``, the first (decompressed) bytes of ``path``, when they are not what ``format`` reads.

    Raises:
        CorpusError: naming what the file is.
    """
    if format == "parquet":
        if not head.startswith(b"PAR1"):
            raise CorpusError.at(path, "a Parquet file", head[:8])
        return
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            raise CorpusError.at(path, "text in UTF-8", hint=f"it is {name}")
    if head[_TAR_MAGIC] == b"ustar":
        raise CorpusError.at(path, "text in UTF-8", hint="it is a tar archive: extract it first")
    if head.startswith(_UTF16):
        raise CorpusError.at(
            path, "text in UTF-8", hint="it is UTF-16: convert it with iconv -f utf-16 -t utf-8"
        )


def looks_like_json(head: bytes) -> bool:
    """Whether plain text begins as JSON lines do."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b'{"', b'[{"'))
