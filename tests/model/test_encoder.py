"""The encoder: equal to transformers', blind to padding, every parameter in use."""

from __future__ import annotations

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from model.sizes import CONFIG, B, S

from bertwright.checkpoints.conversion import to_hugging_face
from bertwright.model.config import ACTIVATIONS, BertConfig
from bertwright.model.encoder import BertEncoder


def inputs(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 97, (B, S), generator=generator)
    types = torch.randint(0, 5, (B, S), generator=generator)
    mask = torch.arange(S) < torch.randint(1, S + 1, (B, 1), generator=generator)
    return ids, types, mask


def test_shapes() -> None:
    ids, types, mask = inputs()
    encoder = BertEncoder(CONFIG).eval()
    output = encoder(ids, types, mask)
    assert output.last_hidden_state.shape == (B, S, 24)
    assert output.pooled_output.shape == (B, 24)
    assert output.hidden_states is None
    states = encoder(ids, types, mask, output_hidden_states=True).hidden_states
    assert states is not None and [state.shape for state in states] == [(B, S, 24)] * 3
    assert torch.equal(states[-1], output.last_hidden_state)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_transformers_agrees(act: str) -> None:
    config = BertConfig.model_validate(CONFIG.to_dict() | {"hidden_act": act})
    ours = BertEncoder(config, seed=4).eval()
    theirs = transformers.BertModel(transformers.BertConfig(**config.to_dict())).eval()
    state = {f"encoder.{name}": tensor for name, tensor in ours.state_dict().items()}
    theirs.load_state_dict(to_hugging_face(state, config, prefix=False))
    ids, types, mask = inputs()
    with torch.no_grad():
        mine = ours(ids, types, mask, output_hidden_states=True)
        other = theirs(ids, mask.long(), types, output_hidden_states=True)
    assert mine.hidden_states is not None
    assert len(mine.hidden_states) == len(other.hidden_states) == 3
    for left, right in zip(mine.hidden_states, other.hidden_states, strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=1e-5)
    torch.testing.assert_close(mine.pooled_output, other.pooler_output, rtol=0, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 7), st.integers(0, 9), st.integers(0, 99))
def test_padding_and_neighbours_change_nothing(length: int, padding: int, seed: int) -> None:
    """A text alone gives what it gives padded, beside other texts, whatever stands in the padding."""
    encoder = BertEncoder(CONFIG, seed=1).eval()
    ids, types, _ = inputs(seed)
    alone = encoder(ids[:1, :length], types[:1, :length], torch.ones(1, length, dtype=torch.bool))
    wide_ids = torch.randint(0, 97, (3, length + padding))
    wide_types = torch.zeros_like(wide_ids)
    wide_ids[0, :length], wide_types[0, :length] = ids[0, :length], types[0, :length]
    mask = torch.ones(3, length + padding, dtype=torch.bool)
    mask[0, length:] = False
    beside = encoder(wide_ids, wide_types, mask)
    left, right = alone.last_hidden_state[0], beside.last_hidden_state[0, :length]
    torch.testing.assert_close(left, right, rtol=0, atol=2e-5)
    torch.testing.assert_close(alone.pooled_output[0], beside.pooled_output[0], rtol=0, atol=2e-5)


def test_no_mask_means_no_padding() -> None:
    ids, types, _ = inputs()
    encoder = BertEncoder(CONFIG).eval()
    with torch.no_grad():
        without, full = encoder(ids, types), encoder(ids, types, torch.ones_like(ids))
    torch.testing.assert_close(without.last_hidden_state, full.last_hidden_state, rtol=0, atol=1e-5)


def test_permuting_the_tokens_matters_only_through_positions() -> None:
    """Without position embeddings, attention is blind to order."""
    encoder = BertEncoder(CONFIG, seed=2).eval()
    torch.nn.init.zeros_(encoder.embeddings.position_embeddings.weight)
    ids, types, _ = inputs()
    order = torch.tensor([4, 0, 6, 2, 5, 1, 3])
    with torch.no_grad():
        straight = encoder(ids, types).last_hidden_state
        mixed = encoder(ids[:, order], types[:, order]).last_hidden_state
    torch.testing.assert_close(straight[:, order], mixed, rtol=0, atol=1e-5)


def test_dropout_is_drawn_from_the_seed_and_only_in_training() -> None:
    ids, types, mask = inputs()
    encoder = BertEncoder(CONFIG).train()
    outputs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outputs.append(encoder(ids, types, mask).last_hidden_state)
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])
    encoder.eval()
    assert torch.equal(encoder(ids, types, mask)[0], encoder(ids, types, mask)[0])


def test_bfloat16_autocast_stays_close() -> None:
    ids, types, mask = inputs()
    encoder = BertEncoder(CONFIG).eval()
    with torch.no_grad():
        exact = encoder(ids, types, mask).pooled_output
        with torch.autocast("cpu", torch.bfloat16):
            rounded = encoder(ids, types, mask).pooled_output
    assert float((exact - rounded.float()).abs().max()) < 0.1
