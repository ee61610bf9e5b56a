"""Model folders for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_models


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pre-trained folder of ours, not to be changed."""
    return small_models.save_pretrained(tmp_path_factory.mktemp("models") / "pretrained")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy of ``saved``, as if another tool had written it: to be changed."""
    return small_models.foreign_copy(saved, tmp_path / "folder")
