"""Attention probabilities: those that the fast path used, and those of transformers."""

from __future__ import annotations

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from model.sizes import CONFIG, B, S
from torch import Tensor

from bertwright.checkpoints.conversion import to_hugging_face
from bertwright.model.attention_maps import attention_maps
from bertwright.model.encoder import BertEncoder


def encoder_of(causal: bool, seed: int = 4) -> BertEncoder:
    pooled = "last" if causal else "first"
    config = CONFIG.model_copy(update={"is_decoder": causal, "pooled_token": pooled})
    return BertEncoder(config, seed=seed).eval()


def inputs(rows: int = B, length: int = S, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, segments, and a mask with padding at the end."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, 97, (rows, length), generator=generator)
    types = torch.randint(0, 5, (rows, length), generator=generator)
    mask = torch.arange(length) < torch.randint(1, length + 1, (rows, 1), generator=generator)
    return ids, types, mask


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_transformers_agrees(masked: bool, causal: bool) -> None:
    ours = encoder_of(causal)
    config = transformers.BertConfig(**ours.config.to_dict(), attn_implementation="eager")
    theirs = transformers.BertModel(config).eval()
    state = {f"encoder.{name}": tensor for name, tensor in ours.state_dict().items()}
    theirs.load_state_dict(to_hugging_face(state, ours.config, prefix=False))
    ids, types, mask = inputs()
    with torch.no_grad():
        mine = list(attention_maps(ours, ids, types, mask if masked else None))
        other = theirs(ids, mask.long() if masked else None, types, output_attentions=True)
    kept = mask if masked else torch.ones_like(mask)  # what padding attends to means nothing
    assert len(mine) == len(other.attentions) == CONFIG.num_hidden_layers
    for layer, expected in zip(mine, other.attentions, strict=True):
        assert layer.probabilities.shape == (B, CONFIG.num_attention_heads, S, S)
        found = layer.probabilities.transpose(1, 2)[kept]
        torch.testing.assert_close(found, expected.transpose(1, 2)[kept], rtol=0, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 9), st.booleans(), st.booleans(), st.integers(0, 99))
def test_what_the_fast_path_used(rows: int, length: int, causal: bool, masked: bool, seed: int) -> None:
    """The maps times the values are what attention gives; rows sum to 1; nothing looks at what is hidden."""
    encoder = encoder_of(causal, seed)
    ids, types, mask = inputs(rows, length, seed)
    given_mask = mask if masked else None
    visible = mask if masked else torch.ones_like(mask)
    with torch.no_grad():
        states = encoder(ids, types, given_mask, output_hidden_states=True).hidden_states
        assert states is not None
        for number, layer in enumerate(attention_maps(encoder, ids, types, given_mask)):
            assert torch.equal(layer.entering, states[number])
            assert torch.equal(layer.hidden, states[number + 1])
            attention = encoder.layers[number].attention
            values = attention._heads(attention.query_key_value(states[number]))[2]
            context = (layer.probabilities @ values).transpose(1, 2).flatten(2)
            _, bias = encoder.embedded(ids, types, given_mask)
            fast = attention(states[number], bias)
            torch.testing.assert_close(attention.output(context)[visible], fast[visible], rtol=0, atol=1e-5)
            sums = layer.probabilities.sum(-1).transpose(1, 2)[visible]
            torch.testing.assert_close(sums, torch.ones_like(sums), rtol=0, atol=1e-5)
            from_tokens = layer.probabilities.transpose(1, 2)[visible]  # (tokens, N, S)
            columns = visible[:, None].expand(rows, length, length)[visible]  # (tokens, S)
            assert not from_tokens.transpose(1, 2)[~columns].any()
            if causal:
                assert not layer.probabilities.triu(1).any()
