"""The process that reads one pickle of tensors: standard input -> a safetensors file. Run as a program.

Nothing of this package is imported, so that what runs here is this page and PyTorch's ``weights_only``
reader, under limits that it gives itself before it looks at the file. One line of JSON goes to standard
output: ``{"tensors": N}``; ``{"refused": "why"}`` where it is the file's fault; ``{"unable": "why"}`` where
PyTorch cannot be imported, and ``{"unwritten": "why"}`` where the tensors cannot be written, which are not.

Arguments: the file to be written; the limits as JSON: ``memory`` (bytes of address space), ``seconds`` (of
processor time), ``bytes`` (of the file to be written); and as JSON the places to import from, those of the
process that asks: started with ``-I``, Python alone would not look where a user has installed PyTorch.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import resource
import sys
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

_NEW_NETWORK = 0x40000000
_NEW_USER = 0x10000000
_NEVER = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.system",
    "os.kill",
    "ctypes.dl",
)
_MOST_TENSORS = 100_000
_LONGEST_NAME = 1_000


class Refused(Exception):
    """The file is not what it should be; the message says why."""


def confine(limits: Mapping[str, int]) -> None:
    """Give up what reading a file does not need. For good: a hard limit cannot be raised again."""
    for kind, value in (
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_CPU, limits["seconds"]),
        (resource.RLIMIT_FSIZE, limits["bytes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
    library = ctypes.CDLL(None, use_errno=True)
    if hasattr(library, "unshare") and library.unshare(_NEW_NETWORK) != 0:
        library.unshare(_NEW_USER | _NEW_NETWORK)  # not allowed everywhere: the hook below stands anyway


def forbid() -> None:
    """From here on, starting a program or touching the network ends the process."""

    def watch(event: str, _: tuple[Any, ...]) -> None:
        if event.startswith(_NEVER):
            os._exit(3)

    sys.addaudithook(watch)


def tensors_of(file: BinaryIO, size: int) -> dict[str, Any]:
    """Name -> tensor, contiguous, each with memory of its own.

    Raises:
        Refused: an archive that is compressed or larger inside, anything but tensors under names, or tensors
            that claim more numbers than the file holds.
    """
    import torch

    _require_plain_archive(file, size)
    file.seek(0)
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as problem:
        raise Refused(_reason(problem)) from None
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    if not isinstance(found, Mapping) or not found or len(found) > _MOST_TENSORS:
        raise Refused(f"a {type(found).__name__}, where names with tensors are expected")
    room = 2 * size
    tensors = {}
    for name, value in found.items():
        _check(name, value, torch)
        room -= value.numel() * value.element_size()
        if room < 0:
            raise Refused("tensors with more numbers than the file holds")
        tensors[name] = value.detach().clone(memory_format=torch.contiguous_format)
    return tensors


def _require_plain_archive(file: BinaryIO, size: int) -> None:
    """PyTorch stores the members of its archives as they are: one that is compressed may be a bomb."""
    start = file.read(4)
    file.seek(0)
    if start != b"PK\x03\x04":
        return
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as problem:
        raise Refused(f"a damaged archive: {_first_line(problem)}") from None
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise Refused("a compressed archive")
    if sum(member.file_size for member in members) > size:
        raise Refused("an archive that is larger inside than outside")


def _check(name: Any, value: Any, torch: Any) -> None:
    if not isinstance(name, str) or not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise Refused("tensors under names that are no plain text")
    if not isinstance(value, torch.Tensor) or value.layout is not torch.strided or value.is_quantized:
        raise Refused(f"a {type(value).__name__} called {name[:60]}, where a plain tensor is expected")
    if value.device.type != "cpu" or value.is_complex():
        raise Refused(f"a tensor of a kind that no BERT has: {name[:60]}")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise Refused(f"a tensor with more numbers than are stored: {name[:60]}")


def _reason(problem: Exception) -> str:
    """Why PyTorch would not read the file: what it names besides tensors, where that is the reason."""
    named = re.search(r"GLOBAL (\S+)", str(problem))
    if named:
        return f"one that names {named[1][:80]}"
    return f"{type(problem).__name__}: {_first_line(problem)}"


def _first_line(problem: BaseException) -> str:
    lines = str(problem).strip().splitlines()
    return lines[0][:200] if lines else ""


def answer_of(target: str) -> dict[str, Any]:
    """Read standard input, write ``target``, and what is to be said of it."""
    try:
        import safetensors.torch
        import torch
    except (ImportError, OSError, MemoryError) as problem:
        return {"unable": f"import torch: {_first_line(problem)}"}
    torch.set_num_threads(1)
    forbid()
    with open(0, "rb", closefd=False) as file:
        try:
            tensors = tensors_of(file, os.fstat(0).st_size)
        except Refused as problem:
            return {"refused": str(problem)}
        except MemoryError:
            return {"refused": "one that takes more memory than a file of its size may"}
    try:
        safetensors.torch.save_file(tensors, target)
    except (OSError, safetensors.SafetensorError) as problem:
        if f"os error {errno.EFBIG}" in str(problem):  # the limit that this process gave itself
            return {"refused": "one with more numbers than a file of its size may have"}
        return {"unwritten": _first_line(problem)}
    return {"tensors": len(tensors)}


def main() -> None:
    """Read, write, and say so."""
    target, limits, places = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
    confine(limits)
    sys.path[:] = places
    print(json.dumps(answer_of(target)), flush=True)


if __name__ == "__main__":
    main()
