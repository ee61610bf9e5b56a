"""Vectors of a whole file: those of the original and of transformers, in all formats, resumed, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import load_file
from shared import shared_path
from transformers import AutoModel

from bertwright.errors import InputError, RunError
from bertwright.features.hidden_states import hidden_states
from bertwright.features.layers import select_layers
from bertwright.features.piece_rows import piece_row
from bertwright.inference import feature_file
from bertwright.inference.feature_file import features_file
from bertwright.inference.feature_request import FeatureRequest
from bertwright.inference.feature_rows import read_rows
from bertwright.inference.model import Model, load

LINES = ["the sea was dark ||| good", "", "goods, booking.", "the night " * 30, "a door"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(LINES) + "\n")
    return path


def wanted(model: Model, layers: str = "-1,-2", **options: Any) -> FeatureRequest:
    return FeatureRequest(select_layers(layers, model.config.num_hidden_layers), **options)


def test_golden(tmp_path: Path) -> None:
    folder = shared_path("golden/extract_features")
    model = load(shared_path("golden/model/a"))
    output = tmp_path / "output.jsonl"
    features_file(model, folder / "input.txt", output, wanted(model, "-1,-2,-3"), max_length=16)
    ours = [json.loads(line) for line in output.read_text().splitlines()]
    theirs = [json.loads(line) for line in (folder / "output.jsonl").read_text().splitlines()]
    assert len(ours) == len(theirs) > 3
    furthest = 0.0
    for our, their in zip(ours, theirs, strict=True):
        assert our["linex_index"] == their["linex_index"]
        assert [token["token"] for token in our["features"]] == [
            token["token"] for token in their["features"]
        ]
        for our_token, their_token in zip(our["features"], their["features"], strict=True):
            assert list(our_token) == list(their_token) == ["token", "layers"]
            for our_layer, their_layer in zip(our_token["layers"], their_token["layers"], strict=True):
                assert our_layer["index"] == their_layer["index"]
                found = np.abs(np.subtract(our_layer["values"], their_layer["values"])).max()
                furthest = max(furthest, float(found))
    assert furthest <= 2.1e-5


@pytest.mark.parametrize("layers", [":", "-4:", "0", "2,1"])
def test_equal_to_transformers(pretrained: Model, pretrained_folder: Path, file: Path, layers: str) -> None:
    output = file.with_name("vectors.npy")
    request = wanted(pretrained, layers)
    features_file(pretrained, file, output, request, rows_per_block=2)
    vectors = np.load(output)
    reference = AutoModel.from_pretrained(pretrained_folder).eval()
    expected = []
    for row in read_rows(file):
        pieces = piece_row(row, pretrained.tokenizer, 40)
        ids, types = torch.tensor([pieces.input_ids]), torch.tensor([pieces.token_type_ids])
        with torch.inference_mode():
            states = reference(ids, token_type_ids=types, output_hidden_states=True).hidden_states
        expected.append(torch.stack([states[layer][0] for layer in request.selection.layers], dim=1).numpy())
    whole = np.concatenate(expected)
    np.testing.assert_allclose(vectors.reshape(whole.shape), whole, atol=1e-5)


def test_one_answer_in_all_formats(pretrained: Model, file: Path) -> None:
    request = wanted(pretrained)
    outputs = {name: file.with_name("v." + name) for name in ("npy", "safetensors", "parquet", "jsonl")}
    summaries = {
        name: features_file(pretrained, file, output, request, rows_per_block=2)
        for name, output in outputs.items()
    }
    vectors = np.load(outputs["npy"])
    index_file = summaries["npy"].index
    assert index_file == file.with_name("v.npy.index.jsonl")
    index = [json.loads(line) for line in index_file.read_text().splitlines()]
    assert (summaries["npy"].rows, summaries["npy"].vectors, summaries["npy"].truncated) == (
        5,
        len(vectors),
        1,
    )
    assert summaries["npy"].dimensions == vectors.shape[1:] == (2, 48)
    assert [entry["row"] for entry in index] == list(range(5))
    assert [entry["start"] for entry in index] == np.cumsum([0, *(e["length"] for e in index)])[:-1].tolist()
    assert index[0]["tokens"] == ["[CLS]", "the", "sea", "was", "dark", "[SEP]", "good", "[SEP]"]
    assert index[0]["offsets"][1:3] == [[0, 3], [4, 7]] and index[0]["segments"] == [0] * 6 + [1] * 2
    assert [entry["truncated"] for entry in index] == [False, False, False, True, False]

    found = load_file(outputs["safetensors"])
    np.testing.assert_array_equal(found["vectors"], vectors)
    assert file.with_name("v.safetensors.index.jsonl").read_text() == index_file.read_text()

    table = pq.read_table(outputs["parquet"])
    assert table.schema.metadata[b"layers"] == b"-1,-2" and table.schema.metadata[b"shape"] == b"2,48"
    for row, entry in zip(table.to_pylist(), index, strict=True):
        assert row["row"] == entry["row"] and row["tokens"] == entry["tokens"]
        assert row["starts"] == [None if span is None else span[0] for span in entry["offsets"]]
        assert row["ends"] == [None if span is None else span[1] for span in entry["offsets"]]
        mine = vectors[entry["start"] : entry["start"] + entry["length"]].reshape(entry["length"], -1)
        np.testing.assert_array_equal(np.array(row["vectors"], np.float32), mine)

    for line, entry in zip(outputs["jsonl"].read_text().splitlines(), index, strict=True):
        features = json.loads(line)["features"]
        assert [feature["token"] for feature in features] == entry["tokens"]
        values = np.array([[layer["values"] for layer in feature["layers"]] for feature in features])
        np.testing.assert_allclose(values, vectors[entry["start"] :][: entry["length"]], atol=1e-6)


def test_words_combined_and_pooled_by_hand(pretrained: Model, file: Path) -> None:
    pieces_file, output = file.with_name("pieces.npy"), file.with_name("out.npy")
    features_file(pretrained, file, pieces_file, wanted(pretrained))
    pieces = np.load(pieces_file)
    index = [
        json.loads(line) for line in pieces_file.with_name("pieces.npy.index.jsonl").read_text().splitlines()
    ]
    third = pieces[index[2]["start"] :][: index[2]["length"]]
    assert index[2]["tokens"] == ["[CLS]", "good", "##s", ",", "book", "##ing", ".", "[SEP]"]

    def run(**options: Any) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
        features_file(pretrained, file, output, wanted(pretrained, **options), overwrite=True)
        entries = [
            json.loads(line) for line in output.with_name("out.npy.index.jsonl").read_text().splitlines()
        ]
        return np.load(output)[entries[2]["start"] :][: entries[2]["length"]], entries[2]

    words, entry = run(align="words", word_pooling="mean", combine="concat")
    assert entry["tokens"] == ["goods", ",", "booking", "."]
    assert entry["offsets"] == [[0, 5], [5, 6], [7, 14], [14, 15]]
    np.testing.assert_allclose(words[2], third[4:6].mean(axis=0).reshape(-1), atol=1e-5)
    np.testing.assert_allclose(words[1], third[3].reshape(-1), atol=1e-5)
    summed, _ = run(combine="sum")
    np.testing.assert_allclose(summed, third.sum(axis=1), atol=1e-5)
    averaged, _ = run(combine="mean", align="words")
    np.testing.assert_allclose(averaged[0], third[1].mean(axis=0), atol=1e-5)
    pooled, entry = run(pooling="mean")
    assert entry["length"] == 1
    np.testing.assert_allclose(pooled[0], third.mean(axis=0), atol=1e-5)


def test_resumed_run_gives_the_same_bytes(
    pretrained: Model, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, resumed = file.with_name("whole.npy"), file.with_name("resumed.npy")
    features_file(pretrained, file, whole, wanted(pretrained), rows_per_block=2)
    calls = 0

    def broken(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RunError("the machine stopped")
        return hidden_states(*args, **options)

    monkeypatch.setattr(feature_file, "hidden_states", broken)
    with pytest.raises(RunError):
        features_file(pretrained, file, resumed, wanted(pretrained), rows_per_block=2)
    assert not resumed.exists()
    with pytest.raises(InputError, match="begun with another request: layers"):
        features_file(pretrained, file, resumed, wanted(pretrained, "-1"), rows_per_block=2, resume=True)
    features_file(pretrained, file, resumed, wanted(pretrained), rows_per_block=2, resume=True)
    assert calls == 4  # a block, the broken one, and the two that were left
    assert resumed.read_bytes() == whole.read_bytes()
    assert resumed.with_name("resumed.npy.index.jsonl").read_bytes() == (
        whole.with_name("whole.npy.index.jsonl").read_bytes()
    )


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [
        ("v.txt", {}, "a name ending in .npy, .safetensors, .parquet, .jsonl"),
        ("v.jsonl", {"combine": "sum"}, "the original's format"),
        ("v.npy", {"combine": "product"}, "combine: expected one of none, concat, sum, mean"),
        ("v.npy", {"pooling": "sum"}, "pooling: expected one of"),
        ("v.npy", {"pooling": "cls", "align": "words"}, "one vector a row has no words"),
        ("v.npy", {"align": "letters"}, "align: expected one of pieces, words"),
        ("v.npy", {"word_pooling": "sum"}, "word pooling: expected one of first"),
        ("taken.npy", {}, "taken.npy.index.jsonl: output exists already"),
    ],
)
def test_wrong_requests_leave_nothing(
    pretrained: Model, file: Path, output: str, options: dict[str, Any], message: str
) -> None:
    (file.parent / "taken.npy.index.jsonl").write_text("mine")
    with pytest.raises(InputError, match=message):
        features_file(pretrained, file, file.parent / output, wanted(pretrained, **options))
    assert sorted(path.name for path in file.parent.iterdir()) == ["taken.npy.index.jsonl", "texts.txt"]
