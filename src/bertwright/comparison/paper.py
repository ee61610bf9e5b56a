"""What Devlin et al. (2019) found: the figures of their tables 5 to 8 and what they say of figure 5.

Scores are in per cent, on development sets. Tasks are named as our presets name them; ``NER`` is CoNLL-2003.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bertwright.errors import UsageError
from bertwright.tasks.presets import preset_of

PERPLEXITY = "perplexity"


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper."""

    source: str
    """Which one, and of which model."""
    says: str
    """What the paper concludes from it."""
    columns: tuple[str, ...] = ()
    values: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Of every row, a figure a column."""
    metrics: Mapping[str, str] = field(default_factory=dict)
    """Of tasks whose figure is not the metric that otherwise decides."""

    def value(self, arm: str, column: str) -> float | None:
        """The figure of a row in a column, if the paper has it."""
        if arm not in self.values or column not in self.columns:
            return None
        return self.values[arm][self.columns.index(column)]

    def metric_of(self, kind: str) -> str | None:
        """The metric of a task here; None is the task's own."""
        return self.metrics.get(published_name(kind))


def published_name(kind: str) -> str:
    """The name of a published task as its authors write it; of others the kind."""
    try:
        return preset_of(kind).name or kind
    except UsageError:
        return kind


_ACCURACY = {"MRPC": "accuracy"}  # tables 5 and 6 say so; elsewhere accuracy and F1 are averaged

PRETRAINING = PaperTable(
    "table 5, BERT base: 12 layers of 768, development sets",
    "Without next sentences QNLI, MNLI and SQuAD suffer; left-to-right all do, MRPC and SQuAD most; a BiLSTM "
    "on top helps SQuAD, not GLUE. ELMo is not in the table.",
    ("MNLI", "QNLI", "MRPC", "SST-2", "SQuAD-v1.1"),
    {
        "bert": (84.4, 88.4, 86.7, 92.7, 88.5),
        "no-nsp": (83.9, 84.9, 86.5, 92.6, 87.9),
        "left-to-right": (82.1, 84.3, 77.5, 92.1, 77.8),
        "left-to-right-bilstm": (82.1, 84.1, 75.7, 91.6, 84.9),
    },
    _ACCURACY,
)

SIZE = PaperTable(
    "table 6: sizes around BERT base, up to large, development sets",
    "Larger is better on all tasks, also on those with few rows, and in held-out perplexity.",
    (PERPLEXITY, "MNLI", "MRPC", "SST-2"),
    {
        "quarter-depth": (5.84, 77.9, 79.8, 88.4),
        "half-depth-few-heads": (5.24, 80.6, 82.2, 90.7),
        "half-depth": (4.68, 81.9, 84.8, 91.3),
        "base": (3.99, 84.4, 86.7, 92.9),
        "wide": (3.54, 85.7, 86.9, 93.3),
        "wide-deep": (3.23, 86.6, 87.8, 93.7),
    },
    _ACCURACY,
)

FEATURES = PaperTable(
    "table 7: CoNLL-2003, development F1, BERT base",
    "The last four layers side by side come within 0.3 F1 of fine-tuning the whole model.",
    ("CoNLL-2003",),
    {
        "fine-tuned": (96.4,),
        "embeddings": (91.0,),
        "second-to-last": (95.6,),
        "last": (94.9,),
        "weighted-sum-last-four": (95.9,),
        "concat-last-four": (96.1,),
        "weighted-sum-all": (95.5,),
    },
)

MASKING = PaperTable(
    "table 8: BERT base, development sets",
    "Fine-tuning hardly minds how masked words are shown; as features, showing [MASK] alone costs most.",
    ("MNLI", "CoNLL-2003", "CoNLL-2003-features"),
    {
        "80-10-10": (84.2, 95.4, 94.9),
        "100-0-0": (84.3, 94.9, 94.0),
        "80-0-20": (84.1, 95.2, 94.6),
        "80-20-0": (84.4, 95.2, 94.7),
        "0-20-80": (83.7, 94.8, 94.6),
        "0-0-100": (83.6, 94.9, 94.6),
    },
)

STEPS = PaperTable(
    "figure 5: MNLI accuracy after fine-tuning from steps 200k to 1M (drawn, without numbers)",
    "A million steps give almost 1.0 points over 500k; the masked model converges slightly slower than "
    "left-to-right but is ahead of it almost at once.",
)
