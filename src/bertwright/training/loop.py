"""The loop: micro-batches to gradients, gradients to an update, updates to a trained model.

It knows no BERT. A recipe gives it a source of global batches, a function from a micro-batch to a loss, and
an evaluation; the loop does accumulation, ranks, precision, clipping, the schedule, the log, checkpoints
and signals.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Generic, NoReturn, cast

import torch
from torch import Tensor, nn

from bertwright.errors import Interrupted, NonFiniteError
from bertwright.progress import Progress, Silent
from bertwright.randomness import torch_seed
from bertwright.training.checkpoint_store import Checkpoint, CheckpointStore, ResumeMode, load_weights, to_cpu
from bertwright.training.finite import Unchecked, require_finite
from bertwright.training.gradients import gradients_of
from bertwright.training.loop_settings import LoopSettings
from bertwright.training.loop_state import LoopState, fitting
from bertwright.training.machine import matmul_peak
from bertwright.training.metrics_log import MetricsLog
from bertwright.training.optimizer import Optimizer
from bertwright.training.optimizers import named_state, require_moments, restore_state
from bertwright.training.pace import Moment, Pace
from bertwright.training.parts import Carried, GlobalBatch, Part, StepLoss
from bertwright.training.precision import autocast, weights_for_products
from bertwright.training.ranks import Ranks
from bertwright.training.schedule import LinearSchedule
from bertwright.training.sharding import sharded
from bertwright.training.signals import StopSignals
from bertwright.training.stopping import Stopping
from bertwright.training.window import Window


class Loop(Generic[Part]):
    """One training run.

    Args:
        model: on its device, in fp32.
        optimizer: over the model's parameters; its rates are set by ``schedule``.
        pace: how long, and in which phases.
        source: the global batch of a moment: a pure function, the same on every rank.
        loss: (model, micro-batch) -> loss and metrics, both normalized by the global batch.
        evaluate: metrics of the present model on held-out data, the same on every rank; told whether this is
            the last time.
        checkpoints, log: None to save or log nothing.
        carried: what is saved and restored with the loop's own state.
        milestone: is told, with the loop, when a share of the run is done that ``settings.milestones`` names;
            after an interruption perhaps twice, of the same weights.

    Attributes:
        step: updates done.
        tokens: read so far, padding not counted.
        seconds: since the run began, its interruptions not counted.
        busy_seconds: of them, spent on updates, the waits for the device among them (the rest: evaluation,
            saving).
        last_evaluation: what ``evaluate`` said last.
        resumed_at: the step of the checkpoint that the run went on from; -1 for a new one.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        schedule: LinearSchedule,
        pace: Pace,
        source: Callable[[Moment], GlobalBatch[Part]],
        loss: Callable[[nn.Module, Part], StepLoss],
        *,
        settings: LoopSettings,
        evaluate: Callable[[bool], dict[str, float]] | None = None,
        ranks: Ranks | None = None,
        checkpoints: CheckpointStore | None = None,
        log: MetricsLog | None = None,
        carried: Carried | None = None,
        milestone: Callable[[Loop[Part], float], None] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.model, self.optimizer, self.schedule, self.pace = model, optimizer, schedule, pace
        self.step = 0
        self.resumed_at = -1
        self.tokens = 0
        self.seconds = 0.0
        self.busy_seconds = 0.0
        self.last_evaluation: dict[str, float] = {}
        self._source, self._loss, self._settings, self._evaluate = source, loss, settings, evaluate
        self._forward = cast(nn.Module, torch.compile(model)) if settings.compile else model
        self._ranks = ranks or Ranks()
        self._checkpoints, self._log, self._carried = checkpoints, log, carried
        self._milestone = milestone
        self._stopped = False
        self._progress: Progress = progress or Silent()
        self._device = next(model.parameters()).device
        self._gradients = gradients_of(model, self._ranks)
        self._window = Window()
        self._saved_step = -1
        self._share = 0.0
        self._evaluated: tuple[int, bool] = (0, False)  # at which step, and whether it was the last time
        self._agreed_at = self._saved_at = 0.0  # by the first rank's clock, so that all decide alike
        # The fused kernel can skip an update on the device, so that the host need not wait to see the norm.
        self._deferred = self._device.type == "cuda" and optimizer.fused
        self._unchecked = Unchecked()

    # -- the course of a run ---------------------------------------------------------------

    def run(self, description: str = "training") -> None:
        """Train until the pace says that it is over.

        Raises:
            Interrupted: SIGINT or SIGTERM; the state has been saved.
            NonFiniteError: loss or gradient is not a number; the weights are those of before the update.
            RankError: another rank is gone.
        """
        begun = time.monotonic() - self.seconds
        self._agreed_at = self._saved_at = self.seconds
        self._progress.start(description, self.pace.length, self.pace.unit)
        self._progress.advance(self._position())
        self.model.train()
        try:
            with weights_for_products(self.model, self._settings, self._ranks):
                self._train(begun)
        finally:
            self._progress.finish()
            if self._log is not None:
                self._log.close()

    def _train(self, begun: float) -> None:
        with StopSignals() as signals:
            stopping = Stopping(self._ranks, signals)
            while True:
                if stop := self._agree(stopping, begun):
                    self._leave(stop)
                moment = self.pace.moment(self.step, self.seconds)
                if moment is None:
                    break
                self._save_when_due()
                self._keep_milestones(moment.share)
                self._evaluate_when_due(moment)
                if self._stopped:
                    break
                before, started = self._position(), time.monotonic()
                if not self._update(moment, stopping):
                    continue
                self.step += 1
                self._share = moment.share
                spent = time.monotonic() - started
                self._window.seconds += spent
                self.busy_seconds += spent
                self.seconds = time.monotonic() - begun
                self._progress.advance(self._position() - before)
                self._after_update()
            self._finish(begun)
            if stop := self._agree(stopping, begun):  # a signal during the last evaluation
                self._leave(stop)

    def stop(self) -> None:
        """End the run here, as if this were its last step; for an evaluation that has seen enough."""
        self._stopped = True

    def _agree(self, stopping: Stopping, begun: float) -> int:
        """Set the clock by the first rank's; the signal that asked any rank to stop, or 0."""
        stop, self.seconds = stopping.agree(self.step, time.monotonic() - begun)
        self._agreed_at = self.seconds
        return stop

    def _leave(self, stop: int) -> NoReturn:
        if self._saved_step != self.step:
            self._save()
        hint = "; go on with --resume" if self._checkpoints else ""
        raise Interrupted(stop, f"stopped by signal {stop} after step {self.step}{hint}")

    def _position(self) -> float:
        return self.seconds if self.pace.unit == "seconds" else self.step

    def _after_update(self) -> None:
        every = self._settings
        if self.step % every.log_every == 0:
            self._record()
        if every.checkpoint_every and self.step % every.checkpoint_every == 0:
            self._save()

    def _finish(self, begun: float) -> None:
        if self._window.steps:
            self._record()
        self._keep_milestones(1.0)  # beyond where the last update began
        self._share = 1.0
        done = self._evaluated == (self.step, True) or (self._stopped and self._evaluated[0] == self.step)
        if self._evaluate is not None and not done:
            self._evaluation(self._evaluate, last=True)
        self.seconds = time.monotonic() - begun
        if self._saved_step != self.step and self._settings.save_last:
            self._save()

    # -- one update ---------------------------------------------------------------

    def _update(self, moment: Moment, stopping: Stopping) -> bool:
        """Accumulate one global batch and apply it; False if a signal came first and nothing was changed."""
        batch = self._source(moment)
        self._gradients.clear()
        totals = torch.zeros((), dtype=torch.float64, device=self._device)
        names: list[str] = []
        mine = self._ranks.mine(len(batch.parts))
        common = len(batch.parts) // self._ranks.size  # every rank has so many, some have one more
        for place, index in enumerate(mine):
            if stopping.gives_up(self.step, self.seconds, together=place < common):
                return False
            self._gradients.expect(last=index == mine[-1])
            names, values = self._accumulate(moment.step, index, batch.parts[index])
            totals = totals + values
        self._ranks.sum(totals)
        self._gradients.reduce()
        norm = self._gradients.norm()
        rate = self.schedule.rate(moment.done)
        self._clip(moment, totals[0], norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("rate_factor", 1.0)
        self.optimizer.step()
        self.tokens += batch.tokens
        self._window.add(
            [*names, "gradient_norm"], torch.cat([totals, norm.double()[None]]), batch.tokens, batch.flops
        )
        self._window.last = {"learning_rate": rate, "phase": moment.phase, "progress": moment.share}
        return True

    def _accumulate(self, step: int, index: int, part: Part) -> tuple[list[str], Tensor]:
        """Forward and backward of one micro-batch; its loss and metrics as one float64 tensor."""
        # Dropout is named by the step and the micro-batch, not by the rank or by what was drawn before.
        torch.manual_seed(torch_seed(self._settings.seed, "dropout", step, index))
        with self._ranks.watched("computing"):  # sharded, this takes all ranks
            with autocast(self._settings.precision, self._device):
                result = self._loss(self._forward, part)
            result.loss.backward()  # type: ignore[no-untyped-call]
        names = ["loss", *result.metrics]
        values = [result.loss, *result.metrics.values()]
        return names, torch.stack([value.detach().double() for value in values])

    def _clip(self, moment: Moment, loss: Tensor, norm: Tensor) -> None:
        """Scale to the largest norm allowed; refuse what is not a number before it reaches the weights."""
        most = self._settings.max_gradient_norm
        if self._deferred:
            self.optimizer.grad_scale = torch.clamp(norm / most, min=1.0)
            self.optimizer.found_inf = self._unchecked.add(moment, loss, norm)
            return
        self._gradients.limit(self.optimizer, require_finite(moment, loss, norm), most)

    def _check_finite(self) -> None:
        """Wait for the updates that the device was left to judge: the wait is part of the time they take."""
        if not self._unchecked:
            return
        started = time.monotonic()
        self._unchecked.check(self.step)
        waited = time.monotonic() - started
        self._window.seconds += waited
        self.busy_seconds += waited
        self.seconds += waited

    # -- log, evaluation, checkpoints ---------------------------------------------------------------

    def _record(self) -> None:
        """Close the window with one record; the only place of a normal step where the host waits."""
        self._check_finite()
        window = self._window
        means = window.means()
        speed = window.tokens / window.seconds if window.seconds else 0.0
        record: dict[str, Any] = {
            "step": self.step,
            "kind": "train",
            **means,
            **window.last,
            "tokens": self.tokens,
        }
        record |= {"tokens_per_second": speed, "seconds": self.seconds}
        note = f"loss {means['loss']:.3f}, {speed:,.0f} tokens/s"
        if window.flops and window.seconds:
            peak = matmul_peak(self._device.type, self._settings.precision) * self._ranks.size
            record["peak_share"] = window.flops / window.seconds / peak
            note += f", {record['peak_share']:.0%} of peak"
        if self._log is not None:
            self._log.write(record)
        self._progress.advance(0, note)
        self._window = Window()

    def _evaluate_when_due(self, moment: Moment) -> None:
        """Before an update, so that an evaluation on the way never falls on the end of the run."""
        every, times = self._settings.evaluate_every, self._settings.evaluations
        if self._evaluate is None or self._evaluated[0] == self.step:
            return
        if every:
            due = self.step % every == 0
        else:
            due = int(moment.share * times) > int(self._share * times)
        if due:
            self._evaluation(self._evaluate, last=False)

    def _keep_milestones(self, until: float) -> None:
        """Those up to this share of the run, before the update that would be the first one beyond."""
        if self._milestone is None:
            return
        for share in self._settings.milestones:
            if self._share < share <= until:
                self._check_finite()
                self._ranks.write_together(partial(self._milestone, self, share))

    def _evaluation(self, evaluate: Callable[[bool], dict[str, float]], *, last: bool) -> None:
        self._check_finite()
        self.model.eval()
        numbers = autocast(self._settings.precision, self._device)
        with self._ranks.watched("evaluating"), torch.inference_mode(), numbers:
            figures = evaluate(last)
        self.model.train()
        if not all(map(math.isfinite, figures.values())):
            found = ", ".join(f"{name} {value}" for name, value in figures.items())
            raise NonFiniteError(f"the evaluation after step {self.step} gave {found} (try a lower rate)")
        self.last_evaluation = figures
        self._evaluated = (self.step, last)
        if self._log is not None:
            self._log.write(
                {"step": self.step, "kind": "evaluation", **self.last_evaluation, "tokens": self.tokens}
            )

    def _save_when_due(self) -> None:
        due = self._agreed_at - self._saved_at >= self._settings.checkpoint_seconds
        if due and self._saved_step != self.step:
            self._save()

    def _save(self) -> None:
        self._check_finite()
        self._saved_at, self._saved_step = self._agreed_at, self.step
        if self._checkpoints is not None:
            self._ranks.write_together(partial(self._write_checkpoint, self._checkpoints))

    def _write_checkpoint(self, checkpoints: CheckpointStore) -> None:
        """Of a sharded model every rank holds a part of what the first one writes."""
        first = self._ranks.first
        if not first and not sharded(self.model):
            return
        weights = to_cpu(self.model.state_dict(), keep=first)
        moments = to_cpu(named_state(self.model, self.optimizer), keep=first)
        if first:
            checkpoints.save(Checkpoint(self.step, weights, moments, self._state().to_dict()))

    def _state(self) -> LoopState:
        return LoopState(
            step=self.step,
            tokens=self.tokens,
            seconds=self.seconds,
            busy_seconds=self.busy_seconds,
            pace=self.pace.state(),
            window=self._window.state(),
            log_lines=0 if self._log is None else self._log.sync(),
            share=self._share,
            evaluated=self._evaluated,
            last_evaluation=self.last_evaluation,
            carried=None if self._carried is None else self._carried.state(),
        )

    def resume(self, mode: ResumeMode = "latest") -> bool:
        """Go on from the newest checkpoint; False if there is none and the run begins anew.

        Raises:
            ResumeError, DigestError: see :meth:`CheckpointStore.load`; or it is of another model or loop.
        """
        if self._checkpoints is None:
            return False
        checkpoint = self._checkpoints.load(mode, self._progress.say)
        if checkpoint is None:
            if self._log is not None:
                self._log.keep(0)
            return False
        self._restore(checkpoint, self._checkpoints.path(checkpoint.step))
        if mode == "latest-valid" and self._ranks.all_well(True) and self._ranks.first:
            self._checkpoints.set_aside_after(checkpoint.step)  # now that no rank looks at them any more
        return True

    def _restore(self, checkpoint: Checkpoint, path: Path) -> None:
        state = LoopState.read(checkpoint.state, path)
        with fitting(path):
            self.pace.restore(state.pace)
            self._window.restore(state.window, self._device)
        require_moments(self.model, self.optimizer, checkpoint.moments, path)
        load_weights(self.model, checkpoint.weights, path)
        restore_state(self.model, self.optimizer, checkpoint.moments)
        self.step = self._saved_step = self.resumed_at = checkpoint.step
        self.tokens, self.seconds, self.busy_seconds = state.tokens, state.seconds, state.busy_seconds
        self._share, self._evaluated = state.share, state.evaluated
        self.last_evaluation = state.last_evaluation
        if self._carried is not None:
            self._carried.restore(state.carried or {})
        if self._log is not None:
            self._log.keep(state.log_lines)
