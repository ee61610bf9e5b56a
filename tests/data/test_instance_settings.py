from __future__ import annotations

import pytest

from bertwright.config.settings import load
from bertwright.data.instance_settings import InstanceSettings
from bertwright.errors import SettingsError


def test_defaults_are_the_published_recipe() -> None:
    settings = InstanceSettings()
    assert (settings.max_length, settings.masked_lm_probability, settings.short_sequence_probability) == (
        128,
        0.15,
        0.1,
    )
    assert (settings.mask_share, settings.random_share, settings.whole_word) == (0.8, 0.1, False)
    assert settings.max_tokens == 125
    assert InstanceSettings(next_sentence=False).max_tokens == 126


def test_counts_round_halves_to_even() -> None:
    counts = InstanceSettings(max_length=128).prediction_counts()
    assert counts[:11] == [1] * 10 + [2]  # 10 * 0.15 = 1.5 -> 2
    assert counts[30] == 4  # 4.5 -> 4
    assert counts[50] == 8  # 7.5 -> 8
    assert counts[128] == 19
    assert len(counts) == 129


@pytest.mark.parametrize("length, most", [(128, 20), (512, 77), (8, 2)])
def test_default_limit_is_the_published_one(length: int, most: int) -> None:
    settings = InstanceSettings(max_length=length)
    assert max(settings.prediction_counts()) <= most
    tight = InstanceSettings(max_length=length, max_predictions=3)
    assert max(tight.prediction_counts()) == min(3, settings.prediction_counts()[-1])


@pytest.mark.parametrize(
    "values, words",
    [
        ({"max_length": 7}, "max_length"),
        ({"max_length": 100_000}, "max_length"),
        ({"masked_lm_probability": 0.0}, "masked_lm_probability"),
        ({"masked_lm_probability": 1.0}, "masked_lm_probability"),
        ({"masked_lm_probability": float("nan")}, "masked_lm_probability"),
        ({"max_predictions": 0}, "max_predictions"),
        ({"short_sequence_probability": 1.5}, "short_sequence_probability"),
        ({"mask_share": 0.8, "random_share": 0.3}, "at most 1, got 1.1"),
        ({"sentence_order": True}, "needs next_sentence = false"),
        ({"masked_lm_probabilty": 0.2}, "did you mean masked_lm_probability"),
    ],
)
def test_mistakes_are_named(values: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(InstanceSettings, overrides=values)
    assert words in caught.value.message
