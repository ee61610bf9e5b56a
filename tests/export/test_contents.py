"""Files that are not ours, damaged, or made to reach further: refused in one line, before anything runs."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from export.conftest import exported, questions
from onnx import helper

from bertwright.checkpoints.model_folder import ModelFolder, open_model
from bertwright.durable import digest_of
from bertwright.errors import BertwrightError, DigestError, InputError, ModelError, UsageError
from bertwright.export import contents, libraries
from bertwright.export.folder import OnnxFolder, open_for_use, open_onnx


@pytest.fixture
def copy(graphs: dict[str, OnnxFolder], tmp_path: Path) -> Path:
    """A folder to be changed."""
    path = tmp_path / "copy"
    shutil.copytree(graphs["tag"].path, path)
    return path


def sealed(folder: Path, change: Callable[[dict[str, Any]], None] = lambda record: None) -> Path:
    """Let the manifest agree with what the folder holds now, as a stranger would who made it."""
    path = folder / "bertwright.json"
    record = json.loads(path.read_text())
    del record["digest"]
    for name, entry in record["files"].items():
        data = (folder / name).read_bytes()
        entry |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    change(record)
    path.write_text(json.dumps(record | {"digest": digest_of(record)}))
    return folder


def rewritten(folder: Path, change: Callable[[Any], None]) -> Path:
    """Let ``change`` edit the graph; the manifest agrees."""
    model = onnx.load_model_from_string((folder / "model.onnx").read_bytes())
    change(model)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return sealed(folder)


def escape(model: Any) -> None:
    constant = model.graph.initializer[0]
    constant.ClearField("raw_data")
    constant.data_location = onnx.TensorProto.EXTERNAL
    entry = constant.external_data.add()
    entry.key, entry.value = "location", "../../../etc/passwd"


def own_operator(model: Any) -> None:
    model.graph.node[-1].op_type, model.graph.node[-1].domain = "Sh", "custom.ops"
    model.opset_import.append(helper.make_opsetid("custom.ops", 1))


def function(model: Any) -> None:
    nodes = [helper.make_node("Identity", ["a"], ["b"])]
    model.functions.append(
        helper.make_function("own", "f", ["a"], ["b"], nodes, [helper.make_opsetid("", 20)])
    )


def other_operator(model: Any) -> None:
    model.graph.node[-1].op_type = "Loop"


def hidden_operator(model: Any) -> None:
    """Inside a branch."""
    inner = helper.make_graph([helper.make_node("Sh", [], ["x"], domain="com.microsoft")], "inner", [], [])
    model.graph.node.append(
        helper.make_node("If", ["input_ids"], ["y"], then_branch=inner, else_branch=inner)
    )


def renamed_input(model: Any) -> None:
    model.graph.input[0].name = "ids"


def no_output(model: Any) -> None:
    del model.graph.output[-1]


def empty(model: Any) -> None:
    del model.graph.node[:]


CASES: dict[str, tuple[Callable[[Any], None], str]] = {
    "weights in another file": (escape, "all weights in the file itself, got .*etc/passwd"),
    "an operator of its own": (own_operator, "operators of its own"),
    "a function": (function, "operators of its own"),
    "an operator that is not used here": (other_operator, "operators that bertwright writes.*Loop"),
    "an operator in a branch": (hidden_operator, "operators that bertwright writes.*Sh"),
    "another input": (renamed_input, "the inputs input_ids"),
    "no output": (no_output, "a graph with the outputs"),
    "no graph": (empty, "a file without a graph"),
}


@pytest.mark.parametrize("name", CASES)
def test_graphs_that_are_not_ours(copy: Path, name: str) -> None:
    change, message = CASES[name]
    with pytest.raises(ModelError, match=message) as problem:
        open_onnx(rewritten(copy, change))
    assert "model.onnx" in problem.value.message


@pytest.mark.parametrize(
    "data", [b"", b"no graph at all", b"\x80\x04\x95", b"PK\x03\x04" + b"\0" * 99], ids=repr
)
def test_something_else_under_the_name(copy: Path, data: bytes) -> None:
    (copy / "model.onnx").write_bytes(data)
    with pytest.raises(ModelError, match="an ONNX model"):
        open_onnx(sealed(copy))


def test_another_byte(copy: Path) -> None:
    path = copy / "model.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DigestError, match=r"model\.onnx: expected SHA-256"):
        open_for_use(copy)


def test_missing(copy: Path) -> None:
    (copy / "model.onnx").unlink()
    with pytest.raises(DigestError, match="nothing there"):
        open_onnx(copy)
    with pytest.raises(InputError):
        open_for_use(copy)


def test_too_large(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "SIZE_LIMIT", 1000)
    with pytest.raises(ModelError, match="at most 1,000 bytes"):
        open_onnx(copy)


def test_a_folder_of_others(copy: Path) -> None:
    (copy / "bertwright.json").unlink()
    with pytest.raises(ModelError, match="only what bertwright exported is opened"):
        open_for_use(copy)


@pytest.mark.parametrize(
    "facts",
    [{"parts": "encoder"}, {"parts": ["lungs"]}, {"classes": True}, {"classes": -1}, {"classes": "3"}],
    ids=str,
)
def test_facts_that_make_no_sense(copy: Path, facts: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"onnx\."):
        open_onnx(sealed(copy, lambda record: record["onnx"].update(facts)))


def test_it_is_no_model_with_weights(copy: Path) -> None:
    """Whoever wants weights (training, looking at layers, converting) is told what this is."""
    with pytest.raises(ModelError, match="one exported to ONNX"):
        open_model(copy)


def test_without_the_packages(
    models: dict[str, ModelFolder], copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = libraries.importlib.import_module

    def absent(name: str) -> Any:
        if name in ("onnx", "onnxruntime"):
            raise ImportError(f"No module named '{name}'")
        return real(name)

    monkeypatch.setattr(libraries.importlib, "import_module", absent)
    for call in (lambda: open_onnx(copy), lambda: exported(models["tag"], tmp_path / "out")):
        with pytest.raises(UsageError, match=r"pip install 'bertwright\[onnx\]'"):
            call()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("seed", range(3))
def test_any_damage_is_an_error_or_harmless(copy: Path, seed: int) -> None:
    """Bytes changed under a manifest that agrees: our own error, or answers of some kind; never a crash."""
    chance = random.Random(seed)
    whole = (copy / "model.onnx").read_bytes()
    asked = questions([5, 3])
    refused = 0
    for _ in range(40):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            place = chance.choice([chance.randrange(len(data)), chance.randrange(2000)])
            data[place] = chance.randrange(256)
        (copy / "model.onnx").write_bytes(
            data[: chance.choice([len(data), len(data), chance.randrange(len(data))])]
        )
        try:
            open_onnx(sealed(copy)).answering_model()(*asked)
        except BertwrightError:
            refused += 1
    assert refused > 3
