"""The settings: the paper's values, durations, contradictions told all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright.config.settings import load
from bertwright.errors import SettingsError
from bertwright.model.bilm_config import BilmConfig
from bertwright.pretraining.config import PretrainingSettings
from bertwright.pretraining.phases import Phase


def _settings(**values: Any) -> PretrainingSettings:
    return load(PretrainingSettings, overrides={"steps": 1000, **values}).value


def test_the_paper_s_run_is_the_default() -> None:
    """Appendix A.2: batch 256, Adam 1e-4, 0.9, 0.999, decay 0.01, warm-up 10,000, dropout 0.1."""
    settings = _settings(steps=1_000_000)
    assert settings.instances_per_update == 256
    assert settings.peak_rate == 1e-4
    assert (*settings.betas, settings.weight_decay) == (0.9, 0.999, 0.01)
    assert settings.warmup(1_000_000) == 10_000
    assert settings.phases == [Phase(128, 0.9, 256), Phase(512, 0.1, 256)]
    config = settings.bert_config(30522)
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (12, 768, 12)
    assert config.hidden_dropout_prob == config.attention_probs_dropout_prob == 0.1
    assert config.hidden_act == "gelu_pytorch_tanh"
    instances = settings.instances(128)
    assert (instances.masked_lm_probability, instances.mask_share, instances.random_share) == (0.15, 0.8, 0.1)
    assert instances.short_sequence_probability == 0.1 and instances.next_sentence


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30m", 1800),
        ("2h", 7200),
        ("1h30m", 5400),
        ("90s", 90),
        ("1.5h", 5400),
        ("1h1m1s", 3661),
        ("90", 90),
        (60, 60),
    ],
)
def test_durations(text: Any, seconds: float) -> None:
    assert _settings(steps=None, budget=text).budget == seconds


@pytest.mark.parametrize(
    "text", ["", "m", "1h30", "٣", "30 minutes", "-5m", "0s", "1m1h", "inf", "1e9h", -1, 0]
)
def test_what_is_no_duration(text: Any) -> None:
    with pytest.raises(SettingsError, match="budget"):
        _settings(steps=None, budget=text)


def test_short_runs_warm_up_for_a_tenth() -> None:
    assert _settings().warmup(1000) == 100
    assert _settings(steps=None, budget="1m").warmup(1.0) == 0.1
    assert _settings(warmup_share=0.3).warmup(1000) == 300


def test_runs_by_time_have_their_own_defaults() -> None:
    hasty = _settings(steps=None, budget="1m")
    assert hasty.betas == (0.9, 0.98)
    assert hasty.instances(128).masked_lm_probability == 0.25
    assert hasty.held_out_instances(128).masked_lm_probability == 0.15
    assert not _settings(whole_word=True).held_out_instances(128).whole_word
    assert hasty.bert_config(100).initializer_range == 0.02  # for the paper's width
    assert _settings(steps=None, budget="1m").bert_config(100).hidden_dropout_prob == 0.0
    assert _settings(steps=None, budget="1m", dropout=0.2).bert_config(100).hidden_dropout_prob == 0.2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": None}, r"expected one of steps, epochs, budget .--budget 30m., got none"),
        ({"epochs": 3}, "--budget 30m., got steps and epochs"),
        ({"epochs": 3, "budget": "5m"}, "got steps and epochs and budget"),
        ({"sequence_length": 513}, "at most max_position_embeddings 512, got 513"),
        ({"long_sequence_length": 1024}, "at most max_position_embeddings 512, got 1024"),
        (
            {"sequence_length": 256, "long_sequence_length": 128},
            r"long_sequence_length: expected at least sequence_length 256, got 128 \(or long_share=0",
        ),
        ({"mask_share": 0.9, "random_share": 0.2}, "expected at most 1, got 1.1"),
        ({"batch_size": 8, "micro_batch_size": 16}, "at most batch_size 8, got 16"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate: expected a finite number"),
        ({"learning_rate": 1e10}, "learning_rate"),
        ({"weight_decay": float("nan")}, "weight_decay"),
        ({"adam_beta1": 1.0}, "adam_beta1"),
        ({"adam_beta2": -0.1}, "adam_beta2"),
        ({"masked_lm_probability": 0}, "masked_lm_probability"),
        ({"masked_lm_probability": 1.2}, "masked_lm_probability"),
        ({"dropout": 1.0}, "dropout"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
        ({"seed": "abc"}, "seed"),
        ({"keep": 1}, "keep"),
        ({"size": "huge"}, "size"),
        ({"objective": "nsp"}, "objective"),
        ({"precision": "fp16"}, "precision"),
        ({"learning_rte": 1}, "did you mean learning_rate"),
        ({"batch_size": 0}, "batch_size"),
        ({"steps": 0}, "steps"),
        ({"steps": 1.5}, "steps"),
        ({"steps": "10"}, "steps: expected a valid integer"),
        ({"seed": True}, "seed: expected a valid integer"),
        ({"whole_word": "yes"}, "whole_word: expected a valid boolean"),
        ({"hidden_act": "foo"}, 'hidden_act: expected one of gelu_pytorch_tanh, .*, got "foo"'),
        ({"num_attention_heads": 7}, "num_attention_heads: expected a divisor of hidden_size 768, got 7"),
    ],
)
def test_what_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        _settings(**values)


def test_all_mistakes_are_told() -> None:
    with pytest.raises(SettingsError) as refused:
        _settings(learning_rate=-1, seed="x", sizes="tiny")
    assert len(refused.value.problems) == 3


def test_sizes_that_do_not_fit() -> None:
    with pytest.raises(SettingsError, match="num_attention_heads"):
        _settings(hidden_size=100, num_attention_heads=3)
    with pytest.raises(SettingsError, match="hidden_act"):
        _settings(hidden_act="__import__('os').system('x')")


def test_a_changed_width_brings_its_heads() -> None:
    config = _settings(hidden_size=192, size="tiny").bert_config(100)
    assert (config.num_attention_heads, config.intermediate_size, config.num_hidden_layers) == (3, 768, 2)


@given(st.integers(1, 4096))
def test_any_width_has_heads(width: int) -> None:
    """One per 64 where that divides it, else such as are nearest to 64 wide."""
    heads = _settings(hidden_size=width, size="tiny").bert_config(100).num_attention_heads
    assert width % heads == 0
    if width >= 64 and width % (width // 64) == 0:
        assert heads == width // 64


@pytest.mark.parametrize(("width", "heads"), [(200, 4), (300, 4), (640, 10), (100, 1), (48, 1), (211, 1)])
def test_heads_of_widths_that_64_does_not_divide(width: int, heads: int) -> None:
    assert _settings(hidden_size=width).bert_config(100).num_attention_heads == heads


def test_runs_by_time_open_with_short_sequences() -> None:
    """Twice as many instances of a quarter of the length; the others share what is left as they always do."""
    hasty: dict[str, Any] = {"steps": None, "budget": "1m", "size": "mini"}
    phases = _settings(**hasty).phases
    assert [(phase.length, phase.instances) for phase in phases] == [(32, 64), (128, 32), (512, 32)]
    assert [phase.share for phase in phases] == pytest.approx([0.6, 0.36, 0.04])
    assert _settings(**hasty).held_out_length == 128
    assert _settings(**hasty, objective="clm").phases == phases, "rows of a comparison read the same text"
    assert _settings(**hasty, opening_share=0.5, long_share=0).phases == [
        Phase(32, 0.5, 64),
        Phase(128, 0.5, 32),
    ]
    without: list[dict[str, Any]] = [
        {"opening_share": 0.0},
        {"init": "a model", "size": None},  # which has left it
        {"sequence_length": 64},
        {"long_share": 1.0},
    ]
    for changes in without:
        assert _settings(**{**hasty, **changes}).opening == 0.0, changes
    assert _settings(opening_share=0.2).phases[0] == Phase(32, 0.2, 512)
    with pytest.raises(
        SettingsError, match="opening_sequence_length: expected at most the length of the phase"
    ):
        _settings(opening_share=0.2, opening_sequence_length=129)


@pytest.mark.parametrize("share", [0, 1])
def test_a_single_phase_may_be_of_any_length(share: int) -> None:
    values = {"sequence_length": 256, "long_sequence_length": 128, "long_share": share}
    assert _settings(**values).phases == [Phase(128 if share else 256, 1.0, 256)]


def test_the_recipes_of_the_documentation_are_right() -> None:
    recipes = sorted((Path(__file__).parents[2] / "docs/recipes").glob("*.toml"))
    assert len(recipes) >= 3
    for recipe in recipes:
        settings = load(PretrainingSettings, file=recipe).value
        settings.bert_config(30522)


def test_a_network_of_lstms() -> None:
    """The published ELMo's sizes are those of large; what is for Transformers or masks is refused."""
    large = _settings(objective="bilm", size="large").bert_config(30522)
    assert isinstance(large, BilmConfig)
    assert (large.num_hidden_layers, large.num_cells, large.direction_size) == (2, 4096, 512)
    assert large.initializer_range == pytest.approx(512**-0.5)
    assert _settings(objective="bilm").instances_at_once(Phase(128, 1.0, 256)) == 8192 // 2 // 128
    wrong = {"num_attention_heads": 4, "hidden_act": "relu", "whole_word": True, "shard": True}
    with pytest.raises(SettingsError) as problem:
        _settings(objective="bilm", **wrong)
    assert all(name in str(problem.value) for name in wrong)
