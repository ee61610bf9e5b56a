"""The yardstick, the precision, the log and the signals."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
import torch

from bertwright.execution import local
from bertwright.training import precision
from bertwright.training.machine import matmul_peak, measured_peak
from bertwright.training.metrics_log import MetricsLog
from bertwright.training.signals import StopSignals


def test_the_peak_is_measured_once() -> None:
    first = matmul_peak("cpu", "fp32")
    assert first > 1e8
    assert matmul_peak("cpu", "fp32") == first
    assert measured_peak("cpu", "fp32", 0.05) != first


def test_precision_by_name() -> None:
    cpu = torch.device("cpu")
    assert precision.resolve("fp32", cpu) == "fp32"
    assert precision.resolve("bf16", cpu) == "bf16"
    assert precision.resolve("auto", cpu) in ("fp32", "bf16")


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [
        ({"avx512_bf16": True, "amx_bf16": True}, "bf16"),
        ({"cpu_name": "Intel(R) Xeon(R)", "avx512_bf16": True}, "fp32"),  # there slower than fp32
        ({"cpu_name": "AMD EPYC 9B45", "avx512_bf16": True}, "bf16"),
        ({"cpu_name": "AMD EPYC 7B13", "avx512_bf16": False}, "fp32"),
        ({"bf16": True}, "bf16"),  # an Arm processor
        ({}, "fp32"),
    ],
)
def test_bf16_by_default_where_it_is_faster(
    flags: dict[str, object], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)
    assert precision.resolve("auto", torch.device("cpu")) == chosen


def test_autocast_changes_products_and_nothing_else() -> None:
    layer = torch.nn.Linear(4, 4)
    with precision.autocast("bf16", torch.device("cpu")):
        assert layer(torch.zeros(2, 4)).dtype is torch.bfloat16
    with precision.autocast("fp32", torch.device("cpu")):
        assert layer(torch.zeros(2, 4)).dtype is torch.float32
    assert layer.weight.dtype is torch.float32


def test_the_log_is_cut_where_the_checkpoint_was(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    for step in range(6):
        log.write({"step": step, "kind": "train", "loss": 1 / 3})
    log.close()
    again = MetricsLog(tmp_path / "metrics.jsonl")
    again.keep(4)
    again.write({"step": 9, "kind": "train", "loss": 2.0})
    again.close()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 1, 2, 3, 9]
    assert lines[0]["loss"] == 1 / 3


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "kind": "train"}\n{"step": 2, "ki')
    log = MetricsLog(path)
    log.keep(5)
    log.close()
    assert path.read_text().count("\n") == 1


def test_tensorboard_files(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    log = MetricsLog(tmp_path / "metrics.jsonl", tmp_path / "board")
    log.write({"step": 1, "kind": "train", "loss": 0.5})
    log.close()
    assert [path.name.startswith("events.out") for path in (tmp_path / "board").iterdir()] == [True]


def test_a_tensorboard_that_does_not_work_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a protobuf of another version, with which its import ends in a TypeError."""

    class Broken(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise TypeError("Descriptors cannot be created directly.")

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", Broken("torch.utils.tensorboard"))
    told: list[str] = []
    log = MetricsLog(tmp_path / "metrics.jsonl", tmp_path / "board", told.append)
    for step in (1, 2):
        log.write({"step": step, "kind": "train", "loss": 0.5})
    log.close()
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2
    (warning,) = told
    assert "TypeError: Descriptors cannot be created directly." in warning and "metrics.jsonl" in warning


@pytest.mark.parametrize("version", [None, "1.14.0"])
def test_what_is_no_tensorboard_is_left_alone(
    version: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of that name in the working directory is an empty package; and an old one does not do."""
    found = ModuleType("tensorboard")
    found.__spec__ = ModuleSpec("tensorboard", loader=None, is_package=True)
    if version is not None:
        found.__version__ = version  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorboard", found)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    log = MetricsLog(tmp_path / "metrics.jsonl", tmp_path / "board")
    for step in (1, 2):
        log.write({"step": step, "kind": "train", "loss": 0.5})
    log.close()
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2
    assert not (tmp_path / "board").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_is_noted(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with StopSignals() as signals:
        os.kill(os.getpid(), number)
        assert signals.requested == number
    assert signal.getsignal(number) is before


def test_where_another_process_decides_a_request_may_come_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a worker: a signal to all processes, and then one from the process that it works for."""
    monkeypatch.setattr(local, "_serving", True)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            os.kill(os.getpid(), signal.SIGINT)
            assert signals.requested == 0
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGTERM)
                assert signals.requested == signal.SIGTERM
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_get_no_handlers() -> None:
    seen: list[int] = []

    def work() -> None:
        with StopSignals() as signals:
            seen.append(signals.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [0]
