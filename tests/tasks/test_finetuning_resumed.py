"""A fine-tuning stopped at any moment and gone on from: the bytes of an unbroken one."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from heard import Heard

from bertwright.durable import UnfinishedWork
from bertwright.errors import DiskError, Interrupted, OutputExistsError, ResumeError
from bertwright.progress import Silent
from bertwright.tasks.classify.task import ClassifyTask
from bertwright.tasks.evaluation import evaluate
from bertwright.tasks.feature_settings import FeatureSettings
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.settings import FinetuneSettings, SearchSettings
from bertwright.tasks.summary import FinetuneSummary
from bertwright.training.checkpoint_store import Checkpoint, CheckpointStore

Files = tuple[Path, Path]
SETTINGS = FinetuneSettings(
    epochs=3, batch_size=32, learning_rate=2e-3, max_length=16, checkpoint_interval=1e-9, precision="fp32"
)
SEEDS = (3, 4)
STEPS = 2 * 3 * 8  # seeds, epochs, batches


class StopAfter(Silent):
    """Asks to stop when so many steps are done in this process."""

    def __init__(self, steps: float) -> None:
        self.left = steps

    def start(self, description: str, total: float | None, unit: str) -> None:
        self.counts, self.first = unit == "steps", True

    def advance(self, amount: float = 1, note: str = "") -> None:
        first, self.first = self.first, False
        if not self.counts or first or not amount:  # the first one tells of an earlier process's steps
            return
        self.left -= amount
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)


def run(model: Path, files: Files, output: Path, **changes: object) -> FinetuneSummary:
    request: dict[str, object] = {"settings": SETTINGS, "seeds": SEEDS, **changes}
    return finetune(model, train=files[0], dev=files[1], output=output, **request)  # type: ignore[arg-type]


def told(summary: FinetuneSummary) -> dict[str, object]:
    """All but what the clock and the place decide."""
    return {name: v for name, v in summary.to_dict().items() if name not in ("seconds", "output")}


@pytest.fixture(scope="module")
def unbroken(
    pretrained: Path, review_files: Files, tmp_path_factory: pytest.TempPathFactory
) -> FinetuneSummary:
    return run(pretrained, review_files, tmp_path_factory.mktemp("unbroken") / "model")


def same(one: Path, other: Path) -> bool:
    return (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    "steps",
    [1, 8, 24, 47, *(pytest.param(step, marks=pytest.mark.slow) for step in (7, 9, 16, 23, 25, 31, 40))],
)
def test_gone_on_with_it_is_the_unbroken_one(
    steps: int, pretrained: Path, review_files: Files, tmp_path: Path, unbroken: FinetuneSummary
) -> None:
    output = tmp_path / "model"
    with pytest.raises(Interrupted, match="go on with --resume") as problem:
        run(pretrained, review_files, output, progress=StopAfter(steps))
    assert problem.value.exit_code == 143
    assert not output.exists()
    assert (tmp_path / "model.partial").is_dir()
    with pytest.raises(OutputExistsError, match="unfinished work: go on with --resume"):
        run(pretrained, review_files, output)
    (tmp_path / "model.partial" / "seconds.json").write_text('{"seconds": 1000.0}')
    summary = run(pretrained, review_files, output, resume=True)
    assert same(output, unbroken.output)
    assert told(summary) == told(unbroken)
    assert summary.seconds > 1000.0, "of both processes"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_a_damaged_checkpoint_costs_what_is_newer(
    pretrained: Path, review_files: Files, tmp_path: Path, unbroken: FinetuneSummary
) -> None:
    """Finished runs are not lost with it, and the end is the same."""
    output = tmp_path / "model"
    with pytest.raises(Interrupted):
        run(pretrained, review_files, output, progress=StopAfter(STEPS // 2 + 10))
    states = tmp_path.glob("model.partial/**/step-*/state.json")
    newest = max(states, key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:-1] + b"?")
    told_of = Heard()
    summary = run(pretrained, review_files, output, resume=True, progress=told_of)
    passed_over = newest.parent.name.replace("-", " ") + " is damaged and passed over"
    assert any(passed_over in remark for remark in told_of.said)
    assert same(output, unbroken.output)
    assert told(summary) == told(unbroken)


def test_stopped_again_and_again(
    pretrained: Path, review_files: Files, tmp_path: Path, unbroken: FinetuneSummary
) -> None:
    stops = 0
    for resume in (False, *[True] * STEPS):
        try:
            summary = run(pretrained, review_files, tmp_path / "model", resume=resume, progress=StopAfter(5))
            break
        except Interrupted:
            stops += 1
    assert stops > 2
    assert same(tmp_path / "model", unbroken.output)
    assert told(summary) == told(unbroken)


@pytest.mark.parametrize("change", ["epochs", "learning_rate", "seeds", "train", "search"])
def test_another_request_is_refused(
    change: str, pretrained: Path, review_files: Files, tmp_path: Path, table: Callable[..., Path]
) -> None:
    output = tmp_path / "model"
    with pytest.raises(Interrupted):
        run(pretrained, review_files, output, progress=StopAfter(5))
    train, dev = review_files
    changes: dict[str, object] = {
        "epochs": {"settings": SETTINGS.model_copy(update={"epochs": 2})},
        "learning_rate": {"settings": SETTINGS.model_copy(update={"learning_rate": 1e-3})},
        "seeds": {"seeds": (3,)},
        "search": {"search": True},
        "train": {},
    }[change]  # type: ignore[assignment]
    if change == "train":
        train = table("other.tsv", [("fine", "good"), ("dull", "bad")])
    with pytest.raises(ResumeError, match=rf"begun with another request: .*{change}"):
        run(pretrained, (train, dev), output, resume=True, **changes)  # type: ignore[arg-type]
    run(pretrained, review_files, output, overwrite=True, seeds=(3,))
    assert not (tmp_path / "model.partial").exists()


def test_how_often_is_saved_may_differ(
    pretrained: Path, review_files: Files, tmp_path: Path, unbroken: FinetuneSummary
) -> None:
    with pytest.raises(Interrupted):
        run(pretrained, review_files, tmp_path / "model", progress=StopAfter(13))
    settings = SETTINGS.model_copy(update={"checkpoint_interval": 3600.0})
    run(pretrained, review_files, tmp_path / "model", resume=True, settings=settings)
    assert same(tmp_path / "model", unbroken.output)


def test_a_search_goes_on_behind_its_last_point(
    pretrained: Path, review_files: Files, tmp_path: Path
) -> None:
    grid = SearchSettings(learning_rates=[1e-3, 1e-5], batch_sizes=[32], epochs=[1, 2])
    settings = SETTINGS.model_copy(update={"search": grid})
    whole = run(pretrained, review_files, tmp_path / "whole", settings=settings, search=True)
    assert [point.to_dict()["learning_rate"] for point in whole.points] == [1e-3, 1e-5, 1e-3, 1e-5]
    assert [run.seed for run in whole.runs] == [3, 4]
    assert whole.best.metrics["accuracy"] == max(
        run.metrics["accuracy"] for run in [*whole.runs, *(p.run for p in whole.points if p.run)]
    )
    assert whole.learning_rate == 1e-3
    for steps in (9, 30):
        output = tmp_path / f"stopped-{steps}"
        with pytest.raises(Interrupted):
            run(
                pretrained,
                review_files,
                output,
                settings=settings,
                search=True,
                progress=StopAfter(steps),
            )
        parts = run(pretrained, review_files, output, settings=settings, search=True, resume=True)
        assert told(parts) == told(whole)
        assert same(output, tmp_path / "whole")


def refused(path: Path) -> DiskError:
    return DiskError.of(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


@contextmanager
def disk_full(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, full: Callable[..., Any]
) -> Iterator[None]:
    """Of two moments the second is the better one, and is not recorded: the disk is full."""
    with monkeypatch.context() as patch, pytest.raises(DiskError):
        scores_in_turn(patch, [0.5, 0.6])
        patch.setattr(owner, name, full)
        yield


def scores_in_turn(patch: pytest.MonkeyPatch, accuracies: Sequence[float]) -> None:
    """The accuracies that the evaluations of this process give, as other threads or another GPU might."""
    score, left = ClassifyTask.score, iter(accuracies)

    def given(self: ClassifyTask, *arguments: Any) -> dict[str, float]:
        return score(self, *arguments) | {"accuracy": next(left)}

    patch.setattr(ClassifyTask, "score", given)


def loss_of(model: Path, files: Files) -> float:
    return evaluate(model, files[1]).metrics["loss"]


@pytest.mark.parametrize("method", ["finetune", "features"])
def test_a_best_moment_that_no_checkpoint_names_is_none(
    method: str, pretrained: Path, review_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full between the weights of the second epoch, the best so far, and the checkpoint; gone on
    with, that epoch comes out worse than the first, whose weights then have to be there still."""
    settings = SETTINGS.model_copy(update={"restarts": 0})
    if method == "features":
        features = FeatureSettings(epochs=3, batch_size=32)
        settings = FinetuneSettings(
            method="features", max_length=16, checkpoint_interval=1e-9, features=features
        )
    request: dict[str, object] = {"settings": settings, "seeds": (3,)}
    output, save = tmp_path / "model", CheckpointStore.save

    def full(self: CheckpointStore, checkpoint: Checkpoint) -> Path:
        if checkpoint.step > 16:
            raise refused(self.folder)
        return save(self, checkpoint)

    with disk_full(monkeypatch, CheckpointStore, "save", full):
        run(pretrained, review_files, output, **request)
    with monkeypatch.context() as patch:
        scores_in_turn(patch, [0.4, 0.4])
        summary = run(pretrained, review_files, output, resume=True, **request)
    assert (summary.best.epoch, summary.metrics["accuracy"]) == (1, 0.5)
    assert [epoch["accuracy"] for epoch in summary.best.epochs] == [0.5, 0.4, 0.4]
    assert loss_of(output, review_files) == pytest.approx(summary.metrics["loss"], rel=1e-5)


