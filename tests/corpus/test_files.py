"""Finding files: what is refused before anything is read, and in which order the rest comes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bertwright.corpus import find_corpus
from bertwright.errors import CorpusError

TEXT = b"One sentence.\nAnother one.\n\nA second document.\n"


def write(path: Path, data: bytes = TEXT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def names(folder: Path, *paths: str | Path) -> list[str]:
    return [str(file.path.relative_to(folder)) for file in find_corpus(paths or [folder]).files]


def test_directories_are_walked_in_the_order_of_names_and_files_stay_as_given(tmp_path: Path) -> None:
    for name in ("b/two.txt", "b/one.txt", "a.txt", ".hidden", "b/.also/hidden.txt"):
        write(tmp_path / name)
    assert names(tmp_path) == ["a.txt", "b/one.txt", "b/two.txt"]
    assert names(tmp_path, tmp_path / "b/two.txt", tmp_path / "a.txt") == ["b/two.txt", "a.txt"]


def test_links_to_files_and_folders_are_followed(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere/deep/x.txt")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "folder").symlink_to(tmp_path / "elsewhere")
    assert names(corpus, corpus) == ["folder/deep/x.txt"]


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("x.txt", "text"),
        ("x", "text"),
        ("x.jsonl", "jsonl"),
        ("x.NDJSON", "jsonl"),
        ("x.csv", "csv"),
        ("x.tsv", "tsv"),
        ("x.v2.jsonl", "jsonl"),
    ],
)
def test_the_name_tells_the_format(tmp_path: Path, name: str, format: str) -> None:
    corpus = find_corpus([write(tmp_path / name)])
    assert [file.format for file in corpus.files] == [format]
    assert [file.format for file in find_corpus([tmp_path / name], format="csv").files] == ["csv"]


def test_nothing_given() -> None:
    with pytest.raises(CorpusError, match="at least one"):
        find_corpus([])


def test_missing_and_dangling(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"absent\.txt: expected a corpus file, got nothing there"):
        find_corpus([tmp_path / "absent.txt"])
    (tmp_path / "link").symlink_to("nowhere")
    for path in (tmp_path / "link", tmp_path):
        with pytest.raises(CorpusError, match="a link that leads nowhere"):
            find_corpus([path])


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "x.txt")
    (tmp_path / "again").symlink_to(tmp_path)
    with pytest.raises(CorpusError, match="each directory once"):
        find_corpus([tmp_path])
    (tmp_path / "self").symlink_to("self")
    with pytest.raises(CorpusError, match="self"):
        find_corpus([tmp_path / "self"])


def test_the_same_file_twice_under_any_name(tmp_path: Path) -> None:
    write(tmp_path / "a.txt")
    os.link(tmp_path / "a.txt", tmp_path / "hard.txt")
    (tmp_path / "soft.txt").symlink_to("a.txt")
    for other in ("a.txt", "hard.txt", "soft.txt"):
        with pytest.raises(CorpusError, match=rf"{other}: expected each file once, got .*a\.txt again"):
            find_corpus([tmp_path / "a.txt", tmp_path / other])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable(tmp_path: Path) -> None:
    write(tmp_path / "x.txt").chmod(0)
    with pytest.raises(CorpusError, match="readable"):
        find_corpus([tmp_path / "x.txt"])


def test_pipes_and_devices_are_no_corpus(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(CorpusError, match="regular file"):
            find_corpus([path])


def test_names_that_are_too_long() -> None:
    with pytest.raises(CorpusError, match="File name too long"):
        find_corpus(["a" * 300])


def test_nul_in_a_path() -> None:
    with pytest.raises(CorpusError, match="NUL"):
        find_corpus(["a\0b"])


def test_empty_files_are_counted_and_only_empty_ones_refused(tmp_path: Path) -> None:
    empty = [write(tmp_path / f"e{number}.txt", b"") for number in range(5)]
    with pytest.raises(CorpusError, match="only empty files"):
        find_corpus(empty)
    with pytest.raises(CorpusError, match="no files"):
        (tmp_path / "folder").mkdir()
        find_corpus([tmp_path / "folder"])
    corpus = find_corpus([*empty, write(tmp_path / "x.txt")])
    assert len(corpus.files) == 1
    assert corpus.warnings == (f"5 files: empty: {empty[0]}, {empty[1]}, {empty[2]}, …",)


def test_lines_that_look_like_json_are_pointed_out(tmp_path: Path) -> None:
    corpus = find_corpus([write(tmp_path / "x.txt", b'\xef\xbb\xbf{"text": "a"}\n')])
    assert len(corpus.warnings) == 1
    assert "--format jsonl" in corpus.warnings[0]
    assert find_corpus([tmp_path / "x.txt"], format="jsonl").warnings == ()


def test_the_output_must_not_lie_inside_the_input(tmp_path: Path) -> None:
    write(tmp_path / "corpus/x.txt")
    for output in (tmp_path / "corpus/store", tmp_path / "corpus/../corpus/a/b", tmp_path / "corpus"):
        with pytest.raises(CorpusError, match="outside the input"):
            find_corpus([tmp_path / "corpus"], output=output)
    assert find_corpus([tmp_path / "corpus"], output=tmp_path / "corpus-store").files


def test_60_000_files_with_few_descriptors(tmp_path: Path) -> None:
    """Found one at a time: the number of open files does not grow (600 show it)."""
    import resource

    for number in range(600):
        write(tmp_path / f"{number:05d}.txt")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(used + 40, hard), hard))
    try:
        corpus = find_corpus([tmp_path])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(corpus.files) == 600
    assert corpus.stored_bytes == 600 * len(TEXT)
