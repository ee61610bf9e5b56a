"""Runs of the whole recipe: what they write, and that stopping them changes nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import small_models
import torch.distributed as dist
from heard import Heard
from pretraining import small_run
from pretraining.small_run import fingerprint, memory_store, records, run, tree
from torch import nn

from bertwright.checkpoints.model_folder import open_model
from bertwright.config.settings import flatten
from bertwright.data.store import TokenStore
from bertwright.durable import lock
from bertwright.errors import (
    DigestError,
    DiskError,
    InputError,
    Interrupted,
    OutputBusyError,
    OutputExistsError,
    RankError,
    ResumeError,
    StoreError,
    UsageError,
)
from bertwright.pretraining import run as run_module
from bertwright.pretraining.config import FREE_TO_CHANGE
from bertwright.pretraining.run import pretrain
from bertwright.pretraining.run_folder import RunFolder
from bertwright.pretraining.step import PretrainingPart, PretrainingStep
from bertwright.reports.run_report import write_report
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bertwright.training import ranks
from bertwright.training.parts import StepLoss
from bertwright.training.ranks import Ranks

STEPS = 12
Breaker = Callable[[int], None]


class Stopped(BaseException):
    """Stands for a death: nothing handles it."""


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    run(folder)
    yield folder


def _breaking(monkeypatch: pytest.MonkeyPatch, at: int, action: Callable[[], None]) -> None:
    """``action`` happens before micro-batch number ``at`` of the process."""
    original = PretrainingStep.__call__
    count = iter(range(10**6))

    def step(self: PretrainingStep, model: nn.Module, part: PretrainingPart) -> StepLoss:
        if next(count) == at:
            action()
        return original(self, model, part)

    monkeypatch.setattr(PretrainingStep, "__call__", step)


def _die() -> None:
    raise Stopped


def test_what_a_run_leaves(unbroken: Path) -> None:
    names = sorted(path.name for path in unbroken.iterdir())
    files = ["metrics.jsonl", "run.json", "settings.json", "summary.json"]
    assert names == sorted(["blanks.json", "checkpoints", "model", *files])
    assert sorted(path.name for path in (unbroken / "checkpoints").iterdir()) == ["step-10", "step-12"]
    summary = json.loads((unbroken / "summary.json").read_text())
    assert summary["steps"] == STEPS
    assert set(summary["baselines"]) == {"most_frequent", "bigram", "neighbours"}
    folder = open_model(unbroken / "model")
    assert folder.manifest["provenance"]["training"]["mlm_loss"] == summary["mlm_loss"]
    assert folder.pretraining_model().config.hidden_size == 32


def test_what_the_log_says(unbroken: Path) -> None:
    lines = records(unbroken)
    training = [line for line in lines if line["kind"] == "train"]
    evaluations = [line for line in lines if line["kind"] == "evaluation"]
    assert [line["step"] for line in training] == list(range(1, STEPS + 1))
    assert [line["phase"] for line in training] == [0] * 9 + [1] * 3
    assert [line["step"] for line in evaluations] == [4, 8, 12]
    assert len(evaluations) == small_run.DEFAULTS["evaluations"], "the last one is one of them"
    assert evaluations[-1]["mlm_perplexity"] > 1
    assert all(abs(line["loss"] - line["mlm_loss"] - line["nsp_loss"]) < 1e-5 for line in training)
    assert [line["tokens"] for line in training] == sorted({line["tokens"] for line in training})


@pytest.mark.parametrize("at", [0, 9, 18, 23])
def test_death_anywhere(at: int, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two micro-batches a step: odd numbers are in the middle of an accumulation."""
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        _breaking(patch, at, _die)
        run(tmp_path / "run")
    run(tmp_path / "run", resume=True)
    assert fingerprint(tmp_path / "run") == fingerprint(unbroken)


