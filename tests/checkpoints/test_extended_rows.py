"""Rows for new pieces, by hand."""

from __future__ import annotations

import math

import torch

from bertwright.checkpoints.extended_rows import DECODER, OUTPUT_BIAS, WORDS, extended_rows


def test_by_hand() -> None:
    words = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 0.0]])
    bias = torch.tensor([0.5, -1.0, 2.0])
    other = torch.ones(2)
    before = {WORDS: words.clone(), OUTPUT_BIAS: bias.clone(), "encoder.pooler.dense.bias": other}
    after = extended_rows(before, {3: (0, 1), 0: (2,), 4: (0, 1, 2)}, 5)
    assert after[WORDS].tolist() == [[5, 0], [3, 4], [5, 0], [2, 3], [3, 2]]
    assert after["encoder.pooler.dense.bias"] is other
    expected = [2, -1, 2, -0.25 - math.log(2), 0.5 - math.log(3)]
    torch.testing.assert_close(after[OUTPUT_BIAS], torch.tensor(expected))
    assert torch.equal(before[WORDS], words) and torch.equal(before[OUTPUT_BIAS], bias), "the source is kept"


def test_an_output_layer_of_its_own() -> None:
    before = {WORDS: torch.ones(3, 2), DECODER: torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 0.0]])}
    after = extended_rows(before, {3: (0, 1)}, 4)
    assert after[DECODER].tolist() == [[1, 2], [3, 4], [5, 0], [2, 3]]


def test_without_output_layer() -> None:
    after = extended_rows({WORDS: torch.ones(3, 2)}, {3: (0, 1)}, 4)
    assert set(after) == {WORDS}
    assert after[WORDS].shape == (4, 2)
