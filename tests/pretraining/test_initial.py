"""Runs that go on from a model (``init``)."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import weakref
from pathlib import Path
from typing import Any

import pytest
import small_models
import torch
from heard import Heard
from pretraining import small_run
from pretraining.small_run import fingerprint, memory_store

from bertwright.checkpoints.model_folder import ModelFolder, open_model, save_model
from bertwright.config.settings import load
from bertwright.errors import ModelError, ResumeError, SettingsError, StoreError, UsageError
from bertwright.model.config import BertConfig
from bertwright.pretraining import initial
from bertwright.pretraining.config import PretrainingSettings
from bertwright.pretraining.initial import InitialModel, nearest_size
from bertwright.pretraining.run import PretrainingSummary, pretrain
from bertwright.pretraining.run_data import RunData
from bertwright.pretraining.step import PretrainingStep
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import Vocabulary

OF_THE_MODEL = ("size", "hidden_size", "num_attention_heads", "max_position_embeddings")


def settings(init: Path, **changes: Any) -> PretrainingSettings:
    """The small run's, without what the model decides."""
    plain = {name: value for name, value in small_run.DEFAULTS.items() if name not in OF_THE_MODEL}
    return load(PretrainingSettings, overrides={**plain, "init": str(init), **changes}).value


def go_on(
    init: Path, output: Path, *, resume: Any = False, listener: Any = None, **changes: Any
) -> PretrainingSummary:
    store, words = memory_store()
    chosen = settings(init, **changes)
    return pretrain(store, output, chosen, tokenizer=words, resume=resume, progress=listener)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 12 steps."""
    folder = tmp_path_factory.mktemp("first") / "run"
    small_run.run(folder)
    return folder


def test_it_begins_where_the_model_is(first: Path, tmp_path: Path) -> None:
    """One step at a rate of nearly nothing: the held-out figures are those of the model itself."""
    before = open_model(first / "model").manifest["provenance"]["training"]
    listener = Heard()
    after = go_on(first / "model", tmp_path / "run", steps=1, learning_rate=1e-12, listener=listener)
    assert after.mlm_loss == pytest.approx(before["mlm_loss"], abs=1e-5)
    assert after.nsp_accuracy == before["nsp_accuracy"]
    assert listener.said == [], "nothing is missing"
    made = open_model(tmp_path / "run" / "model").manifest["provenance"]["data"]
    assert made["init"] == open_model(first / "model").digest
    assert open_model(tmp_path / "run" / "model").config.hidden_size == 32


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seed": 1}, "--seed 12345"),
        ({"held_out_share": 0.2}, "--set held_out_share=0.1"),
        ({"seed": 2, "held_out_share": 0.2}, "--seed 12345 --set held_out_share=0.1"),
        ({"held_out_share": 0.05}, None),
    ],
)
def test_held_out_text_that_the_model_knows_is_told(
    first: Path, changes: dict[str, Any], told: str | None
) -> None:
    store, words = memory_store()
    chosen = settings(first / "model", **changes)
    warnings = list(RunData.read(store, words, chosen).warnings(chosen))
    if told is None:
        assert not warnings
    else:
        assert len(warnings) == 1 and warnings[0].startswith(f"init: expected {told}, with which")
    other = memory_store(61)[0]
    assert not list(RunData.read(other, words, chosen).warnings(chosen))


def test_a_run_is_not_replaced_by_one_that_begins_from_its_model(first: Path) -> None:
    store, words = memory_store()
    with pytest.raises(UsageError, match="does not hold what is read"):
        pretrain(store, first, settings(first / "model"), tokenizer=words, overwrite=True)
    assert open_model(first / "model").config.hidden_size == 32


def test_it_learns_on(first: Path, tmp_path: Path) -> None:
    before = open_model(first / "model").manifest["provenance"]["training"]
    after = go_on(first / "model", tmp_path / "run", steps=20, learning_rate=3e-3)
    assert after.mlm_loss < before["mlm_loss"] - 0.05


class Stopped(BaseException):
    """Stands for a death: nothing handles it."""


def test_it_resumes_exactly(first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = shutil.copytree(first / "model", tmp_path / "model")
    go_on(moved, tmp_path / "whole")
    original, calls = PretrainingStep.__call__, iter(range(10**6))

    def step(self: Any, model: Any, part: Any) -> Any:
        if next(calls) == 15:
            raise Stopped
        return original(self, model, part)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(PretrainingStep, "__call__", step)
        go_on(moved, tmp_path / "run")
    moved.rename(tmp_path / "elsewhere")
    go_on(tmp_path / "elsewhere", tmp_path / "run", resume=True)
    assert fingerprint(tmp_path / "run") == fingerprint(tmp_path / "whole")
    (tmp_path / "run" / "summary.json").unlink()
    store, words = memory_store()
    plain = settings(tmp_path / "elsewhere").model_copy(update={"init": None})  # the run knows its model
    pretrain(store, tmp_path / "run", plain, tokenizer=words, resume=True)
    assert fingerprint(tmp_path / "run") == fingerprint(tmp_path / "whole")
    other = small_run.run(tmp_path / "other", seed=99, steps=1)
    with pytest.raises(ResumeError, match="init: "):
        go_on(Path(other.model), tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [("size", "mini"), ("hidden_size", 32), ("hidden_act", "gelu"), ("max_position_embeddings", 64)],
)
def test_the_network_is_the_models(first: Path, name: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=f"{name}: expected none with init, whose network it is"):
        settings(first / "model", **{name: value})


def save(path: Path, words: Tokenizer, **changes: Any) -> Path:
    from bertwright.model.pretraining_model import BertForPreTraining

    config = small_models.config(len(words.vocabulary)).model_copy(update=changes)
    save_model(path, BertForPreTraining(config), words, task=None, provenance={})
    return path


def test_another_vocabulary_is_refused(tmp_path: Path) -> None:
    words = small_models.tokenizer()
    tokens = [*words.vocabulary.tokens[:-2], *reversed(words.vocabulary.tokens[-2:])]
    other = save(tmp_path / "other", Tokenizer(Vocabulary.from_tokens(tokens)))
    with pytest.raises(StoreError, match=r"init: expected a store prepared with the vocabulary of .*other"):
        go_on(other, tmp_path / "run")
    cased = save(tmp_path / "cased", Tokenizer(words.vocabulary, TokenizerSettings(do_lower_case=False)))
    with pytest.raises(StoreError, match=r"the tokenizer settings of .*--vocab"):
        go_on(cased, tmp_path / "run")
    with pytest.raises(ModelError):
        go_on(tmp_path / "nothing", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({}, "got 40 (--set long_sequence_length=30, or long_share=0)"),
        ({"sequence_length": 36}, "(--set sequence_length=30 --set long_sequence_length=30)"),
        ({"sequence_length": 36, "long_share": 0.0}, "got 36 (--set sequence_length=30)"),
        ({"long_share": 1.0}, "got 40 (--set long_sequence_length=30)"),
    ],
)
def test_positions_are_the_models(changes: dict[str, Any], hint: str, tmp_path: Path) -> None:
    """What is advised is what works."""
    short = save(tmp_path / "short", small_models.tokenizer(), max_position_embeddings=30)
    with pytest.raises(UsageError, match=r"sequence length: expected at most 30, ") as refused:
        go_on(short, tmp_path / "run", **changes)
    assert hint in refused.value.message
    lengths = {name: int(value) for name, value in re.findall(r"--set (\w+)=(\d+)", hint)}
    InitialModel.read(short, small_models.tokenizer(), settings(short, **{**changes, **lengths}))


def test_the_batch_that_the_model_decides_is_checked(first: Path, tmp_path: Path) -> None:
    """The run would begin, and no resumed one would take its settings."""
    with pytest.raises(SettingsError, match="micro_batch_size: expected at most batch_size 32, got 64"):
        go_on(first / "model", tmp_path / "run", batch_size=None, micro_batch_size=64)
    assert not (tmp_path / "run").exists()


def test_models_of_others_are_told_apart_by_their_numbers(tmp_path: Path) -> None:
    """Also once the numbers are given up, as when a checkpoint is written."""
    digests = []
    for seed in (1, 2):
        ours = small_models.save_pretrained(tmp_path / f"ours-{seed}", seed=seed)
        theirs = small_models.foreign_copy(ours, tmp_path / f"theirs-{seed}")
        read = InitialModel.read(theirs, small_models.tokenizer(), settings(theirs))
        assert read.spent().digest == read.digest == open_model(theirs).digest
        digests.append(read.digest)
        go_on(theirs, tmp_path / f"run-{seed}", steps=1)
        checkpoint = json.loads((tmp_path / f"run-{seed}/checkpoints/step-1/manifest.json").read_text())
        begun = json.loads((tmp_path / f"run-{seed}/run.json").read_text())
        assert checkpoint["facts"]["init"] == begun["init"] == read.digest
    assert digests[0] != digests[1]


def test_the_direction_is_the_models(first: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"objective: expected mlm\+nsp, mlm or mlm\+sop to go on from"):
        go_on(first / "model", tmp_path / "run", objective="clm")
    small_run.run(tmp_path / "left", objective="clm")
    with pytest.raises(UsageError, match="objective: expected clm to go on from"):
        go_on(tmp_path / "left/model", tmp_path / "run")
    before = open_model(tmp_path / "left/model").manifest["provenance"]["training"]
    listener = Heard()
    after = go_on(
        tmp_path / "left/model",
        tmp_path / "run",
        steps=1,
        learning_rate=1e-12,
        objective="clm",
        listener=listener,
    )
    assert after.clm_loss == pytest.approx(before["clm_loss"], abs=1e-5)
    assert listener.said == []


def test_what_was_learned_about_pairs_is_kept(first: Path, tmp_path: Path) -> None:
    """Going on with masked words alone leaves pooler and next-sentence head as they were."""
    go_on(first / "model", tmp_path / "run", objective="mlm", steps=2)
    before, after = open_model(first / "model"), open_model(tmp_path / "run/model")
    assert after.heads == before.heads
    names = [name for name in before.weights.tensors if "pooler" in name or "next_sentence" in name]
    assert len(names) == 4
    assert all(torch.equal(before.weights.tensors[n], after.weights.tensors[n]) for n in names)


def test_new_heads_are_drawn_from_the_seed(tmp_path: Path) -> None:
    """Otherwise several seeds would share them, and seem to agree better than they do."""
    classifier = small_models.save_classifier(tmp_path / "classifier")
    found = [
        InitialModel.read(classifier, small_models.tokenizer(), settings(classifier)).model(seed).state_dict()
        for seed in (1, 1, 2)
    ]
    for name, tensor in found[0].items():
        assert torch.equal(tensor, found[1][name]), name
        new = "_head." in name and tensor.dim() == 2
        assert torch.equal(tensor, found[2][name]) != new, name
    run = {}
    for seed in (3, 4):
        go_on(classifier, tmp_path / f"run-{seed}", steps=1, learning_rate=1e-12, seed=seed)
        run[seed] = open_model(tmp_path / f"run-{seed}/model").weights.tensors
    drawn = [name for name, tensor in run[3].items() if not torch.allclose(tensor, run[4][name], atol=1e-6)]
    assert drawn and all("head" in name for name in drawn)


def test_the_model_is_given_up_when_the_network_has_its_numbers(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large one a second copy would stand in memory as long as the run lasts."""
    held: list[weakref.ref[torch.Tensor]] = []
    opened, original = initial.open_model, PretrainingStep.__call__

    def open_it(path: Path) -> ModelFolder:
        folder = opened(path)
        held.extend(map(weakref.ref, folder.weights.tensors.values()))
        return folder

    def step(self: Any, model: Any, part: Any) -> Any:
        gc.collect()
        assert not [reference for reference in held if reference() is not None]
        return original(self, model, part)

    monkeypatch.setattr(initial, "open_model", open_it)
    monkeypatch.setattr(PretrainingStep, "__call__", step)
    go_on(first / "model", tmp_path / "run", steps=1)
    assert len(held) > 20
    assert open_model(tmp_path / "run/model").heads == {"masked_language", "next_sentence"}


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    words = small_models.tokenizer()
    classifier, listener = small_models.save_classifier(tmp_path / "classifier"), Heard()
    go_on(classifier, tmp_path / "run", steps=1, listener=listener)
    assert listener.said[:3] == [
        "init: no masked language head is stored: it begins from initial weights",
        "init: no next sentence head is stored: it begins from initial weights",
        "init: its sequence head is not carried on",
    ]
    assert open_model(tmp_path / "run" / "model").heads == {"masked_language", "next_sentence"}
    listener = Heard()
    go_on(save(tmp_path / "whole", words), tmp_path / "mlm", steps=1, objective="mlm", listener=listener)
    assert not [line for line in listener.said if line.startswith("init")]


