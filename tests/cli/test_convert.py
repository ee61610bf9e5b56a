"""``bertwright convert``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_models
from shared import shared_path

from bertwright.checkpoints.model_folder import save_model
from bertwright.model.token_classifier import TokenClassifier


def test_for_people_and_for_machines(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    source = shared_path("golden/model/a")
    answer = command("convert", source, tmp_path / "out", "--to", "hf")
    assert answer.code == 0
    assert "TensorFlow 1" in answer.out
    assert "missing (in the source, so in the result): none" in answer.out
    assert "reshaped: " in answer.out and " -> " in answer.out
    assert "largest difference of masked_language: 0" in answer.out
    assert f"within 2e-05: {tmp_path / 'out'}" in answer.out
    found = command("convert", source, tmp_path / "out", "--to", "hf", "--overwrite", "--json").json
    assert found["largest_difference"] == 0
    assert found["missing"] == found["unexpected"] == found["retyped"] == []
    assert set(found["reshaped"][0]) == {"name", "before", "after"}
    assert found["heads"] == ["masked_language", "next_sentence"]


def test_casing_can_be_said(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    source = shared_path("golden/model/a")
    for name, options in {"lower": ["--lower-case"], "cased": ["--cased"]}.items():
        assert command("convert", source, tmp_path / name, "--to", "hf", *options).code == 0
        settings = command("inspect", tmp_path / name, "--json").json["tokenizer"]["settings"]
        assert settings["do_lower_case"] is (name == "lower")


def test_sentence_transformers(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    source = shared_path("golden/model/a")
    to = ("--to", "sentence-transformers")
    options = ("--pooling", "cls", "--normalize", "--max-length", "9")
    answer = command("convert", source, tmp_path / "out", *to, *options, "--json")
    assert answer.code == 0
    said = {name: answer.json["recipe"][name] for name in ("pooling", "normalize", "max_length")}
    assert said == {"pooling": "cls", "normalize": True, "max_length": 9}
    exact = ("--precision", "fp32")
    texts = tmp_path / "texts.txt"
    texts.write_text("what a day\nit was\n")
    assert command("embed", tmp_path / "out", texts, "-o", tmp_path / "found.npy", *exact).code == 0
    flags = ("--pooling", "cls", "--normalize", "--max-length", "9", *exact)
    assert command("embed", source, texts, "-o", tmp_path / "expected.npy", *flags).code == 0
    expected = np.load(tmp_path / "expected.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), expected)
    library = pytest.importorskip("sentence_transformers")
    model = library.SentenceTransformer(str(tmp_path / "out"), device="cpu")
    vectors = model.encode(texts.read_text().splitlines(), show_progress_bar=False)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    # it keeps what it says when it is converted again
    assert command("convert", tmp_path / "out", tmp_path / "again", *to).code == 0
    assert command("embed", tmp_path / "again", texts, "-o", tmp_path / "again.npy", *exact).code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "again.npy"), expected)


def test_tensorflow_and_back(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    source = shared_path("models/tiny-tf-checkpoint")
    assert command("convert", source, tmp_path / "hf", "--to", "hf").code == 0
    answer = command("convert", tmp_path / "hf", tmp_path / "tf1", "--to", "tf1")
    assert answer.code == 0
    assert "largest difference of next_sentence: 0\n" in answer.out
    found = command("convert", source, tmp_path / "direct", "--to", "tf1", "--json").json
    assert found["largest_difference"] == 0
    assert found["reshaped"] == found["missing"] == []
    assert len(found["unexpected"]) == 93  # what the optimizer kept
    for name in ("bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001", "bert_config.json"):
        assert (tmp_path / "direct" / name).read_bytes() == (tmp_path / "tf1" / name).read_bytes()
    inspected = command("inspect", tmp_path / "tf1", "--json").json
    assert (inspected["origin"], inspected["verified"]) == ("TensorFlow 1", 6)
    assert command("convert", tmp_path / "tf1", tmp_path / "again", "--to", "hf").code == 0
    weights = "model.safetensors"
    assert (tmp_path / "again" / weights).read_bytes() == (tmp_path / "hf" / weights).read_bytes()


def test_what_tensorflow_cannot_hold(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    words = small_models.tokenizer()
    model = TokenClassifier(small_models.config(len(words.vocabulary)), 2)
    save_model(tmp_path / "tagger", model, words, task={"kind": "tag", "labels": ["A", "O"]}, provenance={})
    answer = command("convert", tmp_path / "tagger", tmp_path / "out", "--to", "tf1")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "a head that the original has" in answer.err and '"a token head"' in answer.err
    vectors = ("--to", "sentence-transformers")
    assert command("convert", shared_path("golden/model/a"), tmp_path / "st", *vectors).code == 0
    answer = command("convert", tmp_path / "st", tmp_path / "out", "--to", "tf1")
    assert (answer.code, "sentence vectors" in answer.err) == (2, True)
    assert not (tmp_path / "out").exists()


def test_vectors_are_said_of_one_format_alone(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    source = shared_path("golden/model/a")
    answer = command("convert", source, tmp_path / "out", "--to", "hf", "--max-length", "9")
    assert (answer.code, "--max-length: expected --to sentence-transformers" in answer.err) == (2, True)
    answer = command(
        "convert", source, tmp_path / "out", "--to", "sentence-transformers", "--max-length", "999"
    )
    assert (answer.code, answer.err.count("\n"), "max_length: expected 3 to" in answer.err) == (2, 1, True)
    assert list(tmp_path.iterdir()) == []


def test_refusals_are_one_line(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    source = shared_path("golden/model/a")
    answer = command("convert", source, tmp_path / "out", "--to", "hff")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    answer = command("convert", source, tmp_path / "out")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    answer = command("convert", source, source, "--to", "hf")
    assert (answer.code, "an output other than what is read" in answer.err) == (2, True)
    answer = command("convert", source, tmp_path / "out", "--to", "hf", "--bound", "-1")
    assert answer.code == 2
    assert list(tmp_path.iterdir()) == []


def test_onnx(command, classifier_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("onnxruntime")
    rows = tmp_path / "rows.tsv"
    rows.write_text("text\tlabel\n" + "a good film\tgood\na dull book\tbad\n" * 5)
    to = ("--to", "onnx")
    answer = command("convert", classifier_folder, tmp_path / "out", *to, "--eval", rows)
    assert answer.code == 0
    assert "accuracy on 10 rows of rows.tsv: " in answer.out and "(0.00 points lost)" in answer.out
    assert f"within 0.0001: {tmp_path / 'out'}" in answer.out
    answer = command("convert", classifier_folder, tmp_path / "small", *to, "--int8")
    assert answer.code == 0 and "answers are rounded" in answer.out
    for folder in ("out", "small"):
        assert command("predict", tmp_path / folder, rows, "-o", tmp_path / f"{folder}.jsonl").code == 0
        assert command("evaluate", tmp_path / folder, rows).code == 0
        texts = tmp_path / "texts.txt"
        texts.write_text("a good film\n")
        assert command("embed", tmp_path / folder, texts, "-o", tmp_path / f"{folder}.npy").code == 0
        assert command("inspect", tmp_path / folder, "--json").json["onnx"]["opset"] == 20


def test_options_of_another_format(command, classifier_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for options in (["--int8"], ["--eval", tmp_path], ["--max-loss", "1"]):
        answer = command("convert", classifier_folder, tmp_path / "out", "--to", "hf", *options)
        assert answer.code == 2
        assert f"{options[0]}: expected --to onnx with it, got --to hf" in answer.err
