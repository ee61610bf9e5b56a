"""A model into ONNX by ``convert``: proved, measured, and refused when it loses too much."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import small_models
from shared import published_model, shared_path

from bertwright.checkpoints.model_folder import save_model
from bertwright.errors import ModelError, TableError, UsageError
from bertwright.exchange import onnx_export
from bertwright.exchange.conversion import convert
from bertwright.exchange.gate import SIMILARITY, Loss
from bertwright.exchange.targets import TARGETS
from bertwright.inference.model import load
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.encoder import BertEncoder

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_models.save_classifier(tmp_path_factory.mktemp("models") / "classifier")


@pytest.fixture
def rows(classifier: Path, tmp_path: Path) -> Path:
    """Texts with the labels that the model itself gives: before, it is right about all of them."""
    words = small_models.WORDS
    texts = [
        " ".join(words[(7 * n + k * (n % 5 + 1)) % len(words)] for k in range(3 + n % 9)) for n in range(80)
    ]
    labels = [prediction.to_dict()["label"] for prediction in load(classifier).predict(texts)]
    assert len(set(labels)) > 1
    path = tmp_path / "rows.tsv"
    path.write_text(
        "text\tlabel\n" + "".join(f"{t}\t{label}\n" for t, label in zip(texts, labels, strict=True))
    )
    return path


def test_golden_checkpoint(tmp_path: Path) -> None:
    done = convert(shared_path("golden/model/a"), tmp_path / "out", to="onnx")
    outputs = {"last_hidden_state", "pooled_output", "masked_language", "next_sentence"}
    assert set(done.differences) == outputs
    assert done.largest < done.bound == 1e-4
    assert done.facts["onnx"]["precision"] == "float32"


def test_a_bound_of_nothing_leaves_nothing(classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="answers within 0 of the source's"):
        convert(classifier, tmp_path / "out", to="onnx", bound=0)
    assert list(tmp_path.iterdir()) == []


def test_rounded_answers_have_a_bound_only_when_asked(classifier: Path, tmp_path: Path) -> None:
    assert TARGETS["onnx"].bound_with({}) == 1e-4
    done = convert(classifier, tmp_path / "out", to="onnx", options={"int8": True})
    assert done.bound is None
    assert done.largest > 1e-3
    with pytest.raises(ModelError, match=r"answers within 0\.0001"):
        convert(classifier, tmp_path / "no", to="onnx", options={"int8": True}, bound=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_the_gate(classifier: Path, rows: Path, tmp_path: Path) -> None:
    options = {"eval": rows}
    done = convert(classifier, tmp_path / "float", to="onnx", options=options)
    measured = done.facts["onnx"]["evaluation"]
    assert measured["metric"] == "accuracy"
    assert (measured["before"], measured["after"], measured["lost_points"]) == (1, 1, 0)
    assert (measured["rows"], measured["file"]) == (80, "rows.tsv")
    stored = json.loads((tmp_path / "float" / "bertwright.json").read_text())["onnx"]["evaluation"]
    assert stored == measured
    rounded = {"eval": rows, "int8": True}
    done = convert(classifier, tmp_path / "loose", to="onnx", options=rounded | {"max_loss": 100})
    lost = done.facts["onnx"]["evaluation"]["lost_points"]
    assert lost > 0  # weights so large do not bear rounding
    with pytest.raises(ModelError, match=r"at most 0\.5 points of accuracy lost, got .*nothing was kept"):
        convert(classifier, tmp_path / "strict", to="onnx", options=rounded | {"max_loss": None})
    names = {"float", "loose", "rows.tsv"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_similarity_where_there_is_no_task(tmp_path: Path) -> None:
    words = small_models.tokenizer()
    encoder = BertEncoder(small_models.config(len(words.vocabulary)), seed=1)
    save_model(tmp_path / "encoder", encoder, words, task=None, provenance={})
    pairs = tmp_path / "pairs.tsv"
    lines = [
        f"the old man {a}\tthe old man {b}\t{n % 6}\n"
        for n, (a, b) in enumerate(zip("seatalk", "walking", strict=True))
    ]
    pairs.write_text("sentence1\tsentence2\tscore\n" + "".join(lines))
    done = convert(tmp_path / "encoder", tmp_path / "out", to="onnx", options={"eval": pairs})
    measured = done.facts["onnx"]["evaluation"]
    assert measured["metric"] == SIMILARITY
    assert measured["before"] == measured["after"]


def test_single_texts_have_no_similarity(tmp_path: Path) -> None:
    words = small_models.tokenizer()
    encoder = BertEncoder(small_models.config(len(words.vocabulary)), seed=1)
    save_model(tmp_path / "encoder", encoder, words, task=None, provenance={})
    (tmp_path / "texts.tsv").write_text("text\tscore\nthe sea\t1.5\nthe old man\t2\n")
    with pytest.raises(TableError, match=r"texts.tsv: expected pairs of texts .* got .single texts"):
        convert(tmp_path / "encoder", tmp_path / "out", to="onnx", options={"eval": tmp_path / "texts.tsv"})
    assert not (tmp_path / "out").exists()


def test_points() -> None:
    loss = Loss("accuracy", 0.9, 0.89, 100, "dev.tsv")
    assert loss.points == pytest.approx(1)
    onnx_export._require_small(loss, 1.01, Path("out"))
    for bad in (loss, Loss("accuracy", 0.9, float("nan"), 100, "dev.tsv")):
        with pytest.raises(ModelError, match="points of accuracy lost"):
            onnx_export._require_small(bad, 0.5, Path("out"))


def test_a_bound_without_a_file(classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected --eval FILE"):
        convert(classifier, tmp_path / "out", to="onnx", options={"max_loss": 1.0})


def test_what_is_exported_cannot_be_converted(classifier: Path, tmp_path: Path) -> None:
    convert(classifier, tmp_path / "graph", to="onnx")
    for to in ("onnx", "hf"):
        with pytest.raises(ModelError, match="exported to ONNX"):
            convert(tmp_path / "graph", tmp_path / "again", to=to)


def test_labels_and_card(classifier: Path, tmp_path: Path) -> None:
    convert(classifier, tmp_path / "out", to="onnx", options={"int8": True})
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["id2label"] == dict(zip("012", small_models.LABELS, strict=True))
    assert config["architectures"] == ["BertForSequenceClassification"]
    card = (tmp_path / "out" / "README.md").read_text()
    for word in ("`logits`", "int8", "bertwright predict", "onnxruntime.InferenceSession", "converted_from"):
        assert word in card
    assert SequenceClassifier.head_name == "sequence"


@pytest.mark.slow
def test_the_published_sentence_model(tmp_path: Path) -> None:
    """All sentences of STS-B dev: the same vectors; with int8, the same order but for half a point."""
    source = published_model()
    file = shared_path("data/glue/STS-B/dev.tsv")
    lines = [line.split("\t") for line in file.read_text(encoding="utf-8").strip("\n").split("\n")[1:]]
    sentences = [line[place] for line in lines for place in (7, 8)]
    assert len(sentences) == 3000
    convert(source, tmp_path / "float", to="onnx")
    np.testing.assert_allclose(
        load(tmp_path / "float").embed(sentences), load(source).embed(sentences), atol=1e-4
    )
    done = convert(source, tmp_path / "int8", to="onnx", options={"int8": True, "eval": file})
    measured = done.facts["onnx"]["evaluation"]
    assert measured["before"] == pytest.approx(0.867, abs=1e-3)
    assert measured["lost_points"] < 0.5
