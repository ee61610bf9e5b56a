"""The card: front matter that hubs read, the facts and figures, and nothing that a value could break."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import small_models
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bertwright.checkpoints.card_text import number, plain, scalar
from bertwright.checkpoints.environment import environment
from bertwright.checkpoints.model_card import model_card
from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.checkpoints.sentence_recipe import SentenceRecipe
from bertwright.model.bilm_config import BilmConfig
from bertwright.model.config import BertConfig
from bertwright.model.encoder import BertEncoder

CONFIG = BertConfig.published("tiny")
PRETRAINING = {
    "data": {"version": "0.1.0", "store": "abc", "documents": 20430, "tokens": 4691876},
    "training": {
        "steps": 1200,
        "tokens": 3000000,
        "mlm_loss": 3.25,
        "mlm_accuracy": 0.41,
        "nsp_accuracy": 0.75,
        "baselines": {
            "most_frequent": {"accuracy": 0.05, "loss": 7.0},
            "bigram": {"accuracy": 0.2, "loss": 5.5},
        },
    },
    "settings": {"size": "tiny", "learning_rate": 0.001},
    "environment": {"torch": "2.13.0", "threads": 2, "processor": "Some | CPU"},
}
FINETUNING = {
    "from_model": "d3a859",
    "train": {"file": "train.tsv", "rows": 60, "truncated": 0},
    "dev": {"file": "dev.tsv", "rows": 30, "truncated": 1},
    "settings": {"epochs": 3},
    "baseline": {"accuracy": 0.5},
    "best_seed": 1,
    "seeds": [
        {"seed": 0, "metrics": {"accuracy": 0.7, "loss": 0.6}},
        {"seed": 1, "metrics": {"accuracy": 0.9, "loss": math.nan}},
    ],
}
TASK = {
    "kind": "classify",
    "labels": ["a", "b"],
    "metric": "accuracy",
    "metrics": {"accuracy": 0.9, "loss": 0.4},
}


def front(card: str) -> dict[str, Any]:
    """The front matter as YAML has it."""
    _, matter, _ = card.split("---\n", 2)
    values: dict[str, Any] = yaml.safe_load(matter)
    return values


def test_pretraining() -> None:
    card = model_card(
        CONFIG, "BertForPreTraining", 4_433_468, None, PRETRAINING, tokenizer=small_models.tokenizer()
    )
    assert front(card)["pipeline_tag"] == "fill-mask"
    assert "4,433,468 parameters: 2 layers of 2 heads" in card
    assert "| bigram | 0.2000 | 5.5000 |\n| this model | 0.4100 | 3.2500 |" in card
    assert "Pairs of sentences told apart: 0.7500" in card
    assert "| documents | 20,430 |" in card
    assert "| word pieces | 155 |" in card
    assert r"| processor | Some \| CPU |" in card
    assert '"learning_rate": 0.001' in card
    for library in ("import bertwright", "from transformers import", "from sentence_transformers import"):
        assert library in card
    assert "## Task" not in card


@pytest.mark.parametrize(("name", "guessed"), [("clm", "Next tokens"), ("bilm", "Next and previous tokens")])
def test_pretraining_of_other_kinds(name: str, guessed: str) -> None:
    """The loss that was not measured is there as None in a run's summary."""
    figures = {"mlm_loss": None, f"{name}_loss": 4.5, f"{name}_accuracy": 0.25, "steps": 100}
    card = model_card(CONFIG, "BertForPreTraining", 1, None, {"training": figures})
    assert f"{guessed} of held-out documents:" in card
    assert "| this model | 0.2500 | 4.5000 |" in card
    assert "Masked words" not in card


def test_finetuning() -> None:
    card = model_card(CONFIG, "BertForSequenceClassification", 1, TASK, FINETUNING)
    found = front(card)
    assert found["pipeline_tag"] == "text-classification"
    (result,) = found["model-index"][0]["results"]
    assert result["task"] == {"type": "text-classification"}
    assert result["dataset"] == {"name": "dev.tsv", "type": "dev.tsv"}
    assert result["metrics"] == [{"type": "accuracy", "value": 0.9}]
    assert "| accuracy | 0.9000 | 0.8000 ± 0.1414 | 0.5000 |" in card
    assert "| loss | 0.4000 | one seed |" in card
    assert "| training | train.tsv | 60 | 0 |" in card
    assert "the model is that of seed 1, chosen by accuracy" in card
    assert "Adapted from the model d3a859." in card
    assert "sentence_transformers" not in card, "its vectors were trained for something else"


