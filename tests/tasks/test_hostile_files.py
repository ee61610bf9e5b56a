"""Whatever bytes a task file has, reading gives examples or one clear error, in linear time."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.errors import InputError
from bertwright.tables.columns import Columns, choose_table
from bertwright.tasks.classify.reading import read_examples

SEEDS = {
    "tsv": b"text\tlabel\nfine\t1\ndull\t0\n",
    "csv": b'text,label\n"fine, ""really""",1\ndull,0\n',
    "jsonl": b'{"text": "fine", "label": 1}\n{"text": "dull", "label": 0}\n',
}
PIECES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from(
        [b"\t", b",", b'"', b"\n", b"\r\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"{", b"[", b"null", b"1.0"]
    ),
)


@pytest.mark.parametrize("suffix", [*SEEDS, "parquet"])
@given(place=st.integers(0, 60), cut=st.integers(0, 10), pieces=st.lists(PIECES, max_size=4))
@settings(max_examples=120, deadline=None)
def test_any_bytes(suffix: str, place: int, cut: int, pieces: list[bytes]) -> None:
    seed = SEEDS.get(suffix, b"PAR1" + bytes(60) + b"PAR1")
    content = seed[:place] + b"".join(pieces) + seed[place + cut :]
    with TemporaryDirectory() as folder:
        path = Path(folder, f"a.{suffix}")
        path.write_bytes(content)
        try:
            file = read_examples(choose_table(path, Columns("text", None, "label")))
        except InputError as problem:
            assert "\n" not in problem.message and len(problem.message) <= 300
            return
    assert file.examples
    for example in file.examples:
        assert example.text.strip() and example.target
        example.text.encode("utf-8")


@pytest.mark.parametrize(
    "name,content",
    [
        ("quotes.csv", 'text,label\n"' + '""' * 200_000 + '",1\n'),
        ("lines.csv", 'text,label\n"' + "a\n" * 200_000 + '",1\n'),
        ("open.csv", 'text,label\n"' + "a,1\n" * 200_000),
        ("cells.tsv", "\t" * 200_000 + "\n"),
        ("brackets.jsonl", '{"text": "' + "[{" * 200_000 + '", "label": 1}\n'),
        ("blank.tsv", "text\tlabel\n" + "\n" * 200_000 + "a\t1\n"),
    ],
)
def test_long_hostile_files_take_linear_time(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    started = time.process_time()
    try:
        read_examples(choose_table(tmp_path / name, Columns("text", None, "label")))
    except InputError as problem:
        assert len(problem.message) <= 300
    assert time.process_time() - started < 5, "quadratic time would be minutes"
