"""A bidirectional LSTM over the tokens of a batch, in which padding is never read.

Axes: B rows of a batch, S positions, W width of what is read, D numbers in each direction.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from bertwright.model.turned_rows import at_positions, turned_positions
from bertwright.randomness import torch_seed

LAYERS = 2
"""Of the BiLSTM in the paper's section 5.3."""
PAPER_LSTM_SIZE = 768
"""Numbers in each direction there."""
_BAND_ROWS = 8
"""Fewer make products too small, more are of too different lengths."""


def new_bilstm(width: int, size: int, dropout: float) -> nn.LSTM:
    """Two bidirectional layers from W to 2 D, with ``dropout`` between them."""
    return nn.LSTM(width, size, num_layers=LAYERS, bidirectional=True, batch_first=True, dropout=dropout)


def read_both_ways(lstm: nn.LSTM, hidden: Tensor, mask: Tensor | None) -> Tensor:
    """What ``lstm`` gives for every token; the backward direction begins at a row's last token.

    Args:
        hidden: (B, S, W).
        mask: (B, S) bool or integer, true for tokens, which stand before all padding; None without padding.

    Returns:
        (B, S, 2 D): forward, then backward; zeros at padding.
    """
    if mask is None:
        whole: Tensor = lstm(hidden)[0]
        return whole
    if hidden.device.type == "cpu":
        return _read_banded(lstm, hidden, mask)
    return read_packed(lstm, hidden, mask)


def read_packed(lstm: nn.LSTM, hidden: Tensor, mask: Tensor) -> Tensor:
    """The plain way of :func:`read_both_ways`: PyTorch leaves the padding out."""
    lengths = mask.to(torch.bool).sum(dim=1).cpu()
    packed = pack_padded_sequence(hidden, lengths, batch_first=True, enforce_sorted=False)
    padded: Tensor = pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=hidden.shape[1])[0]
    return padded


def _read_banded(lstm: nn.LSTM, hidden: Tensor, mask: Tensor) -> Tensor:
    """The same with rows of similar length together, each band padded to its longest row.

    On processors PyTorch hands padded rows to oneDNN, and packed ones to many small operators, which take two
    to five times as long for each token.
    """
    length = mask.shape[1]
    mask = mask.to(torch.bool)
    lengths = mask.sum(dim=1)
    order = lengths.argsort(descending=True, stable=True)
    bands = []
    for first in range(0, len(order), _BAND_ROWS):
        band = order[first : first + _BAND_ROWS]
        longest = int(lengths[band[0]])
        read = _read_padded(lstm, hidden.index_select(0, band)[:, :longest], mask[band, :longest])
        bands.append(F.pad(read, (0, 0, 0, length - longest)))
    return torch.cat(bands).index_select(0, order.argsort())


def _read_padded(lstm: nn.LSTM, hidden: Tensor, mask: Tensor) -> Tensor:
    """Layer by layer and direction by direction, rows turned round for the backward one."""
    turned = turned_positions(hidden, mask)
    for number in range(lstm.num_layers):
        if number:
            hidden = F.dropout(hidden, lstm.dropout, lstm.training)
        there = _read_one_way(lstm, hidden, f"l{number}")
        back = _read_one_way(lstm, at_positions(hidden, turned), f"l{number}_reverse")
        hidden = torch.cat([there, at_positions(back, turned)], dim=-1)
    return hidden * mask.to(hidden.dtype)[:, :, None]


def _read_one_way(lstm: nn.LSTM, hidden: Tensor, name: str) -> Tensor:
    """What one direction of one layer says after each position: (B, S, D)."""
    weights = [getattr(lstm, f"{kind}_{name}") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    state = hidden.new_zeros(1, len(hidden), lstm.hidden_size)
    found: Tensor = torch.lstm(
        hidden,
        (state, state),
        weights,
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=lstm.training,
        bidirectional=False,
        batch_first=True,
    )[0]
    return found


def initialize_uniform(module: nn.Module, seed: int, *, leave: str = "encoder.") -> None:
    """Matrices of ``module`` uniform within 1 / sqrt(inputs), biases 0, each drawn by its own name.

    Args:
        leave: how the names begin of what is left as it is.
    """
    for name, parameter in module.named_parameters():
        if name.startswith(leave):
            continue
        if parameter.dim() < 2:
            nn.init.zeros_(parameter)
            continue
        generator = torch.Generator().manual_seed(torch_seed(seed, f"initialization of {name}"))
        bound = 1 / math.sqrt(parameter.shape[1])
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
