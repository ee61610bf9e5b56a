"""Whole commands on a Ray cluster that loses a machine, or that are stopped: the bytes of this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray_work import TwoMachines, two_machines
from small_corpora import TOKENIZER, random_text, tree
from small_models import WORDS

from bertwright.randomness import generator

Command = Callable[..., Any]
COMMANDS = ["prepare", "predict", "embed"]


@pytest.fixture(scope="module")
def machines() -> Iterator[TwoMachines]:
    with two_machines() as found:
        yield found


def arguments(name: str, folder: Path, model: Path, parts: int) -> list[str]:
    """A command with about so many parts, without its output."""
    folder.mkdir(parents=True, exist_ok=True)
    if name == "prepare":
        text = random_text(700)
        file = folder / "text.txt"
        file.write_text("\n\n".join([text] * (parts * (4 << 20) // len(text) + 1)))
        vocabulary = folder / "vocabulary"
        vocabulary.mkdir()
        for member, data in TOKENIZER.files().items():
            (vocabulary / member).write_bytes(data)
        return ["prepare", str(file), "--vocab", str(vocabulary), "--one-sentence-per-line"]
    draw = generator(0, "rows")
    texts = [" ".join(draw.choice(WORDS, draw.integers(0, 20))) for _ in range(2048 * parts)]
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return [name, str(model), str(file)]


def output(name: str, folder: Path, stem: str) -> Path:
    return folder / (stem + {"prepare": "", "predict": ".jsonl", "embed": ".npy"}[name])


def same(name: str, one: Path, other: Path) -> None:
    if name == "prepare":
        assert tree(one) == tree(other)
        assert len(tree(one)) > 5
        return
    assert one.read_bytes() == other.read_bytes()
    if name == "predict":
        errors = [path.with_name(path.stem + ".errors.jsonl").read_bytes() for path in (one, other)]
        assert errors[0] == errors[1] != b""
    else:
        assert np.isfinite(np.load(one)).all()


def test_refused(command: Command, classifier_folder: Path, tmp_path: Path) -> None:
    given = arguments("embed", tmp_path / "in", classifier_folder, 1)
    alone = command(*given, "-o", tmp_path / "v.npy", "--ray-address", "auto")
    assert (alone.code, alone.err) == (
        2,
        "error: --ray-address: expected --engine ray with it, got --engine local\n",
    )
    other = command(*given, "-o", tmp_path / "v.npy", "--engine", "spark")
    assert other.code == 2
    assert "ray" in other.err


def started(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bertwright", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def await_parts(running: subprocess.Popen[str], name: str, target: Path, count: int) -> None:
    """Until so many parts are finished."""
    if name == "prepare":
        pattern = "part-*"
    else:
        pattern = "*.f32" if name == "embed" else "*.jsonl"
    place = target.parent / f"{target.name}.partial"
    deadline = time.monotonic() + 60
    while running.poll() is None and len([p for p in place.glob(pattern) if p.name[0] != "b"]) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert running.poll() is None, running.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_machine_is_lost(
    name: str, command: Command, machines: TwoMachines, classifier_folder: Path, tmp_path: Path
) -> None:
    given = arguments(name, tmp_path / "in", classifier_folder, 10)
    local, ray = output(name, tmp_path, "local"), output(name, tmp_path, "ray")
    assert command(*given, "-o", local).code == 0
    machines.repair()
    running = started(*given, "-o", ray, "--json", "--engine", "ray", "--ray-address", machines.address)
    await_parts(running, name, ray, 2)
    machines.lose_one()
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, err
    same(name, local, ray)
    assert json.loads(out)["output"] == str(ray)  # and nothing of Ray's
    ours = ("Ray: lost the machine", "warning: ", "preparing: ", "predicting: ", "embedding: ")
    assert [line for line in err.splitlines() if not line.startswith(ours)] == []
    assert not list(tmp_path.glob("*.partial")) + list(tmp_path.glob(".*parts"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", COMMANDS)
def test_stopped_and_resumed(
    name: str,
    number: signal.Signals,
    command: Command,
    machines: TwoMachines,
    classifier_folder: Path,
    tmp_path: Path,
) -> None:
    """Stopped on the cluster, it goes on from there on this machine."""
    given = arguments(name, tmp_path / "in", classifier_folder, 10)
    whole, stopped = output(name, tmp_path, "whole"), output(name, tmp_path, "stopped")
    assert command(*given, "-o", whole).code == 0
    machines.repair()
    running = started(*given, "-o", stopped, "--engine", "ray", "--ray-address", machines.address)
    await_parts(running, name, stopped, 2)
    os.killpg(running.pid, number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 128 + number, err
    assert len(err.splitlines()) <= 4, err  # some may tell how far it was
    assert "kept" in err
    assert not stopped.exists()
    again = command(*given, "-o", stopped, *([] if name == "prepare" else ["--resume"]))
    assert again.code == 0, again.err
    same(name, whole, stopped)
