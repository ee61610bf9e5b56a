"""Table 7: one encoder fine-tuned, and the six choices of its layers as features."""

from __future__ import annotations

from bertwright.comparison.plan import Draft
from bertwright.comparison.settings import ComparisonSettings
from bertwright.features.layers import TABLE_7

ENCODER = "encoder"
TUNED = "fine-tuned"


def drafts(settings: ComparisonSettings) -> list[Draft]:
    """Fine-tuning first, then the layers; all of one encoder."""
    rows = [Draft(TUNED, "fine-tuned", encoder=ENCODER, model=settings.model)]
    for name in TABLE_7:
        recipe = {"method": "features", "features": {"layers": name}}
        title = f"features: {name.replace('-', ' ')}"
        rows.append(Draft(name, title, finetuning=recipe, encoder=ENCODER, model=settings.model))
    return rows
