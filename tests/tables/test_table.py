"""Labelled tables in every format: what is read, and every way in which they can be wrong."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from failing_file import FailingFile
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.errors import DiskError, InputError, TableError, UsageError
from bertwright.tables import lines, parquet
from bertwright.tables.formats import open_table

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return put


def read(
    path: Path, *columns: str, names: tuple[str, ...] | None = None
) -> list[tuple[int, tuple[object, ...]]]:
    return [(row.line, row.cells) for row in open_table(path, names=names).rows(columns)]


def test_tsv_takes_quotes_as_letters(write: Write) -> None:
    path = write("a.tsv", 'text\tlabel\n"yes\t1\nhe said "no"\t0\n')
    assert read(path, "label", "text") == [(2, ("1", '"yes')), (3, ("0", 'he said "no"'))]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.txt"])
def test_lines_that_end_with_a_lone_cr_are_refused(name: str, write: Write) -> None:
    """They would be one line, and all behind the header a column's name."""
    path = write(name, "text\tlabel\rsea\t1\rsun\t0\r")
    message = r"a\.\w+:1: expected lines that end with LF or CRLF, got .a lone CR. \(convert them: tr"
    with pytest.raises(TableError, match=message):
        list(lines.read_lines(path))
    if name != "a.txt":
        with pytest.raises(TableError, match=message):
            read(path)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_cr_inside_a_line_is_text(end: str, write: Write) -> None:
    path = write("a.tsv", f"text\tlabel{end}sea\rsun\t1{end}")
    assert read(path, "text", "label") == [(2, ("sea\rsun", "1"))]
    assert list(lines.read_lines(write("b.txt", f"sea\rsun{end}"))) == [(1, "sea\rsun")]
    assert list(lines.read_lines(write("c.txt", "sea\r"))) == [(1, "sea")]


def test_csv_quotes(write: Write) -> None:
    path = write("a.csv", 'text,label\n"a, b",1\n"say ""hi""",0\n"two\nlines",1\n5" disk,0\n,\n"",""\n')
    assert read(path, "text", "label") == [
        (2, ("a, b", "1")),
        (3, ('say "hi"', "0")),
        (4, ("two\nlines", "1")),
        (6, ('5" disk', "0")),
        (7, ("", "")),
        (8, ("", "")),
    ]


