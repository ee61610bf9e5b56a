"""The feature-based way for any task: a frozen encoder run once, and a small model on its vectors.

Paper, section 5.3 and table 7: same rows, losses and metrics as fine-tuning, the encoder's weights untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.durable import UnfinishedWork
from bertwright.features.joined import joined_features
from bertwright.features.layers import layer_choice
from bertwright.model.encoder import BertEncoder
from bertwright.progress import Progress
from bertwright.tasks.batches import Features
from bertwright.tasks.feature_model import FrozenModel
from bertwright.tasks.feature_run import FeatureMaterials, FeatureRun, FrozenRows
from bertwright.tasks.feature_settings import FeatureSettings
from bertwright.tasks.jobs import Jobs, Point
from bertwright.tasks.learned import Learned
from bertwright.tasks.run import Materials, Run
from bertwright.tasks.task import Task

VECTORS = "vectors"
"""Folder of the unfinished work that has the vectors."""


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
    return FeatureMaterials(
        task=task,
        settings=features,
        metric=shared.metric,
        choice=choice,
        head=head,
        hidden_size=folder.config.hidden_size,
        num_outputs=task.num_outputs,
        by_token=task.network.by_token,
        train=train,
        dev=dev,
        dev_examples=shared.dev_examples,
        moments=train.store.moments(None if task.network.by_token or head == "bilstm" else features.pooling),
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
