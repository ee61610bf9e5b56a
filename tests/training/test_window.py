"""What a window of updates has summed up survives a checkpoint."""

from __future__ import annotations

import json

import torch

from bertwright.training.window import Window


def test_a_window_is_restored_exactly() -> None:
    window = Window()
    window.add(["loss"], torch.tensor([1 / 3], dtype=torch.float64), 10, 2.0)
    window.add(["loss"], torch.tensor([1 / 7], dtype=torch.float64), 10, 2.0)
    other = Window()
    other.restore(json.loads(json.dumps(window.state())), torch.device("cpu"))
    for each in (window, other):
        each.add(["loss"], torch.tensor([1 / 11], dtype=torch.float64), 10, 2.0)
    assert other.means() == window.means()
    assert (other.steps, other.tokens) == (3, 30)
    assert Window().means() == {}
