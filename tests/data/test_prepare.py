"""Preparing a store: the right ids, the same bytes whatever the workers, and stopped work found again."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bertwright.corpus import read_documents
from bertwright.data import parts
from bertwright.data import prepare as prepare_module
from bertwright.data.prepare import PrepareSummary, prepare
from bertwright.data.sentences import split_sentences
from bertwright.data.store import TokenStore
from bertwright.errors import (
    BertwrightError,
    CorpusError,
    DiskError,
    OutputBusyError,
    OutputExistsError,
    UsageError,
    VocabularyError,
    WorkerError,
)
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary

LETTERS = "abcdefghijklmnopqrstuvwxyz.,"
TOKENIZER = Tokenizer(
    Vocabulary.from_tokens(
        [*SPECIAL_TOKENS, *LETTERS, *(f"##{letter}" for letter in LETTERS[:26]), "the", "##ing"]
    )
)
TEXT = "The first. It has two sentences.\nAnd a line.\n\nThe second is singing.\nIt ends.\n"


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vocabulary")
    for name, data in TOKENIZER.files().items():
        (folder / name).write_bytes(data)
    return folder


def write(path: Path, text: str | bytes = TEXT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def random_text(documents: int, seed: int = 0) -> str:
    chance = random.Random(seed)
    words = ["".join(chance.choices(LETTERS[:26], k=chance.randrange(1, 9))) for _ in range(2000)]

    def line() -> str:
        return " ".join(chance.choices(words, k=chance.randrange(3, 40))) + "."

    return "\n\n".join("\n".join(line() for _ in range(chance.randrange(2, 9))) for _ in range(documents))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def contents(path: Path) -> list[list[list[int]]]:
    store = TokenStore.open(path)
    return [store.document(number) for number in range(store.num_documents)]


def expected(*paths: Path, language: str | None = "en") -> list[list[list[int]]]:
    return [
        [TOKENIZER.encode(sentence).ids for sentence in split_sentences(document.lines, language)]
        for path in paths
        for document in read_documents(path)
    ]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_module, "_MIN_PART_BYTES", 20_000)


# -- what it makes -------------------------------------------------------------------------------------------


def test_by_hand(tmp_path: Path, vocabulary: Path) -> None:
    summary = prepare(
        [write(tmp_path / "x.txt")], vocabulary=vocabulary, output=tmp_path / "store", workers=1
    )
    store = TokenStore.open(tmp_path / "store")
    assert [TOKENIZER.decode(s) for s in store.document(0)] == [
        "the first .",
        "it has two sentences .",
        "and a line .",
    ]
    assert [TOKENIZER.decode(s) for s in store.document(1)] == ["the second is singing .", "it ends ."]
    assert contents(tmp_path / "store") == expected(tmp_path / "x.txt")
    assert store.tokenizer().digest == TOKENIZER.digest
    store.require_vocabulary(TOKENIZER.vocabulary)
    result = summary.as_json()
    assert {**result, "seconds": 0} == {
        "documents": 2, "sentences": 5, "tokens": store.num_tokens, "bytes": 73, "shards": 1, "seconds": 0,
        "output": str(tmp_path / "store"), "unknown_tokens": 0, "cut_sentences": 0, "reused_parts": 0,
        "warnings": [],
    }  # fmt: skip
    assert sorted(p.name for p in tmp_path.iterdir()) == ["store", "x.txt"]


def test_one_sentence_a_line(tmp_path: Path, vocabulary: Path) -> None:
    prepare(
        [write(tmp_path / "x")],
        vocabulary=vocabulary,
        output=tmp_path / "s",
        workers=1,
        one_sentence_per_line=True,
    )
    assert contents(tmp_path / "s") == expected(tmp_path / "x", language=None)
    assert [len(document) for document in contents(tmp_path / "s")] == [2, 2]


def test_every_format_gives_the_same_ids(tmp_path: Path, vocabulary: Path) -> None:
    texts = TEXT.rstrip("\n").split("\n\n")
    files = [
        write(tmp_path / "a.txt"),
        write(tmp_path / "a.txt.gz", gzip.compress(TEXT.encode())),
        write(tmp_path / "a-crlf.txt", "\ufeff" + TEXT.replace("\n", "\r\n")),
        write(tmp_path / "a.jsonl", "\n".join(json.dumps({"text": text}) for text in texts)),
        write(tmp_path / "a.csv", "id,text\n" + "".join(f'{n},"{text}"\n' for n, text in enumerate(texts))),
    ]
    first = expected(files[0])
    for file in files:
        prepare([file], vocabulary=vocabulary, output=tmp_path / "s", workers=1, overwrite=True)
        assert contents(tmp_path / "s") == first, file
    prepare(files, vocabulary=vocabulary, output=tmp_path / "s", workers=1, overwrite=True)
    assert contents(tmp_path / "s") == first * 5


texts = st.text(st.characters(exclude_characters="\0\n\r\ufeff", exclude_categories=["Cs"]), min_size=1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(st.lists(st.lists(texts, min_size=1, max_size=3), min_size=1, max_size=4))
def test_any_documents_round_trip(tmp_path: Path, vocabulary: Path, documents: list[list[str]]) -> None:
    path = write(tmp_path / "x", "first\n\n" + "\n\n".join("\n".join(lines) for lines in documents))
    prepare(
        [path], vocabulary=vocabulary, output=tmp_path / "s", workers=1, overwrite=True, masked_lm_only=True
    )
    filled = [[sentence for sentence in document if sentence] for document in expected(path)]
    assert contents(tmp_path / "s") == [document for document in filled if document]


def test_the_same_bytes_for_any_number_of_workers(
    tmp_path: Path, vocabulary: Path, small_parts: None
) -> None:
    corpus = [
        write(tmp_path / "a.txt", random_text(250)),
        write(tmp_path / "b.gz", gzip.compress(random_text(250, 1).encode())),
    ]
    corpus += [write(tmp_path / f"many/{number:03d}", random_text(2, number)) for number in range(60)]
    trees = []
    for workers in (0, 2):
        summary = prepare(corpus, vocabulary=vocabulary, output=tmp_path / f"s{workers}", workers=workers)
        trees.append(tree(tmp_path / f"s{workers}"))
        assert summary.shards > 8
    assert trees[0] == trees[1]
    assert contents(tmp_path / "s0") == expected(*corpus)


def test_files_are_taken_in_the_order_given(tmp_path: Path, vocabulary: Path) -> None:
    a, b = write(tmp_path / "a", random_text(3, 1)), write(tmp_path / "b", random_text(3, 2))
    prepare([b, a], vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    assert contents(tmp_path / "s") == expected(b, a)


# -- stopped and found again ---------------------------------------------------------------------------------


def stop_after(count: int, error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def make(task: parts.PartTask) -> parts.Part:
        if len(made) == count:
            raise error()
        made.append(task.number)
        return parts.make_part(task)

    monkeypatch.setattr(prepare_module, "make_part", make)


def test_finished_parts_are_found_again(
    tmp_path: Path, vocabulary: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = [write(tmp_path / "a.txt", random_text(300))]
    whole = prepare(corpus, vocabulary=vocabulary, output=tmp_path / "whole", workers=1)
    with monkeypatch.context() as patch:
        stop_after(3, KeyboardInterrupt, patch)
        with pytest.raises(KeyboardInterrupt):
            prepare(corpus, vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    assert not (tmp_path / "s").exists()
    folder = tmp_path / ".s.parts"
    assert sorted(p.name for p in folder.iterdir()) == [
        "part-000000",
        "part-000001",
        "part-000002",
        "request.json",
    ]
    # One part is damaged while nobody looks, and one was being written when the lights went out.
    shard = folder / "part-000001/shard.arrow"
    shard.write_bytes(shard.read_bytes()[:-1])
    write(folder / ".tmp-part-000003-1/shard.arrow", b"half")
    write(tmp_path / ".tmp-s-123/shard.arrow", b"half")
    write(tmp_path / ".tmp-s-t-123/shard.arrow", b"of an output s-t")
    again = prepare(corpus, vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    assert again.reused_parts == 2
    assert again.counts == whole.counts
    assert tree(tmp_path / "s") == tree(tmp_path / "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".tmp-s-t-123", "a.txt", "s", "whole"]


class Watch:
    """Progress that remembers, and calls ``at_first`` at the first finished part."""

    def __init__(self, at_first: Callable[[], None] = lambda: None) -> None:
        self.total: float | None = 0.0
        self.done = 0.0
        self.said: list[str] = []
        self._at_first = at_first

    def start(self, description: str, total: float | None = None, unit: str = "") -> None:
        assert (description, unit) == ("preparing", "bytes")
        self.total = total

    def advance(self, amount: float = 1, note: str = "") -> None:
        if self.done == 0:
            self._at_first()
        self.done += amount

    def finish(self) -> None:
        pass

    def say(self, message: str) -> None:
        self.said.append(message)


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


@pytest.mark.parametrize("change", ["language", "corpus", "vocabulary"])
def test_parts_of_another_request_are_not_used(
    tmp_path: Path, vocabulary: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = write(tmp_path / "a.txt", random_text(300))
    options: dict[str, Any] = {"vocabulary": vocabulary, "output": tmp_path / "s", "workers": 1}
    with monkeypatch.context() as patch:
        stop_after(3, KeyboardInterrupt, patch)
        with pytest.raises(KeyboardInterrupt):
            prepare([path], **options)
    if change == "language":
        options["one_sentence_per_line"] = True
    elif change == "corpus":
        write(path, random_text(300, seed=1))
    else:
        tokens = [*TOKENIZER.vocabulary.tokens, "more"]
        options["vocabulary"] = write(tmp_path / "vocab.txt", "\n".join(tokens) + "\n")
    assert prepare([path], **options).reused_parts == 0


def test_a_foreign_folder_is_not_taken_for_parts(tmp_path: Path, vocabulary: Path) -> None:
    write(tmp_path / ".s.parts/precious.txt")
    with pytest.raises(OutputExistsError, match="in the way"):
        prepare([write(tmp_path / "x")], vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    assert (tmp_path / ".s.parts/precious.txt").exists()


SCRIPT = """
import sys
from bertwright.data import prepare as module
module._MIN_PART_BYTES = 20_000
if __name__ == "__main__":
    corpus, vocabulary, output, workers = sys.argv[1:]
    print(module.prepare([corpus], vocabulary=vocabulary, output=output, workers=int(workers)).reused_parts)
