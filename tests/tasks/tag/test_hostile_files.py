"""Whatever bytes a file of tags has, reading gives sentences or one clear error, in linear time."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.errors import InputError
from bertwright.tables.columns import Columns
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.tag.task import TagTask
from bertwright.tokenization import Tokenizer, Vocabulary

TOKENIZER = Tokenizer(
    Vocabulary.from_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##a", "film"])
)
SEEDS = {
    "txt": b"EU B-ORG 0\nrejects O 0\n\nPeter B-PER 0\nfilm O 0\n",
    "conll": b"EU\tB-ORG\nrejects\tO\n\nPeter\tB-PER\n",
    "jsonl": b'{"tokens": ["a", "b"], "tags": ["O", "B-X"]}\n{"tokens": ["film"], "tags": ["O"]}\n',
    "json": '{"text": "浙商银行", "label": {"name": {"浙商": [[0, 1]]}}}\n'.encode(),
    "tsv": b"text_a\tlabel\na b\tO B-X\nfilm\tO\n",
    "csv": b"tokens,tags\na b,O B-X\nfilm,O\n",
}
PIECES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from(
        [
            b" ",
            b"\t",
            b"\n",
            b"\n\n",
            b"\r\n",
            b"\0",
            b"\xff",
            b"\xef\xbb\xbf",
            b"-DOCSTART-",
            b"\xc2\xa0",
            b"\xe2\x80\x8b",
            b"I-X",
            b"[",
            b"{",
            b'"',
            b"null",
            b"[[0, 1]]",
            b"\\ud800",
        ]
    ),
)


@pytest.mark.parametrize("suffix", [*SEEDS, "parquet"])
@given(place=st.integers(0, 90), cut=st.integers(0, 10), pieces=st.lists(PIECES, max_size=4))
@settings(max_examples=100, deadline=None)
def test_any_bytes(suffix: str, place: int, cut: int, pieces: list[bytes]) -> None:
    seed = SEEDS.get(suffix, b"PAR1" + bytes(60) + b"PAR1")
    content = seed[:place] + b"".join(pieces) + seed[place + cut :]
    with TemporaryDirectory() as folder:
        path = Path(folder, f"a.{suffix}")
        path.write_bytes(content)
        stream_any(path)
        try:
            posed = TagTask.pose(path, Columns(), TOKENIZER, 12, "auto", FinetuneSettings())
        except InputError as problem:
            assert "\n" not in problem.message and len(problem.message) <= 300
            return
    assert posed.train.examples
    for sentence in posed.train.examples:
        assert sentence.words and len(sentence.words) == len(sentence.tags or ())
        assert all(sentence.words) and all(sentence.tags or ())
        "".join(sentence.words).encode("utf-8")
    rows = posed.task.encode(posed.train.examples)
    assert sum(len(row.words) for row in rows) == sum(len(one.words) for one in posed.train.examples)  # type: ignore[attr-defined]


def stream_any(path: Path) -> None:
    """Every sentence to be predicted has words, or a problem of one line."""
    task = TagTask(TOKENIZER, ("O", "B-X"), Columns("1", None, "2"), 12)
    try:
        rows = list(task.stream(path).rows())
    except InputError as problem:
        assert "\n" not in problem.message and len(problem.message) <= 300
        return
    for row in rows:
        assert (row.input is None) != (row.problem is None)
        assert row.input is None or row.input.words
    task.encode([row.input for row in rows if row.input is not None])


@pytest.mark.parametrize(
    "name,content",
    [
        ("one.txt", "a O\n" * 200_000),
        ("blank.txt", "\n" * 400_000 + "a O\nb B-X\n"),
        ("wide.txt", "a " * 200_000 + "\n" + "b O\n" * 1000),
        ("marks.txt", "a" + "\u0301" * 200_000 + " O\nb B-X\n"),
        ("word.txt", "a" * 1_000_000 + " O\nb B-X\n"),
        ("ragged.txt", "a O\n" + "b\n\n" * 200_000),
        ("list.jsonl", '{"tokens": [' + '"a",' * 200_000 + '"b"], "tags": [' + '"O",' * 200_000 + '"X"]}\n'),
        (
            "spans.jsonl",
            '{"text": "' + "ab" * 50_000 + '", "label": {"X": {"a": [' + "[0, 0]," * 50_000 + "[2, 2]]}}}\n",
        ),
        (
            "long.jsonl",
            '{"text": "' + "a" * 1000 + '", "label": {"X": {"' + "a" * 1000 + '": [' + "[0, 999]," * 5000
            + "[0, 999]]}}}\n",
        ),
    ],
)  # fmt: skip
def test_long_hostile_files_take_linear_time(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    started = time.process_time()
    try:
        posed = TagTask.pose(tmp_path / name, Columns(), TOKENIZER, 12, "auto", FinetuneSettings())
        posed.task.encode(posed.train.examples)
    except InputError as problem:
        assert len(problem.message) <= 300
    assert time.process_time() - started < 8, "quadratic time would be minutes"
