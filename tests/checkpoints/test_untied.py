"""A decoder with weights of its own: read, computed with, trained, written; contradictions are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_models
import torch
from folder_edits import edit_config, edit_weights

from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.errors import ModelError
from bertwright.model.config import BertConfig
from bertwright.model.pretraining_model import BertForPreTraining

DECODER = "cls.predictions.decoder."


def untied(folder: Path) -> torch.Tensor:
    """Give ``folder`` a decoder of its own, and a bias that differs from the one that is not used."""
    weight = torch.randn(0)

    def change(tensors: dict[str, torch.Tensor]) -> None:
        nonlocal weight
        words = tensors["bert.embeddings.word_embeddings.weight"]
        weight = torch.randn(words.shape, generator=torch.Generator().manual_seed(2))
        tensors[f"{DECODER}weight"] = weight.clone()
        tensors[f"{DECODER}bias"] = tensors["cls.predictions.bias"] + 1

    edit_weights(folder, change)
    edit_config(folder, tie_word_embeddings=False)
    return weight


def test_its_own_weights_and_bias_count(folder: Path) -> None:
    tied = open_model(folder).weights.tensors["masked_language_head.bias"]
    weight = untied(folder)
    opened = open_model(folder)
    assert opened.weights.ignored == ("cls.predictions.bias",)
    head = opened.pretraining_model().masked_language_head
    assert head.decoder is not None and torch.equal(head.decoder, weight)
    assert torch.equal(head.bias, tied + 1)
    assert not torch.equal(head.decoder, opened.pretraining_model().encoder.embeddings.word_embeddings.weight)


def test_written_and_read_again(folder: Path, tmp_path: Path) -> None:
    untied(folder)
    opened = open_model(folder)
    model = opened.pretraining_model()
    save_model(tmp_path / "ours", model, opened.tokenizer, task=None, provenance={})
    again = open_model(tmp_path / "ours")
    assert not again.config.tie_word_embeddings
    assert again.weights.ignored == ()
    state = again.pretraining_model().state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())


def test_its_bias_may_be_stored_under_either_name(folder: Path) -> None:
    untied(folder)
    edit_weights(folder, lambda tensors: tensors.pop(f"{DECODER}bias"))
    assert open_model(folder).pretraining_model()
    edit_weights(folder, lambda tensors: tensors.pop(f"{DECODER}weight"))
    with pytest.raises(ModelError, match=rf"missing tensors: 1 \({DECODER}weight\)"):
        open_model(folder)


def test_a_new_one_is_initialized_and_counted() -> None:
    words = small_models.tokenizer()
    sizes = small_models.config(len(words.vocabulary)).to_dict()
    assert "tie_word_embeddings" not in sizes
    config = BertConfig(**sizes, tie_word_embeddings=False)
    assert config.to_dict()["tie_word_embeddings"] is False
    model = BertForPreTraining(config, seed=3)
    assert sum(p.numel() for p in model.parameters()) == config.num_pretraining_parameters()
    head = model.masked_language_head
    assert head.decoder is not None
    assert head.decoder.abs().max() <= 2 * config.initializer_range
    tied = BertForPreTraining(BertConfig(**sizes), seed=3)
    assert torch.equal(tied.encoder.pooler.dense.weight, model.encoder.pooler.dense.weight)


def test_a_contradiction_is_refused_and_says_what_to_do(folder: Path) -> None:
    untied(folder)
    edit_config(folder, tie_word_embeddings=True)
    with pytest.raises(ModelError, match=r"they are tied.*config.json says tie_word_embeddings false"):
        open_model(folder)
    edit_config(folder, tie_word_embeddings="no")
    with pytest.raises(ModelError, match="tie_word_embeddings"):
        open_model(folder)


def test_the_original_has_none() -> None:
    with pytest.raises(ModelError, match="the original ties them"):
        BertConfig.from_tensorflow({"tie_word_embeddings": False}, "bert_config.json")
