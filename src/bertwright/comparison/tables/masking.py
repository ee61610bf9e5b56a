"""Table 8: what stands in the place of a masked word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bertwright.comparison.plan import Column, Draft
from bertwright.comparison.settings import ComparisonSettings
from bertwright.tasks.presets import preset_of

SHARES = ((80, 10, 10), (100, 0, 0), (80, 0, 20), (80, 20, 0), (0, 20, 80), (0, 0, 100))
"""Per cent that become [MASK], stay the same, become a random token."""
FEATURES = {"method": "features", "features": {"layers": "concat-last-four"}}
"""As the paper has it beside this table."""


def drafts(settings: ComparisonSettings) -> list[Draft]:
    """A row for each of the six mixes."""
    return [
        Draft(
            f"{mask}-{same}-{other}",
            f"{mask} % [MASK], {same} % same, {other} % random",
            {"mask_share": mask / 100, "random_share": other / 100},
        )
        for mask, same, other in SHARES
    ]


def with_features(columns: Sequence[Column]) -> list[Column]:
    """Every tagging task twice: fine-tuned, and on features."""
    result = []
    for column in columns:
        result.append(column)
        if preset_of(column.kind).kind == "tag":
            name, title = f"{column.name}-features", f"{column.title}, features"
            result.append(replace(column, name=name, title=title, finetuning=FEATURES))
    return result
