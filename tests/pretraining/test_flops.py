"""The counted operations against torch's own counter, which sees the products as they happen."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from bertwright.model import attention, linear
from bertwright.model.bilm import BilmForPreTraining
from bertwright.model.bilm_config import BilmConfig
from bertwright.model.config import BertConfig
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.pretraining.flops import forward_flops, training_flops


@pytest.fixture(autouse=True)
def _by_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products that PyTorch's counter knows, on any processor."""
    monkeypatch.setattr(linear, "runs_mkl_slowly", lambda: False)
    monkeypatch.setattr(attention, "takes_rows", lambda _: False)


@pytest.mark.parametrize(("rows", "length", "masked"), [(3, 16, 7), (1, 8, 1), (5, 24, 0)])
def test_forward_and_backward(rows: int, length: int, masked: int) -> None:
    config = BertConfig(
        vocab_size=70,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=24,
        hidden_act="tanh",  # torch's counter does not see products that are fused with a GELU
        attention_probs_dropout_prob=0.0,
    )
    model = BertForPreTraining(config)
    ids = torch.ones((rows, length), dtype=torch.int64)
    # The fused attention kernel of CPUs is not in torch's table: count the plain one.
    with (
        torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        output = model(ids, None, None, torch.arange(masked))
        forward = counter.get_total_flops()
        (output.mlm_logits.sum() + output.nsp_logits.sum()).backward()
    assert forward == forward_flops(config, rows, length, masked, rows * length)
    assert counter.get_total_flops() == training_flops(config, rows, length, masked, rows * length)


@pytest.mark.parametrize(("rows", "length", "asked"), [(3, 16, 7), (1, 8, 1), (5, 24, 0)])
def test_lstms(rows: int, length: int, asked: int) -> None:
    """torch drops one product of the backward pass: nothing is behind the state that a row begins with."""
    config = BilmConfig(vocab_size=70, hidden_size=32, intermediate_size=48)
    model = BilmForPreTraining(config)
    ids = torch.ones((rows, length), dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        output = model(ids, None, None, torch.arange(asked))
    assert counter.get_total_flops() == forward_flops(config, rows, length, asked, rows * length)
    with FlopCounterMode(display=False) as counter:
        output.mlm_logits.sum().backward()
    whole = training_flops(config, rows, length, asked, rows * length)
    forward = forward_flops(config, rows, length, asked, rows * length)
    first = 2 * 2 * rows * 16 * 4 * 48 * 2  # two directions of two layers
    assert counter.get_total_flops() in (whole - forward, whole - forward - first)


def test_padding_costs_attention_only() -> None:
    config = BertConfig.published("tiny", vocab_size=70)  # H 128, I 512, two layers
    saved = forward_flops(config, 4, 16, 6, 64) - forward_flops(config, 4, 16, 6, 54)
    query_key_value, rest = 3 * 128 * 128, 128 * 128 + 2 * 128 * 512
    # The last layer's other products are made at the chosen positions alone, however many others there are.
    assert saved == 2 * 10 * (2 * query_key_value + rest)
