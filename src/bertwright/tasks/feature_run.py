"""One training run on frozen vectors: one seed, its epochs, the best of them.

Axes: B rows of a batch, S positions, n layers, H hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.features.joined import JoinedStores
from bertwright.features.layers import LayerChoice
from bertwright.features.model import FeatureModel, HeadKind
from bertwright.progress import Progress
from bertwright.randomness import torch_seed
from bertwright.tasks.batches import Features, TaskBatch, TrainingBatches, collate
from bertwright.tasks.best_so_far import BestSoFar
from bertwright.tasks.feature_settings import FeatureSettings
from bertwright.tasks.learned import Learned
from bertwright.tasks.outputs import in_row_order
from bertwright.tasks.run import Run
from bertwright.tasks.task import Outputs, Task
from bertwright.tokenization.padding import length_groups
from bertwright.training.checkpoint_store import CheckpointStore
from bertwright.training.loop import Loop
from bertwright.training.loop_settings import LoopSettings
from bertwright.training.optimizers import build_optimizer
from bertwright.training.pace import Moment, StepPace
from bertwright.training.parts import GlobalBatch, StepLoss
from bertwright.training.schedule import LinearSchedule

WARMUP = 0.1
TOKENS_AT_ONCE = 8192


@dataclass(frozen=True)
class FrozenRows:
    """Encoded rows and where their vectors are."""

    features: Sequence[Features]
    store: JoinedStores
    pad_id: int

    def batch(self, indices: Sequence[int], device: torch.device) -> FrozenBatch:
        """Rows side by side, padded with zeros."""
        rows = [self.store.row(index) for index in indices]
        padded = np.zeros((len(rows), max(map(len, rows)), *rows[0].shape[1:]), np.float32)
        for target, row in zip(padded, rows, strict=True):
            target[: len(row)] = row
        batch = collate([self.features[index] for index in indices], self.pad_id)
        return FrozenBatch(torch.from_numpy(padded).to(device), batch.to(device))


class FrozenBatch(NamedTuple):
    """Rows for one step."""

    vectors: Tensor
    """(B, S, n, H)"""
    rows: TaskBatch


@dataclass(frozen=True)
class FeatureMaterials:
    """What the runs of all seeds share."""

    task: Task[Any]
    settings: FeatureSettings
    metric: str
    choice: LayerChoice
    head: HeadKind
    hidden_size: int
    num_outputs: int
    by_token: bool
    train: FrozenRows
    dev: FrozenRows
    dev_examples: Sequence[Any]
    moments: tuple[NDArray[np.float32], NDArray[np.float32]]
    """Mean and deviation of the training tokens."""
    device: torch.device
    folder: ModelFolder
    """Of the encoder."""
    checkpoint_interval: float
    """Seconds of work that an interruption may cost."""

    def description(self) -> dict[str, Any]:
        """What is stored, so that :class:`FrozenModel` can be built again."""
        return {
            "layers": list(self.choice.layers),
            "joining": self.choice.joining,
            "name": self.choice.name,
            "head": self.head,
            "lstm_size": self.settings.lstm_size,
            "pooling": None if self.by_token else self.settings.pooling,
            "outputs": self.num_outputs,
        }

    def new_model(self, seed: int) -> FeatureModel:
        """What is to be trained, with weights drawn from ``seed``."""
        settings = self.settings
        model = FeatureModel(
            self.choice,
            self.hidden_size,
            self.num_outputs,
            head=self.head,
            pool=None if self.by_token else settings.pooling,
            lstm_size=settings.lstm_size,
            dropout=settings.dropout,
            seed=seed,
        )
        model.standardize(*self.moments)
        return model


class FeatureRun:
    """The run of one seed; chance (weights, order, dropout) is named by it.

    Args:
        folder: for checkpoints and the best weights so far, and to go on from.
    """

    def __init__(self, materials: FeatureMaterials, seed: int, progress: Progress, folder: Path) -> None:
        self._materials, self._seed, self._progress = materials, seed, progress
        self._chance = torch_seed(seed, "features")
        self._model = materials.new_model(self._chance).to(materials.device)
        self._batches = TrainingBatches(
            materials.train.features,
            materials.settings.batch_size,
            materials.train.pad_id,
            self._chance,
            together=materials.task.rows_together,
        )
        self._best = BestSoFar(
            folder,
            materials.folder,
            materials.task,
            metric=materials.metric,
            patience=materials.settings.patience,
            dev=materials.dev.features,
            examples=materials.dev_examples,
        )
        self._loop = self._new_loop(CheckpointStore(folder / "checkpoints"))

    def run(self, description: str) -> tuple[Run, Learned]:
        """Train, from where an earlier process was, and keep the best epoch.

        Raises:
            NonFiniteError: loss or gradients are no numbers.
            Interrupted: a signal asked to stop; the state was saved.
        """
        learned, best = self._best.learned_by(self._loop, description), self._best
        return Run(self._seed, 1, best.stuck, best.epoch, best.metrics, tuple(best.evaluations)), learned

    def _new_loop(self, checkpoints: CheckpointStore) -> Loop[FrozenBatch]:
        settings, every_epoch = self._materials.settings, self._batches.steps_per_epoch
        steps = every_epoch * settings.epochs
        return Loop(
            self._model,
            build_optimizer(self._model, weight_decay=settings.weight_decay),
            LinearSchedule(settings.learning_rate, steps, WARMUP * steps),
            StepPace(steps),
            self._source,
            self._loss,
            settings=LoopSettings(
                seed=self._chance,
                evaluate_every=every_epoch,
                checkpoint_seconds=self._materials.checkpoint_interval,
                save_last=False,
            ),
            evaluate=self._evaluate,
            checkpoints=checkpoints,
            carried=self._best,
            progress=self._progress,
        )

    def _source(self, moment: Moment) -> GlobalBatch[FrozenBatch]:
        epoch, place = divmod(moment.step, self._batches.steps_per_epoch)
        indices = self._batches.plan(epoch)[place].tolist()
        batch = self._materials.train.batch(indices, self._materials.device)
        return GlobalBatch([batch], batch.rows.num_tokens)

    def _loss(self, model: nn.Module, batch: FrozenBatch) -> StepLoss:
        logits = model(batch.vectors, batch.rows.attention_mask)
        return StepLoss(self._materials.task.loss(logits, batch.rows), {})

    def _evaluate(self, _last: bool) -> dict[str, float]:
        outputs = feature_outputs(self._model, self._materials.dev, self._materials.device)
        metrics = self._best.saw(self._model, outputs, self._loop.step / self._batches.steps_per_epoch)
        if self._best.enough:
            self._loop.stop()
        return metrics


def feature_outputs(model: FeatureModel, rows: FrozenRows, device: torch.device) -> Outputs:
    """What ``model`` gives for each row, in order; by token cut to the row's length.

    Raises:
        NonFiniteError: an output is no finite number.
    """

    def ask(group: NDArray[np.int64]) -> NDArray[np.float32]:
        batch = rows.batch(group.tolist(), device)
        logits: Tensor = model(batch.vectors, batch.rows.attention_mask)
        return logits.float().cpu().numpy()

    lengths = [len(row) for row in rows.features]
    model.eval()
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        groups = length_groups(lengths, TOKENS_AT_ONCE)
        return in_row_order(((group, ask(group)) for group in groups), rows.features)
