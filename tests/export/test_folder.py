"""An exported folder answers where the model did, and says what it cannot do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_models
import torch
from export.conftest import exported

from bertwright.checkpoints.model_folder import open_model
from bertwright.errors import ModelError, UsageError
from bertwright.execution.threads import threads_as_before
from bertwright.export.folder import open_onnx
from bertwright.features.layers import select_layers
from bertwright.inference.embedding_file import embed_file
from bertwright.inference.feature_file import features_file
from bertwright.inference.feature_request import FeatureRequest
from bertwright.inference.inspection.detection import inspect_path
from bertwright.inference.model import Model, load
from bertwright.inference.prediction_file import predict_file
from bertwright.tasks.evaluation import evaluate
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.paired import compare

TEXTS = [
    "the old man and the sea",
    "a good film",
    "",
    "she opened the door of the dark room and went in",
    "a dull book",
] * 5


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A classifier, and the same as ONNX."""
    place = tmp_path_factory.mktemp("classifier")
    source = small_models.save_classifier(place / "source")
    return source, exported(open_model(source), place / "graph").path


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("pretrained")
    source = small_models.save_pretrained(place / "source")
    return source, exported(open_model(source), place / "graph").path


def table(path: Path) -> Path:
    labels = small_models.LABELS
    rows = [f"{text}\t{labels[index % 3]}" for index, text in enumerate(TEXTS) if text]
    path.write_text("text\tlabel\n" + "\n".join(rows) + "\n")
    return path


def test_predictions(classifier: tuple[Path, Path], tmp_path: Path) -> None:
    answers = [load(path).predict([text for text in TEXTS if text]) for path in classifier]
    for ours, theirs in zip(*answers, strict=True):
        one, other = ours.to_dict(), theirs.to_dict()
        assert one["label"] == other["label"]
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)
    summary = predict_file(load(classifier[1]), table(tmp_path / "rows.tsv"), tmp_path / "out.jsonl")
    assert (summary.rows, summary.failed) == (20, 0)


def test_scores(classifier: tuple[Path, Path], tmp_path: Path) -> None:
    rows = table(tmp_path / "rows.tsv")
    ours, theirs = (evaluate(path, rows, resamples=20).metrics for path in classifier)
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_whether_the_export_differs(classifier: tuple[Path, Path], tmp_path: Path) -> None:
    """``evaluate --compare`` takes a folder of either form."""
    found = compare(*classifier, table(tmp_path / "rows.tsv"), resamples=50)
    assert found.differences and all(
        found.significant(d.p_value) is False for d in found.differences.values()
    )
    assert found.one.metrics == pytest.approx(found.other.metrics, abs=1e-5)


def test_vectors(pretrained: tuple[Path, Path], classifier: tuple[Path, Path], tmp_path: Path) -> None:
    for source, graph in (pretrained, classifier):
        for pooling in ("mean", "cls", "max"):
            expected = load(source).embed(TEXTS, pooling)
            np.testing.assert_allclose(load(graph).embed(TEXTS, pooling), expected, atol=1e-4)
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(TEXTS) + "\n")
    assert embed_file(load(graph), texts, tmp_path / "v.npy").rows == len(TEXTS)


def test_blanks_and_next_sentences(pretrained: tuple[Path, Path]) -> None:
    source, graph = (load(path) for path in pretrained)
    text = "the [MASK] man and the [MASK] of the sea"
    for ours, theirs in zip(graph.fill_mask(text), source.fill_mask(text), strict=True):
        assert [c.token for c in ours.candidates] == [c.token for c in theirs.candidates]
        assert ours.candidates[0].probability == pytest.approx(theirs.candidates[0].probability, abs=1e-5)
    pair = ("he opened the door", "the room was dark")
    assert graph.next_sentence(*pair) == pytest.approx(source.next_sentence(*pair), abs=1e-5)


def test_threads_change_nothing(classifier: tuple[Path, Path]) -> None:
    vectors = []
    with threads_as_before():
        for threads in (1, 3):
            torch.set_num_threads(threads)
            vectors.append(load(classifier[1]).embed(TEXTS * 20))
    np.testing.assert_array_equal(*vectors)


def test_it_stays_on_the_processor(classifier: tuple[Path, Path]) -> None:
    encoder = open_onnx(classifier[1]).encoder()
    assert encoder.to("meta") is encoder
    assert next(encoder.parameters()).device.type == "cpu"


def test_inspection(classifier: tuple[Path, Path]) -> None:
    source, graph = (inspect_path(path) for path in classifier)
    assert graph.kind == "model"
    assert graph.verified and graph.verified >= 5
    assert graph.facts["parameters"] == source.facts["parameters"]
    assert graph.facts["onnx"]["precision"] == "float32"
    assert graph.facts["onnx"]["outputs"] == ["last_hidden_state", "pooler_output", "logits"]
    assert graph.facts["heads"] == ["sequence"]


def test_what_it_cannot_do(
    classifier: tuple[Path, Path], pretrained: tuple[Path, Path], tmp_path: Path
) -> None:
    rows = table(tmp_path / "rows.tsv")
    with pytest.raises(ModelError, match="exported to ONNX"):
        finetune(pretrained[1], kind="classify", train=rows, dev=rows, output=tmp_path / "out")
    request = FeatureRequest(select_layers("-2:", 3))
    with pytest.raises(ModelError, match=rf"{pretrained[1].name}: expected a model with weights.*made of"):
        features_file(load(pretrained[1]), tmp_path / "absent", tmp_path / "out.npy", request, text="text")
    with pytest.raises(ModelError, match="a fine-tuned model"):
        load(pretrained[1]).predict(["a text"])
    with pytest.raises(ModelError, match="masked language head"):
        load(classifier[1]).fill_mask("a [MASK]")
    with pytest.raises(UsageError, match="auto or cpu for a model in ONNX"):
        Model(open_onnx(pretrained[1]), device="cuda")
