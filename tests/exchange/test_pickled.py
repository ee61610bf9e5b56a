"""Weights in pickles: read in a process of their own, and what is in them besides tensors never runs."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from bertwright.checkpoints.model_folder import open_model
from bertwright.errors import BertwrightError, DiskError, ModelError, WorkerError
from bertwright.exchange import pickled as module
from bertwright.exchange.conversion import convert


class Payload:
    """Unpickling it runs a command that leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.trace}",)


def test_converted_and_equal(pickled: Path, saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="bertwright convert reads such weights"):
        open_model(pickled)
    done = convert(pickled, tmp_path / "out")
    assert done.source_format == "Hugging Face (pickled)"
    assert done.largest == 0
    ours, theirs = open_model(tmp_path / "out").weights.tensors, open_model(saved).weights.tensors
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "out"]


def test_the_oldest_format_and_a_state_dict_inside(pickled: Path, tmp_path: Path) -> None:
    tensors = torch.load(pickled / "pytorch_model.bin", weights_only=True)
    torch.save(OrderedDict(tensors), pickled / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    assert convert(pickled, tmp_path / "one").largest == 0
    torch.save({"state_dict": tensors, "epoch": 3}, pickled / "pytorch_model.bin")
    assert convert(pickled, tmp_path / "two").largest == 0


def test_shards(pickled: Path, tmp_path: Path) -> None:
    tensors = torch.load(pickled / "pytorch_model.bin", weights_only=True)
    (pickled / "pytorch_model.bin").unlink()
    names = sorted(tensors)
    files = {"pytorch_model-00001-of-00002.bin": names[::2], "pytorch_model-00002-of-00002.bin": names[1::2]}
    for file, part in files.items():
        torch.save({name: tensors[name] for name in part}, pickled / file)
    index = pickled / "pytorch_model.bin.index.json"
    index.write_text(
        json.dumps({"weight_map": {name: file for file, part in files.items() for name in part}})
    )
    assert convert(pickled, tmp_path / "out").largest == 0
    for wrong in ("../x.bin", "/etc/passwd", "..", "a\0b"):
        index.write_text(json.dumps({"weight_map": {"x": wrong}}))
        with pytest.raises(ModelError, match="a plain file name"):
            convert(pickled, tmp_path / "other")
    index.write_text('{"weight_map": {}}')
    with pytest.raises(ModelError, match="an empty one"):
        convert(pickled, tmp_path / "other")


def bomb(path: Path, _: Path) -> None:
    """A small archive that is large inside."""
    torch.save({"x": torch.zeros(2_000_000)}, path)
    with zipfile.ZipFile(path) as archive:
        parts = {member.filename: archive.read(member) for member in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    assert path.stat().st_size < 50_000


def expanded(path: Path, _: Path) -> None:
    torch.save({"x": torch.zeros(1).expand(10**12)}, path)


def repeated(path: Path, _: Path) -> None:
    tensor = torch.zeros(100_000)
    torch.save({f"x{number}": tensor for number in range(1000)}, path)


def script(path: Path, _: Path) -> None:
    class Network(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1

    torch.jit.save(torch.jit.trace(Network(), torch.zeros(1)), path)


HOSTILE: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "code in an archive": (lambda path, trace: torch.save({"x": Payload(trace)}, path), "names posix.system"),
    "code in a bare pickle": (
        lambda path, trace: path.write_bytes(pickle.dumps(Payload(trace))),
        "names|Error",
    ),
    "code in the oldest format": (
        lambda path, trace: torch.save({"x": Payload(trace)}, path, _use_new_zipfile_serialization=False),
        "names posix.system",
    ),
    "a compressed archive": (bomb, "a compressed archive"),
    "a tensor of 4 TB in a kilobyte": (expanded, "more numbers than are stored"),
    "a tensor a thousand times": (repeated, "more numbers than the file holds"),
    "a list": (lambda path, _: torch.save([torch.zeros(1)], path), "names with tensors are expected"),
    "a text": (lambda path, _: torch.save({"x": "y"}, path), "a plain tensor is expected"),
    "numbers as names": (
        lambda path, _: torch.save({3: torch.zeros(1)}, path),
        "names that are no plain text",
    ),
    "a path as name": (lambda path, _: torch.save({"../x": torch.zeros(1)}, path), "printable tensor names"),
    "a sparse tensor": (lambda path, _: torch.save({"x": torch.eye(3).to_sparse()}, path), "plain tensor"),
    "complex numbers": (lambda path, _: torch.save({"x": torch.zeros(1) * 1j}, path), "no BERT has"),
    "nothing": (lambda path, _: path.write_bytes(b""), "Error"),
    "half of it": (lambda path, _: path.write_bytes(path.read_bytes()[:5000]), "Error|damaged"),
    "a program": (script, "Error|archive"),
}


ALWAYS = {"code in an archive", "a compressed archive", "a tensor of 4 TB in a kilobyte"}
"""Not only in a sample: each starts a process, which takes seconds."""


@pytest.mark.parametrize(
    "case", [case if case in ALWAYS else pytest.param(case, marks=pytest.mark.slow) for case in HOSTILE]
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_hostile_files_are_refused_and_nothing_runs(case: str, pickled: Path, tmp_path: Path) -> None:
    write, message = HOSTILE[case]
    trace = tmp_path / "trace"
    write(pickled / "pytorch_model.bin", trace)
    with pytest.raises(ModelError, match=message) as error:
        convert(pickled, tmp_path / "out")
    assert "\n" not in error.value.message
    assert not trace.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_numbers_that_are_not_finite_are_refused_as_everywhere(pickled: Path, tmp_path: Path) -> None:
    tensors = torch.load(pickled / "pytorch_model.bin", weights_only=True)
    tensors["cls.predictions.bias"][0] = float("nan")
    torch.save(tensors, pickled / "pytorch_model.bin")
    with pytest.raises(ModelError, match="not finite"):
        convert(pickled, tmp_path / "out")


def test_files_beyond_the_caps(pickled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, "LARGEST", 1000)
        with pytest.raises(ModelError, match="at most 1,000 bytes"):
            convert(pickled, tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(module, "available_bytes", lambda: 1000)
        with pytest.raises(ModelError, match="GiB are free"):
            convert(pickled, tmp_path / "out")


def test_what_is_not_the_file_s_fault_is_told_as_what_it_is(
    pickled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch that cannot be imported, and tensors that cannot be written: no word of a hostile pickle."""
    (tmp_path / "result").mkdir()  # stands where the file is to be written
    with pytest.raises(DiskError, match=r"result: cannot write: .*directory"):
        module._read_one(pickled / "pytorch_model.bin", tmp_path / "result")
    (tmp_path / "result").rmdir()
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "torch.py").write_text("raise ImportError('libcudart.so.99 is not here')")
    monkeypatch.syspath_prepend(tmp_path / "modules")
    with pytest.raises(WorkerError, match=r"cannot work: import torch: libcudart\.so\.99 is not here"):
        convert(pickled, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "modules"]


def test_the_linker_looks_where_it_looks_for_us(
    pickled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program.py"
    program.write_text("import json, os; print(json.dumps({'unable': sorted(os.environ.items())}))")
    monkeypatch.setattr(module, "_PROGRAM", program)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/cuda/lib")
    monkeypatch.setenv("LD_PRELOAD", "")
    with pytest.raises(WorkerError, match=r"'LD_LIBRARY_PATH', '/opt/cuda/lib'") as error:
        convert(pickled, tmp_path / "out")
    assert "LD_PRELOAD" not in error.value.message


def test_room_for_the_tensors_is_asked_for_first(
    pickled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(DiskError, match="not enough space"):
        module.read_pickled([pickled / "pytorch_model.bin"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "message", "error"),
    [
        ({"memory": 300 << 20}, "exit code|more memory|stopped|cannot work", (ModelError, WorkerError)),
        ({"seconds": 1}, "within 1 s|SIGKILL|SIGXCPU", ModelError),
        ({"bytes": 1000}, "SIGXFSZ|SIGBUS|more numbers", ModelError),
    ],
)
def test_the_limits_hold(
    limits: dict[str, int],
    message: str,
    error: type[BertwrightError],
    pickled: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = module._answer

    def limited(file: Path, descriptor: int, result: Path, given: dict[str, int]) -> dict[str, Any]:
        return answer(file, descriptor, result, {**given, **limits})

    monkeypatch.setattr(module, "_answer", limited)
    with pytest.raises(error, match=message):
        convert(pickled, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_safetensors_are_preferred(pickled: Path, saved: Path, tmp_path: Path) -> None:
    tensors = safetensors.torch.load_file(saved / "model.safetensors")
    safetensors.torch.save_file(tensors, pickled / "model.safetensors")
    (pickled / "pytorch_model.bin").write_bytes(b"nonsense")
    assert convert(pickled, tmp_path / "out").source_format == "Hugging Face"
