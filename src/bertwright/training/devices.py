"""The device of a rank."""

from __future__ import annotations

import torch

from bertwright.errors import UsageError
from bertwright.training.choices import DeviceName
from bertwright.training.ranks import Ranks


def rank_device(name: DeviceName, ranks: Ranks) -> torch.device:
    """Where this rank computes; ``auto`` is a GPU where there is one.

    Raises:
        UsageError: a GPU is asked for, and there is none for it.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("device: expected a GPU for cuda, got a machine without one (use device = cpu)")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    if ranks.local_rank >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise UsageError(f"rank {ranks.rank}: expected a GPU number {ranks.local_rank}, got {count} GPUs")
    torch.cuda.set_device(ranks.local_rank)
    return torch.device("cuda", ranks.local_rank)
