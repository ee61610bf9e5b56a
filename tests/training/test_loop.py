"""What the loop decides by the ranks' common word, and what it does when something goes wrong."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from training.toy_run import Toy

from bertwright.errors import Interrupted, NonFiniteError, OutputExistsError
from bertwright.training.ranks import Ranks


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


def test_what_latest_valid_passes_over_is_out_of_the_way(tmp_path: Path) -> None:
    Toy(tmp_path, steps=12).start().run()
    (tmp_path / "checkpoints/step-12/manifest.json").unlink()
    run = Toy(tmp_path, steps=16).start("latest-valid")
    assert run.step == run.resumed_at == 8
    run.run()
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == [".damaged-step-12", "step-12", "step-16"]


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
