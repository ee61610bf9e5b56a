"""Configurations: published sizes, and every way in which a config.json can be wrong."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bertwright.errors import ModelError, SettingsError
from bertwright.model.config import ACTIVATIONS, PUBLISHED, REQUIRED, BertConfig

GOOD: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 37,
    "max_position_embeddings": 41,
}

WRONG: list[tuple[str, Any]] = [
    ("vocab_size", 768.5),
    ("vocab_size", "97"),
    ("vocab_size", True),
    ("vocab_size", None),
    ("vocab_size", -1),
    ("vocab_size", 2**31),
    ("hidden_size", 0),
    ("hidden_size", [24]),
    ("num_hidden_layers", 0),
    ("num_attention_heads", 0),
    ("num_attention_heads", 5),
    ("intermediate_size", 1e10),
    ("max_position_embeddings", 0),
    ("hidden_dropout_prob", 1.0),
    ("hidden_dropout_prob", 1.5),
    ("hidden_dropout_prob", -0.1),
    ("hidden_dropout_prob", "0.1"),
    ("attention_probs_dropout_prob", math.nan),
    ("initializer_range", math.nan),
    ("initializer_range", math.inf),
    ("initializer_range", 0),
    ("layer_norm_eps", -1e-12),
    ("layer_norm_eps", None),
    ("hidden_act", "__import__('os').system('x')"),
    ("hidden_act", "swish2"),
    ("hidden_act", 3),
    ("pad_token_id", 97),
    ("pad_token_id", -1),
    ("type_vocab_size", 0),
]


@pytest.mark.parametrize(
    ("size", "parameters"),
    [  # encoder and pooler, as published by Turc et al. (2019) and Devlin et al. (2019) in millions
        ("tiny", 4.4),
        ("mini", 11.2),
        ("small", 28.8),
        ("medium", 41.4),
        ("base", 109.5),
        ("large", 335.1),
    ],
)
def test_published_sizes(size: str, parameters: float) -> None:
    config = BertConfig.published(size)
    assert config.num_parameters() == pytest.approx(parameters * 1e6, abs=0.06e6)
    assert config.intermediate_size == 4 * config.hidden_size
    assert config.head_size == 64
    assert config.hidden_act == "gelu_pytorch_tanh"


def test_all_published_sizes_are_tested() -> None:
    assert list(PUBLISHED) == ["tiny", "mini", "small", "medium", "base", "large"]


def test_published_takes_changes_and_refuses_mistakes_all_at_once() -> None:
    assert BertConfig.published("tiny", vocab_size=100, hidden_dropout_prob=0).vocab_size == 100
    with pytest.raises(SettingsError, match=r'one of tiny, mini, .*got "huge"'):
        BertConfig.published("huge")
    with pytest.raises(SettingsError) as error:
        BertConfig.published("tiny", hiden_size=3, hidden_dropout_prob=2, vocab_size=0)
    assert len(error.value.problems) == 3
    assert "hiden_size: no such field (did you mean hidden_size?)" in error.value.problems


@pytest.mark.parametrize(("field", "value"), WRONG, ids=[f"{name}={value!r}"[:40] for name, value in WRONG])
def test_a_wrong_value_is_one_line_that_names_file_and_field(field: str, value: Any) -> None:
    with pytest.raises(ModelError) as error:
        BertConfig.from_dict(GOOD | {field: value}, "folder/config.json")
    assert error.value.message.startswith(f"folder/config.json: {field}: expected ")
    assert "got" in error.value.message


@pytest.mark.parametrize("field", REQUIRED)
def test_a_missing_size_is_refused(field: str) -> None:
    values = {name: value for name, value in GOOD.items() if name != field}
    with pytest.raises(ModelError, match=f"{field}: missing"):
        BertConfig.from_dict(values, "config.json")
    with pytest.raises(ModelError, match=f'{field}: missing \\(is "{field[:-1]}" meant'):
        BertConfig.from_dict(values | {field[:-1]: 3}, "config.json")


@pytest.mark.parametrize("value", [[], "text", None, 3])
def test_only_an_object_is_a_configuration(value: Any) -> None:
    with pytest.raises(ModelError, match="a JSON object"):
        BertConfig.from_dict(value, "config.json")
    with pytest.raises(ModelError, match="a JSON object"):
        BertConfig.from_tensorflow(value, "bert_config.json")


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(ModelError) as error:
        BertConfig.from_dict({**GOOD, "hidden_size": 0, "model_type": "gpt2", "hidden_act": 1}, "c.json")
    assert all(name in str(error.value) for name in ("hidden_size", "model_type", "hidden_act"))


def test_defaults_are_those_of_the_format_that_is_read() -> None:
    theirs = BertConfig.from_dict(GOOD, "config.json")
    assert (theirs.hidden_act, theirs.type_vocab_size, theirs.layer_norm_eps) == ("gelu", 2, 1e-12)
    original = BertConfig.from_tensorflow(GOOD, "bert_config.json")
    assert (original.hidden_act, original.type_vocab_size) == ("gelu_pytorch_tanh", 16)


@pytest.mark.parametrize(
    ("stored", "meant"), [("gelu", "gelu_pytorch_tanh"), ("relu", "relu"), ("", "linear"), (None, "linear")]
)
def test_activations_of_the_original(stored: str | None, meant: str) -> None:
    assert BertConfig.from_tensorflow(GOOD | {"hidden_act": stored}, "c.json").hidden_act == meant


def test_whole_numbers_serve_as_probabilities_and_null_as_no_padding_token() -> None:
    config = BertConfig.from_dict(GOOD | {"hidden_dropout_prob": 0, "pad_token_id": None}, "config.json")
    assert (config.hidden_dropout_prob, config.pad_token_id) == (0.0, 0)


def test_it_is_frozen_and_strict() -> None:
    config = BertConfig(**GOOD)
    with pytest.raises(ValidationError):
        config.hidden_size = 5  # type: ignore[misc]
    with pytest.raises(ValidationError):
        BertConfig(**GOOD, surprise=1)


sizes = st.integers(1, 10**6)
shares = st.floats(0, 0.999)


@given(
    st.builds(
        lambda heads, size, layers, act, drop: BertConfig(
            **{
                **GOOD,
                "num_attention_heads": heads,
                "hidden_size": heads * size,
                "num_hidden_layers": layers,
            },
            hidden_act=act,
            hidden_dropout_prob=drop,
        ),
        st.integers(1, 64),
        st.integers(1, 128),
        sizes,
        st.sampled_from(ACTIVATIONS),
        shares,
    )
)
def test_json_and_back(config: BertConfig) -> None:
    assert BertConfig.from_dict(json.loads(json.dumps(config.to_dict())), "config.json") == config


def test_it_needs_no_torch() -> None:
    program = "import sys, bertwright.model.config; raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
