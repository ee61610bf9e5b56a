"""The card: front matter that hubs read, and the facts."""

from __future__ import annotations

from bertwright.checkpoints.model_card import model_card
from bertwright.model.config import BertConfig

CONFIG = BertConfig.published("tiny")


def test_pretraining() -> None:
    card = model_card(CONFIG, "BertForPreTraining", 4_433_468, None, {"corpus": "Ünïcode"})
    assert card.startswith("---\nlibrary_name: transformers\n")
    assert "pipeline_tag: fill-mask" in card
    assert "4,433,468 parameters: 2 layers of 2 heads" in card
    assert '"corpus": "Ünïcode"' in card
    assert "## Task" not in card


def test_classification() -> None:
    card = model_card(CONFIG, "BertForSequenceClassification", 1, {"labels": ["a"]}, {})
    assert "pipeline_tag: text-classification" in card
    assert "## Task" in card and "## Made from" not in card


def test_encoder() -> None:
    assert "pipeline_tag" not in model_card(CONFIG, "BertModel", 1, None, {})
