"""Folders of an ELMo-like language model: what is kept, what is refused, and who says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import small_models
import torch

from bertwright.checkpoints.bilm_folder import BilmFolder
from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.errors import DigestError, InputError, ModelError, UsageError
from bertwright.exchange.conversion import convert
from bertwright.exchange.extension import extend_model
from bertwright.exchange.targets import TARGETS
from bertwright.inference.inspection import inspect_path
from bertwright.inference.model import load
from bertwright.model.bilm import BilmEncoder, BilmForPreTraining

transformers = pytest.importorskip("transformers")

TEXTS = ["the film was not dull", "the old house by the sea", "a", ""]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_models.save_bilm(tmp_path_factory.mktemp("bilm") / "model")


@pytest.fixture
def foreign(saved: Path, tmp_path: Path) -> Path:
    """A copy without a manifest, to be changed."""
    return small_models.foreign_copy(saved, tmp_path / "folder")


def test_saved_and_opened_again(saved: Path, tmp_path: Path) -> None:
    folder = open_model(saved)
    assert isinstance(folder, BilmFolder)
    assert (folder.architecture, folder.heads) == ("BilmForPreTraining", {"forward_backward"})
    model = folder.pretraining_model()
    fresh = BilmForPreTraining(folder.config, seed=0)
    for name, tensor in fresh.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name
    ids = torch.tensor([[2, 9, 8, 7, 3]])
    with torch.no_grad():
        states = folder.encoder()(ids, output_hidden_states=True).hidden_states
        shared = folder.for_use().encoder()(ids, output_hidden_states=True).hidden_states
    assert [state.shape for state in states] == [(1, 5, 48)] * 3
    assert all(map(torch.equal, states, shared))
    save_model(tmp_path / "bare", folder.encoder(), folder.tokenizer, task=None, provenance={})
    bare = open_model(tmp_path / "bare")
    assert (bare.architecture, bare.heads) == ("BilmModel", frozenset())
    assert torch.equal(bare.encoder()(ids)[0], states[-1])
    with pytest.raises(ModelError, match="a model with a forward backward head"):
        bare.pretraining_model()
    begun = bare.pretraining_model(require=())
    assert torch.equal(begun.softmax_bias, torch.zeros(len(folder.tokenizer.vocabulary)))
    assert torch.equal(begun.encoder(ids)[0], states[-1])
    assert "Only bertwright opens this folder" in (saved / "README.md").read_text()


def test_others_refuse_it(saved: Path) -> None:
    with pytest.raises(ValueError, match="bilm"):
        transformers.AutoModel.from_pretrained(saved)


@pytest.mark.parametrize("to", TARGETS)
def test_no_format_takes_it(to: str, saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"a BERT for --to {to}, got .an LSTM language model"):
        convert(saved, tmp_path / "out", to=to)
    assert not list(tmp_path.iterdir())


def test_what_it_is_not_asked(saved: Path, tmp_path: Path) -> None:
    model = load(saved)
    questions: dict[str, Callable[[], Any]] = {
        "a model with a masked language head": lambda: model.fill_mask("the [MASK]"),
        "a model with a next sentence head": lambda: model.next_sentence("a", "b"),
        "its vectors are features of another model": lambda: model.generate(["the"]),
        "a fine-tuned model": lambda: model.predict(["a"]),
    }
    for expected, question in questions.items():
        with pytest.raises(ModelError, match=expected):
            question()
    (tmp_path / "corpus.txt").write_text("the film\n")
    with pytest.raises(ModelError, match="a BERT whose vocabulary is to be extended"):
        extend_model(saved, [tmp_path / "corpus.txt"], tmp_path / "out")


def test_scores_are_those_of_the_forward_direction(saved: Path) -> None:
    """Each token from those before it, one by one."""
    model, folder = load(saved), open_model(saved)
    assert model.score_kind == "log-likelihood"
    network, vocabulary = folder.pretraining_model(), folder.tokenizer.vocabulary
    for text, found in zip(TEXTS, model.score(TEXTS), strict=True):
        ids = folder.tokenizer.encode(text).ids
        expected = []
        for place, token in enumerate(ids):
            row = torch.tensor([[vocabulary.cls_id, *ids[:place]]])
            with torch.no_grad():
                logits = network.next_logits(row, torch.tensor([place]))[0]
            expected.append(float(logits.log_softmax(-1)[token]))
        assert found.log_probabilities == pytest.approx(expected, abs=1e-4)


def test_vectors_do_not_depend_on_the_texts_beside(saved: Path) -> None:
    model = load(saved)
    together = model.embed(TEXTS)
    assert together.shape == (4, 48)
    for text, vector in zip(TEXTS, together, strict=True):
        assert model.embed([text])[0] == pytest.approx(vector, abs=1e-5)


def test_looked_at(saved: Path) -> None:
    found = inspect_path(saved)
    assert found.verified and found.kind == "model"
    parts = found.facts["parameters"]
    assert set(parts) == {"embeddings", "forward_layers", "backward_layers", "softmax", "total"}
    folder = open_model(saved)
    assert parts["total"] == folder.config.num_pretraining_parameters()
    assert found.facts["heads"] == ["forward_backward"]
    assert found.facts["lost_on_loading"] == {}
    assert found.facts["stored_as"] == {"float32": parts["total"]}


def test_weights_that_do_not_fit(foreign: Path) -> None:
    file = foreign / "model.safetensors"
    whole = safetensors.torch.load_file(file)
    name = "encoder.forward_layers.0.weight_ih_l0"
    cases: dict[str, dict[str, torch.Tensor]] = {
        "missing tensors: 1": {key: t for key, t in whole.items() if key != name},
        "tensors that this network does not have: 1": {**whole, "more": torch.ones(1)},
        "expected shape": {**whole, name: whole[name][:-1].clone()},
        "floating-point numbers": {**whole, name: whole[name].to(torch.int32)},
        "finite": {**whole, name: torch.full_like(whole[name], float("nan"))},
    }
    for expected, tensors in cases.items():
        safetensors.torch.save_file(tensors, file)
        with pytest.raises(ModelError, match=expected):
            open_model(foreign)
    half = {key: tensor.half() for key, tensor in whole.items()}
    safetensors.torch.save_file(half, file)
    assert open_model(foreign).weights.tensors[name].dtype is torch.float32


def test_a_configuration_that_does_not_fit(foreign: Path) -> None:
    file = foreign / "config.json"
    values = json.loads(file.read_text())
    for change, expected in (
        ({"hidden_size": 47}, "an even number"),
        ({"intermediate_size": 24}, "more cells"),
        ({"intermediate_size": 1 << 29}, "GiB of memory"),
        ({"vocab_size": 17}, "vocab_size 17|size of the folder's vocabulary"),
        ({"num_hidden_layers": "2"}, "num_hidden_layers"),
    ):
        file.write_text(json.dumps({**values, **change}))
        with pytest.raises(InputError, match=expected):
            open_model(foreign)


def test_a_changed_byte_is_found(saved: Path, tmp_path: Path) -> None:
    small_models.save_bilm(tmp_path / "model")
    file = tmp_path / "model" / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(DigestError):
        open_model(tmp_path / "model")


def test_equal_seeds_give_equal_files(saved: Path, tmp_path: Path) -> None:
    again = small_models.save_bilm(tmp_path / "again")
    for name in ("model.safetensors", "config.json", "README.md"):
        assert (again / name).read_bytes() == (saved / name).read_bytes()
    assert isinstance(open_model(again).encoder(), BilmEncoder)
    with pytest.raises(UsageError, match="device"):
        load(saved, device="nowhere")
