"""The feature-based way for any task: a frozen encoder run once, and a small model on its vectors.

Paper, section 5.3 and table 7: same rows, losses and metrics as fine-tuning, the encoder's weights untouched.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertwright.checkpoints.model_folder import ModelFolder, open_model
from bertwright.durable import UnfinishedWork
from bertwright.errors import UsageError
from bertwright.features.joined import joined_features
from bertwright.features.layers import layer_choice
from bertwright.model.encoder import BertEncoder
from bertwright.progress import Progress, Silent
from bertwright.tasks.attempt import better
from bertwright.tasks.batches import Features
from bertwright.tasks.columns import Columns
from bertwright.tasks.devices import training_device
from bertwright.tasks.feature_model import FrozenModel
from bertwright.tasks.feature_run import FeatureMaterials, FeatureRun, FrozenRows
from bertwright.tasks.feature_settings import FeatureSettings
from bertwright.tasks.jobs import Jobs, Point
from bertwright.tasks.kinds import task_kind
from bertwright.tasks.learned import Learned
from bertwright.tasks.run import Materials, Run
from bertwright.tasks.settings import FinetuneSettings, deciding_metric
from bertwright.tasks.summary import Spread
from bertwright.tasks.task import Task

VECTORS = "vectors"
"""Folder of the unfinished work that has the vectors."""


@dataclass(frozen=True)
class FeatureBasedSummary:
    """How well a small model does on the frozen encoder's vectors."""

    kind: str
    metric: str
    """What decided which epoch and which seed is best."""
    layers: str
    """The row of table 7."""
    head: str
    runs: tuple[Run, ...]
    best: Run
    baseline: dict[str, float]
    """What is reached without looking at the text."""
    rows: int
    """Development rows."""
    truncated: int
    train_rows: int
    seconds: float

    @property
    def metrics(self) -> dict[str, float]:
        """Of the best seed, on the development rows."""
        return self.best.metrics

    @property
    def spread(self) -> dict[str, Spread]:
        """Of every metric over the seeds."""
        return {name: Spread.of([run.metrics[name] for run in self.runs]) for name in self.metrics}

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "metrics": self.metrics,
            "rows": self.rows,
            "truncated": self.truncated,
            "train_rows": self.train_rows,
            "metric": self.metric,
            "method": "features",
            "layers": self.layers,
            "head": self.head,
            "best_seed": self.best.seed,
            "seeds": [run.to_dict() for run in self.runs],
            "spread": {name: spread.to_dict() for name, spread in self.spread.items()},
            "baseline": self.baseline,
            "seconds": self.seconds,
        }


def train_on_features(
    model: str | Path,
    *,
    kind: str = "classify",
    train: str | Path,
    dev: str | Path,
    columns: Columns | None = None,
    settings: FinetuneSettings | None = None,
    features: FeatureSettings | None = None,
    seeds: Sequence[int] = (0,),
    cache: str | Path | None = None,
    format: str = "auto",
    progress: Progress | None = None,
) -> FeatureBasedSummary:
    """Train a small model on the frozen encoder's vectors; score it as fine-tuning is scored.

    Args:
        model: a model folder.
        kind, train, dev, columns, format: as :func:`bertwright.tasks.finetuning.finetune` has them.
        settings: of the task: ``max_length``, ``metric``, ``device``, and the kind's own; what it says of
            training is for fine-tuning.
        features: the layers, the small model, and its training.
        seeds: one run each, all on the same vectors.
        cache: folder where the vectors are kept for another call; None removes them in the end.

    Raises:
        InputError: something named here is wrong.
        NonFiniteError: the training diverged.
        DiskError: there is no room for the vectors.
        Interrupted: a signal asked to stop.
    """
    begun, progress = time.monotonic(), progress or Silent()
    settings, features = settings or FinetuneSettings(), features or FeatureSettings()
    if not seeds:
        raise UsageError("expected at least one seed")
    folder, cls = open_model(model), task_kind(kind)
    length = settings.length_for(folder.config, cls.default_length)
    posed = cls.pose(Path(train), columns or Columns(), folder.tokenizer, length, format, settings)
    labelled = posed.task.read(Path(dev), format=format)
    for remark in (*folder.notes, *posed.remarks):
        progress.say(remark)
    with tempfile.TemporaryDirectory(prefix="bertwright-features-") as temporary:
        place = Path(temporary) if cache is None else Path(cache)
        shared = Materials(
            folder=folder,
            task=posed.task,
            settings=settings,
            metric=deciding_metric(settings, posed.task),
            train=posed.encoded,
            dev=posed.task.encode(labelled.examples),
            dev_examples=labelled.examples,
            device=training_device(settings.device),
        )
        materials = _materials(shared, features, place, progress)
        return _summary(materials, _runs(materials, seeds, progress), begun)


