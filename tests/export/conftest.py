"""Models of every kind, small, and questions of any shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import small_models
import torch
from torch import Tensor

from bertwright.checkpoints.model_folder import ModelFolder, open_model, save_model
from bertwright.export.folder import OnnxFolder, open_onnx
from bertwright.export.writing import export, write_folder
from bertwright.model.choice_classifier import ChoiceClassifier
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.encoder import BertEncoder
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.model.span_classifier import SpanClassifier
from bertwright.model.token_classifier import TokenClassifier

pytest.importorskip("onnxruntime")

LABELS = ["B-LOC", "I-LOC", "O"]
TASKS: dict[str, tuple[type[Any], int, dict[str, Any]]] = {
    "classify": (SequenceClassifier, 3, {"kind": "classify", "labels": LABELS}),
    "several": (
        SequenceClassifier,
        3,
        {"kind": "classify", "labels": LABELS, "problem_type": "multi_label_classification"},
    ),
    "regress": (SequenceClassifier, 1, {"kind": "regress", "problem_type": "regression"}),
    "tag": (TokenClassifier, 3, {"kind": "tag", "labels": LABELS}),
    "answer": (SpanClassifier, 2, {"kind": "answer"}),
    "choose": (ChoiceClassifier, 1, {"kind": "choose"}),
}


class Questions(NamedTuple):
    """Rows of random ids, padded at the end."""

    input_ids: Tensor
    token_type_ids: Tensor
    attention_mask: Tensor


def questions(lengths: list[int], seed: int = 0) -> Questions:
    """A row of each length, and the width of the longest."""
    generator = torch.Generator().manual_seed(seed)
    shape = (len(lengths), max(lengths))
    mask = torch.arange(shape[1]) < torch.tensor(lengths)[:, None]
    ids = torch.randint(5, 100, shape, generator=generator) * mask
    return Questions(ids, torch.randint(0, 2, shape, generator=generator) * mask, mask)


def saved_models(folder: Path) -> dict[str, ModelFolder]:
    """A folder for every kind of model, opened."""
    words = small_models.tokenizer()
    config = small_models.config(len(words.vocabulary))
    modules: dict[str, tuple[Any, dict[str, Any] | None]] = {
        "encoder": (BertEncoder(config, seed=1), None),
        "pretrained": (BertForPreTraining(config, seed=2), None),
    }
    for name, (cls, count, task) in TASKS.items():
        modules[name] = (cls(config, count, seed=3), task)
    for name, (module, task) in modules.items():
        save_model(folder / name, module, words, task=task, provenance={"made": "for a test"})
    return {name: open_model(folder / name) for name in modules}


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelFolder]:
    return saved_models(tmp_path_factory.mktemp("models"))


def exported(folder: ModelFolder, path: Path, precision: str = "float32") -> OnnxFolder:
    """The model of ``folder`` as ONNX in the new folder ``path``, opened."""
    graph = export(folder, precision)  # type: ignore[arg-type]
    write_folder(path, folder, graph, architecture=str(folder.architecture), provenance={})
    return open_onnx(path)


@pytest.fixture(scope="session")
def graphs(models: dict[str, ModelFolder], tmp_path_factory: pytest.TempPathFactory) -> dict[str, OnnxFolder]:
    place = tmp_path_factory.mktemp("graphs")
    return {name: exported(folder, place / name) for name, folder in models.items()}


@pytest.fixture(scope="session")
def rounded_graphs(
    models: dict[str, ModelFolder], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, OnnxFolder]:
    place = tmp_path_factory.mktemp("rounded")
    return {name: exported(folder, place / name, "int8") for name, folder in models.items()}
