"""A small run of the loop for the tests; as a program: ``toy_run.py FOLDER [OPTION=VALUE]...``"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bertwright.errors import DiskError
from bertwright.randomness import generator
from bertwright.training.checkpoint_store import CheckpointStore, ResumeMode
from bertwright.training.choices import OptimizerName
from bertwright.training.loop import Loop
from bertwright.training.loop_settings import LoopSettings
from bertwright.training.metrics_log import MetricsLog
from bertwright.training.optimizers import build_optimizer, named_state
from bertwright.training.pace import BudgetPace, Moment, Pace, StepPace
from bertwright.training.parts import GlobalBatch, StepLoss
from bertwright.training.ranks import Ranks
from bertwright.training.schedule import LinearSchedule
from bertwright.training.sharding import shard, whole

WALL_CLOCK = frozenset({"seconds", "tokens_per_second", "peak_share"})
"""Fields of a record that depend on the machine's speed; all others are the same in a resumed run."""

ROWS, FEATURES, CLASSES = 16, 12, 5


@dataclass(frozen=True)
class Part:
    inputs: Tensor
    labels: Tensor
    step: int
    index: int


class Stopped(BaseException):
    """Stands for a death: nothing handles it."""


def source(moment: Moment, micro_rows: int = 4) -> GlobalBatch[Part]:
    """Rows of a phase: a pure function of the moment."""
    draw = generator(1, "toy", moment.phase, moment.step_in_phase)
    inputs = torch.from_numpy(draw.normal(size=(ROWS, FEATURES)).astype(np.float32))
    labels = inputs[:, :CLASSES].argmax(1)
    parts = [
        Part(
            inputs[begin : begin + micro_rows],
            labels[begin : begin + micro_rows],
            moment.step,
            begin // micro_rows,
        )
        for begin in range(0, ROWS, micro_rows)
    ]
    return GlobalBatch(parts, tokens=ROWS * FEATURES)


def loss(model: nn.Module, part: Part) -> StepLoss:
    logits = model(part.inputs)
    value = nn.functional.cross_entropy(logits, part.labels, reduction="sum") / ROWS
    return StepLoss(value, {"accuracy": (logits.argmax(1) == part.labels).sum() / ROWS})


def network() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Linear(FEATURES, 24), nn.LayerNorm(24), nn.GELU(), nn.Dropout(0.2), nn.Linear(24, CLASSES)
    )


@dataclass
class Toy:
    """One configuration of the run; ``start`` makes its loop."""

    folder: Path
    steps: int = 30
    optimizer: OptimizerName = "adamw"
    checkpoint_every: int = 4
    log_every: int = 3
    evaluate_every: int = 7
    keep: int = 2
    budget: float = 0.0
    pause: float = 0.0
    odd: int = 0
    shard: int = 0
    stop_after: int = 0
    milestone: float = 0.0
    milestone_pause: float = 0.0
    milestone_fails: int = 0
    loss: Callable[[nn.Module, Part], StepLoss] = loss

    def start(self, resume: ResumeMode | None = None, ranks: Ranks | None = None) -> Loop[Part]:
        ranks = ranks or Ranks()
        model = network()
        if self.shard and ranks.size > 1:
            shard(model, [model[0]], ranks.size)
        shares = (0.75, 0.25)
        pace: Pace = (
            BudgetPace(self.budget, shares, (1.0, 2.0)) if self.budget else StepPace(self.steps, shares)
        )
        schedule = LinearSchedule(0.01, pace.total, 0.1 * pace.total, unit=0.0 if self.budget else 1.0)
        held_out = source(Moment(0, 9, 0, 0.0, 0.0), ROWS).parts[0]

        def evaluate(last: bool) -> dict[str, float]:
            return {name: value.item() for name, value in loss(model, held_out).metrics.items()}

        def paused(module: nn.Module, part: Part) -> StepLoss:
            time.sleep(self.pause)
            if self.stop_after and part.step >= self.stop_after:
                raise Stopped(f"before step {part.step + 1}")
            return self.loss(module, part)

        def milestone(run: Loop[Part], share: float) -> None:
            if not ranks.first:
                return
            time.sleep(self.milestone_pause)
            if self.milestone_fails:
                raise DiskError("no room for the milestone")
            (self.folder / f"milestone-{share:g}").write_text(str(run.step))

        run = Loop(
            model,
            build_optimizer(model, self.optimizer),
            schedule,
            pace,
            source,
            paused,
            settings=LoopSettings(
                seed=5,
                log_every=self.log_every,
                evaluate_every=self.evaluate_every,
                checkpoint_every=self.checkpoint_every,
                checkpoint_seconds=math.inf,
                milestones=(self.milestone,) if self.milestone else (),
            ),
            evaluate=evaluate,
            ranks=ranks,
            checkpoints=CheckpointStore(self.folder / "checkpoints", self.keep, {"data": "toy"}),
            log=MetricsLog(self.folder / "metrics.jsonl") if ranks.first else None,
            milestone=milestone,
        )
        if resume:
            run.resume(resume)
        return run


def fingerprint(run: Loop[Any], folder: Path) -> str:
    """SHA-256 over weights, moments and the log without its wall-clock fields."""
    digest = hashlib.sha256()
    for name, tensor in sorted({**run.model.state_dict(), **named_state(run.model, run.optimizer)}.items()):
        digest.update(name.encode() + whole(tensor).numpy().tobytes())
    for record in records(folder):
        digest.update(json.dumps({k: v for k, v in record.items() if k not in WALL_CLOCK}).encode())
    return digest.hexdigest()


def records(folder: Path) -> list[dict[str, Any]]:
    """The lines of the log."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def main() -> None:
    """Train as the environment says (one process, or a rank), going on from a checkpoint if there is one."""
    folder, *options = sys.argv[1:]
    toy = Toy(Path(folder))
    for option in options:
        name, _, value = option.partition("=")
        setattr(toy, name, type(getattr(toy, name))(value))
    patience = float(os.environ.get("TOY_TIMEOUT", "60"))
    with Ranks.join(timeout=patience, join_timeout=patience) as ranks:
        ranks.require_equal({"settings": str(ranks.rank if toy.odd else 0)})
        run = toy.start("latest", ranks)
        print("ready", ranks.rank, run.step, flush=True)
        run.run()
        result = fingerprint(run, toy.folder)  # of a sharded model all ranks are asked
        if ranks.first:
            print("done", result, flush=True)


if __name__ == "__main__":
    try:
        main()
        if os.environ.get("WORLD_SIZE", "1") != "1":
            os._exit(0)  # as the command does: native threads of a rank may outlive the interpreter
    except (Exception, Stopped) as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr, flush=True)
        sys.exit(getattr(problem, "exit_code", 1))
