"""What open settings come to: the values that a run takes, and nothing that something else decides."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright.config.settings import load
from bertwright.pretraining.config import PretrainingSettings
from bertwright.pretraining.open_settings import comes_to, measures_size

OF_THE_SIZE = {"size", "hidden_size", "num_hidden_layers", "batch_size", "learning_rate", "dropout"}


def settings(**values: Any) -> PretrainingSettings:
    return load(PretrainingSettings, overrides={"steps": 1_000_000} | values).value


def test_the_paper_s_values() -> None:
    assert comes_to(settings()) == {
        "size": "base",
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "dropout": 0.1,
        "initializer_range": 0.02,
        "masked_lm_probability": 0.15,
        "batch_size": 256,
        "learning_rate": 1e-4,
        "warmup_share": 0.01,
        "adam_beta2": 0.999,
        "opening_share": 0.0,
    }


def test_runs_by_time() -> None:
    found = comes_to(settings(steps=None, budget="30m", size="mini"))
    assert (found["dropout"], found["masked_lm_probability"], found["adam_beta2"]) == (0.0, 0.25, 0.98)
    assert found["warmup_share"] == 0.1
    assert found["opening_share"] == 0.6


def test_lstms_have_no_heads_and_mask_nothing() -> None:
    found = comes_to(settings(objective="bilm"))
    assert not {"num_attention_heads", "masked_lm_probability"} & set(found)
    assert found["num_hidden_layers"] == 2


@pytest.mark.parametrize(
    "decided_elsewhere", [{"steps": None, "budget": "30m"}, {"init": "MODEL"}], ids=["machine", "model"]
)
def test_what_something_else_decides_is_left_out(decided_elsewhere: dict[str, Any]) -> None:
    assert not OF_THE_SIZE & set(comes_to(settings(**decided_elsewhere)))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "size": st.sampled_from(["tiny", "mini", "large"]),
            "hidden_size": st.sampled_from([64, 128]),
            "dropout": st.sampled_from([0.0, 0.3]),
            "learning_rate": st.just(1e-3),
            "objective": st.sampled_from(["mlm", "clm", "bilm"]),
            "budget": st.just("9m"),
        },
    )
)
def test_said_aloud_they_change_nothing(values: dict[str, Any]) -> None:
    """Each was open, and a recipe that says all of them has the same network, rates and masking."""
    if "budget" in values:
        values |= {"steps": None}
    chosen = settings(**values)
    found = comes_to(chosen)
    assert all(getattr(chosen, name) is None for name in found)
    if measures_size(chosen):
        return
    aloud = settings(**values, **found)
    assert comes_to(aloud) == {}
    assert aloud.bert_config(100) == chosen.bert_config(100)
    for name in ("instances_per_update", "peak_rate", "betas"):
        assert getattr(aloud, name) == getattr(chosen, name)
    assert aloud.warmup(1e6) == pytest.approx(chosen.warmup(1e6))
    assert aloud.instances(128) == chosen.instances(128)
    assert aloud.phases == chosen.phases
