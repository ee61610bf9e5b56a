"""Vectors of a whole file: values, order, counts, and what is left behind when something is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bertwright.errors import InputError, RunError
from bertwright.inference import embedding_file
from bertwright.inference.embedding_file import embed_file
from bertwright.inference.model import Model
from bertwright.progress import Silent

TEXTS = [
    "the sea was dark",
    "",
    "good",
    "the night " * 30,
    "a door",
    "she sang",
    "very long story about the sea",
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS) + "\n")
    return path


def test_values_order_and_counts(pretrained: Model, file: Path) -> None:
    output = file.with_name("vectors.npy")
    summary = embed_file(pretrained, file, output, rows_per_block=3)
    vectors = np.load(output)
    np.testing.assert_allclose(vectors, pretrained.embed(TEXTS), atol=1e-5)
    assert (summary.rows, summary.dimensions, summary.truncated, summary.empty) == (7, 48, 1, 1)
    assert sorted(path.name for path in file.parent.iterdir()) == ["texts.txt", "vectors.npy"]


def test_resumed_run_gives_the_same_bytes(
    pretrained: Model, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, resumed = file.with_name("whole.npy"), file.with_name("resumed.npy")
    embed_file(pretrained, file, whole, rows_per_block=2)
    calls = 0

    def broken(*args: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise RunError("the machine stopped")
        return Model.embed_texts(pretrained, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(pretrained, "embed_texts", broken)
    with pytest.raises(RunError):
        embed_file(pretrained, file, resumed, rows_per_block=2)
    assert not resumed.exists()
    embed_file(pretrained, file, resumed, rows_per_block=2, resume=True)
    assert calls == 5  # two blocks, the broken one, and the two that were left
    assert resumed.read_bytes() == whole.read_bytes()


def test_progress_tells_the_total(pretrained: Model, file: Path) -> None:
    class Watch(Silent):
        def __init__(self) -> None:
            self.total = self.done = 0.0

        def start(self, description: str, total: float | None = None, unit: str = "") -> None:
            self.total = total or 0.0

        def advance(self, amount: float = 1, note: str = "") -> None:
            self.done += amount

    watch = Watch()
    embed_file(pretrained, file, file.with_name("vectors.jsonl"), rows_per_block=2, progress=watch)
    assert watch.done == watch.total == 7


@pytest.mark.parametrize(
    ("contents", "output", "options", "message"),
    [
        ("a\n", "vectors.txt", {}, "a name ending in .npy"),
        ("a\n", "absent/vectors.npy", {}, "parent directory does not exist"),
        ("a\n", "texts.npy", {}, "it is the input"),
        ("a\n", "vectors.npy", {"pooling": "sum"}, "pooling: expected one of"),
        ("a\n", "vectors.npy", {"max_length": 1000}, "max_length: expected 3 to 40"),
        ("a\n", "vectors.npy", {"column": "text"}, "expected a table for --text text"),
        ("", "vectors.npy", {}, "an empty file"),
        ("a\n\x00\n", "vectors.npy", {}, "NUL"),
    ],
)
def test_wrong_requests_leave_nothing(
    pretrained: Model, tmp_path: Path, contents: str, output: str, options: dict[str, object], message: str
) -> None:
    file = tmp_path / ("texts.npy" if output == "texts.npy" else "texts.txt")
    file.write_text(contents)
    with pytest.raises(InputError, match=message):
        embed_file(pretrained, file, tmp_path / output, **options)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    assert file.read_text() == contents


def test_late_damage_shows_before_the_work(
    pretrained: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text('{"text": "a"}\n' * 50 + '{"text": 1}\n')
    monkeypatch.setattr(embedding_file, "BlockAnswer", None)  # any work at all would fail
    with pytest.raises(InputError, match=r"texts.jsonl:51"):
        embed_file(pretrained, file, tmp_path / "vectors.npy", rows_per_block=2)
    assert [path.name for path in tmp_path.iterdir()] == ["texts.jsonl"]