@dataclass(frozen=True)
class FeatureResults:
    """What the runs on frozen vectors came to, as a fine-tuning asks for it."""

    settings: FeatureSettings
    runs: tuple[Run, ...]
    best: Run
    model: FrozenModel
    """The encoder and the small model of the best run."""
    task: Task[Any]
    """With what was fitted to it."""
    points: tuple[Point, ...] = ()
    """Of a search, which this method does not have."""

    @property
    def learning_rate(self) -> float:
        """Of the runs."""
        return self.settings.learning_rate


def learn_on_features(
    shared: Materials, seeds: Sequence[int], work: UnfinishedWork, progress: Progress
) -> FeatureResults:
    """The feature-based counterpart of the runs of a fine-tuning.

    Vectors, finished runs and the state of the one in hand are kept in ``work``.

    Raises:
        NonFiniteError: the training diverged.
        DiskError: there is no room for the vectors.
        Interrupted: a signal asked to stop; what is done was kept.
    """
    materials = _materials(shared, shared.settings.features, work.directory / VECTORS, progress)

    def run(
        _shared: Materials, seed: int, description: str, progress: Progress, folder: Path
    ) -> tuple[Run, Learned]:
        return FeatureRun(materials, seed, progress, folder).run(description)

    results = Jobs(shared, seeds, False, work, progress, run).run()
    small = materials.new_model(0)
    small.load_state_dict(results.learned.weights)
    model = FrozenModel(shared.folder.encoder(), small, materials.description())
    return FeatureResults(materials.settings, results.runs, results.best, model, results.learned.task)


def _runs(materials: FeatureMaterials, seeds: Sequence[int], progress: Progress) -> list[Run]:
    finished = []
    for number, seed in enumerate(seeds, 1):
        run, _ = FeatureRun(materials, seed, progress).run(f"training, seed {number} of {len(seeds)}")
        finished.append(run)
    return finished


def _materials(
    shared: Materials, features: FeatureSettings, cache: Path, progress: Progress
) -> FeatureMaterials:
    task, folder = shared.task, shared.folder
    choice = layer_choice(features.layers, folder.config.num_hidden_layers)
    if choice.remark is not None:
        progress.say(choice.remark)
    encoder = folder.encoder().to(shared.device)
    train, dev = (
        _frozen(rows, encoder, choice.layers, features, folder, cache, progress)
        for rows in (shared.train, shared.dev)
    )
    head = ("bilstm" if task.kind == "tag" else "linear") if features.head == "auto" else features.head
    by_token = task.network.head_name in ("token", "span")
    return FeatureMaterials(
        task=task,
        settings=features,
        metric=shared.metric,
        choice=choice,
        head=head,
        hidden_size=folder.config.hidden_size,
        num_outputs=task.num_outputs,
        by_token=by_token,
        train=train,
        dev=dev,
        dev_examples=shared.dev_examples,
        moments=train.store.moments(None if by_token or head == "bilstm" else features.pooling),
        device=shared.device,
        folder=folder,
        checkpoint_interval=shared.settings.checkpoint_interval,
    )


def _frozen(
    rows: Sequence[Features],
    encoder: BertEncoder,
    layers: tuple[int, ...],
    features: FeatureSettings,
    folder: ModelFolder,
    cache: Path,
    progress: Progress,
) -> FrozenRows:
    store = joined_features(
        cache, encoder, rows, layers, model=folder.digest, dtype=features.dtype, progress=progress
    )
    return FrozenRows(rows, store, folder.tokenizer.vocabulary.pad_id)


def _summary(materials: FeatureMaterials, runs: Sequence[Run], begun: float) -> FeatureBasedSummary:
    best = runs[0]
    for run in runs[1:]:
        best = run if better(materials.metric, run.metrics, best.metrics) else best
    train, dev = materials.train.features, materials.dev.features
    return FeatureBasedSummary(
        kind=materials.task.kind,
        metric=materials.metric,
        layers=materials.choice.name,
        head=materials.head,
        runs=tuple(runs),
        best=best,
        baseline=materials.task.baseline(train, dev),
        rows=len(materials.dev_examples),
        truncated=len({row.example for row in dev if row.truncated}),
        train_rows=len({row.example for row in train}),
        seconds=time.monotonic() - begun,
    )
