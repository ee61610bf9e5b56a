"""Opening a hostile folder runs no code: watched by Python's own audit events."""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from bertwright.checkpoints.model_folder import open_model
from bertwright.errors import ModelError

WATCHED = (
    "pickle.find_class",
    "exec",
    "compile",
    "os.system",
    "os.exec",
    "subprocess.Popen",
    "socket.connect",
)
_events: list[str] = []
_watching = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event in WATCHED:
        _events.append(f"{event} {arguments!r}"[:200])


sys.addaudithook(_hook)


@contextmanager
def watched() -> Iterator[list[str]]:
    """The audit events in the block."""
    global _watching
    _events.clear()
    _watching = True
    try:
        yield _events
    finally:
        _watching = False


class Payload:
    """Unpickling it runs a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("exit 0",)


def torch_bytes() -> bytes:
    buffer = io.BytesIO()
    torch.save({"x": Payload()}, buffer)
    return buffer.getvalue()


def pickled_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(torch_bytes())


def zip_called_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(torch_bytes())


def pickle_called_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps(Payload()))


def pickled_metadata(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "config.json").unlink()
    (folder / ".metadata").write_bytes(pickle.dumps(Payload()))


def config_names(**fields: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / "evil.py").write_text("raise SystemExit('ran')\n")
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return change


HOSTILE: dict[str, Callable[[Path], None]] = {
    "weights in a pickle": pickled_weights,
    "an archive called safetensors": zip_called_safetensors,
    "a pickle called safetensors": pickle_called_safetensors,
    "a distributed checkpoint": pickled_metadata,
    "_attn_implementation_internal": config_names(_attn_implementation_internal="evil"),
    "trust_remote_code": config_names(trust_remote_code=True),
    "hidden_act": config_names(hidden_act="__import__('os').system('exit 0')"),
    "vocab_file": config_names(vocab_file="../../etc/passwd"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_refused_without_an_event(case: str, folder: Path) -> None:
    open_model(folder)  # what is imported at the first use is imported here
    HOSTILE[case](folder)
    with watched() as events, pytest.raises(ModelError):
        open_model(folder)
    assert events == []


def test_a_good_folder_opens_without_an_event(folder: Path) -> None:
    open_model(folder)
    with watched() as events:
        open_model(folder).pretraining_model()
    assert events == []


def test_auto_map_is_ignored_and_said(folder: Path) -> None:
    open_model(folder)
    config_names(auto_map={"AutoModel": "evil.Model"})(folder)
    with watched() as events:
        opened = open_model(folder)
    assert events == []
    assert any(note.startswith("auto_map names code") for note in opened.notes)


def test_the_watch_sees_what_it_should() -> None:
    with watched() as events:
        pickle.loads(pickle.dumps(Payload()))
    assert any(event.startswith("pickle.find_class") for event in events)
    assert any(event.startswith("os.system") for event in events)
