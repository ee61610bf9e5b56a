"""Table 5: what next sentences and both directions are worth."""

from __future__ import annotations

from bertwright.comparison.plan import Draft
from bertwright.comparison.settings import ComparisonSettings


def drafts(settings: ComparisonSettings) -> list[Draft]:
    """The rows, from BERT downwards."""
    return [
        Draft("bert", "BERT", {"objective": "mlm+nsp"}),
        Draft("no-nsp", "no next sentence", {"objective": "mlm"}),
        Draft("left-to-right", "left-to-right, no next sentence", {"objective": "clm"}),
    ]
