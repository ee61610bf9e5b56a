"""How documents become pre-training instances."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pydantic import Field, model_validator

from bertwright.config.settings import Settings


class InstanceSettings(Settings):
    """The published recipe by default: pairs of segments, one half random; 15 % masked, 80/10/10."""

    max_length: int = Field(default=128, ge=8, le=8192)
    """Tokens of an instance, [CLS] and [SEP] included."""
    short_sequence_probability: float = Field(default=0.1, ge=0, le=1)
    """Share of document passes that aim at a shorter length, so that short inputs are known too."""
    masked_lm_probability: float = Field(default=0.15, gt=0, lt=1)
    """Share of an instance's tokens (the special ones counted) that are to be predicted."""
    max_predictions: int | None = Field(default=None, ge=1)
    """Most masked tokens of an instance; by default max_length times masked_lm_probability, rounded up."""
    whole_word: bool = False
    """Mask all pieces of a word or none."""
    mask_share: float = Field(default=0.8, ge=0, le=1)
    """Share of the chosen tokens that become [MASK]."""
    random_share: float = Field(default=0.1, ge=0, le=1)
    """Share of the chosen tokens that become a random entry of the vocabulary; the rest stay as they are."""
    next_sentence: bool = True
    """Two segments, and whether the second one truly follows; false: one segment and no second label."""
    sentence_order: bool = False
    """Two segments that follow each other, half of the time swapped; needs next_sentence = false."""
    next_token: bool = False
    """One segment of which nothing is masked and every token but the first is predicted from those before
    it; needs next_sentence = false."""

    @model_validator(mode="after")
    def _consistent(self) -> InstanceSettings:
        for problem in more_than_all(self.mask_share, self.random_share):
            raise ValueError(problem)
        if self.sentence_order and self.next_sentence:
            raise ValueError(
                "sentence_order: needs next_sentence = false, since an instance has one pair label"
            )
        if self.next_token and self.paired:
            raise ValueError("next_token: needs next_sentence = false and sentence_order = false")
        return self

    @property
    def paired(self) -> bool:
        """Whether an instance has two segments and a label for the pair."""
        return self.next_sentence or self.sentence_order

    @property
    def max_tokens(self) -> int:
        """Most tokens of an instance without [CLS] and [SEP]."""
        return self.max_length - (3 if self.paired else 2)

    def prediction_counts(self) -> list[int]:
        """Entry n: how many tokens of an instance of n tokens (special ones counted) are predicted.

        ``min(max_predictions, max(1, round(n * masked_lm_probability)))``; Python rounds halves to even. With
        ``next_token`` all but the first.
        """
        if self.next_token:
            return [max(0, n - 1) for n in range(self.max_length + 1)]
        most = self.max_predictions or math.ceil(self.max_length * self.masked_lm_probability)
        return [min(most, max(1, round(n * self.masked_lm_probability))) for n in range(self.max_length + 1)]


def more_than_all(mask_share: float, random_share: float) -> Iterator[str]:
    """What to say where the two shares come to more than all of the chosen tokens."""
    if mask_share + random_share > 1:
        yield f"mask_share + random_share: expected at most 1, got {mask_share + random_share:g}"
