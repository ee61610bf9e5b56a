"""How many rows a network is asked about at once, and in how many threads.

On a processor each batch is computed by one thread, and as many at once as PyTorch would use for one: to
divide the small operators of a BERT among threads costs more, for PyTorch and for onnxruntime.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bertwright.execution.threads import map_threads
from bertwright.export.network import OnnxNetwork
from bertwright.tokenization.padding import length_groups, tokens_at_once

Result = TypeVar("Result")
Group = NDArray[np.int64]

BATCH_TOKENS = 256
"""Padded tokens of a batch for onnxruntime: what lies between the layers stays in a core's own cache."""
EVEN_TOKENS = 64
"""A batch of so many tokens is large enough to be one without padding."""
LEAST_TOKENS = 128
"""A smaller batch for PyTorch costs more than another thread that would be idle."""


def groups_for(network: nn.Module, lengths: Sequence[int], batch_tokens: int | None = None) -> list[Group]:
    """Indices of rows, grouped as suits ``network``; see :func:`length_groups`.

    Args:
        batch_tokens: padded tokens a group, if they are to be others.
    """
    if isinstance(network, OnnxNetwork):
        return length_groups(lengths, batch_tokens or BATCH_TOKENS, even_from=EVEN_TOKENS)
    kind = next(network.parameters()).device.type
    return length_groups(lengths, batch_tokens or _suitable(kind, sum(lengths)))


def _suitable(device_type: str, tokens: int) -> int:
    """Padded tokens a batch: what suits the device, and on a processor gives every thread two batches."""
    most = tokens_at_once(device_type)
    if device_type != "cpu":
        return most
    return min(most, max(LEAST_TOKENS, tokens // (2 * torch.get_num_threads())))


def ask_groups(
    network: nn.Module, ask: Callable[[Group], Result], groups: Sequence[Group]
) -> Iterator[tuple[Group, Result]]:
    """Every group with what ``ask`` gives for it, in order; nothing is recorded for gradients."""
    device = next(network.parameters()).device

    def answer(group: Group) -> Result:
        with torch.inference_mode(), torch.autocast(device.type, enabled=False):
            return ask(group)

    threads = torch.get_num_threads() if device.type == "cpu" else 1
    yield from zip(groups, map_threads(answer, groups, threads), strict=True)
