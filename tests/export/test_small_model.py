"""Models on frozen vectors: every head, pooling and choice of layers, against PyTorch."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from export.conftest import questions

from bertwright.checkpoints.model_folder import ModelFolder, save_model
from bertwright.errors import ModelError
from bertwright.exchange.conversion import convert
from bertwright.export.building import SmallModel, build
from bertwright.features.layers import CHOICES, layer_choice
from bertwright.features.model import FeatureModel
from bertwright.inference.inspection.detection import inspect_path
from bertwright.inference.model import load
from bertwright.tasks.feature_model import FILE, METHOD, FrozenModel
from bertwright.tokenization.tokenizer import Tokenizer

POOLINGS = (None, "mean", "cls", "max")


def frozen(folder: ModelFolder, name: str, head: Any, pool: Any, seed: int = 5) -> FrozenModel:
    """A small model of random weights, also where a new one has zeros and ones."""
    encoder, choice = folder.encoder(), layer_choice(name, folder.config.num_hidden_layers)
    small = FeatureModel(choice, folder.config.hidden_size, 3, head=head, pool=pool, lstm_size=7, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in (*small.parameters(), small.mean):
            tensor += 0.3 * torch.randn(tensor.shape, generator=generator)
        small.scale += torch.rand(small.scale.shape, generator=generator)
    description = {
        "name": choice.name,
        "layers": list(choice.layers),
        "joining": choice.joining,
        "head": head,
        "pooling": pool,
        "lstm_size": 7,
        "outputs": 3,
    }
    return FrozenModel(encoder, small, description).eval()


CASES = list(itertools.product(CHOICES, ("linear", "bilstm"), POOLINGS))


@pytest.mark.parametrize(("name", "head", "pool"), CASES)
def test_every_small_model(models: dict[str, ModelFolder], name: str, head: str, pool: str | None) -> None:
    folder = models["encoder"]
    model = frozen(folder, name, head, pool)
    small = SmallModel(model.small.state_dict(), model.description)
    data = build(folder.config, folder.weights.tensors, ["encoder"], small=small)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    for lengths in ([9], [6, 6], [12, 1, 5]):
        asked = questions(lengths)
        with torch.no_grad():
            expected = model(*asked).numpy()
        given = {name: value.long().numpy() for name, value in asked._asdict().items()}
        found = session.run(["logits"], given)[0]
        kept: Any = asked.attention_mask.numpy() if pool is None else ...
        np.testing.assert_allclose(found[kept], expected[kept], atol=1e-4)


def test_the_sweep_is_whole() -> None:
    assert len(CASES) == 7 * 2 * 4


def test_a_folder(models: dict[str, ModelFolder], tmp_path: Path) -> None:
    """Saved, converted, proved and asked again through the same door."""
    model = frozen(models["encoder"], "concat-last-four", "bilstm", "mean")
    task = {"kind": "classify", "labels": ["a", "b", "c"], "max_length": 24, "method": METHOD}
    tokenizer: Tokenizer = models["encoder"].tokenizer
    task |= {"features": model.description}
    more = {FILE: dict(model.small.state_dict())}
    save_model(tmp_path / "source", model.encoder, tokenizer, task=task, provenance={}, more=more)
    done = convert(tmp_path / "source", tmp_path / "graph", to="onnx")
    assert set(done.differences) == {"last_hidden_state", "pooled_output", "small_model"}
    assert done.largest < 1e-4
    texts = ["a good film", "the old man and the sea", "she went in"]
    for ours, theirs in zip(
        load(tmp_path / "graph").predict(texts), load(tmp_path / "source").predict(texts), strict=True
    ):
        assert ours.to_dict()["probabilities"] == pytest.approx(theirs.to_dict()["probabilities"], abs=1e-5)
    rounded = convert(tmp_path / "source", tmp_path / "rounded", to="onnx", options={"int8": True})
    assert rounded.bound is None
    assert load(tmp_path / "rounded").predict(texts)
    parameters = [inspect_path(tmp_path / n).facts["parameters"] for n in ("source", "graph", "rounded")]
    assert parameters[0] == parameters[1] == parameters[2]
    carried = convert(tmp_path / "source", tmp_path / "carried", to="hf")
    assert carried.differences == dict.fromkeys(done.differences, 0)
    assert (tmp_path / "carried" / FILE).read_bytes() == (tmp_path / "source" / FILE).read_bytes()
    with pytest.raises(ModelError, match="a feature-based model"):
        convert(tmp_path / "carried", tmp_path / "tf1", to="tf1")


def test_an_unknown_pooling_is_refused(models: dict[str, ModelFolder]) -> None:
    folder = models["encoder"]
    model = frozen(folder, "last", "linear", "mean")
    small = SmallModel(model.small.state_dict(), model.description | {"pooling": "median"})
    with pytest.raises(ModelError, match="pooling 'median'"):
        build(folder.config, folder.weights.tensors, ["encoder"], small=small)
