"""One attempt of a run: the loop set up for a task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from torch import nn

from bertwright.progress import Progress
from bertwright.randomness import torch_seed
from bertwright.tasks.batches import TaskBatch, TrainingBatches
from bertwright.tasks.best_so_far import BestSoFar
from bertwright.tasks.depth import depth_of, freeze_lowest
from bertwright.tasks.learned import Learned
from bertwright.tasks.networks import new_network
from bertwright.tasks.outputs import run_model
from bertwright.training.checkpoint_store import CheckpointStore
from bertwright.training.loop import Loop
from bertwright.training.loop_settings import LoopSettings
from bertwright.training.optimizers import build_optimizer
from bertwright.training.pace import Moment, StepPace
from bertwright.training.parts import GlobalBatch, StepLoss
from bertwright.training.precision import resolve
from bertwright.training.schedule import LinearSchedule

if TYPE_CHECKING:
    from bertwright.tasks.run import Materials


class WeightedBatch(NamedTuple):
    """A part of a batch, and what it counts: the losses of all parts add up to that of the batch."""

    batch: TaskBatch
    share: float


class Attempt:
    """One attempt. Chance (new weights, order, dropout) is named by the seed and the attempt's number.

    Args:
        folder: for checkpoints and the best weights so far, and to go on from.
        progress: is told how the attempt goes.

    Attributes:
        best: its evaluations, and the best of them.
    """

    def __init__(
        self, materials: Materials, seed: int, number: int, folder: Path, progress: Progress
    ) -> None:
        self._materials, self._progress = materials, progress
        chance = torch_seed(seed, "fine-tuning", number)
        settings, task = materials.settings, materials.task
        new = new_network(task, materials.folder, settings, seed=chance, from_scratch=settings.from_scratch)
        self._model: nn.Module = new.to(materials.device)
        self._encoder: nn.Module = self._model.get_submodule("encoder")
        self._freeze()
        self._batches = TrainingBatches(
            materials.train,
            settings.batch_size,
            task.tokenizer.vocabulary.pad_id,
            chance,
            together=task.rows_together,
            by_length=settings.group_by_length,
        )
        self.best = BestSoFar(
            folder,
            materials.folder,
            task,
            metric=materials.metric,
            patience=settings.patience,
            dev=materials.dev,
            examples=materials.dev_examples,
        )
        self._loop = self._new_loop(chance, CheckpointStore(folder / "checkpoints"))

    def _freeze(self) -> None:
        settings = self._materials.settings
        if settings.freeze:
            self._encoder.requires_grad_(False)
        elif settings.freeze_layers:
            layers = self._materials.folder.config.num_hidden_layers
            freeze_lowest(self._model, settings.freeze_layers, layers)

    def _new_loop(self, chance: int, checkpoints: CheckpointStore) -> Loop[WeightedBatch]:
        settings, config = self._materials.settings, self._materials.folder.config
        every_epoch = self._batches.steps_per_epoch
        steps = every_epoch * settings.epochs
        decay, layers = settings.layer_decay, config.num_hidden_layers
        optimizer = build_optimizer(
            self._model,
            settings.optimizer,
            weight_decay=settings.weight_decay,
            eps=settings.adam_epsilon,
            rate_factor=None if decay == 1 else lambda name: decay ** depth_of(name, layers),
        )
        return Loop(
            self._model,
            optimizer,
            LinearSchedule(settings.rate_for(config), steps, settings.warmup * steps, settings.schedule),
            StepPace(steps),
            self._source,
            self._loss,
            settings=LoopSettings(
                seed=chance,
                precision=resolve(settings.precision, self._materials.device),
                max_gradient_norm=settings.max_gradient_norm,
                evaluate_every=max(1, every_epoch // settings.evaluations_per_epoch),
                checkpoint_seconds=settings.checkpoint_interval,
                save_last=False,
            ),
            evaluate=self._evaluate,
            checkpoints=checkpoints,
            carried=self.best,
            progress=self._progress,
        )

    def run(self, description: str) -> Learned:
        """Train to the end, from where an earlier process was.

        Raises:
            NonFiniteError: loss or gradients are no numbers.
            Interrupted: a signal asked to stop; the state was saved.
        """
        return self.best.learned_by(self._loop, description)

    # -- what the loop asks for ------------------------------------------------------------------------------

    def _source(self, moment: Moment) -> GlobalBatch[WeightedBatch]:
        batches = self._batches.parts(moment.step, self._materials.settings.micro_batch_size)
        weights = [self._materials.task.weight(batch) for batch in batches]
        parts = [
            WeightedBatch(batch.to(self._materials.device), weight / sum(weights))
            for batch, weight in zip(batches, weights, strict=True)
        ]
        return GlobalBatch(parts, sum(batch.num_tokens for batch in batches))

    def _loss(self, model: nn.Module, part: WeightedBatch) -> StepLoss:
        if self._materials.settings.freeze:
            self._encoder.eval()  # frozen also means without dropout
        batch = part.batch
        logits = model(batch.input_ids, batch.token_type_ids, batch.attention_mask)
        return StepLoss(self._materials.task.loss(logits, batch) * part.share, {})

    def _evaluate(self, _last: bool) -> dict[str, float]:
        dev, pad_id = self._materials.dev, self._materials.task.tokenizer.vocabulary.pad_id
        outputs = run_model(self._model, dev, pad_id)
        epoch = round(self._loop.step / self._batches.steps_per_epoch, 2)
        metrics = self.best.saw(self._model, outputs, epoch)
        if self.best.enough:
            self._loop.stop()
        return metrics
