"""The left-to-right encoder: the past alone is seen, and transformers computes the same network."""

from __future__ import annotations

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from model import sizes
from model.sizes import B, S
from torch import Tensor

from bertwright.checkpoints.conversion import from_hugging_face, to_hugging_face
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.encoder import BertEncoder, last_positions
from bertwright.model.losses import masked_language_loss
from bertwright.model.pretraining_model import BertForPreTraining

CONFIG = sizes.CONFIG.model_copy(update={"is_decoder": True, "pooled_token": "last"})

Inputs = tuple[Tensor, Tensor, Tensor]


def inputs(seed: int = 0, rows: int = B, length: int = S, anywhere: bool = False) -> Inputs:
    """Ids, segments, and a mask with padding at the end, or anywhere but at the first token."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, 97, (rows, length), generator=generator)  # 0 gets no gradient in transformers
    types = torch.randint(0, 5, (rows, length), generator=generator)
    mask = torch.arange(length) < torch.randint(1, length + 1, (rows, 1), generator=generator)
    if anywhere:
        mask = torch.rand(rows, length, generator=generator) > 0.4
        mask[:, 0] = True
    return ids, types, mask


def next_tokens(ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Flat positions whose next position is a token, and the tokens there."""
    positions = mask[:, 1:].nonzero()
    flat = positions[:, 0] * ids.shape[1] + positions[:, 1]
    return flat, ids.flatten()[flat + 1]


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 9), st.data(), st.integers(0, 99), st.booleans(), st.booleans())
def test_a_later_token_changes_nothing_before_it(
    length: int, data: st.DataObject, seed: int, masked: bool, training: bool
) -> None:
    """In every layer; with dropout too, when its seed is the same."""
    changed = data.draw(st.integers(1, length - 1))
    config = CONFIG.model_copy(update={"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.2})
    encoder = BertEncoder(config, seed=seed).train(training)
    ids, types, mask = inputs(seed, 3, length, anywhere=True)
    other_ids, other_types = ids.clone(), types.clone()
    other_ids[:, changed:] = (ids[:, changed:] + 1) % 97
    other_types[:, changed:] = (types[:, changed:] + 1) % 5
    outputs = []
    for rows in ((ids, types), (other_ids, other_types)):
        torch.manual_seed(seed)
        outputs.append(encoder(*rows, mask if masked else None, output_hidden_states=True).hidden_states)
    for before, after in zip(*outputs, strict=True):
        torch.testing.assert_close(before[:, :changed], after[:, :changed], rtol=0, atol=1e-6)
        assert not torch.equal(before[:, changed], after[:, changed])


def test_a_bidirectional_encoder_does_look_ahead() -> None:
    """The test above can fail."""
    encoder = BertEncoder(CONFIG.model_copy(update={"is_decoder": False}), seed=1).eval()
    ids, types, _ = inputs()
    changed = ids.clone()
    changed[:, -1] = (ids[:, -1] + 1) % 97
    with torch.no_grad():
        first, second = encoder(ids, types)[0], encoder(changed, types)[0]
    assert float((first[:, 0] - second[:, 0]).abs().max()) > 1e-3


@pytest.mark.parametrize("anywhere", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_transformers_agrees(masked: bool, anywhere: bool) -> None:
    ours = BertEncoder(CONFIG, seed=4).eval()
    theirs = transformers.BertModel(transformers.BertConfig(**CONFIG.to_dict())).eval()
    state = {f"encoder.{name}": tensor for name, tensor in ours.state_dict().items()}
    theirs.load_state_dict(to_hugging_face(state, CONFIG, prefix=False))
    ids, types, mask = inputs(anywhere=anywhere)
    with torch.no_grad():
        mine = ours(ids, types, mask if masked else None, output_hidden_states=True)
        other = theirs(ids, mask.long() if masked else None, types, output_hidden_states=True)
    assert mine.hidden_states is not None
    kept = mask if masked else torch.ones_like(mask)  # what stands at padding means nothing
    for left, right in zip(mine.hidden_states, other.hidden_states, strict=True):
        torch.testing.assert_close(left[kept], right[kept], rtol=0, atol=1e-5)


def their_model() -> transformers.BertLMHeadModel:
    torch.manual_seed(8)
    return transformers.BertLMHeadModel(transformers.BertConfig(**CONFIG.to_dict())).eval()


@pytest.mark.parametrize("masked", [True, False])
def test_their_language_model_in_ours(masked: bool) -> None:
    ids, types, mask = inputs()
    positions, _ = next_tokens(ids, mask)
    theirs = their_model()
    weights = from_hugging_face(theirs.state_dict(), CONFIG, "their model", allow_nonfinite=False)
    assert weights.parts == {"encoder", "masked_language_head"}
    ours = BertForPreTraining(CONFIG, seed=0).eval()
    ours.load_state_dict(weights.tensors, strict=False, assign=True)
    with torch.no_grad():
        mine = ours(ids, types, mask if masked else None, positions).mlm_logits
        other = theirs(ids, attention_mask=mask.long() if masked else None, token_type_ids=types).logits
    torch.testing.assert_close(mine, other.flatten(0, 1)[positions], rtol=0, atol=1e-5)


def test_loss_and_gradients_equal_those_of_transformers() -> None:
    """Next tokens everywhere, every parameter compared under its name there; padding is packed away."""
    ids, types, mask = inputs(2, rows=40, length=30)
    ours, theirs = BertForPreTraining(CONFIG, seed=5).eval(), their_model()
    pairs = ("next_sentence_head.", "encoder.pooler.")
    state = {name: t for name, t in ours.state_dict().items() if not name.startswith(pairs)}
    missing, unexpected = theirs.load_state_dict(to_hugging_face(state, CONFIG), strict=False)
    assert unexpected == [] and all("decoder" in name for name in missing)  # that is tied
    labels = ids.masked_fill(~mask, -100)
    expected = theirs(ids, attention_mask=mask.long(), token_type_ids=types, labels=labels).loss
    expected.backward()
    positions, following = next_tokens(ids, mask)
    loss = masked_language_loss(ours(ids, types, mask, positions).mlm_logits, following)
    loss.backward()
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-5)
    gradients = {name: p.grad for name, p in ours.named_parameters() if p.grad is not None}
    mine = to_hugging_face(gradients, CONFIG)
    named = {name: p.grad for name, p in theirs.named_parameters()}
    assert set(mine) == set(named)
    for name, gradient in mine.items():
        torch.testing.assert_close(gradient, named[name], rtol=1e-3, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 7), st.integers(0, 9), st.integers(0, 99))
def test_padding_changes_nothing(length: int, padding: int, seed: int) -> None:
    """Also of what stands for the whole row, which is the last token and not the last position."""
    model = SequenceClassifier(CONFIG, 3, seed=1).eval()
    ids, types, _ = inputs(seed)
    alone = model(ids[:1, :length], types[:1, :length])
    wide_ids = torch.randint(0, 97, (3, length + padding))
    wide_types = torch.zeros_like(wide_ids)
    wide_ids[0, :length], wide_types[0, :length] = ids[0, :length], types[0, :length]
    mask = torch.ones(3, length + padding, dtype=torch.bool)
    mask[0, length:] = False
    torch.testing.assert_close(alone[0], model(wide_ids, wide_types, mask)[0], rtol=0, atol=2e-5)


def test_the_last_token_stands_for_the_row() -> None:
    ids, types, mask = inputs()
    encoder = BertEncoder(CONFIG, seed=3).eval()
    output = encoder(ids, types, mask)
    for row in range(B):
        last = int(mask[row].sum()) - 1
        expected = encoder.pooler(output.last_hidden_state[row, last])
        torch.testing.assert_close(output.pooled_output[row], expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(encoder.pooled(ids, types, mask), output.pooled_output, rtol=0, atol=1e-5)


def test_last_positions() -> None:
    ids = torch.zeros(4, 3, dtype=torch.long)
    mask = torch.tensor([[1, 0, 0], [1, 1, 1], [0, 1, 0], [0, 0, 0]])
    assert last_positions(ids, mask).tolist() == [0, 5, 7, 11]
    assert last_positions(ids, None).tolist() == [2, 5, 8, 11]
