"""What the loop can be told to do otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bertwright.training.choices import Precision


@dataclass(frozen=True)
class LoopSettings:
    """The loop's own choices."""

    seed: int = 0
    precision: Precision = "fp32"
    max_gradient_norm: float = 1.0
    log_every: int = 10
    evaluations: int = 0
    """Evaluate so many times, at equal shares of the run, the last time included; 0: the last time alone."""
    evaluate_every: int = 0
    """Evaluate after every so many updates instead."""
    checkpoint_every: int = 0
    """Save after every so many updates, and after the last; 0: by the clock only."""
    checkpoint_seconds: float = math.inf
    """Save when so much time has passed since the last checkpoint."""
    milestones: tuple[float, ...] = ()
    """Shares of the run (between 0 and 1) at which the model is handed to ``milestone``."""
    save_last: bool = True
    """Also save when the run is over."""
    compile: bool = False
    """Run the forward and backward pass through ``torch.compile``."""
