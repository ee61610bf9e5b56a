"""Kept answers: what is written is read, and the measure of them has the metrics that fine-tuning told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_models import save_pretrained
from tasks.test_every_kind import COLUMNS, FILES

from bertwright.checkpoints.model_folder import open_model
from bertwright.comparison.answers import Answers
from bertwright.errors import DigestError
from bertwright.progress import Silent
from bertwright.tasks.feature_settings import FeatureSettings
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.settings import FinetuneSettings

RECIPES = {
    "finetune": FinetuneSettings(epochs=1, max_length=16, learning_rate=0.01, precision="fp32", restarts=0),
    "features": FinetuneSettings(
        method="features", max_length=16, features=FeatureSettings(epochs=1, lstm_size=4)
    ),
}


@pytest.mark.parametrize("by_token", [False, True])
def test_saved_and_loaded(by_token: bool, tmp_path: Path) -> None:
    shapes = [(2, 3), (5, 3), (1, 3)] if by_token else [(3,), (3,)]
    draw = np.random.default_rng(0)
    outputs = [draw.normal(size=shape).astype(np.float32) for shape in shapes]
    Answers({"kind": "tag"}, outputs).save(tmp_path / "answers")
    loaded = Answers.load(tmp_path / "answers")
    assert loaded.task == {"kind": "tag"}
    assert [output.shape for output in loaded.outputs] == shapes
    assert all(np.array_equal(one, other) for one, other in zip(loaded.outputs, outputs, strict=True))


def test_damaged_answers_are_refused(tmp_path: Path) -> None:
    Answers({"kind": "classify"}, [np.zeros(2, np.float32)]).save(tmp_path / "answers")
    file = tmp_path / "answers" / "outputs.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(DigestError):
        Answers.load(tmp_path / "answers")


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("method", RECIPES)
def test_the_measure_has_the_metrics_of_the_model(kind: str, method: str, tmp_path: Path) -> None:
    encoder = save_pretrained(tmp_path / "encoder")
    train, dev = (FILES[kind](tmp_path, seed) for seed in (1, 2))
    model = tmp_path / "model"
    summary = finetune(
        encoder,
        kind=kind,
        train=train,
        dev=dev,
        output=model,
        columns=COLUMNS.get(kind),
        settings=RECIPES[method],
    )
    Answers.of(open_model(model), dev, "auto", "cpu", Silent()).save(tmp_path / "answers")
    measure = Answers.load(tmp_path / "answers").measure(open_model(encoder), dev, "auto")
    found = measure.at(np.ones((1, measure.rows)))
    shared = [name for name in summary.metrics if name in found]
    assert summary.metric in shared
    for name in shared:
        assert found[name][0] == pytest.approx(summary.metrics[name], rel=1e-5, abs=1e-5), name
