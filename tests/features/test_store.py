"""Vectors on disk: equal to transformers', taken again when nothing changed, refused when damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bertwright.errors import DigestError, NonFiniteError, StoreError
from bertwright.features import store as store_module
from bertwright.features.hidden_states import hidden_states
from bertwright.features.store import FeatureStore, cached_features
from bertwright.model.encoder import BertEncoder
from bertwright.progress import Silent
from bertwright.tokenization.encoding import ModelInput


def rows(count: int, seed: int = 0) -> list[ModelInput]:
    chance = np.random.default_rng(seed)
    result = []
    for _ in range(count):
        ids = chance.integers(5, 20, chance.integers(1, 12)).tolist()
        result.append(ModelInput([2, *ids, 3], [0] * (len(ids) + 1) + [1], False, len(ids), 0))
    return result


def test_rows_alone_and_in_order(
    encoder: BertEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "BLOCK_BYTES", 2000)  # several blocks
    inputs = rows(30)
    store = cached_features(tmp_path / "cache", encoder, inputs, (2, 0), model="m")
    assert len(store) == 30 and store.layers == (2, 0)
    assert isinstance(store.vectors, np.memmap)
    for index, row in enumerate(inputs):
        with torch.inference_mode():
            ids, types = torch.tensor([row.input_ids]), torch.tensor([row.token_type_ids])
            states = encoder(ids, types, output_hidden_states=True).hidden_states
        assert states is not None
        expected = torch.stack([states[2][0], states[0][0]], dim=1).numpy()
        assert store.row(index).shape == (len(row), 2, 12)
        np.testing.assert_allclose(store.row(index), expected, atol=1e-5)


def test_reused_when_all_is_the_same(
    encoder: BertEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        return hidden_states(*args, **options)

    monkeypatch.setattr(store_module, "hidden_states", counted)

    class Watch(Silent):
        said: list[str] = []  # noqa: RUF012

        def say(self, message: str) -> None:
            self.said.append(message)

    first = cached_features(tmp_path, encoder, rows(5), (1,), model="m")
    again = cached_features(tmp_path, encoder, rows(5), (1,), model="m", progress=Watch())
    assert calls == 1 and again.path == first.path
    assert "taken from" in Watch.said[0]
    others: list[dict[str, Any]] = [
        {"rows": rows(5, seed=1)},
        {"layers": (2,)},
        {"model": "n"},
        {"dtype": "float16"},
    ]
    for count, changed in enumerate(others, 2):
        arguments = {"rows": rows(5), "layers": (1,), "model": "m"} | changed
        chosen, layers = arguments.pop("rows"), arguments.pop("layers")
        assert cached_features(tmp_path, encoder, chosen, layers, **arguments).path != first.path
        assert calls == count


def test_damage_is_refused(encoder: BertEncoder, tmp_path: Path) -> None:
    path = cached_features(tmp_path, encoder, rows(5), (1,), model="m").path
    with pytest.raises(StoreError, match="features with key"):
        FeatureStore.open(path, key="other")
    data = bytearray((path / "vectors.bin").read_bytes())
    data[7] ^= 1
    (path / "vectors.bin").write_bytes(data)
    with pytest.raises(DigestError, match=r"vectors.bin.*remove the folder"):
        cached_features(tmp_path, encoder, rows(5), (1,), model="m")
    (path / "vectors.bin").write_bytes(data[:-4])
    with pytest.raises(DigestError, match="cut short"):
        cached_features(tmp_path, encoder, rows(5), (1,), model="m")


def test_half_the_space(encoder: BertEncoder, tmp_path: Path) -> None:
    full = cached_features(tmp_path, encoder, rows(5), (1,), model="m")
    half = cached_features(tmp_path, encoder, rows(5), (1,), model="m", dtype="float16")
    assert half.vectors.dtype == np.float16 and half.row(0).dtype == np.float32
    np.testing.assert_array_equal(np.asarray(half.vectors), np.asarray(full.vectors).astype(np.float16))


def test_an_interruption_leaves_nothing(
    encoder: BertEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_args: Any, **_options: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(store_module, "hidden_states", stopped)
    with pytest.raises(KeyboardInterrupt):
        cached_features(tmp_path, encoder, rows(5), (1,), model="m")
    assert list(tmp_path.iterdir()) == []


def test_no_rows(encoder: BertEncoder, tmp_path: Path) -> None:
    store = cached_features(tmp_path, encoder, [], (1,), model="m")
    assert len(store) == 0 and store.vectors.shape == (0, 1, 12)


def test_weights_that_are_no_numbers(tmp_path: Path, encoder: BertEncoder) -> None:
    broken = BertEncoder(encoder.config)
    broken.embeddings.word_embeddings.weight.data.fill_(float("nan"))
    with pytest.raises(NonFiniteError, match="features are not finite"):
        cached_features(tmp_path, broken, rows(2), (1,), model="m")
    assert list(tmp_path.iterdir()) == []
