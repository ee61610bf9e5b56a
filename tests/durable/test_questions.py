"""What is asked of an output before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from bertwright import durable
from bertwright.errors import UsageError


def test_an_output_that_holds_what_is_read(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "link").symlink_to(inner)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    durable.require_elsewhere(tmp_path / "absent", inner)
    durable.require_elsewhere(inner, tmp_path / "outer")
    durable.require_elsewhere(inner, tmp_path / "inner")
    durable.require_elsewhere(inner, tmp_path / "loop")
    durable.require_elsewhere(inner, "a\0b")
    for output in (inner, tmp_path / "outer" / ".." / "outer" / "inner", tmp_path / "link"):
        with pytest.raises(UsageError, match=r"other than what is read, got .the same path"):
            durable.require_elsewhere(output, inner)
    for source in (inner, inner / "bert_model.ckpt", tmp_path / "link"):
        with pytest.raises(UsageError, match=r"does not hold what is read, got .*choose another output"):
            durable.require_elsewhere(tmp_path / "outer", source)
