"""What a run writes about itself: ``metrics.jsonl`` always, TensorBoard when it is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bertwright.durable import LogFile

WALL_CLOCK = frozenset({"seconds", "tokens_per_second", "peak_share"})
"""Fields of a record that depend on the machine's speed; all others are the same in a resumed run."""


class MetricsLog:
    """The records of one run, each ``{"step", "kind", ...}`` on its own line."""

    def __init__(self, path: Path, tensorboard: Path | None = None) -> None:
        self._file = LogFile(path)
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

    def sync(self) -> None:
        """Make what was written survive a power cut."""
        self._file.sync()

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
            except ImportError:  # not installed, too old, or a mere folder of that name
                return None
            # What an interrupted run drew from this step on is hidden, not drawn twice.
            self._board = SummaryWriter(str(folder), purge_step=step)
        return self._board


class Window:
    """Sums of the metrics since the last record; kept on the device, so that no step waits for the host."""

    def __init__(self) -> None:
        self.steps = 0
        self.tokens = 0
        self.flops = 0.0
        self.seconds = 0.0
        self.last: dict[str, float] = {}
        """What is not averaged but told as it was at the last update: rate, phase, progress."""
        self._names: list[str] = []
        self._sums: Tensor | None = None

    def add(self, names: list[str], values: Tensor, tokens: int, flops: float) -> None:
        """One more update; ``values`` (float64, one a name) are those of its global batch."""
        self._names = names
        self._sums = values.clone() if self._sums is None else self._sums + values
        self.steps += 1
        self.tokens += tokens
        self.flops += flops

    def means(self) -> dict[str, float]:
        """Mean of every metric over the window's updates. Waits for the device."""
        if self._sums is None:
            return {}
        return dict(zip(self._names, (self._sums / self.steps).tolist(), strict=True))

    def state(self) -> dict[str, Any]:
        """For a checkpoint (JSON; Python writes a float so that it is read back exactly)."""
        return {
            "steps": self.steps,
            "tokens": self.tokens,
            "flops": self.flops,
            "seconds": self.seconds,
            "last": self.last,
            "names": self._names,
            "sums": [] if self._sums is None else self._sums.tolist(),
        }

    def restore(self, state: dict[str, Any], device: torch.device) -> None:
        """Go on from what :meth:`state` returned."""
        self.steps, self.tokens = int(state["steps"]), int(state["tokens"])
        self.flops, self.seconds = float(state["flops"]), float(state["seconds"])
        self.last, self._names = dict(state["last"]), list(state["names"])
        self._sums = torch.tensor(state["sums"], dtype=torch.float64, device=device) if self.steps else None
