"""The table of formats in the READMEs: each cell is tried."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import small_models
import torch
from folder_edits import edit_config
from shared import shared_path

from bertwright.checkpoints.model_folder import open_model
from bertwright.cli.app import run
from bertwright.errors import ModelError
from bertwright.exchange.conversion import convert
from bertwright.exchange.targets import TARGETS
from bertwright.inference.model import load

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.zh-CN.md")


def hugging_face(path: Path) -> Path:
    small_models.save_pretrained(path)
    (path / "bertwright.json").unlink()
    return path


def shards(path: Path) -> Path:
    hugging_face(path)
    tensors = safetensors.torch.load_file(path / "model.safetensors")
    (path / "model.safetensors").unlink()
    names = sorted(tensors)
    for file, part in {"a.safetensors": names[::2], "b.safetensors": names[1::2]}.items():
        safetensors.torch.save_file({name: tensors[name] for name in part}, path / file)
    weight_map = {name: "ab"[number % 2] + ".safetensors" for number, name in enumerate(names)}
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return path


def pickled(path: Path) -> Path:
    hugging_face(path)
    torch.save(safetensors.torch.load_file(path / "model.safetensors"), path / "pytorch_model.bin")
    (path / "model.safetensors").unlink()
    return path


def sentences(path: Path) -> Path:
    source = small_models.save_pretrained(path.with_name("source"))
    convert(source, path, to="sentence-transformers")
    (path / "bertwright.json").unlink()
    return path


def tensorflow(path: Path) -> Path:
    return shared_path("golden/model/a")


def onnx(path: Path) -> Path:
    pytest.importorskip("onnxruntime")
    convert(small_models.save_pretrained(path.with_name("source")), path, to="onnx")
    return path


def ernie(path: Path) -> Path:
    hugging_face(path)
    tensors = safetensors.torch.load_file(path / "model.safetensors")
    renamed = {re.sub("^bert", "ernie", name): tensor for name, tensor in tensors.items()}
    safetensors.torch.save_file(renamed, path / "model.safetensors")
    edit_config(path, model_type="ernie", architectures=["ErnieForPreTraining"])
    return path


SOURCES: dict[str, Callable[[Path], Path]] = {
    "bertwright": small_models.save_pretrained,
    "safetensors": hugging_face,
    "shards": shards,
    "pytorch_model.bin": pickled,
    "sentence-transformers": sentences,
    "TensorFlow 1": tensorflow,
    "ONNX": onnx,
    "ELECTRA, ERNIE": ernie,
}
"""What stands in a row's first cell -> a folder of that format."""


def rows(readme: str) -> list[list[str]]:
    """Format, what opens it, what writes it."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    table = text.split("<!-- formats -->")[1].split("<!-- /formats -->")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def key(row: list[str]) -> str:
    found = [name for name in SOURCES if name in row[0].replace("、", ", ")]
    return "shards" if "shards" in found and "safetensors" in found else found[0]


def test_all_formats_and_all_targets_are_there() -> None:
    for readme in READMES:
        assert [key(row) for row in rows(readme)] == list(SOURCES)
        written = {target for row in rows(readme) for target in re.findall(r"--to ([\w-]+)", row[2])}
        assert written == set(TARGETS)
    assert [row[1:] for row in rows("README.md")] == [row[1:] for row in rows("README.zh-CN.md")]


@pytest.mark.parametrize("number", range(len(SOURCES)))
def test_what_opens(number: int, tmp_path: Path) -> None:
    row = rows("README.md")[number]
    source = SOURCES[key(row)](tmp_path / "model")
    if row[1] == "`convert`":
        with pytest.raises(ModelError, match="bertwright convert"):
            open_model(source)
        assert convert(source, tmp_path / "out").largest == 0
    else:
        assert row[1] == "✓"
        assert load(source).folder.heads == {"masked_language", "next_sentence"}
        assert run(["fill-mask", str(source), "a [MASK] book", "--json"]) == 0


@pytest.mark.parametrize("number", range(len(SOURCES)))
def test_what_is_written(number: int, tmp_path: Path) -> None:
    row = rows("README.md")[number]
    source = small_models.save_pretrained(tmp_path / "source")
    targets = re.findall(r"`--to ([\w-]+)`", row[2])
    assert (row[2] == "–") == (not targets)
    for target in targets:
        convert(source, tmp_path / target, to=target)
        assert load(tmp_path / target).folder.heads == {"masked_language", "next_sentence"}
