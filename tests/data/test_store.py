"""The store: what is written is read, in place; damage is refused with the file named; held-out documents."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright import durable
from bertwright.data.shards import Segment, ShardWriter, id_type, read_segments
from bertwright.data.store import TokenStore
from bertwright.data.token_axis import cumulated
from bertwright.errors import DigestError, StoreError
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary

VOCABULARY = Vocabulary.from_tokens([*SPECIAL_TOKENS, *map(chr, range(97, 123))])
Documents = list[list[list[int]]]

documents_of_ids = st.lists(
    st.lists(st.lists(st.integers(0, len(VOCABULARY) - 1), min_size=1), min_size=1), min_size=1
)


def segment_of(documents: Documents, vocab_size: int = len(VOCABULARY)) -> Segment:
    sentences = [sentence for document in documents for sentence in document]
    ids = np.array([number for sentence in sentences for number in sentence], dtype=id_type(vocab_size))
    return Segment(ids, cumulated(map(len, sentences)), cumulated(map(len, documents)))


def write_store(
    path: Path, batches_of: list[list[Documents]], vocabulary: Vocabulary = VOCABULARY, **fields: Any
) -> Path:
    """A store of these shards, each a list of record batches."""
    everything = [document for batches in batches_of for batch in batches for document in batch]
    names = [f"shard-{number:05d}.arrow" for number in range(len(batches_of))]
    with durable.NewDirectory(path, kind="store") as new:
        for name, batches in zip(names, batches_of, strict=True):
            writer = ShardWriter(new.open(name), len(vocabulary))
            for batch in batches:
                writer.write(segment_of(batch, len(vocabulary)))
            writer.close()
        for name, data in Tokenizer(vocabulary).files().items():
            new.write(name, data)
        new.manifest.update(
            {
                "vocab_size": len(vocabulary),
                "documents": len(everything),
                "sentences": sum(map(len, everything)),
                "tokens": sum(len(sentence) for document in everything for sentence in document),
                "vocabulary_digest": vocabulary.digest,
                "shards": names,
                **fields,
            }
        )
    return path


def contents(store: TokenStore) -> Documents:
    return [store.document(number) for number in range(store.num_documents)]


def random_documents(count: int, seed: int = 0) -> Documents:
    chance = random.Random(seed)
    return [
        [[chance.randrange(31) for _ in range(chance.randrange(1, 9))] for _ in range(chance.randrange(1, 5))]
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Documents]:
    documents = random_documents(40)
    shards = [[documents[:5], documents[5:6]], [documents[6:30]], [documents[30:]]]
    return write_store(tmp_path_factory.mktemp("stores") / "store", shards), documents


# -- reading -------------------------------------------------------------------------------------------------


def test_by_hand() -> None:
    store = TokenStore.from_documents([[[1, 2], [3]], [[4, 5, 6]]], vocab_size=7)
    assert store.document_offsets.tolist() == [0, 2, 3]
    assert store.sentence_offsets.tolist() == [0, 2, 3, 6]
    assert (store.num_documents, store.num_sentences, store.num_tokens) == (2, 3, 6)
    assert store.tokens(1, 3).tolist() == [2, 3]
    assert store.document(1) == [[4, 5, 6]]
    assert store.tokens(0, 2).dtype == np.uint16
    assert repr(store) == "TokenStore(memory: 2 documents, 3 sentences, 6 tokens)"


@given(documents_of_ids)
def test_memory_round_trip(documents: Documents) -> None:
    store = TokenStore.from_documents(documents, len(VOCABULARY))
    assert contents(store) == documents
    assert store.digest == TokenStore.from_documents(documents, len(VOCABULARY)).digest


def test_disk_round_trip_over_several_shards_and_batches(example: tuple[Path, Documents]) -> None:
    path, documents = example
    for verify in (True, False):
        store = TokenStore.open(path, verify=verify)
        assert contents(store) == documents
        assert (store.document_offsets.dtype, store.sentence_offsets.dtype) == (np.int64, np.int64)
    memory = TokenStore.from_documents(documents, len(VOCABULARY))
    assert np.array_equal(store.document_offsets, memory.document_offsets)
    assert np.array_equal(store.sentence_offsets, memory.sentence_offsets)


def test_tokens_lie_in_the_mapped_file(example: tuple[Path, Documents]) -> None:
    store = TokenStore.open(example[0])
    view = store.tokens(*store.sentence_offsets[:2])
    assert not view.flags.owndata
    assert not view.flags.writeable


@pytest.mark.parametrize(("size", "dtype"), [(1 << 16, np.uint16), ((1 << 16) + 1, np.uint32)])
def test_ids_take_two_bytes_while_they_can(tmp_path: Path, size: int, dtype: type) -> None:
    path = tmp_path / "shard.arrow"
    with path.open("wb") as file:
        writer = ShardWriter(file, size)
        writer.write(segment_of([[[0, size - 1]]], size))
        writer.close()
    (segment,) = read_segments(path, size)
    assert segment.ids.dtype == dtype
    assert segment.ids.tolist() == [0, size - 1]
    with pytest.raises(StoreError, match="expected column sentences"):
        read_segments(path, (1 << 16) + 1 if size == 1 << 16 else 1 << 16)


def test_any_arrow_tool_reads_a_shard(example: tuple[Path, Documents]) -> None:
    path, documents = example
    tables = [pa.ipc.open_file(shard).read_all() for shard in sorted(path.glob("*.arrow"))]
    assert pa.concat_tables(tables).column("sentences").to_pylist() == documents


def test_a_store_of_a_hundred_million_tokens_opens_at_once(tmp_path: Path) -> None:
    """Four million sentences in twenty shards of five million tokens (here linked to one file)."""
    path = tmp_path / "store"
    sentences = np.full(200_000, 25)
    segment = Segment(
        np.zeros(5_000_000, dtype=np.uint16), cumulated(sentences), cumulated(np.full(20_000, 10))
    )
    names = [f"shard-{number:05d}.arrow" for number in range(20)]
    with durable.NewDirectory(path, kind="store") as new:
        with (new.path / names[0]).open("wb") as file:
            writer = ShardWriter(file, 31)
            writer.write(segment)
            writer.close()
        for name in names[1:]:
            (new.path / name).hardlink_to(new.path / names[0])
        for name in names:
            new.adopt(name)
        counts = {"documents": 400_000, "sentences": 4_000_000, "tokens": 100_000_000}
        new.manifest.update({"vocab_size": 31, "shards": names, **counts})
    started = time.process_time()
    store = TokenStore.open(path, verify=False)
    assert time.process_time() - started < 0.5
    assert store.num_tokens == 100_000_000
    assert len(store.tokens(99_999_975, 100_000_000)) == 25


# -- refusing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("documents", [[], [[]], [[[1], []]], [[[31]]], [[[-1]]]])
def test_from_documents_refuses_what_is_empty_or_outside(documents: Documents) -> None:
    with pytest.raises(StoreError):
        TokenStore.from_documents(documents, 31)


def damaged(example: tuple[Path, Documents], target: Path) -> Path:
    target.mkdir()
    for file in example[0].iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def test_every_flipped_bit_is_refused_and_the_file_named(
    example: tuple[Path, Documents], tmp_path: Path
) -> None:
    store = damaged(example, tmp_path / "store")
    chance = random.Random(1)
    tried = 0
    for file in sorted(store.iterdir()):
        whole = file.read_bytes()
        for _ in range(12):
            bad = bytearray(whole)
            bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
            file.write_bytes(bad)
            with pytest.raises((DigestError, StoreError), match=file.name):
                TokenStore.open(store)
            tried += 1
        file.write_bytes(whole)
    assert tried == 12 * 8
    TokenStore.open(store)


@pytest.mark.parametrize("cut", [1, 8, 100])
def test_a_cut_or_grown_file_is_refused_without_reading_it(
    example: tuple[Path, Documents], tmp_path: Path, cut: int
) -> None:
    store = damaged(example, tmp_path / "store")
    shard = store / "shard-00001.arrow"
    whole = shard.read_bytes()
    for data in (whole[:-cut], whole + b"\0" * cut):
        shard.write_bytes(data)
        with pytest.raises(DigestError, match=r"shard-00001\.arrow: expected"):
            TokenStore.open(store, verify=False)
    shard.unlink()
    with pytest.raises(DigestError, match="nothing there"):
        TokenStore.open(store, verify=False)


def test_what_is_no_store(tmp_path: Path, example: tuple[Path, Documents]) -> None:
    with pytest.raises(StoreError, match=r'expected a store directory, got "nothing there" .bertwright prep'):
        TokenStore.open(tmp_path / "absent")
    (tmp_path / "corpus.txt").write_text("text")
    with pytest.raises(StoreError, match=r'a store directory, got "a file" .bertwright prepare makes one'):
        TokenStore.open(tmp_path / "corpus.txt")
    with pytest.raises(StoreError, match="unfinished or not ours"):
        TokenStore.open(tmp_path)
    with durable.NewDirectory(tmp_path / "vocabulary", kind="vocabulary"):
        pass
    with pytest.raises(StoreError, match='expected a store, got "a vocabulary"'):
        TokenStore.open(tmp_path / "vocabulary")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"shards": ["../outside.arrow"]}, DigestError),
        ({"shards": []}, StoreError),
        ({"shards": [[]]}, StoreError),
        ({"shards": [1]}, StoreError),
        ({"shards": None}, StoreError),
        ({"tokens": 5}, StoreError),
        ({"documents": "many"}, StoreError),
        ({"documents": True}, StoreError),
        ({"vocab_size": 70_000}, StoreError),
        ({"vocab_size": 0}, StoreError),
    ],
)
def test_a_manifest_that_does_not_fit(tmp_path: Path, fields: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        TokenStore.open(write_store(tmp_path / "store", [[random_documents(3)]], **fields))


def test_ids_beyond_the_vocabulary(tmp_path: Path) -> None:
    path = write_store(tmp_path / "store", [[[[[3, 30]], [[1]]]]], vocab_size=30)
    with pytest.raises(StoreError, match="expected ids below 30"):
        TokenStore.open(path)


def hostile_shards() -> Iterator[tuple[str, pa.Table]]:
    inner = pa.list_(pa.uint16())
    yield "another column", pa.table({"text": ["a"]})
    yield "nulls", pa.table({"sentences": pa.array([None], pa.list_(inner))})
    yield "other type", pa.table({"sentences": pa.array([[[1]]], pa.list_(pa.list_(pa.int64())))})


@pytest.mark.parametrize(("name", "table"), list(hostile_shards()), ids=lambda value: str(value)[:12])
def test_shards_of_another_schema(tmp_path: Path, name: str, table: pa.Table) -> None:
    path = tmp_path / "shard.arrow"
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(StoreError, match=r"shard\.arrow: expected"):
        read_segments(path, 31)
    path.write_bytes(b"ARROW1\0\0 and nothing behind")
    with pytest.raises(StoreError, match=r"shard\.arrow: expected a shard"):
        read_segments(path, 31)


def test_empty_sentences(tmp_path: Path) -> None:
    path = tmp_path / "shard.arrow"
    with path.open("wb") as file:
        writer = ShardWriter(file, 31)
        writer.write(Segment(np.zeros(3, np.uint16), np.array([0, 0, 3]), np.array([0, 2])))
        writer.close()
    with pytest.raises(StoreError, match="ascending offsets"):
        read_segments(path, 31)


def test_mutants_of_a_shard_are_read_or_refused(example: tuple[Path, Documents], tmp_path: Path) -> None:
    """Without digests: whatever the bytes, no other error, and no read outside the file."""
    whole = (example[0] / "shard-00001.arrow").read_bytes()
    chance = random.Random(2)
    refused = 0
    for number in range(600):
        bad = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            bad[chance.randrange(len(bad))] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])
        path = tmp_path / f"{number}.arrow"
        path.write_bytes(bad)
        try:
            total = sum(int(segment.ids.sum()) for segment in read_segments(path, len(VOCABULARY)))
            assert total >= 0
        except StoreError:
            refused += 1
    assert refused > 100


# -- vocabulary ----------------------------------------------------------------------------------------------


def test_the_store_carries_its_tokenizer(example: tuple[Path, Documents]) -> None:
    store = TokenStore.open(example[0])
    assert store.tokenizer().vocabulary == VOCABULARY
    store.require_vocabulary(VOCABULARY)
    with pytest.raises(StoreError, match="no tokenizer"):
        TokenStore.from_documents([[[1]]], 5).tokenizer()


def test_another_vocabulary_is_refused(example: tuple[Path, Documents]) -> None:
    store = TokenStore.open(example[0])
    tokens = list(VOCABULARY.tokens)
    with pytest.raises(StoreError, match="made with 31 tokens, got a vocabulary of 32"):
        store.require_vocabulary(Vocabulary.from_tokens([*tokens, "more"]))
    tokens[-1], tokens[-2] = tokens[-2], tokens[-1]
    with pytest.raises(
        StoreError, match=r"made with another vocabulary: expected digest \w{12}…, got \w{12}…"
    ):
        store.require_vocabulary(Vocabulary.from_tokens(tokens))


# -- held-out documents --------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.02, 0.25, 0.5])
def test_held_out_documents(example: tuple[Path, Documents], share: float) -> None:
    path, documents = example
    store = TokenStore.open(path)
    train, held_out = store.split(share, seed=7)
    assert held_out.num_documents == max(2, round(40 * share))
    assert sorted(contents(train) + contents(held_out)) == sorted(documents)
    for part in (train, held_out):
        order = [documents.index(document) for document in contents(part)]
        assert order == sorted(order)
        assert part.num_tokens == part.sentence_offsets[-1] == sum(len(s) for d in contents(part) for s in d)
        assert part.tokenizer().vocabulary == VOCABULARY
    assert train.digest != held_out.digest != store.digest
    again = TokenStore.open(path).split(share, seed=7)
    assert [part.digest for part in again] == [train.digest, held_out.digest]
    assert contents(again[1]) == contents(held_out)
    assert contents(store.split(share, seed=8)[1]) != contents(held_out)


@given(documents_of_ids.filter(lambda documents: len(documents) > 1), st.integers(0, 9))
def test_a_split_of_a_split(documents: Documents, seed: int) -> None:
    store = TokenStore.from_documents(documents, len(VOCABULARY))
    train, held_out = store.split(0.4, seed)
    assert sorted(contents(train) + contents(held_out)) == sorted(documents)
    if train.num_documents > 1:
        first, second = train.split(0.4, seed)
        assert sorted(contents(first) + contents(second)) == sorted(contents(train))


def test_every_document_is_held_out_equally_often() -> None:
    store = TokenStore.from_documents([[[number]] for number in range(20)], 20)
    counts = np.zeros(20)
    for seed in range(500):
        counts[[d[0][0] for d in contents(store.split(0.2, seed)[1])]] += 1
    assert counts.sum() == 2000
    assert 60 < counts.min() <= counts.max() < 140


def test_shares_that_are_none() -> None:
    store = TokenStore.from_documents([[[1]], [[2]]], 5)
    for share in (0, -0.1, 0.51, 1, float("nan")):
        with pytest.raises(StoreError, match="held-out share"):
            store.split(share, 0)
    with pytest.raises(StoreError, match="at least two documents"):
        TokenStore.from_documents([[[1]]], 5).split(0.1, 0)


@given(documents_of_ids, st.integers(1, 4), st.integers(0, 9))
def test_cut_documents(documents: Documents, sentences: int, seed: int) -> None:
    """Of a whole store, of a selection, and selected from; however their tokens are read."""
    count = sum(len(sentence) for document in documents for sentence in document)
    store = TokenStore.from_documents(documents, len(VOCABULARY), [n % 3 == 0 for n in range(count)])
    for part in [store, *store.split(0.4, seed)] if len(documents) > 1 else [store]:
        cut = part.cut(sentences)
        expected = [d[n : n + sentences] for d in contents(part) for n in range(0, len(d), sentences)]
        assert contents(cut) == expected
        assert cut.digest not in (part.digest, part.cut(sentences + 1).digest)
        bounds = cut.sentence_offsets.tolist()
        assert bounds == part.sentence_offsets.tolist()
        shards, places = cut.locate(cut.sentence_offsets[:-1])
        first = [int(cut.shard_tokens[shard][place]) for shard, place in zip(shards, places, strict=True)]
        assert first == [sentence[0] for document in expected for sentence in document]
        for start, stop in pairwise(bounds):
            assert np.array_equal(cut.word_starts(start, stop), part.word_starts(start, stop))
        if cut.num_documents > 1:
            train, held_out = cut.split(0.4, seed)
            assert sorted(contents(train) + contents(held_out)) == sorted(expected)


def test_cut_over_several_shards(example: tuple[Path, Documents]) -> None:
    path, documents = example
    cut = TokenStore.open(path).cut(2)
    assert len(cut.shard_tokens) > 1
    assert contents(cut) == [d[n : n + 2] for d in documents for n in range(0, len(d), 2)]
    train, held_out = cut.split(0.3, seed=1)
    assert sorted(contents(train) + contents(held_out)) == sorted(contents(cut))


def test_the_manifest_is_readable(example: tuple[Path, Documents]) -> None:
    record = json.loads((example[0] / "manifest.json").read_text())
    assert record["format"] == "bertwright/store/1"
    assert record["documents"] == 40
