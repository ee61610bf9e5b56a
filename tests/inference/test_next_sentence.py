"""The next-sentence head, against transformers on the same folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bertwright.errors import InputError, ModelError
from bertwright.inference.model import Model

PAIRS = [
    ("he opened the door", "the room was dark"),
    ("the sea", "a book of paris ."),
    ("he said", "she said that they always walked to the house by the river at night ."),
]


def test_same_probability_as_transformers(pretrained: Model, pretrained_folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    model = transformers.BertForPreTraining.from_pretrained(pretrained_folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(pretrained_folder)
    seen = set()
    for a, b in PAIRS:
        with torch.inference_mode():
            logits = model(**tokenizer(a, b, return_tensors="pt")).seq_relationship_logits[0]
        expected = float(torch.softmax(logits.double(), 0)[0])
        assert pretrained.next_sentence(a, b) == pytest.approx(expected, abs=1e-5)
        seen.add(round(expected, 4))
    assert len(seen) == len(PAIRS)


def test_order_matters(pretrained: Model) -> None:
    a, b = PAIRS[0]
    assert abs(pretrained.next_sentence(a, b) - pretrained.next_sentence(b, a)) > 1e-4


def test_long_pairs_are_cut_and_told(pretrained: Model) -> None:
    assert not pretrained.next_sentence_answer("the sea", "the door").truncated
    answer = pretrained.next_sentence_answer("the sea " * 30, "the door")
    assert answer.truncated
    assert 0 <= answer.is_next <= 1


@pytest.mark.parametrize(("a", "b", "name"), [("", "the sea", "A"), ("the sea", " \n\t", "B")])
def test_empty_texts(pretrained: Model, a: str, b: str, name: str) -> None:
    with pytest.raises(InputError, match=f"{name}: expected a sentence, got nothing but white space"):
        pretrained.next_sentence(a, b)


def test_model_without_the_head(classifier: Model) -> None:
    with pytest.raises(ModelError, match="next sentence head"):
        classifier.next_sentence("a", "b")
