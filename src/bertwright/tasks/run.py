"""One fine-tuning run: one seed, its epochs, its best epoch, and its restarts when it learned nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.progress import Progress
from bertwright.randomness import torch_seed
from bertwright.tasks.batches import Features, TaskBatch, TrainingBatches
from bertwright.tasks.evaluation import run_model
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.task import Outputs, Task
from bertwright.training.loop import Loop
from bertwright.training.loop_settings import LoopSettings
from bertwright.training.optimizers import build_optimizer
from bertwright.training.pace import Moment, StepPace
from bertwright.training.parts import GlobalBatch, StepLoss
from bertwright.training.precision import resolve
from bertwright.training.schedule import LinearSchedule

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Materials:
    """What every run of a fine-tuning shares."""

    folder: ModelFolder
    task: Task[Any]
    settings: FinetuneSettings
    metric: str
    train: Sequence[Features]
    dev: Sequence[Features]
    dev_examples: Sequence[Any]
    device: torch.device


@dataclass(frozen=True)
class Run:
    """What came of one seed."""

    seed: int
    attempts: int
    """1 when the first attempt learned something."""
    stuck: str | None
    """Why the last attempt counts as having learned nothing, or None."""
    epoch: int
    """The best epoch, from 1: the one whose weights these are."""
    metrics: dict[str, float]
    """Of the best epoch, on the development rows."""
    epochs: tuple[dict[str, float], ...]
    """Of every epoch."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "seed": self.seed,
            "metrics": self.metrics,
            "epoch": self.epoch,
            "epochs": list(self.epochs),
            "attempts": self.attempts,
            "stuck": self.stuck,
        }


@dataclass(frozen=True)
class Learned:
    """What a run leaves: the weights of its best epoch, and the task with what was fitted to them."""

    weights: Weights
    task: Task[Any]


def run_seed(materials: Materials, seed: int, description: str, progress: Progress) -> tuple[Run, Learned]:
    """One run and what it learned; while that is nothing it is started again.

    Raises:
        NonFiniteError: loss or gradients are no numbers.
        Interrupted: a signal asked to stop.
    """
    attempts = materials.settings.restarts + 1
    for attempt in range(attempts):
        run, learned = _Training(materials, seed, attempt).run(description, progress)
        if run.stuck is None:
            break
        again = "starting again with other chance" if attempt + 1 < attempts else "keeping it as it is"
        progress.say(f"seed {seed}, attempt {attempt + 1}: {run.stuck}: nothing was learned, {again}")
    return run, learned


def better(metric: str, one: dict[str, float], other: dict[str, float] | None) -> bool:
    """Whether ``one`` is better than ``other`` by ``metric``, and by the loss where that is equal."""
    return other is None or (one[metric], -one["loss"]) > (other[metric], -other["loss"])


class _Training:
    """One attempt. Chance (new weights, order, dropout) is named by the seed and the attempt's number."""

    def __init__(self, materials: Materials, seed: int, attempt: int) -> None:
        self._materials = materials
        self._seed, self._attempt = seed, attempt
        self._chance = torch_seed(seed, "fine-tuning", attempt)
        settings, task = materials.settings, materials.task
        new = task.new_model(materials.folder, seed=self._chance, from_scratch=settings.from_scratch)
        self._model: nn.Module = new.to(materials.device)
        self._encoder: nn.Module = self._model.get_submodule("encoder")
        if settings.freeze:
            self._encoder.requires_grad_(False)
        self._batches = TrainingBatches(
            materials.train,
            settings.batch_size,
            task.tokenizer.vocabulary.pad_id,
            self._chance,
            together=task.rows_together,
        )
        self._epochs: list[dict[str, float]] = []
        self._best: dict[str, float] | None = None
        self._learned = Learned({}, task)
        self._stuck: str | None = None

    def run(self, description: str, progress: Progress) -> tuple[Run, Learned]:
        settings, device = self._materials.settings, self._materials.device
        steps = self._batches.steps_per_epoch * settings.epochs
        rate = settings.rate_for(self._materials.folder.config)
        loop = Loop(
            self._model,
            build_optimizer(self._model, settings.optimizer, weight_decay=settings.weight_decay),
            LinearSchedule(rate, steps, settings.warmup * steps, settings.schedule),
            StepPace(steps),
            self._source,
            self._loss,
            settings=LoopSettings(
                seed=self._chance,
                precision=resolve(settings.precision, device),
                max_gradient_norm=settings.max_gradient_norm,
                evaluate_every=self._batches.steps_per_epoch,
            ),
            evaluate=self._evaluate,
            progress=progress,
        )
        loop.run(description)
        best = self._best or {}
        epoch = self._epochs.index(best) + 1
        run = Run(self._seed, self._attempt + 1, self._stuck, epoch, best, tuple(self._epochs))
        return run, self._learned

    def _source(self, moment: Moment) -> GlobalBatch[TaskBatch]:
        batch = self._batches.batch(moment.step)
        return GlobalBatch([batch.to(self._materials.device)], batch.num_tokens)

    def _loss(self, model: nn.Module, batch: TaskBatch) -> StepLoss:
        if self._materials.settings.freeze:
            self._encoder.eval()  # frozen also means without dropout
        logits = model(batch.input_ids, batch.token_type_ids, batch.attention_mask)
        return StepLoss(self._materials.task.loss(logits, batch), {})

    def _evaluate(self, _last: bool) -> dict[str, float]:
        """Score the development rows; keep the weights when they are the best so far."""
        materials = self._materials
        dev, examples = materials.dev, materials.dev_examples
        outputs: Outputs = run_model(self._model, dev, materials.task.tokenizer.vocabulary.pad_id)
        task = materials.task.fit(outputs, dev, examples)
        metrics = task.score(outputs, dev, examples)
        self._epochs.append(metrics)
        if better(materials.metric, metrics, self._best):
            self._best, self._stuck = metrics, task.stuck(outputs, dev)
            state = self._model.state_dict()
            self._learned = Learned({name: t.detach().clone() for name, t in state.items()}, task)
        return metrics
