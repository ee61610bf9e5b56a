"""A hundred thousand damaged indexes, and configurations: our error or an opened model, soon, in bounds.

Most damage is seen by a checksum. So blocks are also damaged before their checksum is made, plain or
compressed, and records before they are put into blocks: what someone hostile would write.
"""

from __future__ import annotations

import random
import resource
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from shared import shared_path
from small_bundles import block_of, by_tensorflow, entry, table_of_blocks, write

from bertwright import strict_json
from bertwright.checkpoints.model_folder import open_model
from bertwright.checkpoints.tensorflow.bundle import TensorBundle
from bertwright.checkpoints.tensorflow.entries import Record
from bertwright.checkpoints.tensorflow.slices import Slice
from bertwright.checkpoints.tensorflow.table import read_table, table_bytes
from bertwright.errors import InputError, ModelError
from bertwright.model.config import BertConfig

PARTS, A_PART = 40, 2_500  # the first part is always run
SHARES = [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, PARTS))]
SECONDS, MIB = 1.0, 100


def damaged(data: bytes, rng: random.Random) -> bytes:
    """One to four changes: a byte set, a bit turned, bytes put in, taken out, moved or cut off."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(changed)) if changed else 0
        kind = rng.randrange(7)
        if kind == 0 and changed:
            changed[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        elif kind == 1 and changed:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            changed[at:at] = rng.randbytes(rng.randint(1, 4))
        elif kind == 3:
            del changed[at : at + rng.randint(1, 4)]
        elif kind == 4:
            changed[at:at] = changed[rng.randrange(len(changed) + 1) :][: rng.randint(1, 30)]
        elif kind == 5:
            changed[at:at] = b"\xff" * rng.randint(1, 10) + b"\x01"
        elif rng.random() < 0.1:
            del changed[at:]
    return bytes(changed)


def of_file(good: list[tuple[bytes, bytes]], rng: random.Random) -> bytes:
    return damaged(table_bytes(good, rng.choice([20, 1 << 18])), rng)


def of_block(good: list[tuple[bytes, bytes]], rng: random.Random) -> bytes:
    return table_of_blocks([(good[-1][0], damaged(block_of(good), rng), 0)])


def of_compressed_block(good: list[tuple[bytes, bytes]], rng: random.Random) -> bytes:
    block = pyarrow.compress(block_of(good), "snappy", asbytes=True)
    return table_of_blocks([(good[-1][0], damaged(block, rng), 1)])


def of_record(good: list[tuple[bytes, bytes]], rng: random.Random) -> bytes:
    records = dict(good)
    key = rng.choice(list(records))
    value = records.pop(key)
    changed = key if rng.random() < 0.8 else damaged(key, rng)
    records[changed] = damaged(value, rng) if changed == key else value
    return table_bytes(sorted(records.items()))


WAYS: tuple[Callable[[list[tuple[bytes, bytes]], random.Random], bytes], ...] = (
    of_file,
    of_block,
    of_compressed_block,
    of_record,
    of_record,
)


@pytest.fixture
def prefixes(tmp_path: Path) -> list[Path]:
    """A checkpoint of TensorFlow's with three data files, and one of all kinds of entries in one file."""
    made, theirs = tmp_path / "made", tmp_path / "theirs"
    made.mkdir()
    theirs.mkdir()
    whole, first, second = bytes(range(24)), bytes(16), bytes(8)
    slices = Slice(((0, 2), (0, -1))), Slice(((2, 1), (0, -1)))
    records = {
        slices[0].key("rows"): entry(first, 2, 2, offset=24),
        slices[1].key("rows"): entry(second, 1, 2, offset=40),
        b"a/kernel": entry(whole, 2, 3),
        b"a/kernel/adam_m": entry(b"", 0, 9, offset=24),
        b"global_step": entry(second, number=9, offset=48),
        b"rows": Record(1, (3, 2), slices=slices),
        b"text": entry(b"\1a", 1, number=7, offset=56),
    }
    data = whole + first + second + second + b"\1a"
    encoded = {key: record.encoded() for key, record in records.items()}
    return [write(made, encoded, data), by_tensorflow(theirs)]


def opened(prefix: Path) -> str:
    """Open a checkpoint and read all of it; what came of it in a word."""
    start = time.process_time()
    try:
        bundle = TensorBundle(prefix)
        for name, found in bundle.entries.items():
            if found.dtype is not None:
                bundle.read(name)
        outcome = "opened"
    except ModelError as problem:
        assert len(problem.message) < 400 and "\n" not in problem.message
        outcome = str(problem).split("expected ")[1].split(",")[0][:24]
    assert time.process_time() - start < SECONDS
    return outcome


@pytest.mark.parametrize("part", SHARES)
def test_damaged_indexes(part: int, prefixes: list[Path]) -> None:
    rng = random.Random(f"indexes {part}")
    goods = [read_table(prefix.with_suffix(".index")) for prefix in prefixes]
    assert [opened(prefix) for prefix in prefixes] == ["opened", "opened"]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes: Counter[str] = Counter()
    for number in range(A_PART):
        which = number % 2
        table = WAYS[number % len(WAYS)](goods[which], rng)
        prefixes[which].with_suffix(".index").write_bytes(table)
        outcomes[opened(prefixes[which])] += 1
    assert outcomes.total() == A_PART
    assert len(outcomes) > 30, outcomes  # the damage reaches every floor of the reader
    assert 0 < outcomes["opened"] < 0.2 * A_PART
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MIB << 10


@pytest.mark.parametrize("part", SHARES)
def test_damaged_configurations(part: int, tmp_path: Path) -> None:
    """Read alone; those that read well also with their checkpoint, which most of them do not fit."""
    rng = random.Random(f"configurations {part}")
    folder = tmp_path / "model"
    shutil.copytree(shared_path("models/tiny-tf-checkpoint"), folder, copy_function=shutil.copyfile)
    folder.chmod(0o755)
    path = folder / "bert_config.json"
    good = path.read_bytes()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes: Counter[str] = Counter()
    for _ in range(A_PART // 3):
        path.write_bytes(damaged(good, rng))
        start = time.process_time()
        try:
            BertConfig.from_tensorflow(strict_json.load(path, error=ModelError), path)
            open_model(folder)
            outcomes["opened"] += 1
        except InputError as problem:
            assert "\n" not in problem.message
            outcomes["refused"] += 1
        assert time.process_time() - start < 5 * SECONDS
    assert outcomes.total() == A_PART // 3
    assert min(outcomes["opened"], outcomes["refused"]) > A_PART // 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 5 * MIB << 10


def test_damaged_data_is_never_taken(prefixes: list[Path]) -> None:
    """Data files have no byte that is not under a checksum, but for padding, which these lack."""
    rng = random.Random("data")
    for prefix in prefixes:
        for file in TensorBundle(prefix).files:
            good = file.read_bytes()
            for _ in range(100):
                bad = damaged(good, rng)
                file.write_bytes(bad)
                text = len(good) - 2 if prefix == prefixes[0] else len(good)  # which is not read
                assert (opened(prefix) == "opened") == (bad[:text] == good[:text] and len(bad) >= len(good))
            file.write_bytes(good)


def test_a_hundred_thousand() -> None:
    assert PARTS * A_PART == 100_000
