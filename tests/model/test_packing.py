"""Leaving padding out changes no number that anybody asked for."""

from __future__ import annotations

import copy
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bertwright.model import attention, packing
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.config import BertConfig
from bertwright.model.dropout import Drawing
from bertwright.model.packing import Packing, Rectangles, packing_of
from bertwright.model.pretraining_model import BertForPreTraining

CONFIG = BertConfig(
    vocab_size=53,
    hidden_size=12,
    num_hidden_layers=3,
    num_attention_heads=3,
    intermediate_size=19,
    max_position_embeddings=40,
    initializer_range=0.3,
)


@pytest.fixture(autouse=True)
def always_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it would not pay."""
    monkeypatch.setattr(packing, "_WORTHWHILE", 1.0)
    monkeypatch.setattr(packing, "_MULTIPLE", 4)


def batch(rows: int, length: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ids, types, a mask with padding, holes and perhaps an empty row, and positions also in the padding."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 53, (rows, length), generator=generator)
    types = torch.randint(0, 2, (rows, length), generator=generator)
    mask = torch.arange(length) < torch.randint(0, length + 1, (rows, 1), generator=generator)
    mask &= torch.rand(rows, length, generator=generator) < 0.9
    count = int(torch.randint(0, rows * length, (1,), generator=generator))
    positions = torch.randperm(rows * length, generator=generator)[:count].sort().values
    return ids, types, mask, positions


def outcomes(model: BertForPreTraining, inputs: tuple[Tensor, Tensor, Tensor, Tensor]) -> list[Tensor]:
    """Logits, and the gradients of a function of both."""
    output = model(*inputs)
    value = output.mlm_logits.logsumexp(-1).sum() + output.nsp_logits.logsumexp(-1).sum()
    return [*output, *torch.autograd.grad(value, list(model.parameters()), materialize_grads=True)]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 40), st.integers(0, 999), st.booleans())
def test_values_and_gradients_stay(rows: int, length: int, seed: int, training: bool) -> None:
    """Through both attention paths: with ``training`` the one with dropout, nothing being dropped."""
    model = (
        BertForPreTraining(CONFIG.model_copy(update={"hidden_dropout_prob": 0.0})).double().train(training)
    )
    inputs = batch(rows, length, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Drawing, "new", lambda _: Drawing(0, 1 << 16))
        packed = outcomes(model, inputs)
        patch.setattr(packing, "_WORTHWHILE", 0.0)
        plain = outcomes(model, inputs)
    assert len(packed) == 2 + len(list(model.parameters()))
    for left, right in zip(packed, plain, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 40), st.integers(0, 999), st.booleans(), st.booleans())
def test_values_and_gradients_by_rows(
    rows: int, length: int, seed: int, left_to_right: bool, packs: bool
) -> None:
    """Attention's kernels for float32, in packed batches and in whole ones, against PyTorch's in float64."""
    model = BertForPreTraining(CONFIG.model_copy(update={"is_decoder": left_to_right})).eval()
    ids, types, mask, positions = batch(rows, length, seed)
    mask[:, 0] = True  # rows of nothing but padding, which float32 rounds off, are tested in float64
    if left_to_right:
        mask = mask.cummin(1).values  # then no query has a bias of its own, which the kernels do not take
        positions = positions[mask.flatten()[positions]]  # there padding would see padding
    with pytest.MonkeyPatch.context() as patch:
        if not packs:
            patch.setattr(packing, "_WORTHWHILE", 0.0)
        asked: list[int] = []  # by which thread: one that a test before has left behind may ask too
        patch.setattr(attention, "takes_rows", lambda _: asked.append(threading.get_ident()) is None)
        ours = outcomes(model, (ids, types, mask, positions))
        assert asked.count(threading.get_ident()) == CONFIG.num_hidden_layers
        patch.setattr(attention, "takes_rows", lambda _: False)
        patch.setattr(packing, "_WORTHWHILE", 0.0)
        exact = outcomes(copy.deepcopy(model).double(), (ids, types, mask, positions))
    for left, right in zip(ours, exact, strict=True):
        scale = float(right.detach().abs().max()) if right.numel() else 0.0
        torch.testing.assert_close(left.double(), right, rtol=1e-4, atol=1e-4 * scale + 1e-5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=7), st.integers(0, 999), st.booleans())
def test_rows_of_like_lengths_without_gradients(lengths: list[int], seed: int, left_to_right: bool) -> None:
    """Rectangles give what the plain network gives, to each token as if its row were alone."""
    model = BertForPreTraining(CONFIG.model_copy(update={"is_decoder": left_to_right})).double().eval()
    ids, types, _, _ = batch(len(lengths), max(lengths), seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    with torch.no_grad():
        layout = packing_of(mask, mask.flatten().nonzero().flatten())
        assert isinstance(layout, Rectangles)
        assert sum(rows for rows, _ in layout.shapes) == len(lengths)
        assert [n for rows, n in layout.shapes for _ in range(rows)] == lengths
        found = model.encoder.at_tokens(ids, types, mask)
        torch.testing.assert_close(found[~mask], torch.zeros_like(found[~mask]))
        plain = model.encoder(ids, types, mask).last_hidden_state
        torch.testing.assert_close(found[mask], plain[mask], rtol=1e-9, atol=1e-9)
        for row, length in enumerate(lengths):
            alone = model.encoder(ids[row : row + 1, :length], types[row : row + 1, :length])
            torch.testing.assert_close(found[row, :length], alone.last_hidden_state[0], rtol=1e-9, atol=1e-9)


def test_what_is_no_rectangle_is_padded() -> None:
    """Holes, empty rows, padding in front, positions within the padding: as in training."""
    whole = torch.ones(3, 8, dtype=torch.bool)
    first = torch.tensor([0])
    with torch.no_grad():
        assert isinstance(packing_of(whole, first), Rectangles)
        for hidden in ((1, slice(2, 4)), (1, slice(0, 8)), (1, slice(0, 3))):
            mask = whole.clone()
            mask[hidden] = False
            assert not isinstance(packing_of(mask, first), Rectangles)
        mask = whole.clone()
        mask[1, 5:] = False
        assert isinstance(packing_of(mask, first), Rectangles)
        assert not isinstance(packing_of(mask, torch.tensor([14])), Rectangles)
    assert not isinstance(packing_of(mask, first), Rectangles)


def test_the_classifier_packs_too() -> None:
    model = SequenceClassifier(CONFIG, 4).eval()
    ids, types, mask, _ = batch(5, 30, seed=3)
    expected = model.head(model.encoder(ids, types, mask).pooled_output)
    found = model(ids, types, mask)
    with torch.inference_mode():
        answered = model(ids, types, mask)
    tokens = mask.any(1)
    assert not tokens.all()
    for result in (found, answered):
        torch.testing.assert_close(result[tokens], expected[tokens], rtol=0, atol=1e-5)
        # scores of a row of nothing but padding are rounded off by -10,000
        torch.testing.assert_close(result[~tokens], expected[~tokens], rtol=0, atol=1e-4)


@given(st.integers(1, 6), st.integers(1, 30), st.integers(0, 999))
def test_what_is_kept(rows: int, length: int, seed: int) -> None:
    _, _, mask, positions = batch(rows, length, seed)
    found = packing_of(mask, positions)
    if found is None:
        return
    assert isinstance(found, Packing)
    tokens, padding = found.selection.chosen.tolist(), found.selection.left_out.tolist()
    assert sorted(tokens + padding) == list(range(rows * length))
    wanted = set(mask.flatten().nonzero().flatten().tolist()) | set(positions.tolist())
    empty = {row * length + s for row in range(rows) if not mask[row].any() for s in range(length)}
    assert wanted | empty <= set(tokens)
    assert len(tokens) < len(wanted | empty) + 4
    assert found.places[tokens].tolist() == list(range(len(tokens)))
    assert sorted(torch.cat([band.rows for band in found.bands]).tolist()) == list(range(rows))
    within = [
        int(band.rows[place // band.length]) * length + place % band.length
        for band in found.bands
        for place in band.selection.chosen.tolist()
    ]
    assert within == tokens


def test_bands_by_hand() -> None:
    lengths = torch.tensor([3, 8, 1, 8, 7, 2, 2, 4])
    mask = torch.arange(8) < lengths[:, None]
    found = packing_of(mask, torch.arange(8) * 8)
    assert isinstance(found, Packing)
    # 6 is the least that goes with 8, and 3 with 4; of 35 tokens one is added to make a multiple of 4.
    assert [(band.rows.tolist(), band.length) for band in found.bands] == [
        ([1, 3, 4], 8),
        ([7, 0], 4),
        ([5, 6], 2),
        ([2], 1),
    ]
    assert [len(band.selection.chosen) for band in found.bands] == [24, 7, 4, 1]


def test_there_and_back() -> None:
    _, _, mask, positions = batch(4, 16, seed=1)
    found = packing_of(mask, positions)
    assert isinstance(found, Packing)
    hidden = torch.randn(4, 16, 3)
    packed = found.pack(hidden)
    assert packed.shape == (len(found.selection.chosen), 3)
    assert torch.equal(found.attended(packed, None, lambda rows, _: rows), packed)


def test_full_batches_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_WORTHWHILE", 0.95)
    mask = torch.ones(4, 16, dtype=torch.bool)
    assert packing_of(mask, torch.tensor([0])) is None
    mask[:2, 8:] = False
    assert packing_of(mask, torch.tensor([0])) is not None
