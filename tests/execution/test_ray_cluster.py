"""Parts of work on a real Ray cluster of two machines."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ray_work import TwoMachines, crash, here, noted, two_machines
from small_corpora import TOKENIZER, random_text, tree, write
from small_models import WORDS, save_classifier
from small_work import die, refuse, square

from bertwright.corpus import find_corpus, split_work
from bertwright.data import prepare as prepare_module
from bertwright.data.parts import PartTask, make_part
from bertwright.data.prepare import prepare
from bertwright.data.prepare_settings import PrepareSettings
from bertwright.data.versions import Versions
from bertwright.errors import CorpusError, SettingsError, UsageError, WorkerError
from bertwright.execution.engine import Need
from bertwright.execution.ray_cluster import RayCluster
from bertwright.inference.embedding_file import embed_file
from bertwright.inference.model import load
from bertwright.inference.prediction_file import predict_file
from bertwright.progress import Progress, Silent
from bertwright.randomness import generator
from bertwright.tokenization.tokenizer import Tokenizer


class Course(Silent):
    """How far it was told that the work is; calls ``at_first`` when a first part is done."""

    def __init__(self, at_first: Callable[[], None] = lambda: None) -> None:
        self.done = self.total = 0.0
        self._at_first = at_first

    def start(self, description: str, total: float | None = None, unit: str = "") -> None:
        self.total = total or 0.0

    def advance(self, amount: float = 1, note: str = "") -> None:
        if not self.done:
            self._at_first()
        self.done += amount


@pytest.fixture(scope="module")
def machines() -> Iterator[TwoMachines]:
    with two_machines() as found:
        yield found


@pytest.fixture(scope="module")
def cluster(machines: TwoMachines) -> Iterator[RayCluster]:
    """One driver for all, so that the workers are started once; other engines in between share it."""
    with RayCluster(machines.address) as found:
        yield found


def test_order_places_and_how_far_ahead(cluster: RayCluster) -> None:
    drawn = []

    def items() -> Iterator[int]:
        for number in range(30):
            drawn.append(number)
            yield number

    results = cluster.map(square, items())
    assert next(results) == 0
    assert len(drawn) <= 12
    assert list(results) == [n * n for n in range(1, 30)]
    places = list(cluster.map(here, range(8)))
    assert os.getpid() not in {process for process, _ in places}
    assert {folder for _, folder in places} == {os.getcwd()}  # where relative paths begin


def test_our_errors_come_through_whole(cluster: RayCluster) -> None:
    with pytest.raises(CorpusError) as caught:
        list(cluster.map(refuse, range(9)))
    assert type(caught.value) is CorpusError
    assert caught.value.message == "file:3: bad"
    with pytest.raises(SettingsError) as several:
        list(cluster.map(refuse, [30]))
    assert several.value.problems == ["one", "two"]
    with pytest.raises(WorkerError, match=r"ZeroDivisionError.*ray_work\.py") as other:
        list(cluster.map(crash, range(9)))
    assert "\n" not in str(other.value)


@pytest.mark.slow
def test_a_part_that_kills_its_workers_is_named(cluster: RayCluster) -> None:
    with pytest.raises(WorkerError, match=r"died 4 times while working on piece 4$"):
        list(cluster.map(die, range(9), describe=lambda number: f"piece {number}"))


def test_more_threads_than_a_machine_has(cluster: RayCluster) -> None:
    assert list(cluster.map(square, range(3), need=Need(threads=9))) == [0, 1, 4]


def test_a_path_that_a_machine_does_not_see(cluster: RayCluster, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        ours = Path(f"/proc/self/fd/{file.fileno()}")
        more = Path("/proc/self/task") / str(os.getpid())  # of this process alone, whatever is open
        assert ours.exists()
        with pytest.raises(UsageError, match=f"{more}: expected a path that all machines .* share"):
            list(cluster.map(square, [1], need=Need(paths=(tmp_path, more))))


def _prepare(folder: Path, name: str, engine: RayCluster | None, watch: Progress) -> Path:
    vocabulary = folder / "vocabulary"
    if not vocabulary.exists():
        vocabulary.mkdir()
        for member, data in TOKENIZER.files().items():
            (vocabulary / member).write_bytes(data)
    corpus = write(folder / "text.txt", random_text(1500))
    prepare([corpus], vocabulary=vocabulary, output=folder / name, engine=engine, progress=watch)
    return folder / name


def _answer(
    work: Callable[..., Any], suffix: str, folder: Path, name: str, engine: RayCluster | None, watch: Progress
) -> Path:
    model, rows, output = folder / "model", folder / "rows.jsonl", folder / name / f"out{suffix}"
    if not model.exists():
        save_classifier(model)
        draw = generator(0, "rows")
        texts = [" ".join(draw.choice(WORDS, draw.integers(0, 20))) for _ in range(1000)]  # some are empty
        rows.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    output.parent.mkdir()
    work(load(model), rows, output, rows_per_block=64, engine=engine, progress=watch)
    return output.parent


RUNS = {
    "prepare": _prepare,
    "predict": partial(_answer, predict_file, ".jsonl"),
    "embed": partial(_answer, embed_file, ".npy"),
}


@pytest.mark.parametrize("lost", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", RUNS)
def test_the_bytes_of_this_machine(
    name: str,
    lost: bool,
    machines: TwoMachines,
    cluster: RayCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also when a machine is lost after the first part."""
    monkeypatch.setattr(prepare_module, "_MIN_PART_BYTES", 50_000)
    here, there = Course(), Course(machines.lose_one if lost else lambda: None)
    local = RUNS[name](tmp_path, "local", None, here)
    machines.repair()
    ray = RUNS[name](tmp_path, "ray", cluster, there)
    assert tree(local) == tree(ray)
    assert len(tree(local)) == {"prepare": 21, "predict": 2, "embed": 1}[name]
    assert here.done == there.done == here.total
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith((".partial", ".lock"))]
    machines.repair()


