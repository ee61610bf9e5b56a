"""Models of the way, and runs of a number of tokens."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from pretraining.small_run import memory_store, run, settings

from bertwright.checkpoints.model_folder import open_model
from bertwright.checkpoints.tensor_file import read_tensors
from bertwright.errors import Interrupted
from bertwright.pretraining.run import pretrain
from bertwright.pretraining.run_folder import RunFolder
from bertwright.pretraining.source import PhasedSource
from bertwright.progress import Silent
from bertwright.training.pace import StepPace


class StopAfter(Silent):
    """Asks to stop after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def advance(self, amount: float = 1, note: str = "") -> None:
        self.left -= int(amount)
        if amount and self.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return read_tensors(folder / "model.safetensors")


def test_a_milestone_is_the_model_of_its_moment(tmp_path: Path) -> None:
    """It says after which step it was, and is the checkpoint of that step."""
    run(tmp_path / "run", milestones=[0.25, 0.5], checkpoint_every=3, keep=5)
    folder = RunFolder(tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run" / "milestones").iterdir()) == ["0.25", "0.5"]
    assert folder.milestone(1.0) == folder.model
    for share, step in ((0.25, 3), (0.5, 6)):
        opened = open_model(folder.milestone(share))
        training = opened.manifest["provenance"]["training"]
        assert (training["steps"], training["share"]) == (step, share)
        stored = read_tensors(folder.checkpoints / f"step-{step}" / "weights.safetensors")
        model = opened.pretraining_model().state_dict()
        assert stored.keys() == model.keys()
        assert all(torch.equal(stored[name], model[name]) for name in stored)


def test_milestones_change_nothing_of_the_run(tmp_path: Path) -> None:
    run(tmp_path / "with", milestones=[0.1, 0.9])
    run(tmp_path / "without")
    one, other = (weights(tmp_path / name / "model") for name in ("with", "without"))
    assert all(torch.equal(one[name], other[name]) for name in other)


def test_a_milestone_behind_the_last_update_is_the_final_model(tmp_path: Path) -> None:
    """Of 12 steps the last update begins at 0.917: what lies beyond is kept at the end."""
    run(tmp_path / "run", milestones=[0.95])
    opened = open_model(tmp_path / "run/milestones/0.95")
    assert opened.manifest["provenance"]["training"]["steps"] == 12
    final = weights(tmp_path / "run/model")
    assert all(torch.equal(tensor, final[name]) for name, tensor in weights(opened.path).items())


@pytest.mark.parametrize("stop", [5, 6, 7])
def test_milestones_of_a_run_that_was_stopped(stop: int, tmp_path: Path) -> None:
    run(tmp_path / "whole", milestones=[0.25, 0.5])
    store, words = memory_store()
    with pytest.raises(Interrupted):
        pretrain(
            store,
            tmp_path / "run",
            settings(milestones=[0.25, 0.5]),
            tokenizer=words,
            progress=StopAfter(stop),
        )
    run(tmp_path / "run", resume=True, milestones=[0.25, 0.5])
    for share in ("0.25", "0.5"):
        one, other = (weights(tmp_path / name / "milestones" / share) for name in ("whole", "run"))
        assert all(torch.equal(one[name], other[name]) for name in other)


@pytest.mark.parametrize("objective", ["mlm+nsp", "mlm"])
@pytest.mark.parametrize("wanted", [1, 3000, 20_000])
def test_a_run_of_so_many_tokens(objective: str, wanted: int, tmp_path: Path) -> None:
    """The fewest steps: with them the batches have that many tokens, with one less they have not."""
    store, words = memory_store()
    chosen = settings(objective=objective)
    shares = [phase.share for phase in chosen.phases]
    source = PhasedSource.of(store, words.vocabulary, chosen, chosen.bert_config(len(words.vocabulary)))
    steps = source.steps_for(wanted, shares)

    def read(count: int) -> int:
        pace = StepPace(count, shares)
        moments = (pace.moment(step, 0.0) for step in range(count))
        return sum(source(moment).tokens for moment in moments if moment is not None)

    assert read(steps) >= wanted
    assert steps == 1 or read(steps - 1) < wanted


def test_a_batch_is_counted_without_being_made() -> None:
    store, words = memory_store()
    for objective in ("mlm+nsp", "mlm", "mlm+sop"):
        chosen = settings(objective=objective)
        source = PhasedSource.of(store, words.vocabulary, chosen, chosen.bert_config(len(words.vocabulary)))
        for batches in source.phases:
            assert [batches.num_tokens(step) for step in range(30)] == [
                batches.batch(step).num_tokens for step in range(30)
            ]
