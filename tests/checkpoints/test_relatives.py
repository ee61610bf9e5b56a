"""Networks with BERT's code under another name: equal hidden states, or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import small_models
import torch
from folder_edits import edit_config

from bertwright.checkpoints.model_folder import open_model
from bertwright.errors import ModelError
from bertwright.exchange.answers import answers_of
from bertwright.exchange.conversion import convert
from bertwright.exchange.probe import inputs

transformers = pytest.importorskip("transformers")


def write(path: Path, name: str, **fields: Any) -> Any:
    """A folder of the class ``name`` with random weights, and the network."""
    words = small_models.tokenizer()
    sizes = small_models.config(len(words.vocabulary)).to_dict() | {"hidden_act": "gelu"} | fields
    kind = "Electra" if name.startswith("Electra") else "Ernie"
    torch.manual_seed(7)
    model = getattr(transformers, name)(getattr(transformers, f"{kind}Config")(**sizes)).eval()
    model.save_pretrained(path)
    for file, data in words.files().items():
        (path / file).write_bytes(data)
    return model


ELECTRA = {"embedding_size": 48}
CASES = {
    "ElectraModel": set(),
    "ElectraForPreTraining": set(),
    "ElectraForMaskedLM": set(),
    "ElectraForSequenceClassification": set(),
    "ElectraForTokenClassification": {"token"},
    "ElectraForQuestionAnswering": {"span"},
    "ErnieModel": set(),
    "ErnieForPreTraining": {"masked_language", "next_sentence"},
    "ErnieForMaskedLM": {"masked_language"},
    "ErnieForNextSentencePrediction": {"next_sentence"},
    "ErnieForSequenceClassification": {"sequence"},
    "ErnieForTokenClassification": {"token"},
    "ErnieForQuestionAnswering": {"span"},
    "ErnieForMultipleChoice": {"choice"},
}


@pytest.mark.parametrize("name", CASES)
def test_equal_to_the_library(name: str, tmp_path: Path) -> None:
    model = write(tmp_path / "theirs", name, **(ELECTRA if name.startswith("Electra") else {}))
    folder = open_model(tmp_path / "theirs")
    assert folder.heads == CASES[name]
    assert "the encoder is BERT's, and is read as one" in folder.notes[0]
    asked = inputs(folder.tokenizer, folder.config)
    ours = answers_of(folder, asked)
    rows = (asked.input_ids, asked.attention_mask, asked.token_type_ids)
    base = getattr(model, model.base_model_prefix, model)
    with torch.no_grad():
        hidden = base(*rows).last_hidden_state[asked.tokens]
        torch.testing.assert_close(ours["last_hidden_state"], hidden, atol=1e-5, rtol=0)
        if "sequence" in ours:
            torch.testing.assert_close(ours["sequence"], model(*rows).logits, atol=1e-5, rtol=0)
        if "token" in ours:
            logits = model(*rows).logits[asked.tokens]
            torch.testing.assert_close(ours["token"], logits, atol=1e-5, rtol=0)
    lost = name in ("ElectraForPreTraining", "ElectraForMaskedLM", "ElectraForSequenceClassification")
    assert any("is left behind" in note for note in folder.notes) == lost
    done = convert(tmp_path / "theirs", tmp_path / "bert")
    assert bool(done.tensors.unexpected) == lost
    assert open_model(tmp_path / "bert").heads == CASES[name]


def test_what_is_not_exact_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / "factorized", "ElectraModel", embedding_size=24)
    with pytest.raises(ModelError, match=r"embedding_size: expected hidden_size .*, got 24"):
        open_model(tmp_path / "factorized")
    write(tmp_path / "tasks", "ErnieModel", use_task_id=True)
    with pytest.raises(ModelError, match="use_task_id"):
        open_model(tmp_path / "tasks")
    write(tmp_path / "choice", "ElectraForMultipleChoice", **ELECTRA)
    with pytest.raises(ModelError, match=r'architectures: .*got "ElectraForMultipleChoice"'):
        open_model(tmp_path / "choice")


@pytest.mark.parametrize(
    "kind", ["roberta", "distilbert", "gpt2", "mobilebert", "x" * 500, 3, None, ["bert"]]
)
def test_other_networks_are_refused_by_name(kind: object, folder: Path) -> None:
    edit_config(folder, model_type=kind)
    with pytest.raises(ModelError, match='model_type: only "bert" is supported'):
        open_model(folder)
