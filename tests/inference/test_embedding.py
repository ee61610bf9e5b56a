"""Vectors of texts: batches by property, values against transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_models import POSITIONS, WORDS, save_left_to_right, save_pretrained

from bertwright.errors import NonFiniteError, UsageError
from bertwright.inference.model import Model, load

TEXTS = [
    "the capital of france",
    "",
    "he opened the door and saw the sea.",
    "good",
    "the night " * 30,
    "She   walked",
]


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_same_vectors_as_transformers(pretrained: Model, pretrained_folder: Path, pooling: str) -> None:
    transformers = pytest.importorskip("transformers")
    model = transformers.BertModel.from_pretrained(pretrained_folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(pretrained_folder)
    vectors = pretrained.embed(TEXTS, pooling=pooling)
    assert vectors.shape == (len(TEXTS), 48)
    assert vectors.dtype == np.float32
    for text, vector in zip(TEXTS, vectors, strict=True):
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=POSITIONS)
        with torch.inference_mode():
            hidden = model(**inputs).last_hidden_state[0]
        expected = {"mean": hidden.mean(0), "cls": hidden[0], "max": hidden.amax(0)}[pooling]
        np.testing.assert_allclose(vector, expected.numpy(), atol=1e-5)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join), max_size=12),
    tokens_per_batch=st.integers(1, 400),
)
def test_order_and_batches_do_not_matter(pretrained: Model, texts: list[str], tokens_per_batch: int) -> None:
    together = pretrained.embed_texts(texts, tokens_per_batch=tokens_per_batch)
    assert together.vectors.shape == (len(texts), 48)
    for text, vector in zip(texts, together.vectors, strict=True):
        np.testing.assert_allclose(vector, pretrained.embed([text])[0], atol=1e-5)
    assert together.truncated == sum(len(text.split()) > POSITIONS - 2 for text in texts)


def test_length_limit(pretrained: Model) -> None:
    cut = pretrained.embed_texts(["the sea was dark", "the sea"], max_length=4)
    np.testing.assert_allclose(cut.vectors[0], cut.vectors[1], atol=1e-6)
    assert cut.truncated == 1


@pytest.mark.parametrize("length", [0, 2, POSITIONS + 1])
def test_impossible_length(pretrained: Model, length: int) -> None:
    with pytest.raises(UsageError, match=f"max_length: expected 3 to {POSITIONS}, .* got {length}"):
        pretrained.embed(["the sea"], max_length=length)


def test_unknown_pooling(pretrained: Model) -> None:
    with pytest.raises(UsageError, match=r'pooling: expected one of mean, cls, max, .* got "sum"'):
        pretrained.embed(["the sea"], pooling="sum")  # type: ignore[arg-type]


def test_one_text_is_no_list(pretrained: Model) -> None:
    with pytest.raises(UsageError, match="expected a list of texts"):
        pretrained.embed("the sea")


def test_special_tokens_in_text_are_text(pretrained: Model) -> None:
    """Typed special tokens are never special: `[SEP]` is spelled, and changes nothing about the segments."""
    typed, spelled = pretrained.embed(["the [SEP] sea", "the [ sep ] sea"])
    np.testing.assert_allclose(typed, spelled, atol=1e-6)


def test_weights_that_give_no_numbers(tmp_path: Path) -> None:
    model = load(save_pretrained(tmp_path / "model"))
    with torch.no_grad():
        next(model.encoder.parameters()).fill_(float("nan"))
    with pytest.raises(NonFiniteError, match="not finite"):
        model.embed(["the sea"])


def test_the_first_token_of_a_left_to_right_model_stands_for_nothing(tmp_path: Path) -> None:
    model = load(save_left_to_right(tmp_path / "model"))
    with pytest.raises(UsageError, match="expected mean, max or lasttoken of a left-to-right model"):
        model.embed(["the sea"], pooling="cls")
    assert model.embed(["the sea"], pooling="lasttoken").shape == (1, model.config.hidden_size)
