"""A run that was stopped and resumed is the run that was never stopped, to the last bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from torch import nn
from training import toy_run
from training.toy_run import Part, Stopped, Toy, fingerprint

from bertwright.errors import Interrupted, NonFiniteError
from bertwright.training.parts import StepLoss

STEPS, MICRO_BATCHES = 30, 4


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("unbroken")
    run = Toy(folder).start()
    run.run()
    yield fingerprint(run, folder)


def _dying(step: int, index: int, module: nn.Module, part: Part) -> StepLoss:
    if (part.step, part.index) == (step, index):
        raise Stopped
    return toy_run.loss(module, part)


def _die_and_resume(folder: Path, stops: list[tuple[int, int]]) -> str:
    for number, (step, index) in enumerate(stops):
        run = Toy(folder, loss=partial(_dying, step, index)).start("latest" if number else None)
        with pytest.raises(Stopped):
            run.run()
    run = Toy(folder).start("latest")
    run.run()
    return fingerprint(run, folder)


@pytest.mark.parametrize("step", range(STEPS))
def test_death_in_any_step(step: int, unbroken: str, tmp_path: Path) -> None:
    """In every step, at a micro-batch that differs from step to step."""
    assert _die_and_resume(tmp_path, [(step, step % MICRO_BATCHES)]) == unbroken


@pytest.mark.slow
@pytest.mark.parametrize("step", range(STEPS))
@pytest.mark.parametrize("shift", range(1, MICRO_BATCHES))
def test_death_at_any_micro_batch(step: int, shift: int, unbroken: str, tmp_path: Path) -> None:
    assert _die_and_resume(tmp_path, [(step, (step + shift) % MICRO_BATCHES)]) == unbroken


@pytest.mark.parametrize("seed", range(3))
def test_several_deaths(seed: int, unbroken: str, tmp_path: Path) -> None:
    draw = random.Random(seed)
    steps = sorted(draw.sample(range(STEPS), 3))
    assert _die_and_resume(tmp_path, [(step, draw.randrange(MICRO_BATCHES)) for step in steps]) == unbroken


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("step", "index"), [(0, 0), (5, 1), (11, 3), (14, 0), (29, 3)])
def test_a_signal_saves_the_step_in_hand(
    number: signal.Signals, step: int, index: int, unbroken: str, tmp_path: Path
) -> None:
    def signalled(module: nn.Module, part: Part) -> StepLoss:
        if (part.step, part.index) == (step, index):
            os.kill(os.getpid(), number)
        return toy_run.loss(module, part)

    run = Toy(tmp_path, loss=signalled).start()
    with pytest.raises(Interrupted) as stopped:
        run.run()
    assert stopped.value.exit_code == 128 + number
    # The last micro-batch completes its step; an earlier one is given up, and recomputed later.
    saved = step + (index == MICRO_BATCHES - 1)
    assert (tmp_path / "checkpoints" / f"step-{saved}").is_dir()
    again = Toy(tmp_path).start("latest")
    assert again.step == saved
    again.run()
    assert fingerprint(again, tmp_path) == unbroken


def test_resuming_a_finished_run_changes_nothing(unbroken: str, tmp_path: Path) -> None:
    Toy(tmp_path).start().run()
    run = Toy(tmp_path).start("latest")
    run.run()
    assert fingerprint(run, tmp_path) == unbroken


def test_bert_s_adam_resumes_too(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = Toy(tmp_path / "a", optimizer="bert-adam").start()
    whole.run()
    with pytest.raises(Stopped):
        Toy(tmp_path / "b", optimizer="bert-adam", loss=partial(_dying, 17, 2)).start().run()
    resumed = Toy(tmp_path / "b", optimizer="bert-adam").start("latest")
    resumed.run()
    assert fingerprint(resumed, tmp_path / "b") == fingerprint(whole, tmp_path / "a")


def test_where_the_clock_decides_its_decisions_are_in_the_log(tmp_path: Path) -> None:
    run = Toy(tmp_path, budget=0.6, log_every=1, checkpoint_every=50).start()
    run.run()
    lines = [record for record in toy_run.records(tmp_path) if record["kind"] == "train"]
    progress = [record["progress"] for record in lines]
    assert 0.6 <= run.seconds < 3
    assert progress == sorted(progress) and progress[0] < 0.3 < 0.8 < progress[-1] < 1
    assert {record["phase"] for record in lines} == {0, 1}
    assert max(record["learning_rate"] for record in lines) <= 0.01


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_before_the_update(value: float, tmp_path: Path) -> None:
    def poisoned(module: nn.Module, part: Part) -> StepLoss:
        result = toy_run.loss(module, part)
        return StepLoss(result.loss * value, result.metrics) if (part.step, part.index) == (13, 2) else result

    run = Toy(tmp_path, loss=poisoned).start()
    with pytest.raises(NonFiniteError, match=r"step 14 \(batch 13 of phase 0\)"):
        run.run()
    clean = Toy(tmp_path / "clean", steps=30, loss=partial(_dying, 13, 0))
    clean.folder.mkdir()
    other = clean.start()
    with pytest.raises(Stopped):
        other.run()
    for name, tensor in other.model.state_dict().items():
        assert tensor.equal(run.model.state_dict()[name]), name
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["step-12", "step-8"]


def test_a_gradient_that_is_no_number_stops_too(tmp_path: Path) -> None:
    def poisoned(module: nn.Module, part: Part) -> StepLoss:
        result = toy_run.loss(module, part)
        parameter = next(module.parameters())
        # sqrt has an infinite slope at 0: the loss stays finite, the gradient does not.
        return StepLoss(result.loss + (parameter * 0).sqrt().sum(), result.metrics)

    with pytest.raises(NonFiniteError, match="gradient norm nan"):
        Toy(tmp_path, loss=poisoned).start().run()


# -- real deaths of a real process --------------------------------------------------------------------


def _program(folder: Path, *options: str) -> list[str]:
    return [sys.executable, toy_run.__file__, str(folder), *options]


def _kill_after(folder: Path, number: signal.Signals, seconds: float) -> int:
    process = subprocess.Popen(
        _program(folder, "pause=0.004"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()  # "ready"
    time.sleep(seconds)
    process.send_signal(number)
    process.communicate(timeout=60)
    return process.returncode


def _finished(folder: Path) -> str:
    done = subprocess.run(_program(folder), capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.split()[-1]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGKILL, -9),
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
    ],
)
def test_a_killed_process(number: signal.Signals, code: int, unbroken: str, tmp_path: Path) -> None:
    assert _kill_after(tmp_path, number, 0.2) == code
    assert _finished(tmp_path) == unbroken


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_processes_killed_at_random_moments(seed: int, unbroken: str, tmp_path: Path) -> None:
    draw = random.Random(seed)
    for number in draw.choices([signal.SIGKILL, signal.SIGTERM], k=2):
        _kill_after(tmp_path, number, draw.random() * 0.4)
    assert _finished(tmp_path) == unbroken


@pytest.mark.slow
def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    process = subprocess.Popen(
        _program(tmp_path, "pause=30.0"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert time.monotonic() - begun < 2