@given(st.lists(st.lists(st.text('ab,"\n é', max_size=6), min_size=2, max_size=2), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_csv_agrees_with_the_standard_library(rows: list[list[str]]) -> None:
    from tempfile import TemporaryDirectory

    rows = [["x" + row[0], row[1]] for row in rows]  # an empty first cell could make a blank line
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_MINIMAL).writerows([["one", "two"], *rows])
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        path.write_text(text.getvalue(), encoding="utf-8")
        assert [list(cells) for _, cells in read(path, "one", "two")] == rows


def test_json_lines_keep_their_types(write: Write) -> None:
    path = write("a.jsonl", '{"text": "é \\u00e9", "label": 1}\n\n{"text": "b", "label": true}\n')
    assert read(path, "text", "label") == [(1, ("é é", 1)), (3, ("b", True))]


def test_parquet(tmp_path: Path) -> None:
    table = pa.table(
        {"text": ["a", "b"], "label": pa.array(["x", "y"]).dictionary_encode(), "other": [1.0, None]}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", "label", "text") == [(1, ("x", "a")), (2, ("y", "b"))]


@pytest.mark.parametrize("compress,suffix", [(gzip.compress, ".gz"), (lzma.compress, ".xz"), (None, ".zst")])
def test_compressed_files_read_the_same(
    write: Write, compress: Callable[[bytes], bytes] | None, suffix: str
) -> None:
    if compress is None:
        compress = pytest.importorskip("zstandard").compress
    content = b"text\tlabel\na\t1\n"
    assert read(write("a.tsv" + suffix, compress(content)), "text") == read(write("b.tsv", content), "text")


def test_windows_line_ends_and_byte_order_mark(write: Write) -> None:
    path = write("a.tsv", b"\xef\xbb\xbftext\tlabel\r\na\x0b\xe2\x80\xa8b\t1\r\n")
    assert read(path, "text", "label") == [(2, ("a\x0b\u2028b", "1"))]


def test_file_without_header(write: Write) -> None:
    path = write("a.tsv", "a\t1\nb\t0\n")
    assert read(path, "t", "l", names=("t", "l")) == [(1, ("a", "1")), (2, ("b", "0"))]
    assert read(path, "2", names=()) == [(1, ("1",)), (2, ("0",))]


def test_blank_lines_between_rows_are_counted_and_those_at_the_end_are_not(write: Write) -> None:
    table = open_table(write("a.tsv", "text\tlabel\na\t1\n\n  \nb\t0\n\n\n"))
    assert len(list(table.rows(["text"]))) == 2
    assert table.blank_lines == [3, 4]
    assert len(list(table.rows(["text"]))) == 2, "rows can be read again"
    assert table.blank_lines == [3, 4]


@pytest.mark.parametrize(
    ("name", "content", "names"),
    [
        ("a.tsv", "\na\t1\n\nb\t2\n", ()),
        ("a.tsv", "\ntext\tn\na\t1\n\nb\t2\n", None),
        ("a.csv", "text\na\n\nb\n", None),
        ("a.jsonl", '\n{"text": "a"}\n\n{"text": "b"}\n', None),
    ],
)
def test_a_second_pass_gives_the_same_rows(
    write: Write, name: str, content: str, names: tuple[str, ...] | None
) -> None:
    table = open_table(write(name, content), names=names)
    passes = [
        [(row.line, row.cells, row.problem is None) for row in table.rows(table.columns[:1], lenient=True)]
        for _ in range(2)
    ]
    assert passes[0] == passes[1]
    assert [cells[0] for _, cells, usable in passes[0] if usable and cells[0]] == ["a", "b"]
    header = 0 if names == () or name == "a.jsonl" else 1
    assert len(passes[0]) == content.count("\n") - header - (name == "a.tsv" and header)


def test_blank_lines_stand_before_the_damaged_row_behind_them(write: Write) -> None:
    for name, content in (("a.tsv", "text\tn\na\t1\n\nb\xff\n"), ("a.jsonl", '{"text": "a"}\n\n{\n')):
        rows = list(open_table(write(name, content.encode("latin-1"))).rows(["text"], lenient=True))
        assert [row.line for row in rows if row.problem] == sorted(row.line for row in rows if row.problem)
        assert len(rows) == 3


@given(st.binary(max_size=60), st.integers(1, 7))
@settings(max_examples=200, deadline=None)
def test_lines_do_not_depend_on_blocks(content: bytes, size: int) -> None:
    blocks = iter([content[start : start + size] for start in range(0, len(content), size)])
    expected = content.removeprefix(b"\xef\xbb\xbf").split(b"\n") if size >= 3 else content.split(b"\n")
    expected = expected[:-1] if not expected[-1] else expected
    assert list(lines._split(Path("x"), blocks)) == expected


def test_an_index_as_pandas_writes_it(write: Write) -> None:
    table = open_table(write("a.csv", ",text,label\n0,good,1\n1,bad,0\n"))
    assert table.columns == ("", "text", "label")
    assert [row.cells for row in table.rows(["text", "label"])] == [("good", "1"), ("bad", "0")]


def test_a_damaged_line_is_one_row_without_an_answer(write: Write) -> None:
    for name, content, wrong in (
        ("a.tsv", b"text\tn\ngood\t1\nb\xffd\t2\nn\0l\t3\nsea\t4\n", [3, 4]),
        ("a.csv", b'text,n\ngood,1\n"a"b,2\nb\xffd,3\n"two\nlines",4\n', [3, 4]),
        ("a.jsonl", b'{"text": "good"}\n{"text": "b\xffd"}\n{"text": "n\0l"}\n{"text": "sea"}\n', [2, 3]),
    ):
        table = open_table(write(name, content))
        with pytest.raises(TableError):
            list(table.rows(["text"]))
        rows = list(table.rows(["text"], lenient=True))
        assert [row.line for row in rows if row.problem is not None] == wrong
        assert next(row.cells[0] for row in rows if row.problem is None) == "good"
        assert len(rows) == 4
    swallowed = open_table(write("b.csv", b'text,n\ngood,1\n"never,2\nb,3\n'))
    with pytest.raises(TableError, match=r'b.csv:3: expected a closing "'):
        list(swallowed.rows(["text"], lenient=True))
    ended = open_table(write("d.csv", b'text\n"hello world\n"good" morning\nbye\n'))
    with pytest.raises(TableError, match=r"d.csv:2: column 1: expected a comma behind the closing"):
        list(ended.rows(["text"], lenient=True))
    inside = open_table(write("c.csv", b'text,n\ngood,1\n"a\n\xff",2\nb,3\n'))
    with pytest.raises(TableError, match=r"c.csv:4: expected UTF-8"):
        list(inside.rows(["text"], lenient=True))


BAD = {
    "missing file": ("gone.tsv", None, "gone.tsv: expected a file of rows, got .nothing there"),
    "empty file": ("a.tsv", "", "an empty file"),
    "only white space": ("a.tsv", "\n \n", "nothing but white space"),
    "doubled column": (
        "a.tsv",
        "text\tlabel\ttext\na\t1\tb\n",
        'a.tsv:1: column 3: expected each column name once, got "text"',
    ),
    "nameless column": (
        "a.csv",
        "text,,label\na,b,1\n",
        "a.csv:1: column 2: expected a name for every column",
    ),
    "fewer columns": ("a.tsv", "text\tlabel\na\t1\nb\n", "a.tsv:3: expected 2 columns, got 1"),
    "more columns": (
        "a.csv",
        "text,label\na, b,1\n",
        "a.csv:2: expected 2 columns, got 3 .put a cell that has a comma",
    ),
    "unclosed quote": (
        "a.csv",
        'text,label\na,1\n"b,0\nc,1\nd,0\n',
        'a.csv:3: expected a closing " for the one opened in this row',
    ),
    "quote that swallows rows": (
        "a.csv",
        'text,label\n"b,0\nc,1\n"d",0\n',
        "a.csv:2: column 1: expected a comma behind the closing",
    ),
    "commas in a tsv": ("a.tsv", "text,label\na,1\n", "separated by commas: name it .csv"),
    "tabs in a csv": ("a.csv", "text\tlabel\na\t1\n", "separated by tabs: name it .tsv"),
    "NUL": ("a.tsv", b"text\tlabel\na\0b\t1\n", "a.tsv:2: expected text, got .a NUL at byte 2 of the line"),
    "not UTF-8": (
        "a.tsv",
        b"text\tlabel\na\t1\nb\xe9\t1\n",
        "a.tsv:3: expected UTF-8 text, got .byte 0xe9 at byte 2 of the line",
    ),
    "UTF-16": ("a.tsv", "text\tlabel\n".encode("utf-16"), "UTF-16"),
    "a zip archive": ("a.tsv", b"PK\x03\x04aaaa", "zip archive"),
    "a Parquet file": ("a.tsv", b"PAR1aaaa", "Parquet"),
    "cut gzip": ("a.tsv.gz", gzip.compress(b"text\tlabel\n" * 999)[:40], "cut short"),
    "JSON array": (
        "a.jsonl",
        '[{"text": "a"}]\n',
        "a.jsonl:1: expected a JSON object a line.*JSON array; write its objects one a line",
    ),
    "JSON line that is no object": (
        "a.jsonl",
        '{"text": "a", "label": 1}\n"b"\n',
        "a.jsonl:2: expected a JSON object",
    ),
    "JSON array of objects below": (
        "a.jsonl",
        '{"text": "a", "label": 1}\n[1]\n',
        "a.jsonl:2: expected a JSON object a line",
    ),
    "empty JSON object": ("a.jsonl", "{}\n", "a.jsonl:1: expected an object with keys"),
    "cut JSON": ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "b", "la', "a.jsonl:2: expected JSON"),
    "doubled key": (
        "a.jsonl",
        '{"text": "a", "text": "b"}\n',
        'a.jsonl:1: expected each key once, got "text"',
    ),
    "nesting bomb": (
        "a.jsonl",
        '{"text": ' + "[" * 100_000 + "\n",
        "a.jsonl:1: expected JSON nested at most 64 deep",
    ),
    "NaN": ("a.jsonl", '{"text": "a", "label": NaN}\n', "a.jsonl:1: expected finite numbers"),
    "lone surrogate": (
        "a.jsonl",
        '{"text": "a\\ud800", "label": 1}\n',
        "a.jsonl:1: column 'text': expected Unicode text, got .the lone surrogate U.D800",
    ),
    "lone surrogate in a list": (
        "a.jsonl",
        '{"text": "a", "label": ["x", "\\udc00"]}\n',
        "a.jsonl:1: column 'label': expected Unicode text, got .the lone surrogate U.DC00",
    ),
    "lone surrogate in a key": (
        "a.jsonl",
        '{"text": "a", "label": {"\\udc00": 1}}\n',
        "a.jsonl:1: column 'label': expected Unicode text, got .the lone surrogate U.DC00",
    ),
    "lone surrogate in a name": (
        "a.jsonl",
        '{"text": "a", "\\udc00": 1}\n',
        "a.jsonl:1: column 2: expected a name of Unicode text, got .the lone surrogate U.DC00",
    ),
    "missing key": (
        "a.jsonl",
        '{"text": "a", "label": 1}\n{"text": "b"}\n',
        "a.jsonl:2: expected the key 'label'",
    ),
    "new key": (
        "a.jsonl",
        '{"text": "a", "label": 1}\n{"text": "b", "label": 1, "x": 2}\n',
        "a.jsonl:2: expected no other keys.*x",
    ),
    "no Parquet inside": ("a.parquet", "text,label\n", "a.parquet: expected a Parquet file"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables_are_named_by_file_row_and_column(name: str, write: Write, tmp_path: Path) -> None:
    file, content, message = BAD[name]
    path = tmp_path / file if content is None else write(file, content)
    with pytest.raises(TableError, match=message) as problem:
        read(path, "text", "label")
    assert problem.value.exit_code == 2
    assert "\n" not in problem.value.message and len(problem.value.message) <= 300


def test_a_long_line_is_refused_before_it_is_held(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 1000)
    path = write("a.tsv", "text\tlabel\n" + "a" * 3_000_000 + "\t1\n")
    with pytest.raises(TableError, match=r"a.tsv:2: expected a line of at most 1,000 bytes"):
        read(path, "text")


def test_missing_column_lists_those_that_are_there(write: Write) -> None:
    with pytest.raises(TableError, match=r'expected a column .sentence. .the columns are "text", "label"'):
        read(write("a.tsv", "text\tlabel\na\t1\n"), "sentence")


@pytest.mark.parametrize("file", ["a.xlsx", "a", "a.gz"])
def test_unknown_formats(file: str, write: Write) -> None:
    with pytest.raises(UsageError, match=r"expected a file name ending in \.tsv"):
        open_table(write(file, "x"))


def test_column_names_for_a_format_that_has_its_own(write: Write) -> None:
    with pytest.raises(InputError, match=r"columns by the names that the JSON lines file has"):
        open_table(write("a.jsonl", '{"a": 1}\n'), names=("a",))


def test_a_big_table_streams(write: Write) -> None:
    rows = [{"text": f"row {number}", "label": number % 2} for number in range(20_000)]
    path = write("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert sum(1 for _ in open_table(path).rows(["text"])) == 20_000


def test_parquet_strings_that_are_not_utf_8(tmp_path: Path) -> None:
    """A writer in another language need not check them; the row is named, also behind the first batch."""
    texts = [b"fine"] * (parquet.BATCH_ROWS + 7) + [b"caf\xe9", b"fine"]
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(texts))]
    column = pa.Array.from_buffers(pa.string(), len(texts), buffers)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": column, "label": [1] * len(texts)}), path)
    message = r"a\.parquet:4104: column 'text': expected UTF-8 text, got .byte 0xe9 at byte 4 of the text"
    with pytest.raises(TableError, match=message):
        read(path, "label", "text")
    assert len(read(path, "label")) == len(texts)


def test_a_disk_that_fails_is_not_the_fault_of_parquet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["text"] * 100}), path, row_group_size=20)
    native, failed = pq.ParquetFile, 0
    for which, reads in itertools.product(range(2), range(20)):
        with FailingFile(path) as head, FailingFile(path) as rows:
            head.left, rows.left = (reads if number == which else 20 for number in range(2))
            files = iter([head, rows])
            monkeypatch.setattr(pq, "ParquetFile", lambda path, files=files: native(next(files)))
            try:
                assert len(list(open_table(path).rows(["text"]))) == 100
            except DiskError as problem:
                failed += 1
                assert str(problem).endswith("a.parquet: cannot read: EIO Input/output error")
    assert failed > 2
