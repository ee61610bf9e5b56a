"""What a run writes about itself: ``metrics.jsonl`` always, TensorBoard when it is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bertwright.durable import LogFile


class MetricsLog:
    """The records of one run, each ``{"step", "kind", ...}`` on its own line.

    Args:
        tensorboard: where TensorBoard's files go, too.
        warn: is told, once, where TensorBoard is there and does not work.
    """

    def __init__(
        self, path: Path, tensorboard: Path | None = None, warn: Callable[[str], None] = lambda message: None
    ) -> None:
        self._file = LogFile(path)
        self._warn = warn
        self._lines = 0
        self._folder = tensorboard
        self._board: Any = None

    @property
    def lines(self) -> int:
        """Number of records written so far: saved in checkpoints, where a resumed run cuts the log."""
        return self._lines

    def keep(self, lines: int) -> None:
        """Keep the first ``lines`` records only."""
        self._file.keep_first(lines)
        self._lines = lines

    def write(self, record: dict[str, Any]) -> None:
        """Append one record."""
        self._file.append(record)
        self._lines += 1
        board = self._open_board(record["step"])
        if board is not None:
            for name, value in record.items():
                if name not in ("step", "kind") and isinstance(value, (int, float)):
                    board.add_scalar(f"{record['kind']}/{name}", value, record["step"])

    def sync(self) -> int:
        """Make what was written survive a power cut; the number of records, as :attr:`lines`."""
        self._file.sync()
        return self._lines

    def close(self) -> None:
        """Sync and close."""
        self._file.close()
        if self._board is not None:
            self._board.close()

    def _open_board(self, step: int) -> Any:
        folder, self._folder = self._folder, None  # asked for once, at the first record
        if folder is not None:
            try:
                from torch.utils.tensorboard import SummaryWriter

                # What an interrupted run drew from this step on is hidden, not drawn twice.
                self._board = SummaryWriter(str(folder), purge_step=step)
            except ImportError:  # not installed, too old, or a mere folder of that name
                return None
            except Exception as problem:  # where its protobuf is of another version, a TypeError
                reason = f"{type(problem).__name__}: {problem}"
                self._warn(f"TensorBoard does not work ({reason}): metrics.jsonl has all that it would show")
        return self._board
