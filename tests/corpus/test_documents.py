"""Documents of every format, and what is refused with file, line and column."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from shared import shared_path

from bertwright.corpus import Document, documents, read_documents
from bertwright.corpus.documents import documents_of_text
from bertwright.errors import CorpusError


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def lines(path: Path, **options: str) -> list[tuple[str, ...]]:
    return [document.lines for document in read_documents(path, **options)]


# -- text ----------------------------------------------------------------------------------------------------


def test_blank_lines_part_documents(tmp_path: Path) -> None:
    path = write(tmp_path / "x", "\n\n one\ntwo \n \t\u3000\n\nthree\r\n\r\nfour")
    assert list(read_documents(path)) == [
        Document((" one", "two "), str(path), 3),
        Document(("three",), str(path), 7),
        Document(("four",), str(path), 9),
    ]


def test_other_line_ends_do_not_part_documents(tmp_path: Path) -> None:
    assert lines(write(tmp_path / "x", "a\u2028\u2028b\x85\x85c\x0b\x0bd\n")) == [
        ("a\u2028\u2028b\x85\x85c\x0b\x0bd",)
    ]


visible = st.text(
    st.characters(exclude_characters="\0\n\r\ufeff", exclude_categories=["Cs"]), min_size=1
).filter(lambda line: not line.isspace())


@given(st.lists(st.lists(visible, min_size=1), min_size=1), st.integers(1, 3))
def test_what_is_written_is_read(documents: list[list[str]], blanks: int) -> None:
    text = ("\n" + "\n" * blanks).join("\n".join(document) for document in documents)
    found = documents_of_text(Path("x"), [(1, text.split("\n"))])
    assert [list(document.lines) for document in found] == documents


@given(st.lists(st.lists(st.sampled_from(["", " ", "\t\u3000", "a", " b"]), max_size=4), max_size=5))
def test_groups_of_lines_are_read_as_if_they_were_one(groups: list[list[str]]) -> None:
    firsts = [1 + sum(map(len, groups[:number])) for number in range(len(groups))]
    found = list(documents_of_text(Path("x"), zip(firsts, groups, strict=True)))
    flat = [line for group in groups for line in group]
    expected: list[Document] = []
    for number, line in enumerate(flat, 1):
        if line.strip():
            before = number > 1 and flat[number - 2].strip()
            held = expected.pop() if before else Document((), "x", number)
            expected.append(Document((*held.lines, line), "x", held.line))
    assert found == expected


def test_the_original_sample(tmp_path: Path) -> None:
    found = list(read_documents(shared_path("data/corpus/bert_sample_text.txt")))
    assert len(found) == 3
    assert sum(len(document.lines) for document in found) == 31
    assert (
        found[0]
        .lines[0]
        .startswith("This text is included to make sure Unicode is handled properly: 力加勝北区")
    )


def test_a_document_without_end_is_refused() -> None:
    group = ["x" * (1 << 20)]
    with pytest.raises(CorpusError, match="x:1: expected a blank line between documents, each under 128 MiB"):
        list(documents_of_text(Path("x"), ((number, group) for number in range(1, 1000))))


# -- JSON lines ----------------------------------------------------------------------------------------------


def test_jsonl(tmp_path: Path) -> None:
    rows = [{"text": "one\ntwo\r\n\n three"}, {"text": " \n"}, {"id": 1, "text": "four\u2028five"}]
    path = write(tmp_path / "x.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n")
    assert list(read_documents(path)) == [
        Document(("one", "two", " three"), str(path), 1),
        Document(("four\u2028five",), str(path), 3),
    ]
    other = write(tmp_path / "y.jsonl", '{"body": "a"}')
    assert lines(other, text_field="body") == [("a",)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"text": "a}', "column 10: Unterminated string"),
        ("{text: 1}", "column 2"),
        ('{"text": "a", "text": "b"}', 'each key once, got "text"'),
        ('{"text": NaN}', "finite"),
        ('{"text": 5}', "text: expected a string, got 5"),
        ('{"text": null}', 'text: expected a string, got "null"'),
        ('["text"]', "expected a JSON object"),
        ('{"body": "a"}', 'expected a field "text" (--text names another): the fields are "body"'),
        ('{"text": "\\ud800"}', "a lone surrogate at character 0"),
        ("[" * 100_000, "nested at most 64"),
    ],
)
def test_jsonl_errors_name_the_line(tmp_path: Path, row: str, message: str) -> None:
    path = write(tmp_path / "x.jsonl", '{"text": "fine"}\n' + row + "\n")
    with pytest.raises(CorpusError) as caught:
        list(read_documents(path))
    assert caught.value.message.startswith(f"{path}:2: ")
    assert message in caught.value.message


# -- tables --------------------------------------------------------------------------------------------------


def test_csv_with_quotes_and_line_feeds(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", 'id,text\r\n1,"one, ""two""\nthree"\r\n\r\n2,four\r\n3,\r\n')
    assert list(read_documents(path)) == [
        Document(('one, "two"', "three"), str(path), 2),
        Document(("four",), str(path), 5),
    ]


def test_tsv_takes_quotes_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tsv", 'text\tid\n"one\t1\ntwo"\t2\n')
    assert list(read_documents(path)) == [
        Document(('"one',), str(path), 2),
        Document(('two"',), str(path), 3),
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", "id,body\n1,a\n", ':1: expected a field "text"'),
        ("x.csv", "text,text\na,b\n", ":1: expected each column once"),
        ("x.csv", "id,text\n1,a\n2\n", ":3: expected 2 columns, got 1"),
        ("x.csv", 'text\n"a\nb\n', ":2: expected a row of CSV"),
        ("x.csv", 'text\n"a"b\n', ":2: expected a row of CSV"),
        ("x.tsv", "id\ttext\n1\ta\tb\n", ":2: expected 2 columns, got 3"),
        ("x.tsv", "id\n1\n", ':1: expected a field "text"'),
    ],
)
def test_table_errors_name_the_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = write(tmp_path / name, text)
    with pytest.raises(CorpusError) as caught:
        list(read_documents(path))
    assert caught.value.message.startswith(str(path) + message)


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_parquet(tmp_path: Path, kind: pa.DataType) -> None:
    texts = ["one\ntwo", " ", "", "three"] * 300
    parquet.write_table(
        pa.table({"id": range(1200), "text": pa.array(texts, pa.string()).cast(kind)}),
        tmp_path / "x.parquet",
        row_group_size=100,
    )
    found = list(read_documents(tmp_path / "x.parquet"))
    assert [document.lines for document in found] == [("one", "two"), ("three",)] * 300
    assert [document.line for document in found][-2:] == [1197, 1200]


@pytest.mark.parametrize("name", ["x.parquet", "x.jsonl"])
def test_a_row_without_text_is_named(tmp_path: Path, name: str) -> None:
    rows = pa.table({"text": ["one", "two", None, "four"]})
    if name == "x.parquet":
        parquet.write_table(rows, tmp_path / name, row_group_size=2)
    else:
        write(tmp_path / name, "".join(json.dumps(row) + "\n" for row in rows.to_pylist()))
    with pytest.raises(CorpusError, match=rf'/{name}:3: text: expected a string, got "null"'):
        list(read_documents(tmp_path / name))


def test_parquet_errors(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"text": [1, 2]}), path)
    with pytest.raises(CorpusError, match=r"text: expected a column of strings, got \"int64\""):
        list(read_documents(path))
    with pytest.raises(CorpusError, match=r"expected a field \"body\" .* the fields are \"text\""):
        list(read_documents(path, text_field="body"))
    parquet.write_table(pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]), path)
    with pytest.raises(CorpusError, match=r"expected each column once, got \"text\""):
        list(read_documents(path))
    parquet.write_table(pa.table({"text": ["a"], "name": ["b"]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"name", b"n\xff\xffe"))
    with pytest.raises(CorpusError, match="expected names of columns in UTF-8"):
        list(read_documents(path))
    parquet.write_table(pa.table({"text": ["a"]}), path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CorpusError, match="a sound Parquet file"):
        list(read_documents(path))
    bad = pa.array([b"fine", b"\xff"]).view(pa.binary()).cast(pa.string(), safe=False)
    parquet.write_table(pa.table({"text": bad}), path)
    with pytest.raises(CorpusError, match=r"x\.parquet:2: expected strings in UTF-8"):
        list(read_documents(path))


@pytest.mark.parametrize("encoding", ["RLE_DICTIONARY", "DELTA_BYTE_ARRAY"])
def test_a_string_that_parquet_repeats_does_not_fill_the_memory(tmp_path: Path, encoding: str) -> None:
    """A few hundred bytes stand for half a gigabyte."""
    path, rows = tmp_path / "x.parquet", 512
    table = pa.table({"text": pa.array(["x" * (1 << 20)] * rows)})
    dictionary = encoding == "RLE_DICTIONARY"
    how = {} if dictionary else {"column_encoding": {"text": encoding}}
    parquet.write_table(table, path, use_dictionary=dictionary, compression="zstd", **how)
    assert path.stat().st_size < 1000
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "import pyarrow\n"
        "from bertwright.corpus import read_documents\n"
        "print(sum(1 for _ in read_documents(Path(sys.argv[1]))))\n"
        "print(pyarrow.default_memory_pool().max_memory() >> 20)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    documents, peak = map(int, done.stdout.split())
    assert documents == rows and peak < 100


def test_the_cap_is_on_a_document_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Earlier documents of the same group of lines do not count."""
    monkeypatch.setattr(documents, "MAX_DOCUMENT_BYTES", 20)
    groups = [(1, ["x" * 15, "", "y" * 15]), (4, ["z" * 4, ""])]
    found = list(documents.documents_of_text(Path("a.txt"), iter(groups)))
    assert [document.lines for document in found] == [("x" * 15,), ("y" * 15, "z" * 4)]
    with pytest.raises(CorpusError, match=r"a\.txt:3: expected a blank line"):
        list(documents.documents_of_text(Path("a.txt"), iter([*groups[:1], (4, ["z" * 6])])))
