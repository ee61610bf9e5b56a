"""The feature-based counterpart scores the same rows with the same metrics as fine-tuning."""

from __future__ import annotations

from pathlib import Path

import pytest

from bertwright.checkpoints.model_folder import open_model
from bertwright.errors import SettingsError
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.frozen import classify_features
from bertwright.tasks.settings import FinetuneSettings


def test_comparable_with_fine_tuning(
    pretrained: Path, review_files: tuple[Path, Path], tmp_path: Path
) -> None:
    train, dev = review_files
    before = open_model(pretrained).manifest["digest"]
    features = classify_features(pretrained, train=train, dev=dev)
    tuned = finetune(
        pretrained,
        train=train,
        dev=dev,
        output=tmp_path / "out",
        settings=FinetuneSettings(epochs=1, restarts=0),
    )
    assert features.metrics.keys() == tuned.metrics.keys()
    assert (features.rows, features.truncated, features.baseline) == (
        tuned.rows,
        tuned.truncated,
        tuned.baseline,
    )
    assert features.metrics["accuracy"] > 0.9, "a word decides, and its embedding is in the mean"
    again = classify_features(pretrained, train=train, dev=dev, pooling="mean")
    assert again.to_dict() | {"seconds": 0} == features.to_dict() | {"seconds": 0}
    assert open_model(pretrained).manifest["digest"] == before


def test_every_pooling_and_length(pretrained: Path, review_files: tuple[Path, Path]) -> None:
    train, dev = review_files
    results = [classify_features(pretrained, train=train, dev=dev, pooling=pool) for pool in ("cls", "max")]
    assert results[0].metrics != results[1].metrics
    cut = classify_features(pretrained, train=train, dev=dev, max_length=5)
    assert cut.truncated > 20
    with pytest.raises(SettingsError, match="at most 40"):
        classify_features(pretrained, train=train, dev=dev, max_length=41)
