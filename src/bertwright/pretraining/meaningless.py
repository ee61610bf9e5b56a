"""Settings that mean nothing where another kind of network is trained, or something else is asked of it."""

from __future__ import annotations

from collections.abc import Iterator

from bertwright.data.objectives import OBJECTIVES, TWO_WAYS, ObjectiveName

OF_MASKING = ("masked_lm_probability", "mask_share", "random_share", "whole_word")
"""Settings that mean nothing where nothing is masked."""
OF_ATTENTION = ("num_attention_heads", "hidden_act")
"""Settings that mean nothing to LSTMs."""


def meaningless(objective: ObjectiveName) -> Iterator[tuple[tuple[str, ...], str]]:
    """Settings that mean nothing with ``objective``, and why."""
    words = OBJECTIVES[objective].words
    if words.every_token:
        yield OF_MASKING, f"{objective}, which masks nothing"
    if words is TWO_WAYS:
        yield OF_ATTENTION, f"{objective}, whose layers are LSTMs"