def test_an_error_in_a_part_leaves_nothing(
    cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_module, "_MIN_PART_BYTES", 20_000)
    (tmp_path / "text.txt").write_bytes(b"One. Two.\n\n" * 6_000 + b"not \xff UTF-8\n")
    messages = []
    for engine in (None, cluster):
        with pytest.raises(CorpusError) as caught:
            vocabulary = write(tmp_path / "vocab.txt", "\n".join(TOKENIZER.vocabulary.tokens))
            prepare([tmp_path / "text.txt"], vocabulary=vocabulary, output=tmp_path / "s", engine=engine)
        messages.append(caught.value.message)
    assert messages[0] == messages[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text.txt", "vocab.txt"]


def test_a_part_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    """A worker finished it, and was lost before it could say so."""
    corpus = find_corpus([write(tmp_path / "text.txt")])
    (chunk,) = split_work(corpus, 1 << 20)
    vocabulary = write(tmp_path / "vocab.txt", "\n".join(TOKENIZER.vocabulary.tokens))
    digest = Tokenizer.load(vocabulary).digest
    versions = Versions.here(PrepareSettings(), None)
    task = PartTask(0, chunk, tmp_path, vocabulary, digest, PrepareSettings(), versions, "request")
    first = make_part(task)
    shard = tmp_path / "part-000000" / "shard.arrow"
    made = shard.stat().st_ino
    assert make_part(task) == first
    assert shard.stat().st_ino == made
    shard.write_bytes(b"damaged")
    assert make_part(task) == first
    assert shard.stat().st_size > 7


@pytest.mark.slow
def test_a_lost_machine(machines: TwoMachines, cluster: RayCluster, tmp_path: Path) -> None:
    """Parts at work there, and results that were still there, are made again; each comes once, in order."""
    log = tmp_path / "log"
    said: list[str] = []
    machines.repair()
    with RayCluster(machines.address, say=said.append) as telling:
        found, lost = [], False
        for number, result in enumerate(telling.map(noted, [(log, n) for n in range(24)])):
            found.append(result)
            if number >= 5 and not lost and machines.at_work(log):
                machines.lose_one()
                lost = True
    assert found == [bytes([number]) * 300_000 for number in range(24)]
    begun = [line.split() for line in log.read_text().splitlines()]
    assert len({machine for _, machine in begun}) == 2
    assert [line.startswith("Ray: lost the machine ") for line in said] == [True]
    times = Counter(int(number) for number, _ in begun)
    assert set(times) == set(range(24))
    assert max(times.values()) == 2
    machines.repair()