def test_the_rate_is_gentler(first: Path, tmp_path: Path) -> None:
    go_on(first / "model", tmp_path / "run", steps=1)
    stored = load(PretrainingSettings, overrides=small_run_settings(tmp_path / "run")).value
    assert stored.peak_rate == pytest.approx(1e-3 / 5)
    assert stored.init == os.path.abspath(first / "model")
    path = tmp_path / "run" / "settings.json"
    older = json.loads(path.read_text()) | {"size": "base"}  # which said nothing
    path.write_text(json.dumps(older))
    assert small_run_settings(tmp_path / "run")["size"] is None


def small_run_settings(folder: Path) -> dict[str, Any]:
    from bertwright.config.settings import flatten
    from bertwright.pretraining.run_folder import RunFolder

    return flatten(RunFolder(folder).stored_settings())


@pytest.mark.parametrize(
    ("layers", "hidden", "size"),
    [
        (12, 768, "base"),
        (24, 1024, "large"),
        (6, 384, "mini"),
        (4, 512, "small"),
        (8, 512, "medium"),
        (2, 32, "tiny"),
        (6, 768, "medium"),
    ],
)
def test_nearest_size(layers: int, hidden: int, size: str) -> None:
    config = BertConfig.published("tiny", num_hidden_layers=layers, hidden_size=hidden, num_attention_heads=1)
    assert nearest_size(config) == size


