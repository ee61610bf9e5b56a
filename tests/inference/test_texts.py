"""Texts of files: lines and columns, and what is wrong with them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bertwright.errors import InputError
from bertwright.inference.feature_rows import read_rows
from bertwright.inference.texts import read_texts

TEXTS = ["the sea", "", "she said: a\tb", 'a "quoted" word', "U+2028 \u2028 U+0085 \u0085 stay"]


def test_lines(tmp_path: Path) -> None:
    """Blank lines count, so that row n is line n; only LF and CRLF end a line."""
    path = tmp_path / "texts.txt"
    path.write_bytes("\r\n".join(TEXTS).encode())
    assert list(read_texts(path)) == TEXTS
    path.write_bytes(b"\xef\xbb\xbf" + "".join(text + "\n" for text in TEXTS).encode())
    assert list(read_texts(path)) == TEXTS


def test_compressed_lines(tmp_path: Path) -> None:
    path = tmp_path / "texts.gz"
    path.write_bytes(gzip.compress("\n".join(TEXTS).encode()))
    assert list(read_texts(path)) == TEXTS


def test_tables(tmp_path: Path) -> None:
    rows = [{"id": number, "words": text} for number, text in enumerate(TEXTS)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    for name in ("t.jsonl", "t.parquet"):
        assert list(read_texts(tmp_path / name, "words")) == TEXTS
    (tmp_path / "t.tsv").write_text("id\twords\n1\tthe sea\n2\ta door\n")
    assert list(read_texts(tmp_path / "t.tsv", "words")) == ["the sea", "a door"]


def test_a_blank_line_moves_no_text(tmp_path: Path) -> None:
    """In a table of one column it is an empty cell; in any other a row is missing, which is not guessed."""
    (tmp_path / "one.csv").write_text("text\nfirst\n\nthird\n\n")
    assert list(read_texts(tmp_path / "one.csv")) == ["first", "", "third"]
    for name, content in (
        ("two.tsv", "id\ttext\n1\tfirst\n\n3\tthird\n"),
        ("rows.jsonl", '{"text": "first"}\n{"text": "second"}\n\n{"text": "third"}\n'),
    ):
        (tmp_path / name).write_text(content)
        line = content.split("\n").index("") + 1
        for read in (read_texts, read_rows):
            with pytest.raises(InputError, match=rf'{name}:{line}: expected a row, got "a blank line"'):
                list(read(tmp_path / name, "text"))


@pytest.mark.parametrize(
    ("name", "content"),
    [("rows.json", '{"text": "hello"}\n'), ("rows.tab", "text\nhello\n"), ("rows.JSON.gz", None)],
)
def test_every_name_of_a_table_is_one(tmp_path: Path, name: str, content: str | None) -> None:
    data = b'{"text": "hello"}\n' if content is None else content.encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if content is None else data)
    assert list(read_texts(tmp_path / name)) == list(read_rows(tmp_path / name)) == ["hello"]


def test_column_needs_no_name_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("words\nthe sea\n")
    (tmp_path / "two.csv").write_text("id,text\n1,the sea\n")
    assert list(read_texts(tmp_path / "one.csv")) == ["the sea"]
    assert list(read_texts(tmp_path / "two.csv")) == ["the sea"]


@pytest.mark.parametrize(
    ("name", "contents", "column", "message"),
    [
        ("absent.txt", None, None, "nothing there"),
        ("empty.txt", b"", None, "an empty file"),
        ("latin.txt", b"caf\xe9\n", None, r"latin.txt:1: .*UTF-8.*0xe9"),
        ("binary.txt", b"\x7fELF\x00\x00", None, "ELF"),
        ("nul.txt", b"a\x00b\n", None, "NUL"),
        ("lines.txt", b"a\n", "words", "expected a table for --text words"),
        ("two.csv", b"id,words\n1,a\n", None, "--text COLUMN.*columns are 'id', 'words'"),
        ("two.csv", b"id,words\n1,a\n", "word", 'expected a column "word"'),
        (
            "null.jsonl",
            b'{"text": "a"}\n{"text": null}\n',
            None,
            r"null.jsonl:2: column 'text': expected a text",
        ),
        ("short.tsv", b"text\tlabel\na\n", "text", r"short.tsv:2: expected 2 columns"),
    ],
)
def test_wrong_files(
    tmp_path: Path, name: str, contents: bytes | None, column: str | None, message: str
) -> None:
    path = tmp_path / name
    if contents is not None:
        path.write_bytes(contents)
    with pytest.raises(InputError, match=message):
        list(read_texts(path, column))
