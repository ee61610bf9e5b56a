"""Figure 5: what longer pre-training is worth, moment by moment of one run."""

from __future__ import annotations

from bertwright.comparison.plan import Draft
from bertwright.comparison.settings import ComparisonSettings

OBJECTIVES = {"bert": ("masked", "mlm+nsp"), "left-to-right": ("left-to-right", "clm")}
"""Encoder -> what the figure calls it, and its objective."""


def drafts(settings: ComparisonSettings) -> list[Draft]:
    """Every objective at every point: the first one compared with its own end, others with the first."""
    points = sorted(settings.points)
    milestones = [point for point in points if point < 1]
    rows = []
    for encoder, (title, objective) in OBJECTIVES.items():
        for point in points:
            against = name_of("bert", points[-1] if encoder == "bert" else point)
            own = name_of(encoder, point)
            rows.append(
                Draft(
                    own,
                    f"{title}, {100 * point:g} % of the run",
                    {"objective": objective, "milestones": milestones or None},
                    encoder=encoder,
                    share=point,
                    against=None if against == own else against,
                )
            )
    return rows


def name_of(encoder: str, point: float) -> str:
    """Name of the row of a point."""
    return f"{encoder}-{100 * point:g}"
