"""A hundred thousand damaged files in model folders: our own error or a model, no crash, hang or bloat."""

from __future__ import annotations

import json
import resource
import shutil
import time
import zlib
from pathlib import Path

import pytest
import safetensors.torch
import small_models
from mutants import mutants

from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.errors import InputError
from bertwright.model.token_classifier import TokenClassifier
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import Vocabulary

FILES = (
    "model.safetensors",
    "config.json",
    "model.safetensors.index.json",
    "tokenizer_config.json",
    "bertwright.json",
)
BLOCKS = 40
EACH = 500
"""Mutants of a block: five files, forty blocks, a hundred thousand."""
SECONDS = 2.0
MEMORY = 256 << 20


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small folders in which each file is one that counts."""
    home = tmp_path_factory.mktemp("mutations")
    letters = [*"abcdefgh", "##a", "##b"]
    words = Tokenizer(Vocabulary.from_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]))
    config = small_models.config(len(words.vocabulary)).model_copy(
        update={"hidden_size": 4, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 3}
    )
    task = {"kind": "tag", "labels": ["A", "B"]}
    save_model(home / "ours", TokenClassifier(config, 2), words, task=task, provenance={})
    shutil.copytree(home / "ours", home / "theirs")
    (home / "theirs" / "bertwright.json").unlink()
    shutil.copytree(home / "theirs", home / "shards")
    (home / "shards" / "model.safetensors").unlink()
    tensors = safetensors.torch.load_file(home / "ours" / "model.safetensors")
    names = sorted(tensors)
    parts = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for file, part in parts.items():
        safetensors.torch.save_file({name: tensors[name] for name in part}, home / "shards" / file)
    index = {"weight_map": {name: file for file, part in parts.items() for name in part}}
    (home / "shards" / "model.safetensors.index.json").write_text(json.dumps(index))
    folders = {"bertwright.json": "ours", "model.safetensors.index.json": "shards"}
    return {file: home / folders.get(file, "theirs") for file in FILES}


def survive(file: str, seed: int, source: Path, home: Path) -> int:
    """Open a folder with each mutant of ``file``; gives how many were refused."""
    shutil.copytree(source, home / "folder")
    path = home / "folder" / file
    good, refused = path.read_bytes(), 0
    reach = 8 + int.from_bytes(good[:8], "little") if file.endswith(".safetensors") else len(good)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for mutant in mutants(good, EACH, zlib.crc32(f"{file} {seed}".encode()), reach):
        path.write_bytes(mutant)
        started = time.process_time()
        try:
            open_model(home / "folder")
        except InputError as problem:
            assert "\n" not in problem.message
            refused += 1
        assert time.process_time() - started < SECONDS, mutant
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < MEMORY
    return refused


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, BLOCKS))]
)
def test_damaged_files(file: str, seed: int, sources: dict[str, Path], tmp_path: Path) -> None:
    open_model(sources[file])  # what is damaged is good at first
    refused = survive(file, seed, sources[file], tmp_path)
    assert refused > EACH // 4  # tokenizer_config.json holds much that means nothing here


def test_a_hundred_thousand() -> None:
    assert len(FILES) * BLOCKS * EACH == 100_000
