"""A training on frozen vectors stopped at any moment and gone on from: the bytes of an unbroken one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tasks.test_finetuning_resumed import StopAfter, told

from bertwright.errors import Interrupted, ResumeError
from bertwright.features import joined
from bertwright.progress import Silent
from bertwright.tasks.feature_settings import FeatureSettings
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.summary import FinetuneSummary

Files = tuple[Path, Path]
SETTINGS = FinetuneSettings(
    method="features",
    max_length=16,
    checkpoint_interval=1e-9,
    features=FeatureSettings(epochs=3, batch_size=32, head="bilstm", lstm_size=8),
)
SEEDS = (3, 4)


def run(model: Path, files: Files, output: Path, **changes: object) -> FinetuneSummary:
    request: dict[str, object] = {"settings": SETTINGS, "seeds": SEEDS, **changes}
    return finetune(model, train=files[0], dev=files[1], output=output, **request)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def unbroken(
    pretrained: Path, review_files: Files, tmp_path_factory: pytest.TempPathFactory
) -> FinetuneSummary:
    return run(pretrained, review_files, tmp_path_factory.mktemp("unbroken") / "model")


def same(one: Path, other: Path) -> bool:
    return all(
        (one / name).read_bytes() == (other / name).read_bytes()
        for name in ("model.safetensors", "features.safetensors")
    )


@pytest.mark.parametrize("steps", [1, 8, 9, 23, 24, 25, 40])
def test_gone_on_with_it_is_the_unbroken_one(
    steps: int, pretrained: Path, review_files: Files, tmp_path: Path, unbroken: FinetuneSummary
) -> None:
    output = tmp_path / "model"
    with pytest.raises(Interrupted, match="go on with --resume"):
        run(pretrained, review_files, output, progress=StopAfter(steps))
    assert not output.exists() and (tmp_path / "model.partial" / "vectors").is_dir()
    summary = run(pretrained, review_files, output, resume=True)
    assert same(output, unbroken.output)
    assert told(summary) == told(unbroken)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


class StopExtracting(Silent):
    """Ctrl-C when so many rows have their vectors."""

    def __init__(self, rows: int) -> None:
        self.left = rows

    def advance(self, amount: float = 1, note: str = "") -> None:
        self.left -= int(amount)
        if self.left <= 0:
            raise KeyboardInterrupt


def test_stopped_while_vectors_are_made(
    pretrained: Path,
    review_files: Files,
    tmp_path: Path,
    unbroken: FinetuneSummary,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joined, "STORE_BYTES", 20_000)  # several stores
    output = tmp_path / "model"
    with pytest.raises(KeyboardInterrupt):
        run(pretrained, review_files, output, progress=StopExtracting(1))
    assert not list(tmp_path.iterdir())  # nothing was done yet
    with pytest.raises(KeyboardInterrupt):
        run(pretrained, review_files, output, progress=StopExtracting(200))
    kept = list((tmp_path / "model.partial" / "vectors").iterdir())
    assert len(kept) >= 2
    other = SETTINGS.model_copy(update={"features": FeatureSettings(layers="last")})
    with pytest.raises(ResumeError, match=r"features\.layers"):
        run(pretrained, review_files, output, settings=other, resume=True)
    summary = run(pretrained, review_files, output, resume=True)
    assert told(summary)["seeds"] == told(unbroken)["seeds"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
