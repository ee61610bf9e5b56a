"""What the tests of preparation share."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_corpora import TOKENIZER

from bertwright.data import prepare as prepare_module


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vocabulary")
    for name, data in TOKENIZER.files().items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_module, "_MIN_PART_BYTES", 20_000)