"""


def killed_until_done(
    corpus: Path, vocabulary: Path, output: Path, workers: int, chance: random.Random
) -> int:
    """Run the preparation, killing it at random moments, until it ends; returns the number of kills."""
    script = write(output.parent / "script.py", SCRIPT)
    arguments = [sys.executable, str(script), str(corpus), str(vocabulary), str(output), str(workers)]
    kills = 0
    while True:
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # Most of a short run is starting up; after some kills it is left to end.
        try:
            process.communicate(timeout=chance.uniform(1, 4) if kills < 6 else 300)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            names = {p.name for p in output.parent.iterdir()}
            assert output.name not in names or TokenStore.open(output)
            continue
        assert process.returncode == 0
        return kills


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_killed_and_restarted(tmp_path: Path, vocabulary: Path, workers: int, seed: int) -> None:
    corpus = write(tmp_path / "corpus/a.txt", random_text(20_000, seed=3))
    (tmp_path / "out").mkdir()
    (tmp_path / "whole").mkdir()
    assert killed_until_done(corpus, vocabulary, tmp_path / "out/s", workers, random.Random(seed)) > 0
    killed_until_done(corpus, vocabulary, tmp_path / "whole/s", 1, _Patient())
    assert tree(tmp_path / "out/s") == tree(tmp_path / "whole/s")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"s", "script.py"}


class _Patient(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return 600.0


# -- what it refuses -----------------------------------------------------------------------------------------


def refused(
    tmp_path: Path,
    error: type[BertwrightError],
    match: str,
    corpus: list[Path],
    vocabulary: Path,
    **options: Any,
) -> None:
    before = tree(tmp_path)
    with pytest.raises(error, match=match) as caught:
        prepare(corpus, vocabulary=vocabulary, **{"output": tmp_path / "s", "workers": 1, **options})
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message
    assert len(caught.value.message) <= 300
    assert tree(tmp_path) == before
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


BAD_TEXT: dict[str, tuple[bytes, str]] = {
    "latin-1": (b"caf\xe9 noir\n", "Latin-1"),
    "nul": (b"a\0b\n", "NUL"),
    "surrogate": (b"\xed\xa0\x80\n", "surrogate"),
    "zip": (b"PK\x03\x04" + b"\0" * 30, "extract its text first"),
    "gzip cut short": (gzip.compress(random_text(20).encode())[:-9], "cut short"),
    "bomb": (gzip.compress((b" " * 1023 + b"\n") * (70 << 10), 9), "200-fold"),
    "nothing": (b"", "only empty files"),
    "blank": (b"\n \n\t\n", "nothing but blank lines"),
    "one document": (b"One. Two.\nThree.\n", "blank line between documents"),
    "all parted": (b"One.\n\nTwo.\n\nThree.\n", "blank line between all sentences"),
}


@pytest.mark.parametrize("kind", BAD_TEXT)
def test_bad_text(tmp_path: Path, vocabulary: Path, kind: str) -> None:
    data, message = BAD_TEXT[kind]
    refused(tmp_path, CorpusError, message, [write(tmp_path / "x", data)], vocabulary)


def test_a_bad_line_far_behind_leaves_nothing(tmp_path: Path, vocabulary: Path, small_parts: None) -> None:
    data = random_text(300).encode() + b"\n\nbad \xff line\n"
    line = data.count(b"\n")
    for workers in (1, 2):
        refused(
            tmp_path,
            CorpusError,
            f"x:{line}: expected text in UTF-8",
            [write(tmp_path / "x", data)],
            vocabulary,
            workers=workers,
        )


def test_masked_lm_only_takes_single_documents(tmp_path: Path, vocabulary: Path) -> None:
    for text in ("One. Two.\n", "One.\n\nTwo.\n"):
        path = write(tmp_path / "x", text)
        summary = prepare(
            [path],
            vocabulary=vocabulary,
            output=tmp_path / "s",
            workers=1,
            masked_lm_only=True,
            overwrite=True,
        )
        assert summary.warnings == ()


def test_bad_requests(tmp_path: Path, vocabulary: Path) -> None:
    x = write(tmp_path / "x")
    refused(tmp_path, CorpusError, "nothing there", [tmp_path / "absent"], vocabulary)
    refused(tmp_path, CorpusError, "each file once", [x, x], vocabulary)
    refused(tmp_path, CorpusError, "at least one", [], vocabulary)
    refused(tmp_path, VocabularyError, "absent", [x], tmp_path / "absent")
    refused(tmp_path, UsageError, "--language", [x], vocabulary, language="english")
    refused(tmp_path, UsageError, "workers", [x], vocabulary, workers=-1)
    refused(tmp_path, UsageError, "parent directory", [x], vocabulary, output=tmp_path / "no/s")
    refused(tmp_path, BertwrightError, "format", [x], vocabulary, format="docx")
    refused(tmp_path, CorpusError, "--max-line-bytes", [x], vocabulary, max_line_bytes=20)
    refused(
        tmp_path,
        CorpusError,
        "outside the input",
        [write(tmp_path / "c/x").parent],
        vocabulary,
        output=tmp_path / "c/s",
    )


def test_an_output_that_exists_stays(tmp_path: Path, vocabulary: Path) -> None:
    x = write(tmp_path / "x")
    write(tmp_path / "s/precious.txt")
    refused(tmp_path, OutputExistsError, "exists already", [x], vocabulary)
    refused(tmp_path, OutputExistsError, "not an output", [x], vocabulary, overwrite=True)
    with pytest.raises(OutputExistsError, match="not an output"):  # before anything is read
        prepare([tmp_path / "absent"], vocabulary=tmp_path / "absent", output=tmp_path / "s", overwrite=True)
    prepare([x], vocabulary=vocabulary, output=tmp_path / "t", workers=1)
    refused(tmp_path, OutputExistsError, "exists already", [x], vocabulary, output=tmp_path / "t")
    before = tree(tmp_path / "t")
    prepare([x], vocabulary=vocabulary, output=tmp_path / "t", workers=1, overwrite=True)
    assert tree(tmp_path / "t") == before


def test_a_store_being_written_is_busy(tmp_path: Path, vocabulary: Path) -> None:
    from bertwright.durable import lock

    with lock(tmp_path / "s"), pytest.raises(OutputBusyError, match=f'"pid": {os.getpid()}'):
        prepare([write(tmp_path / "x")], vocabulary=vocabulary, output=tmp_path / "s", workers=1)


def test_warnings(tmp_path: Path, vocabulary: Path) -> None:
    corpus = [
        write(tmp_path / "e", ""),
        write(tmp_path / "x", '{"a": 1}\n\n力\n\n' + TEXT),
        write(tmp_path / "y", "力\n\n力\n"),
    ]
    summary = prepare(corpus, vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    assert len(summary.warnings) == 4
    empty, json_like, unknown, short = summary.warnings
    assert empty.startswith("1 file: empty")
    assert "--format jsonl" in json_like
    assert (
        unknown
        == f"3 documents are nothing but [UNK]: {tmp_path / 'x'}:3, {tmp_path / 'y'}:1, {tmp_path / 'y'}:3"
    )
    assert short.startswith("4 of 6 documents have a single sentence")


# -- resources -----------------------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, vocabulary: Path, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    x = write(tmp_path / "x", random_text(300))
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
            prepare([x], vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    assert caught.value.exit_code == 1
    assert "bytes free" in caught.value.message
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x"]


def test_too_little_space_is_told_before_any_work(
    tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(DiskError, match=r"bytes needed, 10 bytes free"):
        prepare([write(tmp_path / "x")], vocabulary=vocabulary, output=tmp_path / "s", workers=1)


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
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(max(usage.ru_maxrss for usage in usages) // 1024)
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


def test_progress_is_told(tmp_path: Path, vocabulary: Path, small_parts: None) -> None:
    watch = Watch()
    corpus = write(tmp_path / "x.gz", gzip.compress(random_text(300).encode()))
    summary: PrepareSummary = prepare(
        [corpus], vocabulary=vocabulary, output=tmp_path / "s", workers=1, progress=watch
    )
    assert summary.shards > 3
    assert watch.done == watch.total == corpus.stat().st_size


def test_names_that_are_not_utf8(tmp_path: Path, vocabulary: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    corpus = [write(folder / "x"), write(folder / "y", "力\n\n")]
    summary = prepare(corpus, vocabulary=vocabulary, output=folder / "s", workers=1)
    assert contents(folder / "s") == expected(*corpus)
    assert summary.warnings[0].endswith("caf\\udce9/y:1")
    assert json.loads(json.dumps(summary.as_json(), ensure_ascii=False).encode())["output"].endswith(
        "caf\\xe9/s"
    )
