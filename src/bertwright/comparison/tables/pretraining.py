"""Table 5: what next sentences and both directions are worth; and ELMo's way, which is not in the table."""

from __future__ import annotations

from bertwright.comparison.plan import Draft
from bertwright.comparison.settings import ComparisonSettings

LEFT_TO_RIGHT = "left-to-right"
AS_ELMO = {
    "method": "features",
    "features": {"layers": "weighted-sum-with-embeddings", "head": "bilstm", "pooling": "max"},
}
"""A weight for each layer (Peters et al. 2018, equation 1) under a new BiLSTM a task; one answer a row from
its largest values, as in GLUE's BiLSTM with ELMo (Wang et al. 2018)."""


def drafts(settings: ComparisonSettings) -> list[Draft]:
    """The rows, from BERT downwards."""
    return [
        Draft("bert", "BERT", {"objective": "mlm+nsp"}),
        Draft("no-nsp", "no next sentence", {"objective": "mlm"}),
        Draft(LEFT_TO_RIGHT, "left-to-right, no next sentence", {"objective": "clm"}),
        Draft(
            "left-to-right-bilstm",
            "the same + BiLSTM",
            {"objective": "clm"},
            {"top": "bilstm"},
            encoder=LEFT_TO_RIGHT,
        ),
        Draft("elmo", "ELMo-like LSTMs, as features", {"objective": "bilm"}, AS_ELMO),
    ]