@pytest.mark.slow
@pytest.mark.parametrize("at", range(2 * STEPS))
def test_death_at_every_micro_batch(
    at: int, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_death_anywhere(at, unbroken, tmp_path, monkeypatch)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal(
    number: signal.Signals, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(Interrupted, match="after step 6"):
        _breaking(patch, 12, lambda: os.kill(os.getpid(), number))
        run(tmp_path / "run")
    assert (tmp_path / "run/checkpoints/step-6").is_dir()
    run(tmp_path / "run", resume=True)
    assert fingerprint(tmp_path / "run") == fingerprint(unbroken)


@pytest.mark.slow
def test_bf16_resumes_exactly_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path / "whole", precision="bf16", whole_word=True)
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        _breaking(patch, 15, _die)
        run(tmp_path / "run", precision="bf16", whole_word=True)
    run(tmp_path / "run", resume=True, precision="bf16", whole_word=True)
    assert fingerprint(tmp_path / "run") == fingerprint(tmp_path / "whole")


def test_accumulation_changes_no_loss(tmp_path: Path) -> None:
    run(tmp_path / "one", micro_batch_size=8, dropout=0.0)
    run(tmp_path / "four", micro_batch_size=2, dropout=0.0)
    one, four = records(tmp_path / "one"), records(tmp_path / "four")
    pairs = [(a["mlm_loss"], b["mlm_loss"]) for a, b in zip(one, four, strict=True)]
    assert len(pairs) == STEPS + 3
    assert max(abs(a - b) for a, b in pairs) < 1e-5


OTHER_OBJECTIVES = {
    "mlm": ("BertForMaskedLM", {"masked_language"}),
    "mlm+sop": ("BertForPreTraining", {"masked_language", "next_sentence"}),
    "clm": ("BertLMHeadModel", {"left_to_right"}),
    "bilm": ("BilmForPreTraining", {"forward_backward"}),
}
"""What the model is called, and the heads that it has: no more than what was trained."""


@pytest.mark.parametrize("objective", OTHER_OBJECTIVES)
def test_other_objectives(objective: str, tmp_path: Path) -> None:
    summary = run(tmp_path / "run", objective=objective)
    paired, words = objective == "mlm+sop", objective.split("+")[0]
    assert (summary.nsp_accuracy is not None) == paired
    measured = {name: getattr(summary, f"{name}_loss") is not None for name in ("mlm", "clm", "bilm")}
    assert measured == {name: name == words for name in measured}
    assert summary.words.loss == getattr(summary, f"{words}_loss")
    lines = records(tmp_path / "run")
    assert all((f"{words}_loss" in line, "nsp_loss" in line) == (True, paired) for line in lines)
    folder = open_model(tmp_path / "run/model")
    assert (folder.architecture, folder.heads) == OTHER_OBJECTIVES[objective]
    assert ("pooler" in folder.weights.parts) == paired
    assert folder.config.is_decoder == (objective == "clm")


@pytest.mark.parametrize("objective", OTHER_OBJECTIVES)
def test_other_objectives_survive_a_death(
    objective: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs are the same to the last bit, and so is one that was ended in the middle of a step."""
    run(tmp_path / "unbroken", objective=objective)
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        _breaking(patch, 17, _die)
        run(tmp_path / "run", objective=objective)
    run(tmp_path / "run", objective=objective, resume=True)
    assert fingerprint(tmp_path / "run") == fingerprint(tmp_path / "unbroken")


@pytest.mark.parametrize(("objective", "rate"), [("clm", 5e-3), ("bilm", 1e-2)])
def test_one_way_models_learn_what_is_next(objective: str, rate: float, tmp_path: Path) -> None:
    """A word of the small corpus depends on the one before it; no guess without a network is as good."""
    summary = run(
        tmp_path / "run", objective=objective, steps=150, learning_rate=rate, dropout=0.0, long_share=0.0
    )
    assert set(summary.baselines) == {"most_frequent", "bigram"}
    assert summary.words.accuracy > 2 * summary.baselines["most_frequent"].accuracy
    assert not (tmp_path / "run/blanks.json").exists()


@pytest.mark.parametrize("objective", ["mlm", "bilm"])
def test_padding_may_stand_on_any_line_of_the_vocabulary(objective: str, tmp_path: Path) -> None:
    """Otherwise libraries that train on give no gradient to the word in its place."""
    tokens = small_models.tokenizer().vocabulary.tokens
    words = Tokenizer(Vocabulary.from_tokens([*tokens[1:], tokens[0]]))
    store, _ = memory_store(words=words)
    summary = pretrain(
        store, tmp_path / "run", small_run.settings(steps=1, objective=objective), tokenizer=words
    )
    assert open_model(summary.model).config.pad_token_id == len(tokens) - 1


def test_by_epochs(tmp_path: Path) -> None:
    summary = run(tmp_path / "run", steps=None, epochs=1.5, long_share=0.0)
    assert summary.steps > 10


def test_by_time(tmp_path: Path) -> None:
    summary = run(tmp_path / "run", steps=None, budget="4s", checkpoint_every=None)
    lines = [line for line in records(tmp_path / "run") if line["kind"] == "train"]
    assert 2 <= summary.seconds < 9
    assert {line["phase"] for line in lines} == {0, 1}
    assert 0.5 < lines[-1]["progress"] < 1


# -- requests that are refused, and change nothing ----------------------------------------------------

CHANGES: dict[str, Any] = {
    "steps": 13,
    "num_hidden_layers": 3,
    "hidden_size": 64,
    "dropout": 0.2,
    "objective": "mlm",
    "sequence_length": 16,
    "long_share": 0.5,
    "masked_lm_probability": 0.2,
    "whole_word": True,
    "batch_size": 16,
    "micro_batch_size": 8,
    "learning_rate": 0.5,
    "warmup_share": 0.3,
    "optimizer": "bert-adam",
    "weight_decay": 0.1,
    "seed": 1,
    "precision": "bf16",
    "evaluations": 1,
}


@pytest.mark.parametrize("name", CHANGES)
def test_resuming_with_another_setting(name: str, unbroken: Path) -> None:
    before = tree(unbroken)
    old, new = json.dumps(flatten(small_run.settings())[name]), json.dumps(CHANGES[name])
    with pytest.raises(ResumeError, match=re.escape(f"{name}: {old} -> {new}")):
        run(unbroken, resume=True, **{name: CHANGES[name]})
    assert tree(unbroken) == before


def test_resuming_names_all_differences(unbroken: Path) -> None:
    with pytest.raises(ResumeError, match=r"batch_size: 8 -> 16; .*seed: 12345 -> 7"):
        run(unbroken, resume=True, batch_size=16, seed=7)


def test_other_settings_are_refused_before_the_text_is_read(unbroken: Path, tmp_path: Path) -> None:
    """A store of hundreds of gigabytes takes hours to look through."""
    with pytest.raises(ResumeError, match="seed: 12345 -> 7"):
        pretrain(tmp_path / "absent.store", unbroken, small_run.settings(seed=7), resume=True)
    with pytest.raises(ResumeError, match="nothing there"):
        pretrain(tmp_path / "absent.store", tmp_path / "absent", small_run.settings(), resume=True)


def test_a_run_cannot_be_gone_on_with_and_replaced(unbroken: Path) -> None:
    before = tree(unbroken)
    with pytest.raises(UsageError, match="resume and overwrite: expected one of them, got both"):
        run(unbroken, resume=True, overwrite=True)
    assert tree(unbroken) == before


def test_what_is_left_open_is_as_the_run_was_begun(unbroken: Path, tmp_path: Path) -> None:
    """Where ranks share the updates out, the size of a micro-batch is chosen at the beginning."""
    shutil.copytree(unbroken, tmp_path / "run")
    run(tmp_path / "run", resume=True, micro_batch_size=None)
    assert json.loads((tmp_path / "run/settings.json").read_text())["micro_batch_size"] == 4


def test_settings_that_may_change(unbroken: Path, tmp_path: Path) -> None:
    shutil.copytree(unbroken, tmp_path / "run")
    run(tmp_path / "run", resume=True, keep=3, checkpoint_every=2, tensorboard=False)
    assert {"keep", "checkpoint_every"} <= FREE_TO_CHANGE
    assert json.loads((tmp_path / "run/settings.json").read_text())["keep"] == 3


def test_resuming_on_other_data(unbroken: Path) -> None:
    before = tree(unbroken)
    store, words = memory_store(40)
    with pytest.raises(ResumeError, match=r"store: .* -> "):
        pretrain(store, unbroken, small_run.settings(), tokenizer=words, resume=True)
    assert tree(unbroken) == before


def test_outputs_that_exist(unbroken: Path, tmp_path: Path) -> None:
    before = tree(unbroken)
    with pytest.raises(OutputExistsError, match="--resume to go on"):
        run(unbroken)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("keep me")
    (tmp_path / "file").write_text("keep me")
    for name, overwrite in (("mine", False), ("mine", True), ("file", True)):
        with pytest.raises(OutputExistsError):
            run(tmp_path / name, overwrite=overwrite)
    with pytest.raises(UsageError, match="parent"):
        run(tmp_path / "absent/run")
    assert tree(unbroken) == before
    assert tree(tmp_path) == {name: tree(tmp_path)[name] for name in ("file", "mine/notes.txt")}


def test_overwriting_keeps_what_is_not_ours(unbroken: Path, tmp_path: Path) -> None:
    shutil.copytree(unbroken, tmp_path / "run")
    (tmp_path / "run/notes.txt").write_text("keep me")
    run(tmp_path / "run", overwrite=True, steps=2)
    assert (tmp_path / "run/notes.txt").read_text() == "keep me"
    assert sorted(path.name for path in (tmp_path / "run/checkpoints").iterdir()) == ["step-2"]


def test_a_run_that_another_process_writes(unbroken: Path) -> None:
    before = tree(unbroken)
    with lock(unbroken), pytest.raises(OutputBusyError, match=str(os.getpid())):
        run(unbroken, resume=True)
    assert tree(unbroken) == before


def test_a_finished_run_without_checkpoints_is_not_begun_anew(unbroken: Path, tmp_path: Path) -> None:
    """Its log and its model would be lost, and nobody asked for that."""
    shutil.copytree(unbroken, tmp_path / "run")
    shutil.rmtree(tmp_path / "run/checkpoints")
    before = tree(tmp_path)
    for resume in (True, "latest-valid"):
        with pytest.raises(ResumeError, match=r"finished, and its checkpoints are gone \(--overwrite begins"):
            run(tmp_path / "run", resume=resume, keep=3)
    assert tree(tmp_path) == before


def test_a_run_that_was_stopped_before_its_first_checkpoint_says_that_it_begins_anew(
    unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        _breaking(patch, 7, _die)
        run(tmp_path / "run")
    said = Heard()
    store, words = memory_store()
    pretrain(store, tmp_path / "run", small_run.settings(), tokenizer=words, resume=True, progress=said)
    assert said.warnings == ["no checkpoint is there: the run begins anew"]
    assert fingerprint(tmp_path / "run") == fingerprint(unbroken)
    pretrain(store, tmp_path / "run", small_run.settings(), tokenizer=words, resume=True, progress=said)
    assert len(said.warnings) == 1


def test_ranks_compare_their_arguments_before_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one waits for another that is elsewhere, the wait ends after two minutes with a wrong reason."""
    asked: list[dict[str, Any]] = []

    def require_equal(self: Ranks, facts: dict[str, Any]) -> None:
        asked.append(facts)
        raise RankError("differ")

    monkeypatch.setattr(Ranks, "require_equal", require_equal)
    with pytest.raises(RankError, match="differ"):
        pretrain(tmp_path / "absent.store", tmp_path / "absent/run", small_run.settings(), overwrite=True)
    assert asked == [{**flatten(small_run.settings()), "resume": None, "overwrite": True}]


def test_resuming_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ResumeError, match="nothing there"):
        run(tmp_path / "absent", resume=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["weights.safetensors", "optimizer.safetensors", "state.json", "manifest.json"]
)
def test_a_damaged_checkpoint(name: str, unbroken: Path, tmp_path: Path) -> None:
    shutil.copytree(unbroken, tmp_path / "run")
    file = tmp_path / "run/checkpoints/step-12" / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    before = tree(tmp_path)
    with pytest.raises(InputError, match="step 10 is sound: give --resume latest-valid") as refused:
        run(tmp_path / "run", resume=True)
    assert name in str(refused.value)
    assert tree(tmp_path) == before
    run(tmp_path / "run", resume="latest-valid")
    assert fingerprint(tmp_path / "run") == fingerprint(unbroken)


def test_the_model_is_of_the_end_that_is_told(
    unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finished run goes on from an older checkpoint and dies before its model is saved anew."""
    folder = RunFolder(shutil.copytree(unbroken, tmp_path / "run"))
    (folder.checkpoints / "step-12/state.json").unlink()
    old = folder.model.stat().st_ino
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(run_module, "_measured", lambda *_: _die())
        run(folder.path, resume="latest-valid")
    assert folder.has_model() and not folder.is_finished()
    assert folder.model.stat().st_ino == old
    run(folder.path, resume=True)
    assert folder.is_finished()
    assert folder.model.stat().st_ino != old
    again = folder.model.stat().st_ino
    run(folder.path, resume=True)
    assert folder.model.stat().st_ino == again, "of a finished run nothing is written again"


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/r\xff"))
    summary = run(folder, steps=1)
    told = json.loads((folder / "summary.json").read_text())
    assert told["output"] == f"{tmp_path}/r\\udcff"
    assert Path(summary.model).is_dir()
    assert "r\\udcff" in write_report(folder).read_text()


def test_a_cut_or_missing_file(unbroken: Path, tmp_path: Path) -> None:
    shutil.copytree(unbroken, tmp_path / "run")
    file = tmp_path / "run/checkpoints/step-12/weights.safetensors"
    os.truncate(file, file.stat().st_size - 1)
    with pytest.raises(DigestError, match=r"weights\.safetensors"):
        run(tmp_path / "run", resume=True)
    file.unlink()
    with pytest.raises(DigestError, match="missing"):
        run(tmp_path / "run", resume=True)
    (file.parent / "manifest.json").unlink()
    with pytest.raises(ResumeError, match="step 10 is sound"):
        run(tmp_path / "run", resume=True)


def test_a_store_that_is_too_small(tmp_path: Path) -> None:
    store, words = memory_store(3)
    with pytest.raises(StoreError, match="at least 4 documents"):
        pretrain(store, tmp_path / "run", small_run.settings(), tokenizer=words)
    assert not list(tmp_path.iterdir())


def test_characters_that_are_masked_as_words_are_told(tmp_path: Path) -> None:
    """Of Chinese text without words; not where the store has words, nor where characters are asked for."""
    words = Tokenizer(Vocabulary.from_tokens([*SPECIAL_TOKENS, *"我爱研究模型的人员"]))
    sentence = [5, 6, 7, 8, 9, 10]
    documents = [[sentence, sentence[::-1]] for _ in range(8)]
    plain = TokenStore.from_documents(documents, len(words.vocabulary))
    found = TokenStore.from_documents(documents, len(words.vocabulary), [True, False] * (3 * 2 * 8))
    for name, store, whole_word, told in (
        ("characters", plain, True, 1),
        ("words", found, True, 0),
        ("not asked", plain, False, 0),
    ):
        said = Heard()
        settings = small_run.settings(steps=1, whole_word=whole_word)
        pretrain(store, tmp_path / name, settings, tokenizer=words, progress=said)
        found = [line for line in said.warnings if "whole_word: 100% of the tokens are Chinese" in line]
        assert len(found) == told, name


# -- checkpoints and runs that do not belong together ---------------------------------------------------


def test_resuming_a_finished_run_leaves_its_model_alone(unbroken: Path, tmp_path: Path) -> None:
    shutil.copytree(unbroken, tmp_path / "run")
    (tmp_path / "run/model/notes.txt").write_text("keep me")
    before = tree(tmp_path / "run/model")
    run(tmp_path / "run", resume=True)
    assert tree(tmp_path / "run/model") == before
    (tmp_path / "run/model/config.json").unlink()
    with pytest.raises(OutputExistsError, match=r"it also holds notes\.txt"):  # which would be lost
        run(tmp_path / "run", resume=True)
    (tmp_path / "run/model/notes.txt").unlink()
    run(tmp_path / "run", resume=True)
    assert open_model(tmp_path / "run/model").pretraining_model().config.hidden_size == 32


def test_a_library_was_upgraded_while_the_run_was_stopped(unbroken: Path, tmp_path: Path) -> None:
    shutil.copytree(unbroken, tmp_path / "run")
    file, said = tmp_path / "run/run.json", Heard()
    facts = json.loads(file.read_text())
    facts["libraries"]["numpy"] = "1.0"
    file.write_text(json.dumps(facts))
    store, words = memory_store()
    pretrain(store, tmp_path / "run", small_run.settings(), tokenizer=words, resume=True, progress=said)
    assert len([line for line in said.warnings if line.startswith("numpy: ") and "1.0" in line]) == 1


def test_stored_settings_that_were_edited(unbroken: Path, tmp_path: Path) -> None:
    shutil.copytree(unbroken, tmp_path / "run")
    file = tmp_path / "run/settings.json"
    values = json.loads(file.read_text())
    file.write_text(json.dumps(values | {"weight_decay": 0.5}))
    with pytest.raises(
        ResumeError, match=r"step-12: was made with something else: digest of the settings: \w+ -> \w+"
    ):
        run(tmp_path / "run", resume=True, weight_decay=0.5)


def test_a_checkpoint_of_another_run(unbroken: Path, tmp_path: Path) -> None:
    run(tmp_path / "run", steps=12)
    shutil.rmtree(tmp_path / "run/checkpoints/step-12")
    shutil.copytree(unbroken / "checkpoints/step-12", tmp_path / "run/checkpoints/step-12")
    with pytest.raises(
        ResumeError, match=r"step-12: was made with something else: id of the run: \w+ -> \w+"
    ):
        run(tmp_path / "run", resume=True)


def test_a_restart_resumes_only_what_its_launch_began(
    unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``torchrun`` starts us again with the same arguments, also after a refusal."""
    launch = dist.HashStore()
    monkeypatch.setattr(ranks, "_lone_launch", lambda timeout: launch)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    shutil.copytree(unbroken, tmp_path / "old")
    with pytest.raises(OutputExistsError, match="--resume to go on"):
        run(tmp_path / "old")
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        _breaking(patch, 15, _die)
        run(tmp_path / "run")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "2")
    run(tmp_path / "run")
    assert fingerprint(tmp_path / "run") == fingerprint(unbroken)


def test_a_full_disk_is_told_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(DiskError, match=r"[\d,]+ bytes needed, 100,000 bytes free"):
        run(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def _checkpoint_bytes() -> int:
    config = small_run.settings().bert_config(memory_store()[0].vocab_size)
    return 3 * 4 * config.num_pretraining_parameters()


def _disk_of(size: int, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """A disk of so many bytes, with nothing on it but ``folder``."""
    whole = shutil.disk_usage(folder)

    def usage(_: Path) -> Any:
        used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        return whole._replace(free=max(0, size - used))

    patch.setattr(shutil, "disk_usage", usage)


def test_a_disk_with_room_for_a_run_has_room_to_go_on(
    unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or to begin it again: what is there already takes the place that was asked for."""
    _disk_of(int(3.8 * _checkpoint_bytes()), tmp_path, monkeypatch)
    with monkeypatch.context() as patch, pytest.raises(Interrupted, match="after step 6"):
        _breaking(patch, 12, lambda: os.kill(os.getpid(), signal.SIGTERM))
        run(tmp_path / "run")
    run(tmp_path / "run", resume=True)
    assert fingerprint(tmp_path / "run") == fingerprint(unbroken)
    run(tmp_path / "run", overwrite=True)
    assert fingerprint(tmp_path / "run") == fingerprint(unbroken)
    before = tree(tmp_path)
    _disk_of(0, tmp_path, monkeypatch)
    with pytest.raises(DiskError, match=f"{_checkpoint_bytes():,} bytes needed, 0 bytes free"):
        run(tmp_path / "run", resume=True)
    assert tree(tmp_path) == before
