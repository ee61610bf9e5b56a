"""The folders and models that these tests ask."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_models import save_classifier, save_pretrained

from bertwright.inference.model import Model, load


@pytest.fixture(scope="session")
def pretrained_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pretrained(tmp_path_factory.mktemp("models") / "pretrained")


@pytest.fixture(scope="session")
def pretrained(pretrained_folder: Path) -> Model:
    return load(pretrained_folder)


@pytest.fixture(scope="session")
def classifier_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_classifier(tmp_path_factory.mktemp("models") / "classifier")


@pytest.fixture(scope="session")
def classifier(classifier_folder: Path) -> Model:
    return load(classifier_folder)


@pytest.fixture(scope="session")
def pair_classifier(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(save_classifier(tmp_path_factory.mktemp("models") / "pairs", "other", seed=1))