def test_lstms_without_a_softmax_begin_it_anew(tmp_path: Path) -> None:
    """As is said: it is the embeddings and biases, which begin at 0."""
    whole = open_model(small_models.save_bilm(tmp_path / "whole"))
    save_model(tmp_path / "bare", whole.encoder(), whole.tokenizer, task=None, provenance={})
    listener = Heard()
    summary = go_on(
        tmp_path / "bare",
        tmp_path / "run",
        objective="bilm",
        steps=1,
        learning_rate=1e-12,
        listener=listener,
    )
    assert listener.said[0] == "init: no softmax is stored: it begins from initial weights"
    made = open_model(summary.model)
    assert made.heads == {"forward_backward"}
    torch.testing.assert_close(
        made.weights.tensors["softmax_bias"], torch.zeros(len(whole.tokenizer.vocabulary)), rtol=0, atol=1e-6
    )


def test_a_model_that_is_no_network_costs_no_old_run(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever hinders the network from being made, it does so before the old run is cleared away."""
    shutil.copytree(first, tmp_path / "run")
    before = small_run.tree(tmp_path)

    def broken(self: InitialModel, seed: int) -> Any:
        raise ModelError("some weights are missing")

    monkeypatch.setattr(InitialModel, "model", broken)
    store, words = memory_store()
    with pytest.raises(ModelError, match="missing"):
        pretrain(store, tmp_path / "run", settings(first / "model"), tokenizer=words, overwrite=True)
    assert small_run.tree(tmp_path) == before


def test_lstms_go_on_from_lstms_alone(tmp_path: Path) -> None:
    bert, bilm = small_models.save_pretrained(tmp_path / "bert"), small_models.save_bilm(tmp_path / "bilm")
    refused = "objective: expected {} to go on from .*, got {}"
    with pytest.raises(UsageError, match=refused.format("bilm", "mlm")):
        go_on(bilm, tmp_path / "run", objective="mlm")
    with pytest.raises(UsageError, match=refused.format("mlm.nsp, mlm or mlm.sop", "bilm")):
        go_on(bert, tmp_path / "run", objective="bilm")
    summary = go_on(bilm, tmp_path / "run", objective="bilm", learning_rate=1e-9)
    assert summary.bilm_loss is not None
    before, after = open_model(bilm), open_model(summary.model)
    assert after.config.to_dict() == before.config.model_copy(update={"hidden_dropout_prob": 0.1}).to_dict()
    for name, tensor in before.weights.tensors.items():
        torch.testing.assert_close(after.weights.tensors[name], tensor, rtol=0, atol=1e-6)
