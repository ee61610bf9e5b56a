"""What the loop decides by the ranks' common word, and what it does when something goes wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from training import toy_run
from training.toy_run import Part, Toy, records

from bertwright.errors import (
    DiskError,
    Interrupted,
    NonFiniteError,
    OutputExistsError,
    RankError,
    ResumeError,
)
from bertwright.training import loop
from bertwright.training.checkpoint_store import Checkpoint, CheckpointStore
from bertwright.training.finite import Unchecked
from bertwright.training.loop_state import LoopState
from bertwright.training.parts import StepLoss
from bertwright.training.ranks import Ranks
from bertwright.training.stopping import SLOW_SECONDS


@dataclass
class Told(Ranks):
    """One rank that is told a clock that has nothing to do with its own: a second a step."""

    words: list[bool] = field(default_factory=list)

    def agree(self, step: int, stop: int, elapsed: float) -> tuple[int, float]:
        return stop, float(step)

    def all_well(self, well: bool) -> bool:
        self.words.append(well)
        return well


def test_checkpoints_by_time_go_by_the_clock_of_all_ranks(tmp_path: Path) -> None:
    run = Toy(tmp_path, steps=20, checkpoint_every=0, keep=9).start(ranks=Told())
    run._settings = replace(run._settings, checkpoint_seconds=6.0)
    run.run()
    steps = sorted(int(path.name.removeprefix("step-")) for path in (tmp_path / "checkpoints").iterdir())
    assert steps == [6, 12, 18, 20]


@dataclass
class Slow(Ranks):
    """The first of two ranks, whose updates take ``seconds``; the other is asked to stop in one of them."""

    seconds: float = 0.0
    stop_at: tuple[int, int] = (-1, 0)
    asked: list[int] = field(default_factory=list)

    def agree(self, step: int, stop: int, elapsed: float) -> tuple[int, float]:
        self.asked.append(step)
        at, times = self.stop_at
        stopped = step == at and self.asked.count(step) >= times
        return signal.SIGTERM if stopped else 0, step * self.seconds

    def sum(self, tensor: Tensor) -> None:
        pass

    def all_well(self, well: bool) -> bool:
        return well


def test_ranks_give_up_a_slow_update(tmp_path: Path) -> None:
    """Of 4 micro-batches each of two ranks has 2, before which they ask each other."""
    ranks = Slow(0, 2, seconds=SLOW_SECONDS + 1, stop_at=(3, 3))
    with pytest.raises(Interrupted, match="after step 3"):
        Toy(tmp_path, steps=9).start(ranks=ranks).run()
    assert [ranks.asked.count(step) for step in range(4)] == [1, 3, 3, 4]
    assert (tmp_path / "checkpoints/step-3").is_dir()


def test_ranks_ask_nothing_within_fast_updates(tmp_path: Path) -> None:
    ranks = Slow(0, 2, seconds=SLOW_SECONDS - 1)
    Toy(tmp_path, steps=3).start(ranks=ranks).run()
    assert [ranks.asked.count(step) for step in range(4)] == [1, 1, 1, 2], "and once at the end"


def test_ranks_ask_each_other_where_all_come_by(tmp_path: Path) -> None:
    """Of 4 micro-batches the last of three ranks has 2 and the others 1: it asks before its first alone."""
    ranks = Slow(2, 3, seconds=SLOW_SECONDS + 1)
    Toy(tmp_path, steps=3).start(ranks=ranks).run()
    assert [ranks.asked.count(step) for step in range(3)] == [1, 2, 2]


def test_a_signal_during_the_last_evaluation_is_obeyed(tmp_path: Path) -> None:
    run = Toy(tmp_path, steps=5).start()

    def evaluate(last: bool) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGTERM)
        return {"accuracy": 0.5}

    run._evaluate = evaluate
    with pytest.raises(Interrupted, match="after step 5; go on with --resume") as stopped:
        run.run()
    assert stopped.value.exit_code == 143
    again = Toy(tmp_path, steps=5).start("latest")
    again.run()  # with nothing left to do
    assert again.last_evaluation == {"accuracy": 0.5}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_evaluation_that_is_no_number_stops_the_run(value: float, tmp_path: Path) -> None:
    run = Toy(tmp_path, steps=9, evaluate_every=6).start()
    run._evaluate = lambda last: {"mlm_loss": value}
    with pytest.raises(NonFiniteError, match="evaluation after step 6 gave mlm_loss"):
        run.run()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-4"]


def test_the_other_ranks_hear_of_any_trouble_in_saving(tmp_path: Path) -> None:
    (tmp_path / "checkpoints/step-4").mkdir(parents=True)
    (tmp_path / "checkpoints/step-4/mine.txt").write_text("keep me")
    ranks = Told()
    with pytest.raises(OutputExistsError):
        Toy(tmp_path).start(ranks=ranks).run()
    assert ranks.words == [False]


def test_the_ranks_agree_on_every_milestone(tmp_path: Path) -> None:
    """In the group that waits for a save, and not in the next sum of gradients."""
    (tmp_path / "well").mkdir()
    ranks = Told()
    Toy(tmp_path / "well", steps=8, checkpoint_every=0, milestone=0.5).start(ranks=ranks).run()
    assert ranks.words == [True, True]  # the milestone, and the checkpoint at the end
    assert (tmp_path / "well/milestone-0.5").read_text() == "4"
    (tmp_path / "ill").mkdir()
    ranks = Told()
    with pytest.raises(DiskError, match="no room for the milestone"):
        Toy(tmp_path / "ill", steps=8, milestone=0.5, milestone_fails=1).start(ranks=ranks).run()
    assert ranks.words[-1] is False


def test_a_rank_that_did_well_hears_that_another_could_not() -> None:
    """Not which one: sharded, every rank has a part in saving."""

    @dataclass
    class Other(Ranks):
        def all_well(self, well: bool) -> bool:
            return False

    with pytest.raises(RankError, match="another rank could not save"):
        Other(rank=1, size=2).write_together(lambda: None)


@pytest.mark.parametrize(("share", "step"), [(0.55, "6"), (0.9, "9"), (0.95, "10"), (0.999, "10")])
def test_milestones_close_to_the_end_are_kept(share: float, step: str, tmp_path: Path) -> None:
    """Before the update that would be the first one beyond, or where none is left at the end."""
    Toy(tmp_path, steps=10, milestone=share).start().run()
    kept = tmp_path / f"milestone-{share:g}"
    assert kept.read_text() == step
    kept.unlink()
    Toy(tmp_path, steps=10, milestone=share).start("latest").run()
    assert not kept.exists(), "a run that is over has kept what it was to keep"


def test_what_latest_valid_passes_over_is_out_of_the_way(tmp_path: Path) -> None:
    Toy(tmp_path, steps=12).start().run()
    (tmp_path / "checkpoints/step-12/manifest.json").unlink()
    run = Toy(tmp_path, steps=16).start("latest-valid")
    assert run.step == run.resumed_at == 8
    run.run()
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == [".damaged-step-12", "step-12", "step-16"]


def _without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


def _with_state(checkpoint: Checkpoint, **changes: Any) -> Checkpoint:
    return replace(checkpoint, state={**checkpoint.state, **changes})


OTHERWISE: dict[str, Callable[[Checkpoint], Checkpoint]] = {
    **{
        f"no {field.name}": lambda c, name=field.name: replace(c, state=_without(c.state, name))
        for field in fields(LoopState)
    },
    "no tokens in the window": lambda c: _with_state(c, window=_without(c.state["window"], "tokens")),
    "a word for a number": lambda c: _with_state(c, tokens="many"),
    "no pair": lambda c: _with_state(c, evaluated=[1]),
    "exp_avg/else": lambda c: replace(c, moments={**c.moments, "exp_avg/else": torch.zeros(2)}),
    "exp_avg/0.bias": lambda c: replace(c, moments=_without(c.moments, "exp_avg/0.bias")),
    "0.bias": lambda c: replace(c, weights=_without(c.weights, "0.bias")),
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_a_sound_checkpoint_of_something_else(what: str, tmp_path: Path) -> None:
    """Whoever made it sealed it: it is refused by what is in it, before anything of the model is changed."""
    Toy(tmp_path, steps=8).start().run()
    store = CheckpointStore(tmp_path / "checkpoints", facts={"data": "toy"})
    saved = store.load()
    assert saved is not None
    store.save(OTHERWISE[what](saved))
    run = Toy(tmp_path, steps=12).start()
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    with pytest.raises(ResumeError, match=rf"step-8.*(state of such a run|{what})"):
        run.resume()
    assert all(torch.equal(value, before[name]) for name, value in run.model.state_dict().items())
    assert run.step == 0 and not run.optimizer.state


def test_a_run_by_the_clock_does_not_go_on_from_steps(tmp_path: Path) -> None:
    Toy(tmp_path, steps=8).start().run()
    with pytest.raises(ResumeError, match=r'state\.json: expected the state of such a run, got "no seconds"'):
        Toy(tmp_path, budget=100.0).start("latest")


def test_an_evaluation_can_end_the_run(tmp_path: Path) -> None:
    run = Toy(tmp_path, steps=30, evaluate_every=7, checkpoint_every=0).start()
    seen: list[int] = []

    def evaluate(last: bool) -> dict[str, float]:
        seen.append(run.step)
        if len(seen) == 2:
            run.stop()
        return {"accuracy": 0.5}

    run._evaluate = evaluate
    run.run()
    assert seen == [7, 14]  # and not once more at the end
    assert run.step == 14
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-14"]


def test_a_run_need_not_save_its_end(tmp_path: Path) -> None:
    run = Toy(tmp_path, steps=6, checkpoint_every=4).start()
    run._settings = replace(run._settings, save_last=False)
    run.run()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-4"]


def test_what_a_recipe_carries_is_restored_with_the_checkpoint(tmp_path: Path) -> None:
    class Counter:
        evaluations = 0

        def state(self) -> dict[str, int]:
            return {"evaluations": self.evaluations}

        def restore(self, state: dict[str, int]) -> None:
            self.evaluations = state["evaluations"]

    first, second = Counter(), Counter()
    run = Toy(tmp_path, steps=8, checkpoint_every=4).start()
    run._carried = first
    first.evaluations = 3
    run.run()
    again = Toy(tmp_path, steps=12, checkpoint_every=4).start()
    again._carried = second
    assert again.resume()
    assert second.evaluations == 3


# -- where the device is left to judge an update, as a GPU is -----------------------------------------------


def test_the_wait_for_the_device_is_part_of_the_updates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock that stands still but for that wait: five seconds for three updates."""
    now = [100.0]
    original = Unchecked.check

    def check(self: Unchecked, step: int) -> None:
        now[0] += 5.0
        original(self, step)

    monkeypatch.setattr(Unchecked, "check", check)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now[0]))
    run = Toy(tmp_path, steps=6, log_every=3, checkpoint_every=0, evaluate_every=0).start()
    run._deferred = True
    run.run()
    lines = [record for record in records(tmp_path) if record["kind"] == "train"]
    tokens = 3 * toy_run.ROWS * toy_run.FEATURES
    assert [line["tokens_per_second"] for line in lines] == [tokens / 5.0] * 2
    assert [line["seconds"] for line in lines] == [5.0, 10.0]
    assert run.busy_seconds == run.seconds == 10.0


def test_an_update_that_the_device_left_out_is_told_as_such(tmp_path: Path) -> None:
    def poisoned(module: nn.Module, part: Part) -> StepLoss:
        result = toy_run.loss(module, part)
        return StepLoss(result.loss * float("nan"), result.metrics) if part.step == 7 else result

    run = Toy(tmp_path, log_every=6, checkpoint_every=4, evaluate_every=0, loss=poisoned).start()
    run._deferred = True
    with pytest.raises(NonFiniteError) as refused:
        run.run()
    assert str(refused.value).startswith("step 8 (batch 7 of phase 0): loss nan")
    assert "that update was left out, and the run ended after step 8 with nothing saved" in str(refused.value)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-4"]
    assert all(bool(tensor.isfinite().all()) for tensor in run.model.state_dict().values())
    (tmp_path / "later").mkdir()
    run = Toy(tmp_path / "later", log_every=10, checkpoint_every=0, evaluate_every=0, loss=poisoned).start()
    run._deferred = True
    with pytest.raises(NonFiniteError, match=r"step 8 .* the run ended after step 10"):
        run.run()
