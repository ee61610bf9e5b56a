"""Weights in pickles, read by a process of their own that can do little else.

``convert`` alone does this. The process (:mod:`~bertwright.exchange.unpickler`) gets limits on memory, time
and what it may write, no network where the system lets it give that up, and an audit hook under which
starting programs or opening sockets ends it. It uses PyTorch's ``weights_only`` reader, and hands its tensors
over as safetensors, which are then checked as those of any stranger.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from bertwright import strict_json
from bertwright.checkpoints import members
from bertwright.checkpoints.memory import available_bytes
from bertwright.checkpoints.sentence_modules import MODULES, read_modules
from bertwright.durable import check_free_space
from bertwright.errors import DiskError, ModelError, WorkerError, one_line, shown_path

LARGEST = 64 << 30
"""Bytes of one file at most."""

_PROGRAM = Path(__file__).with_name("unpickler.py")
_IMPORTS = 4 << 30  # address space that importing torch takes, rounded up
_COPIES = 3  # of the weights: as they are read, as one of them is copied, as they are written
_SECONDS = 120
_BYTES_A_SECOND = 10 << 20
_REPLY = 1 << 16
_LINKER = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # where modules of clusters keep what PyTorch links to


def pickled_weights(path: Path) -> list[Path]:
    """The pickles of a folder whose weights are in no other format; none for all other paths.

    Raises:
        ModelError: an index that is malformed, or leads out of the folder.
    """
    if (path / MODULES).exists():
        path = read_modules(path).encoder
    if not (path / members.CONFIG).is_file():
        return []
    if any((path / name).exists() for name in (members.WEIGHTS, members.WEIGHTS_INDEX)):
        return []
    if (path / members.PICKLE).exists():
        return [members.member(path, members.PICKLE)]
    if (path / members.PICKLE_INDEX).exists():
        return members.indexed_files(path, members.PICKLE_INDEX)
    return []


def read_pickled(files: list[Path], scratch: Path) -> list[Path]:
    """The tensors of pickles as new safetensors files in ``scratch``, in the same order.

    Raises:
        ModelError: a file is too large, is no pickle of tensors, names anything but tensors, claims more
            numbers than it holds, or took longer or more memory than a file of its size may.
        DiskError: there is no room for the tensors.
        WorkerError: the process cannot do its work, whatever the file is.
    """
    results = []
    for number, file in enumerate(files):
        result = scratch / f"weights-{number}.safetensors"
        _read_one(file, result)
        results.append(result)
    return results


def _read_one(file: Path, result: Path) -> None:
    size = file.stat().st_size
    if size > LARGEST:
        raise ModelError.at(file, f"at most {LARGEST:,} bytes", f"{size:,}")
    available = available_bytes()
    if available is not None and _COPIES * size > available:
        needed, free = _COPIES * size / 2**30, available / 2**30
        raise ModelError(f"{file}: reading it takes {needed:,.1f} GiB of memory, {free:,.1f} GiB are free")
    seconds = _SECONDS + size // _BYTES_A_SECOND
    limits = {"memory": _IMPORTS + _COPIES * size, "seconds": seconds, "bytes": 2 * size + (1 << 20)}
    check_free_space(result, limits["bytes"])
    with file.open("rb") as stream:
        reply = _answer(file, stream.fileno(), result, limits)
    if "unable" in reply:
        raise WorkerError(one_line(f"the process that reads pickles cannot work: {reply['unable']}"))
    if "unwritten" in reply:
        raise DiskError(one_line(f"{shown_path(result)}: cannot write: {reply['unwritten']}"))
    if reply.get("refused"):
        hint = "in a trusted place save the model again as safetensors"
        raise ModelError.at(file, "a pickle of tensors alone", reply["refused"], hint=hint)


def _answer(file: Path, descriptor: int, result: Path, limits: dict[str, int]) -> dict[str, Any]:
    """Runs the process; the file reaches it as its standard input, so that it needs no path.

    It imports from where this process does, but for places that mean another one in another directory.
    """
    places = json.dumps([place for place in sys.path if os.path.isabs(place)])
    linked = {name: os.environ[name] for name in _LINKER if name in os.environ}
    with subprocess.Popen(
        [sys.executable, "-I", str(_PROGRAM), str(result), json.dumps(limits), places],
        stdin=descriptor,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=result.parent,
        env={"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", **linked},
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=limits["seconds"])
        except subprocess.TimeoutExpired:
            expected = f"a pickle that is read within {limits['seconds']} s"
            raise ModelError.at(file, expected, "a longer one") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    lines = output[:_REPLY].splitlines()
    if process.returncode == 0 and lines:
        reply = strict_json.parse(lines[-1], file, error=ModelError)
        if isinstance(reply, dict):
            return reply
    return {"refused": _ending(process.returncode)}


def _ending(code: int) -> str:
    if code == 0:
        raise WorkerError("the process that reads pickles ended without an answer")
    if code < 0:
        return one_line(f"one at which the process that read it was stopped ({signal.Signals(-code).name})")
    return f"one at which the process that read it ended (exit code {code})"