def test_what_others_do_not_open_is_not_offered_to_them() -> None:
    bilm = BilmConfig.published("tiny", vocab_size=100, num_attention_heads=1)
    found = front(model_card(bilm, "BilmForPreTraining", 1, None, PRETRAINING))
    assert found == {"library_name": "bertwright", "tags": ["bertwright"]}
    last = CONFIG.model_copy(update={"is_decoder": True, "pooled_token": "last"})
    card = model_card(last, "BertForSequenceClassification", 1, TASK, FINETUNING)
    assert "Do not use them here" in card and "pipeline_tag" not in front(card)
    assert front(model_card(last, "BertLMHeadModel", 1, None, {}))["pipeline_tag"] == "text-generation"


def test_the_hub_reads_it() -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(model_card(CONFIG, "BertForSequenceClassification", 1, TASK, FINETUNING))
    assert card.data.pipeline_tag == "text-classification"
    (result,) = card.data.eval_results
    assert (result.metric_type, result.metric_value, result.dataset_name) == ("accuracy", 0.9, "dev.tsv")
    card = hub.ModelCard(model_card(CONFIG, "BertModel", 1, None, {}, sentences=SentenceRecipe("cls")))
    assert card.data.library_name == "sentence-transformers"
    assert "Vectors of texts: cls pooling." in card.text


def test_encoder() -> None:
    card = model_card(CONFIG, "BertModel", 1, None, {})
    assert "pipeline_tag" not in front(card)
    assert "## Figures" not in card and "## Data" not in card and "## Recipe" not in card


def test_origins() -> None:
    origin = {"name": "bert_base", "format": "TensorFlow 1", "digest": "ab*c"}
    card = model_card(CONFIG, "BertModel", 1, None, {"converted_from": origin})
    assert r"Converted from bert\_base, format TensorFlow 1, digest ab\*c." in card
    card = model_card(CONFIG, "BertModel", 1, None, {"extended_from": {"name": "x", "added": 1000}})
    assert "Vocabulary extended from x, added 1,000." in card


HOSTILE = (
    '---\nlicense: "x"\n```\n# <script>alert(1)</script> | [a](javascript:b) '
    "`c` \\ \x7f\x85\u2028 &amp; 😀 \ud800"
)


def outside_fences(body: str) -> str:
    """The lines that are no code."""
    lines, inside = [], False
    for line in body.split("\n"):
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            lines.append(line)
    assert not inside
    return "\n".join(lines)


def test_values_mean_nothing_in_the_card() -> None:
    rows = {"file": HOSTILE, "rows": 1, "truncated": 0}
    provenance = {
        "train": rows,
        "dev": rows,
        "from_model": HOSTILE,
        "environment": {HOSTILE: HOSTILE},
        "data": {"store": HOSTILE},
    }
    task = {"kind": "classify", "metric": HOSTILE, "metrics": {HOSTILE[:20]: 0.5}}
    card = model_card(CONFIG, "BertForSequenceClassification", 1, task, provenance)
    found = front(card)
    assert found["library_name"] == "transformers"
    assert found["model-index"][0]["results"][0]["dataset"]["name"] == HOSTILE.replace("\ud800", "\ufffd")
    body = card.split("---\n", 2)[2]
    outside = outside_fences(body)
    assert "<script>" not in outside and "\n---" not in body and "[a](" not in outside
    assert [line for line in outside.split("\n") if line.startswith("# ")] == [
        "# BertForSequenceClassification, 2 layers, hidden size 128"
    ]


@given(st.text())
def test_scalars_are_what_they_were(text: str) -> None:
    expected = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    assert yaml.safe_load(f"key: {scalar(text)}") == {"key": expected}


@given(st.text())
def test_plain_text_is_one_line_without_markup(text: str) -> None:
    shown = plain(text)
    assert "\n" not in shown and "<" not in shown
    assert all(shown[place - 1] == "\\" for place, c in enumerate(shown) if c in "|`*_")


def test_numbers() -> None:
    assert [number(value) for value in (True, None, 12345, 0.5, 3e-5, 12345.6, "a|b")] == [
        *("yes", "none", "12,345", "0.5000", "3e-05", "1.235e+04"),
        r"a\|b",
    ]


def test_it_is_written_with_every_model(tmp_path: Path) -> None:
    words = small_models.tokenizer()
    encoder = BertEncoder(small_models.config(len(words.vocabulary)))
    save_model(tmp_path / "model", encoder, words, task=None, provenance={"note": "mine"})
    card = (tmp_path / "model" / "README.md").read_text()
    here = environment()
    assert f"| torch | {plain(here['torch'])} |" in card
    assert set(here) >= {"bertwright", "python", "torch", "numpy", "system", "processor", "cores", "threads"}
    assert json.dumps(here)
    stored = open_model(tmp_path / "model").manifest["provenance"]
    assert stored == {"note": "mine", "environment": here}
    save_model(
        tmp_path / "again", encoder, words, task=None, provenance={**stored, "environment": {"torch": "1"}}
    )
    assert open_model(tmp_path / "again").manifest["provenance"]["environment"] == {"torch": "1"}, (
        "of the training"
    )
