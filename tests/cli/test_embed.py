"""``bertwright embed``: files in, files out, what is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from bertwright.checkpoints.model_folder import save_model
from bertwright.checkpoints.sentence_recipe import SentenceRecipe
from bertwright.inference.model import load

TEXTS = ["the sea was dark", "", "good", "the night " * 30]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS) + "\n")
    return path


def test_only_what_is_needed_is_imported(pretrained_folder: Path, file: Path) -> None:
    """What trains, measures, compiles or draws is slow to import, and a first answer does not wait for it."""
    program = (
        "import sys; from bertwright.inference.embedding_file import embed_file; "
        "from bertwright.inference.model import load; from pathlib import Path; "
        "embed_file(load(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])); "
        "print(*sorted({name.partition('.')[0] for name in sys.modules} | "
        "{name for name in sys.modules if name.startswith('torch._')}))"
    )
    command = [sys.executable, "-c", program, str(pretrained_folder), str(file), str(file.parent / "v.npy")]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert {"torch", "numpy", "tokenizers", "torch._C"} <= set(loaded)
    slow = ("sklearn", "scipy", "numba", "matplotlib", "pyarrow", "transformers", "onnx", "onnxruntime")
    assert not {*slow, "torch._dynamo", "torch._inductor"} & set(loaded)


def test_json(command, pretrained_folder: Path, file: Path) -> None:  # type: ignore[no-untyped-def]
    output = file.with_name("vectors.npy")
    answer = command("embed", pretrained_folder, file, "-o", output, "--precision", "fp32", "--json")
    assert answer.code == 0
    assert answer.json.pop("seconds") >= 0
    assert answer.json["precision"] == "fp32"
    found = {
        name: value for name, value in answer.json.items() if name not in ("seconds", "recipe", "precision")
    }
    assert answer.json["recipe"] == SentenceRecipe().facts()
    assert found == {"rows": 4, "dimensions": 48, "truncated": 1, "empty": 1, "output": str(output)}
    assert answer.err.splitlines() == [
        "warning: 1 of 4 texts were longer and were cut",
        "warning: 1 of 4 texts are empty",
    ]
    np.testing.assert_allclose(np.load(output), load(pretrained_folder).embed(TEXTS), atol=1e-5)


def test_columns_pooling_and_length(command, pretrained_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"id": n, "words": text}) + "\n" for n, text in enumerate(TEXTS)))
    output = tmp_path / "vectors.parquet"
    options = ("--text", "words", "--pooling", "max", "--max-length", "10", "--precision", "fp32")
    assert command("embed", pretrained_folder, file, "--output", output, *options).code == 0
    found = np.array(pq.read_table(output)["vector"].to_pylist(), np.float32)
    expected = load(pretrained_folder).embed(TEXTS, "max", max_length=10)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_sentence_transformers_folder(command, pretrained_folder: Path, file: Path) -> None:  # type: ignore[no-untyped-def]
    folder, source = file.with_name("sentences"), load(pretrained_folder)
    recipe = SentenceRecipe("cls", normalize=True, max_length=9)
    save_model(folder, source.folder.encoder(), source.tokenizer, task=None, provenance={}, sentences=recipe)
    output = file.with_name("vectors.npy")
    answer = command("embed", folder, file, "-o", output, "--precision", "fp32", "--json")
    assert answer.code == 0
    assert answer.json["recipe"] == recipe.facts()
    said = "vectors of texts as modules.json says: cls pooling, scaled to length 1, at most 9 tokens"
    assert said in answer.err.splitlines()
    np.testing.assert_allclose(np.load(output), load(folder).embed(TEXTS), atol=1e-5)
    flags = (
        "--no-normalize",
        "--pooling",
        "mean",
        "--max-length",
        "40",
        "--precision",
        "fp32",
        "--overwrite",
    )
    assert command("embed", folder, file, "-o", output, *flags).code == 0
    np.testing.assert_allclose(np.load(output), source.embed(TEXTS), atol=1e-5)


def test_existing_output(command, pretrained_folder: Path, file: Path) -> None:  # type: ignore[no-untyped-def]
    output = file.with_name("vectors.npy")
    output.write_text("mine")
    answer = command("embed", pretrained_folder, file, "-o", output)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"error: {output}: output exists already (give --overwrite")
    assert output.read_text() == "mine"
    assert command("embed", pretrained_folder, file, "-o", output, "--overwrite", "--quiet").code == 0
    assert np.load(output).shape == (4, 48)


def test_precision(command, pretrained_folder: Path, file: Path) -> None:  # type: ignore[no-untyped-def]
    output = file.with_name("vectors.npy")
    answer = command("embed", pretrained_folder, file, "-o", output, "--precision", "bf16", "--device", "cpu")
    assert (answer.code, ", bf16): " in answer.out) == (0, True)
    expected = load(pretrained_folder, device="cpu", precision="bf16").embed(TEXTS)
    assert np.array_equal(np.load(output), expected)
    answer = command("embed", pretrained_folder, file, "-o", output, "--precision", "fp64")
    assert answer.code == 2
