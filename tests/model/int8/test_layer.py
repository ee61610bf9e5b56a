"""Encoders with rounded blocks: near the exact ones, and the same for a text whatever stands beside it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bertwright.model.config import BertConfig
from bertwright.model.encoder import BertEncoder
from bertwright.model.int8.layer import Int8Layer, multiply_in_int8
from bertwright.model.token_classifier import TokenClassifier

SIZES = {
    "vocab_size": 60,
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 80,
    "max_position_embeddings": 40,
    "initializer_range": 0.1,
}
LENGTHS = torch.tensor([[17], [17], [9], [9], [3], [1]])
MASK = torch.arange(17) < LENGTHS


def encoders(**changes: object) -> tuple[BertEncoder, BertEncoder]:
    """The same weights, exact and rounded."""
    config = BertConfig(**(SIZES | changes))  # type: ignore[arg-type]
    exact, rounded = (BertEncoder(config, seed=1).eval() for _ in "ab")
    multiply_in_int8(rounded)
    assert sum(isinstance(module, Int8Layer) for module in rounded.modules()) == 3
    return exact, rounded


def ids() -> Tensor:
    return torch.randint(5, 60, (6, 17), generator=torch.Generator().manual_seed(0))


def assert_near(found: Tensor, exact: Tensor) -> None:
    assert found.dtype == torch.float32
    assert found.shape == exact.shape
    assert F.cosine_similarity(found, exact, dim=-1).min() > 0.99
    assert not torch.equal(found, exact)


@torch.inference_mode()
@pytest.mark.parametrize(
    "changes",
    [{}, {"hidden_act": "relu"}, {"hidden_act": "gelu"}, {"hidden_act": "gelu_new"}, {"is_decoder": True}],
    ids=str,
)
def test_near_the_exact_encoder_however_it_is_asked(changes: dict[str, object]) -> None:
    exact, rounded = encoders(**changes)
    words, flat = ids(), MASK.flatten().nonzero().squeeze(1)
    assert_near(rounded(words).last_hidden_state, exact(words).last_hidden_state)  # nothing is padding
    assert_near(
        rounded(words, None, MASK).last_hidden_state[MASK], exact(words, None, MASK).last_hidden_state[MASK]
    )
    assert_near(rounded.at_tokens(words, None, MASK)[MASK], exact.at_tokens(words, None, MASK)[MASK])
    assert_near(rounded.pooled(words, None, MASK), exact.pooled(words, None, MASK))
    assert_near(
        rounded.at_positions(words, None, MASK, flat[::3]), exact.at_positions(words, None, MASK, flat[::3])
    )
    states = rounded(words, None, MASK, output_hidden_states=True).hidden_states
    assert states is not None
    assert len(states) == 4


@pytest.mark.parametrize(("name", "fused"), [("gelu", True), ("gelu_new", False), ("relu", False)])
def test_the_exact_gelu_is_taken_with_the_rounding_in_one_pass(name: str, fused: bool) -> None:
    _, rounded = encoders(hidden_act=name)
    assert [module.is_gelu for module in rounded.modules() if isinstance(module, Int8Layer)] == [fused] * 3


@torch.inference_mode()
def test_padding_in_front() -> None:
    exact, rounded = encoders()
    mask = MASK.flip(1)
    assert_near(rounded.at_tokens(ids(), None, mask)[mask], exact.at_tokens(ids(), None, mask)[mask])


@torch.inference_mode()
def test_the_same_whatever_stands_beside_it() -> None:
    _, rounded = encoders()
    words = ids()
    together = rounded.at_tokens(words, None, MASK)
    for row, length in enumerate(LENGTHS.flatten().tolist()):
        alone = rounded.at_tokens(words[row : row + 1, :length], None, MASK[row : row + 1, :length])
        assert torch.equal(alone[0], together[row, :length])


@torch.inference_mode()
def test_no_token_at_all() -> None:
    _, rounded = encoders()
    nothing = torch.zeros(0, 5, dtype=torch.int64)
    assert rounded(nothing).last_hidden_state.shape == (0, 5, 48)


@torch.inference_mode()
def test_inside_a_model_for_a_task() -> None:
    exact, rounded = (TokenClassifier(BertConfig(**SIZES), 5, seed=2).eval() for _ in "ab")  # type: ignore[arg-type]
    multiply_in_int8(rounded)
    found, expected = rounded(ids(), None, MASK), exact(ids(), None, MASK)
    assert_near(found[MASK], expected[MASK])
    names = set(dict(rounded.named_parameters())) | set(dict(rounded.named_buffers()))
    assert not [name for name in names if "attention.query_key_value" in name]  # the exact weights are let go
