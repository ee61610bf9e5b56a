"""Vectors in several stores: the same as in one, and kept as far as they are done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from features.test_store import rows

from bertwright.features import joined as joined_module
from bertwright.features import store as store_module
from bertwright.features.hidden_states import hidden_states
from bertwright.features.joined import joined_features
from bertwright.features.store import cached_features
from bertwright.model.encoder import BertEncoder

TOKEN_BYTES = 2 * 12 * 4


@pytest.fixture
def small_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined_module, "STORE_BYTES", 20 * TOKEN_BYTES)


@pytest.mark.usefixtures("small_stores")
def test_several_stores_are_as_one(encoder: BertEncoder, tmp_path: Path) -> None:
    inputs = rows(17)
    whole = cached_features(tmp_path / "whole", encoder, inputs, (1, 2), model="m")
    joined = joined_features(tmp_path / "parts", encoder, inputs, (1, 2), model="m")
    assert len(joined.stores) > 4 and len(joined) == 17
    assert all(len(store.vectors) <= 20 for store in joined.stores)
    for index in range(17):
        np.testing.assert_allclose(joined.row(index), whole.row(index), atol=1e-5)
    with pytest.raises(IndexError):
        joined.row(17)


def test_moments(encoder: BertEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, size in enumerate((20 * TOKEN_BYTES, 1 << 20, 1)):  # of one byte: each row by itself
        monkeypatch.setattr(joined_module, "STORE_BYTES", size)
        joined = joined_features(tmp_path / str(place), encoder, rows(9), (1, 2), model="m")
        mean, deviation = joined.moments()
        assert mean.dtype == deviation.dtype == np.float32
        whole = np.concatenate([joined.row(index) for index in range(9)]).astype(np.float64)
        np.testing.assert_allclose(mean, whole.mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(deviation, whole.std(axis=0), atol=1e-6)
        largest = np.array([joined.row(index).max(axis=0) for index in range(9)], np.float64)
        mean, deviation = joined.moments("max")
        np.testing.assert_allclose(mean, largest.mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(deviation, largest.std(axis=0), atol=1e-6)
    assert len(joined.stores) == 9


@pytest.mark.usefixtures("small_stores")
def test_an_interruption_costs_one_store(
    encoder: BertEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def interrupted(network: Any, block: Any, *others: Any, **options: Any) -> Any:
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append(len(block))
        return hidden_states(network, block, *others, **options)

    monkeypatch.setattr(store_module, "hidden_states", interrupted)
    with pytest.raises(KeyboardInterrupt):
        joined_features(tmp_path, encoder, rows(17), (1, 2), model="m")
    assert len(list(tmp_path.iterdir())) == 3
    done = sum(seen)
    seen[:] = [0] * 4  # three are done, and no more interruptions
    joined = joined_features(tmp_path, encoder, rows(17), (1, 2), model="m")
    assert sum(seen) == 17 - done and len(joined) == 17


def test_no_rows(encoder: BertEncoder, tmp_path: Path) -> None:
    joined = joined_features(tmp_path, encoder, [], (1,), model="m")
    assert len(joined) == 0 and len(joined.stores) == 1
