"""What a file is by its first bytes, whatever it is called.

Pickles can run code when opened, and PyTorch's ``.bin``, ``.pt`` and ``.ckpt`` are pickles (in a zip archive,
a tar, or bare). Such files are recognised here and never opened.
"""

from __future__ import annotations

from pathlib import Path

from bertwright.errors import ModelError

PICKLE_HINT = (
    "bertwright convert reads such weights in a process of its own; or save the model again as safetensors"
)


_PICKLE_STARTS = (b"\x80", b"(", b"]", b"}", b"c")
"""First opcode of a pickle: 0x80 since protocol 2, before it an open tuple, list, dictionary or a global."""


def foreign_format(start: bytes) -> str | None:
    """The format of a file that begins with ``start`` (512 bytes); None when it may be safetensors."""
    if start.startswith(b"PK\x03\x04"):
        return "a zip archive (PyTorch's .bin/.pt or a NumPy .npz, both with pickles inside)"
    if start[257:262] == b"ustar":
        return "a tar archive (an old PyTorch file, with pickles inside)"
    if start.startswith(b"\x93NUMPY"):
        return "a NumPy array"
    if start.startswith(b"\x89HDF\r\n"):
        return "an HDF5 file"
    if start.startswith((b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh", b"\x28\xb5\x2f\xfd")):
        return "a compressed file"
    if start[8:9] != b"{" and start[:1] in _PICKLE_STARTS:
        return "a pickle"
    return None


def refuse_foreign_format(path: Path, start: bytes) -> None:
    """Raise for a file that is not safetensors.

    Raises:
        ModelError: naming the format; pickles, and archives of pickles, are told apart from the rest.
    """
    found = foreign_format(start)
    if found is None:
        return
    if "pickle" in found:
        raise ModelError.at(
            path, "safetensors (pickle is not accepted: it can run code)", found, hint=PICKLE_HINT
        )
    raise ModelError.at(path, "a safetensors file", found)
