"""Files that are on the disk when they are closed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bertwright.durable.synced import HashedFile


def test_a_file_that_cannot_be_closed_is_closed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system frees the number of the descriptor even then, and may have given it to another file."""
    closed: list[int] = []
    really = os.close

    def failing(descriptor: int) -> None:
        closed.append(descriptor)
        really(descriptor)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    file = HashedFile(tmp_path / "x")
    with monkeypatch.context() as patch:
        patch.setattr(os, "close", failing)
        with pytest.raises(OSError, match="Input/output error"):
            file.close()
        file.close()
        del file
    assert len(closed) == 1
