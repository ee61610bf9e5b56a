"""Preparation in bounded memory, with few descriptors, on a full disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_corpora import TEXT, Watch, random_text, tree, write

from bertwright.data.prepare import prepare
from bertwright.data.store import TokenStore
from bertwright.errors import DiskError


def test_a_full_disk_is_told_and_costs_no_finished_part(
    tmp_path: Path, vocabulary: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    x, watch = write(tmp_path / "x", random_text(300)), Watch()
    whole = prepare([x], vocabulary=vocabulary, output=tmp_path / "whole", workers=1)
    write_really = os.write
    written = 0

    def full(descriptor: int, data: Any) -> int:
        nonlocal written
        written += len(data)
        if written > 100_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_really(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(DiskError, match="ENOSPC") as caught:
            prepare([x], vocabulary=vocabulary, output=tmp_path / "s", workers=1, progress=watch)
    assert caught.value.exit_code == 1
    assert "bytes free" in caught.value.message
    assert "finished and kept in s.partial" in watch.said[-1]
    again = prepare([x], vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    assert 0 < again.reused_parts < whole.shards
    assert tree(tmp_path / "s") == tree(tmp_path / "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s", "whole", "x"]


def test_a_disk_that_is_full_at_once_leaves_nothing(
    tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    x = write(tmp_path / "x")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(DiskError, match="ENOSPC"):
        prepare([x], vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x"]


def test_too_little_space_is_told_before_any_work(
    tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(DiskError, match=r"bytes needed, 10 bytes free"):
        prepare([write(tmp_path / "x")], vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x"]


MEASURE = """
import resource, sys
from bertwright.data.prepare import prepare
if __name__ == "__main__":
    if sys.argv[4] == "few":
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    try:
        prepare([sys.argv[1]], vocabulary=sys.argv[2], output=sys.argv[3], workers=int(sys.argv[5]))
    except Exception as problem:
        print("error:", problem, file=sys.stderr)
    # Not ru_maxrss of this process: it remembers the size of the process that started it.
    own = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) // 1024)
"""


def measured(
    tmp_path: Path, corpus: Path, vocabulary: Path, descriptors: str = "many", workers: int = 1
) -> tuple[int, str]:
    """Peak resident memory in MiB of a process that prepares ``corpus``, and what it wrote to stderr."""
    script = write(tmp_path / "measure.py", MEASURE)
    arguments = [str(corpus), str(vocabulary), str(tmp_path / "s"), descriptors, str(workers)]
    done = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, check=True
    )
    return int(done.stdout), done.stderr


def test_memory_stays_bounded(tmp_path: Path, vocabulary: Path) -> None:
    block = random_text(4000)
    corpus = tmp_path / "corpus.txt"
    with corpus.open("w") as file:
        for _ in range(24):
            file.write(block + "\n\n")
    assert corpus.stat().st_size > 24 << 20
    peak, problems = measured(tmp_path, corpus, vocabulary)
    assert problems == ""
    assert peak < 600
    assert TokenStore.open(tmp_path / "s").num_documents == 96_000


def test_a_line_of_500_mb_is_refused_in_bounded_memory(tmp_path: Path, vocabulary: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    with corpus.open("wb") as file:
        file.write(b"short line\n")
        file.write(b"x")
        file.truncate(500 << 20)  # NULs: a hole in the file costs no disk
    peak, problems = measured(tmp_path, corpus, vocabulary)
    assert "corpus.txt:2: expected lines of at most 16,777,216 bytes" in problems
    assert peak < 600


@pytest.mark.slow
def test_60_000_files_with_256_descriptors(tmp_path: Path, vocabulary: Path) -> None:
    for number in range(60_000):
        write(tmp_path / f"corpus/{number // 1000:02d}/{number:05d}.txt", TEXT)
    peak, problems = measured(tmp_path, tmp_path / "corpus", vocabulary, "few", workers=2)
    assert problems == ""
    assert peak < 1000
    assert TokenStore.open(tmp_path / "s").num_documents == 120_000


@pytest.mark.slow
def test_a_corpus_of_two_gigabytes(tmp_path: Path, vocabulary: Path) -> None:
    block = random_text(4000) + "\n\n"
    corpus = tmp_path / "corpus.txt"
    with corpus.open("w") as file:
        while file.tell() < 2 << 30:
            file.write(block)
    peak, problems = measured(tmp_path, corpus, vocabulary, workers=2)
    assert problems == ""
    assert peak < 1000
