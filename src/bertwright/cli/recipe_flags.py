"""The settings of fine-tuning as options of the command line."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from bertwright.cli.arguments import Count, Real, TrainingDevice

if TYPE_CHECKING:
    from bertwright.tasks.settings import FinetuneSettings

_ELSEWHERE = {"drop_misaligned": "answer.drop_misaligned"}
"""Options that are not called as the setting is."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RecipeFlags:
    """How to fine-tune. An option that is not given leaves the setting as file and defaults have it."""

    method: Literal["finetune", "features"] | None = None
    """finetune (default), or features: a small model on the vectors of the frozen encoder."""
    epochs: Count | None = None
    """Passes over the training rows; 3 by default."""
    batch_size: Count | None = None
    """Rows an update; 32 by default."""
    learning_rate: Real | None = None
    """By default 5e-5; 3e-4 for encoders narrower than 512, 1e-3 with --freeze."""
    max_length: Count | None = None
    """Longest row in pieces; 128 by default, 384 for answer, 256 for choose."""
    metric: str | None = None
    """What decides which moment and which seed is best; by default the task's first."""
    patience: Count | None = None
    """End a run after so many evaluations without a new best."""
    drop_misaligned: Annotated[bool, Parameter(negative=())] = False
    """answer: leave out training questions whose answer is not at its offset."""
    freeze: Annotated[bool, Parameter(negative=())] = False
    """Train the output layer only."""
    from_scratch: Annotated[bool, Parameter(negative=())] = False
    """New weights in MODEL's shape, for comparison."""
    device: TrainingDevice = None
    recipe: Path | None = None
    """Settings in a TOML file; options override them."""
    set: list[str] = field(default_factory=list)
    """Any other setting as NAME=VALUE (bertwright config show --recipe finetune lists them)."""

    def settings(self) -> FinetuneSettings:
        """Defaults < file < options.

        Raises:
            SettingsError: with one sentence for every mistake.
        """
        from bertwright.cli.given import given_settings
        from bertwright.config.settings import load
        from bertwright.tasks.settings import FinetuneSettings

        options: dict[str, Any] = {
            _ELSEWHERE.get(flag.name, flag.name): getattr(self, flag.name)
            for flag in fields(self)
            if flag.name not in ("recipe", "set") and not _absent(getattr(self, flag.name))
        }
        given = given_settings(options, self.set)
        return load(FinetuneSettings, file=self.recipe, overrides=given).value


def _absent(value: object) -> bool:
    """Whether an option was not given; a 0 that was given is no False."""
    return value is None or value is False
