"""A comparison that takes seconds: 40 documents, one layer of 16, a task of two labels and one of tags."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from typing import Any

from pretraining.small_run import texts

from bertwright.checkpoints.tensor_file import read_tensors
from bertwright.comparison.result import Comparison
from bertwright.comparison.run import compare
from bertwright.comparison.settings import ComparisonSettings
from bertwright.config.settings import load
from bertwright.progress import Silent

GOOD, BAD = ["good", "great"], ["bad", "dull"]
OTHER = ["the", "film", "book", "was", "a", "and", "very", "plain"]
CLOCK = {"seconds"}
"""Names of figures that the clock decides."""


def write_files(folder: Path) -> None:
    """A corpus, reviews (.tsv) and tagged sentences (.txt)."""
    folder.mkdir(exist_ok=True)
    documents = ["\n".join(document) for document in texts(40)]
    (folder / "corpus.txt").write_text("\n\n".join(documents) + "\n")
    chance = random.Random(1)
    for part, count in (("train", 64), ("dev", 24)):
        rows, tagged = ["text\tlabel"], []
        for _ in range(count):
            label = chance.choice(["good", "bad"])
            words = chance.choices(OTHER, k=chance.randint(2, 5))
            words.insert(chance.randrange(len(words) + 1), chance.choice(GOOD if label == "good" else BAD))
            rows.append(f"{' '.join(words)}\t{label}")
            sentence = chance.choices([*OTHER, "paris", "france"], k=chance.randint(2, 5))
            tags = ["B-LOC" if word in ("paris", "france") else "O" for word in sentence]
            tagged.append("\n".join(f"{word} {tag}" for word, tag in zip(sentence, tags, strict=True)))
        (folder / f"{part}.tsv").write_text("\n".join(rows) + "\n")
        (folder / f"{part}.txt").write_text("\n\n".join(tagged) + "\n")


def values(folder: Path, **changes: Any) -> dict[str, Any]:
    """Settings by dotted name."""
    return {
        "corpus": [str(folder / "corpus.txt")],
        "vocabulary_size": 300,
        "one_sentence_per_line": True,
        "seeds": [0, 1],
        "resamples": 50,
        "pretraining.steps": 6,
        "pretraining.size": "tiny",
        "pretraining.num_hidden_layers": 1,
        "pretraining.hidden_size": 16,
        "pretraining.num_attention_heads": 2,
        "pretraining.batch_size": 4,
        "pretraining.sequence_length": 16,
        "pretraining.long_share": 0,
        "pretraining.max_position_embeddings": 32,
        "pretraining.held_out_share": 0.2,
        "pretraining.evaluations": 0,
        "pretraining.evaluation_instances": 8,
        "pretraining.tensorboard": False,
        "pretraining.precision": "fp32",
        "finetuning.epochs": 2,
        "finetuning.learning_rate": 0.02,
        "finetuning.batch_size": 16,
        "finetuning.restarts": 0,
        "finetuning.precision": "fp32",
        "finetuning.max_length": 16,
        "finetuning.features.epochs": 1,
        "finetuning.features.lstm_size": 4,
        "tasks.reviews.kind": "classify",
        "tasks.reviews.train": str(folder / "train.tsv"),
        "tasks.reviews.dev": str(folder / "dev.tsv"),
        **changes,
    }


def tags(folder: Path) -> dict[str, Any]:
    """The other task, which the paper has too."""
    return {
        "tasks.CoNLL-2003.train": str(folder / "train.txt"),
        "tasks.CoNLL-2003.dev": str(folder / "dev.txt"),
    }


def settings(folder: Path, **changes: Any) -> ComparisonSettings:
    """Of :func:`values`; a None takes a value away."""
    chosen = {name: value for name, value in values(folder, **changes).items() if value is not None}
    return load(ComparisonSettings, overrides=chosen).value


def run(kind: str, folder: Path, output: Path, *, changes: dict[str, Any], **request: Any) -> Comparison:
    """A comparison by the settings with ``changes``."""
    return compare(kind, settings(folder, **changes), output, **request)


def told(record: Any) -> Any:
    """A record without what the clock decides."""
    if isinstance(record, dict):
        return {name: told(value) for name, value in record.items() if name not in CLOCK}
    return [told(value) for value in record] if isinstance(record, list) else record


def weights(output: Path) -> dict[str, bytes]:
    """The weights of every encoder that was made."""
    return {
        folder.name: b"".join(
            name.encode() + tensor.numpy().tobytes()
            for name, tensor in sorted(read_tensors(folder / "model.safetensors").items())
        )
        for folder in sorted(output.glob("model-*"))
    }


class StopAfter(Silent):
    """Asks to stop when so many steps are done in this process, of pre-training and of fine-tuning."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.said: list[str] = []

    def start(self, description: str, total: float | None = None, unit: str = "") -> None:
        self._counts, self._first = unit == "steps", True

    def advance(self, amount: float = 1, note: str = "") -> None:
        first, self._first = self._first, False
        if not self._counts or first or not amount:  # the first one tells of an earlier process's steps
            return
        self.left -= int(amount)
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)

    def say(self, message: str) -> None:
        self.said.append(message)
