"""Vectors of a frozen encoder: the right ones, in the right order, whatever shares a batch."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch

from bertwright.errors import NonFiniteError, UsageError
from bertwright.execution.threads import threads_as_before
from bertwright.features.extraction import extract
from bertwright.features.pooling import POOLINGS, PoolingName, SentencePoolingName, pooling
from bertwright.model.encoder import BertEncoder
from bertwright.tokenization.encoding import ModelInput


def rows(count: int) -> list[ModelInput]:
    chance = np.random.default_rng(0)
    result = []
    for _ in range(count):
        ids = chance.integers(5, 20, chance.integers(1, 12)).tolist()
        result.append(ModelInput([2, *ids, 3], [0] * (len(ids) + 1) + [1], False, len(ids), 0))
    return result


def test_pooling_by_hand() -> None:
    hidden = torch.tensor([[[1.0, 5.0], [3.0, -1.0], [100.0, 100.0]]])
    mask = torch.tensor([[True, True, False]])
    assert pooling("mean")(hidden, mask).tolist() == [[2.0, 2.0]]
    assert pooling("max")(hidden, mask).tolist() == [[3.0, 5.0]]
    assert pooling("cls")(hidden, mask).tolist() == [[1.0, 5.0]]
    assert pooling("mean")(hidden[:, :2], None).tolist() == [[2.0, 2.0]]
    assert pooling("max")(hidden, None).tolist() == [[100.0, 100.0]]
    assert set(get_args(SentencePoolingName)) == set(POOLINGS) > set(get_args(PoolingName))
    with pytest.raises(UsageError, match="pooling: expected one of mean, cls, max"):
        pooling("sum")


@pytest.mark.parametrize("pool", ["mean", "cls", "max"])
def test_equal_to_one_row_at_a_time(encoder: BertEncoder, pool: PoolingName) -> None:
    inputs = rows(30)
    vectors = extract(encoder.train(), inputs, pool=pool, batch_tokens=40)
    assert vectors.shape == (30, 12) and vectors.dtype == np.float32
    assert not encoder.training, "dropout is off"
    for row, vector in zip(inputs, vectors, strict=True):
        with torch.inference_mode():
            ids, types = torch.tensor([row.input_ids]), torch.tensor([row.token_type_ids])
            states = encoder(ids, types, output_hidden_states=True).hidden_states
        assert states is not None
        alone = pooling(pool)(states[-1], None)
        np.testing.assert_allclose(vector, alone[0].numpy(), atol=1e-5)


def test_however_many_threads(encoder: BertEncoder) -> None:
    inputs = rows(60)
    alone = extract(encoder, inputs, batch_tokens=1)
    with threads_as_before():
        for threads in (1, 3):
            torch.set_num_threads(threads)
            np.testing.assert_allclose(extract(encoder, inputs), alone, atol=1e-6)
            np.testing.assert_allclose(extract(encoder, inputs, batch_tokens=50), alone, atol=1e-6)


def test_no_rows(encoder: BertEncoder) -> None:
    assert extract(encoder, []).shape == (0, 12)


def test_weights_that_are_no_numbers() -> None:
    from bertwright.model.config import BertConfig

    config = BertConfig(
        vocab_size=20, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4
    )
    broken = BertEncoder(config)
    broken.embeddings.word_embeddings.weight.data.fill_(float("nan"))
    with pytest.raises(NonFiniteError, match="features are not finite"):
        extract(broken, rows(2))
