"""Which of several continuations: a score for each (paper, section 4.4).

Axes: B choices of a batch.
"""

from __future__ import annotations

from typing import ClassVar

from bertwright.model.classifier import SequenceClassifier
from bertwright.model.task_model import HeadName


class ChoiceClassifier(SequenceClassifier):
    """Each choice is a row of its own, ``[CLS] context [SEP] choice [SEP]``, and gets one score: (B, 1).

    The scores of one question's rows go through a softmax; that is the business of the loss.
    """

    head_name: ClassVar[HeadName] = "choice"
