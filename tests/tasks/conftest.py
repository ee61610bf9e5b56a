"""A very small pre-trained model, and a task that it can learn in seconds."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from bertwright.checkpoints.model_folder import save_model
from bertwright.model.config import BertConfig
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.tokenization import Tokenizer, Vocabulary

GOOD = ["fine", "lovely", "great", "superb"]
BAD = ["dull", "poor", "awful", "boring"]
OTHER = ["the", "film", "was", "a", "and", "very", "plot", "actor"]
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *GOOD, *BAD, *OTHER, "##s", ".", ","]


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer(Vocabulary.from_tokens(TOKENS))


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> Path:
    """A model folder; its weights are random, which is enough for words to decide a label."""
    config = BertConfig(
        vocab_size=len(TOKENS),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=40,
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
    )
    path = tmp_path_factory.mktemp("pretrained") / "model"
    save_model(path, BertForPreTraining(config, seed=3), tokenizer, task=None, provenance={})
    return path


def reviews(count: int, seed: int, *, longest: int = 8) -> list[tuple[str, str]]:
    """Texts of common words with one good or bad one among them, and which it is."""
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        label = chance.choice(["good", "bad"])
        words = chance.choices(OTHER, k=chance.randint(1, longest))
        words.insert(chance.randrange(len(words) + 1), chance.choice(GOOD if label == "good" else BAD))
        rows.append((" ".join(words), label))
    return rows


@pytest.fixture(scope="session")
def review_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A training and a development file that can be told apart by single words."""
    folder = tmp_path_factory.mktemp("reviews")
    paths = folder / "train.tsv", folder / "dev.tsv"
    for path, rows in zip(paths, (reviews(256, 1), reviews(64, 2)), strict=True):
        write_table(path, rows)
    return paths


def write_table(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows), encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str, list[tuple[str, str]]], Path]:
    return lambda name, rows: write_table(tmp_path / name, rows)
