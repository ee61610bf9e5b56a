"""Preparation that was stopped, or killed, is found again and ends with the same bytes."""

from __future__ import annotations

import errno
import gzip
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import IO, Any

import pytest
from small_corpora import TOKENIZER, Watch, contents, expected, random_text, tree, write

from bertwright.corpus import streams
from bertwright.data import parts, versions
from bertwright.data import prepare as prepare_module
from bertwright.data.prepare import prepare
from bertwright.errors import (
    DigestError,
    DiskError,
    Interrupted,
    OutputExistsError,
    ResumeError,
    RunError,
    UsageError,
    WorkerError,
)
from bertwright.inference.inspection.detection import inspect_path
from bertwright.tokenization.tokenizer import Tokenizer


def stop_after(count: int, error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def make(task: parts.PartTask) -> parts.Part:
        if len(made) == count:
            raise error()
        made.append(task.number)
        return parts.make_part(task)

    monkeypatch.setattr(prepare_module, "make_part", make)


def stopped(count: int, monkeypatch: pytest.MonkeyPatch, corpus: Sequence[Path], **options: Any) -> None:
    """A preparation that ends behind so many parts."""
    with monkeypatch.context() as patch:
        stop_after(count, KeyboardInterrupt, patch)
        with pytest.raises(KeyboardInterrupt):
            prepare(corpus, **options)


def test_finished_parts_are_found_again(
    tmp_path: Path, vocabulary: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = [write(tmp_path / "a.txt", random_text(300))]
    whole = prepare(corpus, vocabulary=vocabulary, output=tmp_path / "whole", workers=1)
    stopped(3, monkeypatch, corpus, vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    assert not (tmp_path / "s").exists()
    folder = tmp_path / "s.partial"
    assert sorted(p.name for p in folder.iterdir()) == [
        "part-000000",
        "part-000001",
        "part-000002",
        "request.json",
        "seconds.json",
    ]
    # One part is damaged while nobody looks, and one was being written when the lights went out.
    shard = folder / "part-000001/shard.arrow"
    shard.write_bytes(shard.read_bytes()[:-1])
    write(folder / ".tmp-part-000003-1/shard.arrow", b"half")
    write(tmp_path / ".tmp-s-t-123/shard.arrow", b"of an output s-t")
    again = prepare(corpus, vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    assert again.reused_parts == 2
    assert again.counts == whole.counts
    assert tree(tmp_path / "s") == tree(tmp_path / "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".tmp-s-t-123", "a.txt", "s", "whole"]


class StoppedBeforeItHears:
    """Workers put parts in place, and the process is stopped before it is told of any."""

    def map(self, function: Any, items: Any, **_: Any) -> Iterator[Any]:
        for item in items:
            function(item)
        raise Interrupted(signal.SIGTERM, "stopped")
        yield


def test_parts_that_nobody_was_told_of_are_kept(tmp_path: Path, vocabulary: Path, small_parts: None) -> None:
    corpus, watch = [write(tmp_path / "a.txt", random_text(300))], Watch()
    output = tmp_path / "s"
    with pytest.raises(Interrupted):
        prepare(corpus, vocabulary=vocabulary, output=output, engine=StoppedBeforeItHears(), progress=watch)
    made = len(list((tmp_path / "s.partial").glob("part-*")))
    assert made > 3 and any(f"{made} parts are finished and kept" in line for line in watch.said)
    assert prepare(corpus, vocabulary=vocabulary, output=output, workers=1).reused_parts == made


def test_going_on_is_told_from_the_first_part_on(
    tmp_path: Path, vocabulary: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comparing hundreds of gigabytes with their SHA-256 takes minutes, too."""
    corpus, watch = [write(tmp_path / "a.txt", random_text(300))], Watch()
    stopped(3, monkeypatch, corpus, vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    told: list[tuple[float | None, float]] = []
    read_really = parts._read

    def read(folder: Path, request: str) -> parts.Part | None:
        told.append((watch.total, watch.done))
        return read_really(folder, request)

    monkeypatch.setattr(parts, "_read", read)
    again = prepare(corpus, vocabulary=vocabulary, output=tmp_path / "s", workers=1, progress=watch)
    size = corpus[0].stat().st_size
    assert [total for total, _ in told[:3]] == [size] * 3
    assert 0 == told[0][1] < told[1][1] < told[2][1]
    assert watch.done == size
    assert watch.note == f"{again.counts.tokens:,} tokens"


@pytest.mark.parametrize("error", [ValueError, RunError, DiskError, MemoryError])
def test_finished_parts_outlive_any_failure(
    tmp_path: Path,
    vocabulary: Path,
    small_parts: None,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
) -> None:
    corpus, watch = [write(tmp_path / "a.txt", random_text(300))], Watch()
    with monkeypatch.context() as patch:
        stop_after(3, error, patch)
        with pytest.raises(error):
            prepare(corpus, vocabulary=vocabulary, output=tmp_path / "s", workers=1, progress=watch)
    assert watch.said == ["3 parts are finished and kept in s.partial: the same command goes on from there"]
    assert prepare(corpus, vocabulary=vocabulary, output=tmp_path / "s", workers=1).reused_parts == 3


def test_finished_parts_outlive_a_disk_that_fails_at_the_text(
    tmp_path: Path, vocabulary: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = [tmp_path / "a.gz"]
    corpus[0].write_bytes(gzip.compress(random_text(300).encode()))
    options: dict[str, Any] = {"vocabulary": vocabulary, "output": tmp_path / "s", "workers": 1}
    blocks = streams._DECOMPRESSORS["gzip"]

    def failing(raw: IO[bytes]) -> Iterator[bytes]:
        yield next(blocks(raw))[:80_000]
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setitem(streams._DECOMPRESSORS, "gzip", failing)
        with pytest.raises(DiskError, match=r"a\.gz: cannot read: EIO"):
            prepare(corpus, **options)
    assert prepare(corpus, **options).reused_parts >= 2


def test_going_on_needs_room_for_the_rest_alone(
    tmp_path: Path, vocabulary: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = [write(tmp_path / "a.txt", random_text(300))]
    options: dict[str, Any] = {"vocabulary": vocabulary, "workers": 1}
    whole = prepare(corpus, output=tmp_path / "whole", **options)
    assert whole.shards > 4
    stopped(whole.shards - 1, monkeypatch, corpus, output=tmp_path / "s", **options)
    free, usage = 10, shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
    with pytest.raises(DiskError, match="not enough space"):
        prepare(corpus, output=tmp_path / "s", **options)
    free = int(corpus[0].stat().st_size * prepare_module._STORED_SHARE / 2)
    with pytest.raises(DiskError, match="not enough space"):
        prepare(corpus, output=tmp_path / "other", **options)
    assert prepare(corpus, output=tmp_path / "s", **options).reused_parts == whole.shards - 1
    assert tree(tmp_path / "s") == tree(tmp_path / "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "s", "whole"]


def test_a_killed_worker_is_named_and_the_rest_is_kept(
    tmp_path: Path, vocabulary: Path, small_parts: None
) -> None:
    def kill_a_worker() -> None:
        os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)

    corpus = [write(tmp_path / "a.txt", random_text(1500))]
    options: dict[str, Any] = {"vocabulary": vocabulary, "output": tmp_path / "s"}
    watch = Watch(kill_a_worker)
    with pytest.raises(WorkerError, match=r"SIGKILL while working on .*a\.txt from line \d+"):
        prepare(corpus, workers=2, progress=watch, **options)
    assert not (tmp_path / "s").exists()
    assert "finished and kept" in watch.said[-1]
    assert prepare(corpus, workers=1, **options).reused_parts >= 1
    assert contents(tmp_path / "s") == expected(*corpus)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("language", r'language: "en" -> null'),
        ("corpus", "corpus.digest: another one "),
        ("vocabulary", "tokenizer: "),
        ("words", "words: null -> "),
        ("splitter", 'splitter: "sentencex 0.1" -> "sentencex '),
        ("unicode", 'unicode: "3.0.0" -> "'),
    ],
)
def test_parts_of_another_request_stay_unless_they_may_go(
    tmp_path: Path,
    vocabulary: Path,
    small_parts: None,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    named: str,
) -> None:
    """They may be hours of work, and the other request a slip."""
    path = write(tmp_path / "a.txt", random_text(300))
    options: dict[str, Any] = {"vocabulary": vocabulary, "output": tmp_path / "s", "workers": 1}
    with monkeypatch.context() as patch:
        if change == "splitter":
            patch.setattr(versions, "splitter_version", lambda _: "0.1")
        elif change == "unicode":
            patch.setattr(unicodedata, "unidata_version", "3.0.0")
        stopped(3, monkeypatch, [path], **options)
    if change == "words":
        pytest.importorskip("rjieba")
        options["words"] = "rjieba"
    elif change == "language":
        options["one_sentence_per_line"] = True
    elif change == "corpus":
        write(path, random_text(300, seed=1))
    elif change == "vocabulary":
        tokens = [*TOKENIZER.vocabulary.tokens, "more"]
        options["vocabulary"] = write(tmp_path / "vocab.txt", "\n".join(tokens) + "\n")
    left = tree(tmp_path / "s.partial")
    with pytest.raises(ResumeError, match=r"s\.partial: begun with another request: .*--overwrite") as caught:
        prepare([path], **options)
    assert named in caught.value.message
    assert {**tree(tmp_path / "s.partial"), "seconds.json": None} == {**left, "seconds.json": None}
    assert prepare([path], overwrite=True, **options).reused_parts == 0
    assert not (tmp_path / "s.partial").exists()


def test_finished_parts_are_no_text(
    tmp_path: Path, vocabulary: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the shell wrote out data/*, which holds the unfinished output the second time."""
    (tmp_path / "data").mkdir()
    text = write(tmp_path / "data/a.txt", random_text(300))
    options: dict[str, Any] = {"vocabulary": vocabulary, "output": tmp_path / "data/s", "workers": 1}
    stopped(3, monkeypatch, [text], **options)
    with pytest.raises(UsageError, match=r"s\.partial: expected text, got what is finished of this"):
        prepare(sorted((tmp_path / "data").iterdir()), **options)
    findings = inspect_path(tmp_path / "data/s.partial")
    assert findings.facts["parts"] == 3 and findings.notes == ("the same command goes on from there",)
    assert prepare([text], **options).reused_parts == 3


def test_overwriting_goes_on_like_any_other_request(
    tmp_path: Path, vocabulary: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = [write(tmp_path / "a.txt", random_text(300))]
    options: dict[str, Any] = {"vocabulary": vocabulary, "output": tmp_path / "s", "workers": 1}
    prepare([write(tmp_path / "b.txt", random_text(200, seed=2))], **options)
    stopped(3, monkeypatch, corpus, overwrite=True, **options)
    assert prepare(corpus, overwrite=True, **options).reused_parts == 3
    assert contents(tmp_path / "s") == expected(*corpus)


def test_a_kill_before_the_first_part(tmp_path: Path, vocabulary: Path) -> None:
    x = write(tmp_path / "x")
    for name in ("", ".tmp-request.json-99", "request.json"):
        (tmp_path / "s.partial").mkdir()
        if name:
            write(tmp_path / "s.partial" / name, "")
        prepare([x], vocabulary=vocabulary, output=tmp_path / "s", workers=1, overwrite=True)
        assert contents(tmp_path / "s") == expected(x)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["s", "x"]


def test_a_foreign_folder_is_not_taken_for_parts(tmp_path: Path, vocabulary: Path) -> None:
    write(tmp_path / "s.partial/precious.txt")
    with pytest.raises(OutputExistsError, match="in the way"):
        prepare([write(tmp_path / "x")], vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    assert (tmp_path / "s.partial/precious.txt").exists()


SCRIPT = """
import sys
from bertwright.data import prepare as module
module._MIN_PART_BYTES = 20_000
if __name__ == "__main__":
    corpus, vocabulary, output, workers = sys.argv[1:]
    print(module.prepare([corpus], vocabulary=vocabulary, output=output, workers=int(workers)).reused_parts)
"""


@pytest.mark.parametrize(
    ("stop", "seen"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (Interrupted(15), Interrupted),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), DiskError),
    ],
)
@pytest.mark.parametrize("links", [True, False])
def test_parts_outlive_a_stop_while_the_store_is_put_together(
    tmp_path: Path,
    vocabulary: Path,
    small_parts: None,
    monkeypatch: pytest.MonkeyPatch,
    stop: BaseException,
    seen: type[BaseException],
    links: bool,
) -> None:
    def without(_source: Path, _target: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    def stopped(_tokenizer: Tokenizer) -> dict[str, bytes]:
        raise stop

    watch = Watch()
    corpus = [write(tmp_path / "a.txt", random_text(200))]
    whole = prepare(corpus, vocabulary=vocabulary, output=tmp_path / "whole", workers=1)
    if not links:
        monkeypatch.setattr(os, "link", without)
    with monkeypatch.context() as patch:
        patch.setattr(Tokenizer, "files", stopped)
        with pytest.raises(seen):
            prepare(corpus, vocabulary=vocabulary, output=tmp_path / "s", workers=1, progress=watch)
    assert f"{whole.shards} parts are finished and kept" in watch.said[-1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "s.partial", "whole"]
    again = prepare(corpus, vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    assert again.reused_parts == whole.shards > 1
    assert tree(tmp_path / "s") == tree(tmp_path / "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "s", "whole"]


def test_a_part_that_was_damaged_since_it_was_made(
    tmp_path: Path, vocabulary: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaging(task: parts.PartTask) -> parts.Part:
        part = parts.make_part(task)
        if task.number == 1:
            shard = task.folder / "part-000001/shard.arrow"
            data = bytearray(shard.read_bytes())
            data[len(data) // 2] ^= 1
            shard.write_bytes(data)
        return part

    corpus = [write(tmp_path / "a.txt", random_text(200))]
    with monkeypatch.context() as patch:
        patch.setattr(prepare_module, "make_part", damaging)
        with pytest.raises(DigestError, match=r"part-000001/shard\.arrow: expected SHA-256"):
            prepare(corpus, vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    again = prepare(corpus, vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    assert again.reused_parts == again.shards - 1
    assert contents(tmp_path / "s") == expected(*corpus)


def killed_until_done(arguments: list[str], output: Path, moments: Iterator[float]) -> int:
    """Run the preparation, killing it after so many seconds each time, until it ends; returns the kills."""
    kills = 0
    while True:
        process = subprocess.Popen(
            [*arguments[:-1], str(output), arguments[-1]], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            _, errors = process.communicate(timeout=next(moments))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            if output.exists():  # killed after the store was there, while tidying up
                return kills
            continue
        assert process.returncode == 0, errors.decode()
        return kills


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_killed_and_restarted(tmp_path: Path, vocabulary: Path, workers: int, seed: int) -> None:
    corpus = write(tmp_path / "corpus/a.txt", random_text(20_000, seed=3))
    script = write(tmp_path / "script.py", SCRIPT)
    arguments = [sys.executable, str(script), str(corpus), str(vocabulary), str(workers)]
    for name in ("out", "whole"):
        (tmp_path / name).mkdir()
    started = time.monotonic()
    killed_until_done(arguments, tmp_path / "whole/s", repeat(600.0))
    length = time.monotonic() - started
    # Half of a short run is starting up; after ten kills it is left to end.
    chance = random.Random(seed)
    moments = [chance.uniform(0.3, 0.8) * length for _ in range(10)]
    assert killed_until_done(arguments, tmp_path / "out/s", chain(moments, repeat(600.0))) > 0
    assert tree(tmp_path / "out/s") == tree(tmp_path / "whole/s")
