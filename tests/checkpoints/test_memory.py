"""Networks that cannot fit are refused before anything is allocated."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from bertwright.checkpoints import memory
from bertwright.checkpoints.memory import available_bytes, require_memory
from bertwright.errors import ModelError
from bertwright.model.config import BertConfig


def test_this_machine_has_some() -> None:
    free = available_bytes()
    assert free is None or 2**20 < free < 2**50


def test_what_a_limit_of_addresses_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch alone has mapped gigabytes, which the limit counts, too."""
    limit = memory._mapped() + 2**27
    assert memory._mapped() > 2**20
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    left = memory._address_space()
    assert left is not None and 2**20 < left < 2**28
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2**20, 2**20))
    assert memory._address_space() == 0


@pytest.mark.parametrize(
    ("folder", "limit", "used"),
    [("", "memory.max", "memory.current"), ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes")],
)
def test_what_a_container_leaves(tmp_path: Path, folder: str, limit: str, used: str) -> None:
    assert memory._container(tmp_path) is None
    place = tmp_path / folder
    place.mkdir(exist_ok=True)
    (place / limit).write_text("8000\n")
    (place / used).write_text("7000\n")
    (place / "memory.stat").write_text(
        "anon 4000\nfile 3000\ninactive_file 2000\nactive_file 500\nshmem 500\n"
    )
    assert memory._container(tmp_path) == 1000 + 2500
    (place / used).write_text("20000\n")
    assert memory._container(tmp_path) == 0
    (place / limit).write_text("max\n")
    assert memory._container(tmp_path) is None


def test_the_least_of_all_limits_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_container", lambda: 5)
    assert available_bytes() == 5


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
