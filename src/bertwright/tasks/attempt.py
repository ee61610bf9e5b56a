"""One attempt of a run: the loop set up for a task, its evaluations, and its state for an interruption."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import nn

from bertwright.durable import reported
from bertwright.progress import Progress
from bertwright.randomness import torch_seed
from bertwright.tasks.batches import TaskBatch, TrainingBatches
from bertwright.tasks.depth import depth_of, freeze_lowest
from bertwright.tasks.evaluation import run_model
from bertwright.tasks.learned import Learned
from bertwright.tasks.networks import new_network
from bertwright.tasks.task import Outputs
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
        folder: for checkpoints and the best weights so far, and to go on from; None keeps nothing.
        progress: is told how the attempt goes.

    Attributes:
        evaluations: metrics on the development rows, every time they were scored.
        best: the best of them; ``best_epoch`` is when that was, in passes over the training rows.
        stuck: why the best moment counts as having learned nothing, or None.
    """

    def __init__(
        self, materials: Materials, seed: int, number: int, folder: Path | None, progress: Progress
    ) -> None:
        self._materials, self._folder, self._progress = materials, folder, progress
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
        self.evaluations: list[dict[str, float]] = []
        self.best: dict[str, float] = {}
        self.best_epoch = 0.0
        self.stuck: str | None = None
        self._since_best = 0
        self._learned: Learned | None = None
        self._saved: Learned | None = None
        self._loop = self._new_loop(chance)

    def _freeze(self) -> None:
        settings = self._materials.settings
        if settings.freeze:
            self._encoder.requires_grad_(False)
        elif settings.freeze_layers:
            layers = self._materials.folder.config.num_hidden_layers
            freeze_lowest(self._model, settings.freeze_layers, layers)

    def _new_loop(self, chance: int) -> Loop[WeightedBatch]:
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
            checkpoints=None if self._folder is None else CheckpointStore(self._folder / "checkpoints"),
            carried=self,
            progress=self._progress,
        )

    def run(self, description: str) -> Learned:
        """Train to the end, from where an earlier process was.

        Raises:
            NonFiniteError: loss or gradients are no numbers.
            Interrupted: a signal asked to stop; the state was saved.
        """
        if self._folder is not None:
            with reported(self._folder, "create"):
                self._folder.mkdir(parents=True, exist_ok=True)
        self._loop.resume()
        self._loop.run(description)
        if self._learned is None:
            raise ValueError("the loop ended without an evaluation")
        return self._learned

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
        """Score the development rows; keep the weights when they are the best so far."""
        materials = self._materials
        dev, examples = materials.dev, materials.dev_examples
        outputs: Outputs = run_model(self._model, dev, materials.task.tokenizer.vocabulary.pad_id)
        task = materials.task.fit(outputs, dev, examples)
        metrics = task.score(outputs, dev, examples)
        self.evaluations.append(metrics)
        self._since_best += 1
        if better(materials.metric, metrics, self.best):
            self.best, self.stuck = metrics, task.stuck(outputs, dev)
            self.best_epoch = round(self._loop.step / self._batches.steps_per_epoch, 2)
            self._since_best = 0
            state = self._model.state_dict()
            self._learned = Learned({name: t.detach().clone() for name, t in state.items()}, task)
        if self._gave_up():
            self._loop.stop()
        return metrics

    def _gave_up(self) -> bool:
        patience = self._materials.settings.patience
        return patience is not None and self._since_best >= patience

    # -- what survives an interruption -----------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """For the loop's checkpoint; the best weights so far are written beside it."""
        if self._folder is not None and self._learned is not self._saved and self._learned is not None:
            self._learned.save(self._folder / "best")
            self._saved = self._learned
        return {
            "evaluations": self.evaluations,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "stuck": self.stuck,
            "since_best": self._since_best,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on. The weights beside the checkpoint may be of a later moment than it; then that moment, which
        comes again and is better again, will replace them with the same ones."""
        self.evaluations, self.best = list(state["evaluations"]), dict(state["best"])
        self.best_epoch, self.stuck = state["best_epoch"], state["stuck"]
        self._since_best = state["since_best"]
        if self.best and self._folder is not None:
            place = self._folder / "best"
            self._learned = self._saved = Learned.load(place, self._materials.task, self._materials.folder)
        if self._gave_up():
            self._loop.stop()


def better(metric: str, one: dict[str, float], other: dict[str, float]) -> bool:
    """Whether ``one`` is better than ``other`` (empty: nothing yet) by ``metric``, and by the loss where that
    is equal."""
    return not other or (one[metric], -one["loss"]) > (other[metric], -other["loss"])
