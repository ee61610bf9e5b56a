"""Networks that cannot fit are refused before anything is allocated."""

from __future__ import annotations

import pytest

from bertwright.checkpoints import memory
from bertwright.checkpoints.memory import available_bytes, require_memory
from bertwright.errors import ModelError
from bertwright.model.config import BertConfig


def test_this_machine_has_some() -> None:
    free = available_bytes()
    assert free is None or 2**20 < free < 2**50


def test_both_amounts_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    config = BertConfig.published("base")
    monkeypatch.setattr(memory, "available_bytes", lambda: 2**28)
    with pytest.raises(
        ModelError, match=r"^config.json: this network needs 0.4 GiB of memory, 0.2 GiB are free"
    ):
        require_memory(config, "config.json")
    monkeypatch.setattr(memory, "available_bytes", lambda: 2**30)
    require_memory(config, "config.json")
    monkeypatch.setattr(memory, "available_bytes", lambda: None)
    require_memory(config, "config.json")


def test_training_takes_four_times_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    config = BertConfig.published("base")
    monkeypatch.setattr(memory, "available_bytes", lambda: 2**30)
    require_memory(config, "run")
    with pytest.raises(ModelError, match=r"^run: training this network takes 1.6 GiB of memory, 1.0 GiB are"):
        require_memory(config, "run", copies=4)
