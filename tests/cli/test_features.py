"""``bertwright features``: files in, files out, what is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("the sea ||| good\nthe night\n" + "dark " * 60 + "\n")
    return path


def test_json(command, pretrained_folder: Path, file: Path) -> None:  # type: ignore[no-untyped-def]
    output = file.with_name("vectors.npy")
    options = ("--layers", "-4:", "--combine", "concat", "--json")
    answer = command("features", pretrained_folder, file, "-o", output, *options)
    assert answer.code == 0
    assert answer.json.pop("seconds") >= 0
    assert {name: value for name, value in answer.json.items() if name != "seconds"} == {
        "rows": 3,
        "vectors": 6 + 4 + 40,
        "dimensions": 3 * 48,
        "layers": [-3, -2, -1],
        "truncated": 1,
        "output": str(output),
        "index": f"{output}.index.jsonl",
    }
    assert np.load(output).shape == (50, 144)
    assert answer.err.splitlines() == [
        "layers: -4: is more than the network's 3 layers: all of them are taken",
        "warning: 1 of 3 rows were longer and were cut",
    ]


def test_several_layers_apart(command, pretrained_folder: Path, file: Path) -> None:  # type: ignore[no-untyped-def]
    output = file.with_name("vectors.parquet")
    answer = command("features", pretrained_folder, file, "-o", output, "--layers", "-1,-2", "--json")
    assert (answer.json["dimensions"], answer.json["layers"], answer.json["index"]) == (
        [2, 48],
        [-1, -2],
        None,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--layers", "7"), "error: layers: expected -3 to 3"),
        (("--layers", "weighted-sum-all"), "error: layers: expected numbers such as -1,-2"),
        (("--combine", "product"), "error: --combine: expected "),
        (("--text", "a"), "expected a table for the column a"),
    ],
)
def test_refused(
    command, pretrained_folder: Path, file: Path, options: tuple[str, ...], message: str
) -> None:  # type: ignore[no-untyped-def]
    answer = command("features", pretrained_folder, file, "-o", file.with_name("v.npy"), *options)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert [path.name for path in file.parent.iterdir()] == ["texts.txt"]