def test_a_best_run_that_no_record_names_is_none(
    pretrained: Path, review_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, between the weights of the second seed and its record."""
    settings = SETTINGS.model_copy(update={"epochs": 1, "restarts": 0})
    request: dict[str, object] = {"settings": settings, "seeds": (3, 4, 5)}
    output, add = tmp_path / "model", UnfinishedWork.add

    def full(self: UnfinishedWork, record: dict[str, Any]) -> None:
        if self.records:
            raise refused(self.directory)
        add(self, record)

    with disk_full(monkeypatch, UnfinishedWork, "add", full):
        run(pretrained, review_files, output, **request)
    with monkeypatch.context() as patch:
        scores_in_turn(patch, [0.4, 0.4])
        summary = run(pretrained, review_files, output, resume=True, **request)
    assert [seed.metrics["accuracy"] for seed in summary.runs] == [0.5, 0.4, 0.4]
    assert summary.best.seed == 3
    assert loss_of(output, review_files) == pytest.approx(summary.metrics["loss"], rel=1e-5)


def test_only_the_best_weights_are_kept(
    pretrained: Path, review_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every epoch and seed is better than the last: of seeds one folder, of epochs two for a moment."""
    seen: dict[str, list[list[str]]] = {"runs": [], "moments": []}
    save = CheckpointStore.save

    def saved(self: CheckpointStore, checkpoint: Checkpoint) -> Path:
        path = save(self, checkpoint)
        for name, folder in (("runs", tmp_path / "model.partial"), ("moments", self.folder.parent)):
            found = sorted(best.name for best in folder.glob("best*"))
            if seen[name][-1:] != [found]:
                seen[name].append(found)
        return path

    monkeypatch.setattr(CheckpointStore, "save", saved)
    scores_in_turn(monkeypatch, [number / 10 for number in range(1, 10)])
    settings = SETTINGS.model_copy(update={"restarts": 0})
    run(pretrained, review_files, tmp_path / "model", settings=settings, seeds=(3, 4, 5))
    assert seen["runs"] == [[], ["best-1"], ["best-2"]]
    assert seen["moments"] == 3 * [[], ["best-1"], ["best-1", "best-2"], ["best-2"]]


SCRIPT = """
import sys
from pathlib import Path
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.settings import FinetuneSettings
model, train, dev, output = map(Path, sys.argv[1:5])
settings = FinetuneSettings.model_validate_json(sys.argv[5])
print("ready", flush=True)
finetune(model, train=train, dev=dev, output=output, settings=settings, seeds=(3, 4), resume=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.02 * n for n in range(20)])
def test_killed(
    delay: float, pretrained: Path, review_files: Files, tmp_path: Path, unbroken: FinetuneSummary
) -> None:
    command = [sys.executable, "-c", SCRIPT, pretrained, *review_files, tmp_path / "model"]
    for attempt in range(4):
        with subprocess.Popen(
            [*map(str, command), SETTINGS.model_dump_json()], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            if attempt < 3:
                time.sleep(2 * delay * (attempt + 1))
                process.kill()
        if (tmp_path / "model").exists():  # perhaps killed when all was done
            break
        assert process.returncode != 0
    assert same(tmp_path / "model", unbroken.output)
