"""The best moment of a training so far: its figures and what was learned by then, kept together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.durable import reported
from bertwright.tasks.batches import Features
from bertwright.tasks.learned import Learned, LearnedStore
from bertwright.tasks.task import Outputs, Task
from bertwright.training.loop import Loop


class BestSoFar:
    """What the development rows said of a training, and what it had learned at its best moment.

    It is what the loop carries (:class:`~bertwright.training.parts.Carried`).

    Args:
        folder: of the training's state; the best weights stand in it beside the checkpoints.
        encoder: what is adapted.
        task: as it was posed; it is fitted anew every time.
        metric: decides which moment is best, and the loss where that is equal.
        patience: a training has seen enough after so many evaluations without a new best; None never has.
        dev, examples: the development rows, for the model and as they were read.

    Attributes:
        evaluations: metrics on the development rows, every time they were scored.
        epoch: when the best moment was, in passes over the training rows.
        stuck: why the best moment counts as having learned nothing, or None.
    """

    def __init__(
        self,
        folder: Path,
        encoder: ModelFolder,
        task: Task[Any],
        *,
        metric: str,
        patience: int | None,
        dev: Sequence[Features],
        examples: Sequence[Any],
    ) -> None:
        self._folder, self._encoder, self._task = folder, encoder, task
        self._metric, self._patience = metric, patience
        self._dev, self._examples = dev, examples
        self._store = LearnedStore(folder)
        self.evaluations: list[dict[str, float]] = []
        self.epoch = 0.0
        self.stuck: str | None = None
        self._number = 0  # of the best evaluation, from 1; 0 is none
        self._stored = 0  # the one that the newest checkpoint names
        self._learned: Learned | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """Of the best moment; empty before the first evaluation."""
        return self.evaluations[self._number - 1] if self._number else {}

    @property
    def enough(self) -> bool:
        """Whether the training need not go on."""
        return self._patience is not None and len(self.evaluations) - self._number >= self._patience

    def saw(self, model: nn.Module, outputs: Outputs, epoch: float) -> dict[str, float]:
        """Score the outputs of ``model`` for the development rows; keep its weights when they are the best.

        Args:
            epoch: passes over the training rows so far.
        """
        task = self._task.fit(outputs, self._dev, self._examples)
        metrics = task.score(outputs, self._dev, self._examples)
        is_best = better(self._metric, metrics, self.metrics)
        self.evaluations.append(metrics)
        if is_best:
            self._number, self.epoch = len(self.evaluations), epoch
            self.stuck = task.stuck(outputs, self._dev)
            weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
            self._learned = Learned(weights, task)
        return metrics

    def learned_by(self, loop: Loop[Any], description: str) -> Learned:
        """Run ``loop`` to its end, from where an earlier process was.

        Damaged checkpoints are passed over: going on from an older one leads to the same end.

        Raises:
            ResumeError: there are checkpoints, and none is sound.
            NonFiniteError: loss or gradients are no numbers.
            Interrupted: a signal asked to stop; the state was saved.
        """
        with reported(self._folder, "create"):
            self._folder.mkdir(parents=True, exist_ok=True)
        loop.resume("latest-valid")
        if self.enough:
            loop.stop()
        loop.run(description)
        if self._learned is None:
            raise ValueError("the loop ended without an evaluation")
        return self._learned

    def state(self) -> dict[str, Any]:
        """For the loop's checkpoint; the best weights are written beside it, under the name that it has for
        them. Those that the checkpoint before it names stay until it is there."""
        self._store.keep_only(self._stored)
        if self._number != self._stored and self._learned is not None:
            self._store.save(self._number, self._learned)
            self._stored = self._number
        return {
            "evaluations": self.evaluations,
            "best": self._number,
            "epoch": self.epoch,
            "stuck": self.stuck,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on, with the very weights that the checkpoint's figures are of."""
        self.evaluations, self._number = list(state["evaluations"]), int(state["best"])
        self.epoch, self.stuck = state["epoch"], state["stuck"]
        self._stored = self._number
        if self._number:
            self._learned = self._store.load(self._number, self._task, self._encoder)


def better(metric: str, one: dict[str, float], other: dict[str, float]) -> bool:
    """Whether ``one`` is better than ``other`` (empty: nothing yet) by ``metric``, and by the loss where that
    is equal."""
    return not other or (one[metric], -one["loss"]) > (other[metric], -other["loss"])
