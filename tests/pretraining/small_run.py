"""A small pre-training run for the tests: 60 documents of made-up words, 2 layers of 32."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from small_models import WORDS, tokenizer
from training.toy_run import WALL_CLOCK

from bertwright.checkpoints.tensor_file import read_tensors
from bertwright.config.settings import load
from bertwright.data.store import TokenStore
from bertwright.pretraining.config import PretrainingSettings
from bertwright.pretraining.run import PretrainingSummary, pretrain
from bertwright.randomness import generator
from bertwright.tokenization.tokenizer import Tokenizer

DEFAULTS: dict[str, Any] = {
    "steps": 12,
    "size": "tiny",
    "hidden_size": 32,
    "num_attention_heads": 2,
    "batch_size": 8,
    "micro_batch_size": 4,
    "sequence_length": 24,
    "long_sequence_length": 40,
    "long_share": 0.25,
    "max_position_embeddings": 40,
    "held_out_share": 0.1,
    "dropout": 0.1,
    "log_every": 1,
    "evaluations": 3,
    "evaluation_instances": 16,
    "checkpoint_every": 5,
    "tensorboard": False,
    "precision": "fp32",
}


def settings(**changes: Any) -> PretrainingSettings:
    """The small run's settings with ``changes``."""
    values = {**DEFAULTS, **changes}
    if values.get("objective") == "bilm":  # which has no attention
        values["num_attention_heads"] = None
    return load(PretrainingSettings, overrides=values).value


def texts(documents: int = 60) -> list[list[str]]:
    """Documents of sentences; a word depends on the one before it, so that there is something to learn."""
    result = []
    for number in range(documents):
        draw = generator(7, "texts", number)
        sentences = []
        for _ in range(int(draw.integers(3, 9))):
            word, words = int(draw.integers(len(WORDS))), []
            for _ in range(int(draw.integers(4, 12))):
                words.append(WORDS[word])
                word = (word * 3 + int(draw.integers(3))) % len(WORDS)
            sentences.append(" ".join(words) + " .")
        result.append(sentences)
    return result


def memory_store(documents: int = 60, words: Tokenizer | None = None) -> tuple[TokenStore, Tokenizer]:
    """The documents as a store in memory, with its tokenizer."""
    words = words or tokenizer()
    ids = [[words.encode(sentence).ids for sentence in document] for document in texts(documents)]
    return TokenStore.from_documents(ids, len(words.vocabulary)), words


def run(output: Path, *, resume: Any = False, overwrite: bool = False, **changes: Any) -> PretrainingSummary:
    """Pre-train on :func:`memory_store`."""
    store, words = memory_store()
    return pretrain(store, output, settings(**changes), tokenizer=words, resume=resume, overwrite=overwrite)


def records(output: Path) -> list[dict[str, Any]]:
    """The log without its wall-clock fields."""
    lines = (output / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in WALL_CLOCK} for line in lines]


def fingerprint(output: Path) -> str:
    """SHA-256 over the newest checkpoint's weights and moments, the final model's weights, and the log."""
    newest = max(
        (output / "checkpoints").glob("step-*"), key=lambda path: int(path.name.removeprefix("step-"))
    )
    digest = hashlib.sha256(json.dumps(records(output)).encode())
    files = [
        newest / "weights.safetensors",
        newest / "optimizer.safetensors",
        output / "model/model.safetensors",
    ]
    for file in files:
        for name, tensor in sorted(read_tensors(file).items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def tree(folder: Path) -> dict[str, str]:
    """Every file below ``folder`` and its digest."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
