"""Which device a name means, for training and for answers alike."""

from __future__ import annotations

import pytest
import torch

from bertwright.errors import UsageError
from bertwright.tasks.devices import device_named


def test_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert (
        device_named("auto")
        == device_named("cpu")
        == device_named(torch.device("cpu"))
        == torch.device("cpu")
    )
    for name in ("cuda", "cuda:1"):
        with pytest.raises(UsageError, match=f"device: {name} was asked for, and this machine has none"):
            device_named(name)
    with pytest.raises(UsageError, match='device: expected auto, cpu or cuda, got "gpu"'):
        device_named("gpu")


def test_with_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert device_named("auto") == torch.device("cuda")
    assert (device_named("cuda:1"), device_named("cpu")) == (torch.device("cuda:1"), torch.device("cpu"))
