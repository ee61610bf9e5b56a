"""What a config.json of others may and may not say."""

from __future__ import annotations

from typing import Any

import pytest

from bertwright.model.foreign_config import foreign_problems

HARMLESS: dict[str, Any] = {
    "architectures": ["BertForPreTraining"],
    "model_type": "bert",
    "torch_dtype": "float16",
    "transformers_version": "4.6.0.dev0",
    "use_cache": True,
    "gradient_checkpointing": False,
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
    "pruned_heads": {},
    "pooler_fc_size": 768,
    "directionality": "bidi",
    "mask_token_id": 4,
    "pad_token_id": 0,
    "vocab_file": "vocab.txt",
    "auto_map": None,
}


def test_harmless_fields_pass() -> None:
    assert foreign_problems(HARMLESS) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("_attn_implementation_internal", "evil/kernel"),
        ("trust_remote_code", True),
        ("custom_pipelines", {"x": {"impl": "y"}}),
        ("model_type", "roberta"),
        ("model_type", "gpt2"),
        ("model_type", None),
        ("position_embedding_type", "relative_key"),
        ("add_cross_attention", True),
        ("is_encoder_decoder", True),
        ("pruned_heads", {"0": [1]}),
        ("quantization_config", {"bits": 4}),
        ("vocab_file", "/etc/passwd"),
        ("vocab_file", "../vocab.txt"),
        ("tokenizer_file", "a\\b"),
        ("merges_file", 3),
    ],
)
def test_what_changes_the_network_runs_code_or_leaves_the_folder_is_named(field: str, value: Any) -> None:
    (problem,) = foreign_problems(HARMLESS | {field: value})
    assert problem.startswith(f"{field}: ")


def test_architectures_decide_when_there_is_no_model_type() -> None:
    assert foreign_problems({"architectures": ["BertForMaskedLM"]}) == []
    assert foreign_problems({}) == []
    for names in (["RobertaModel"], "BertModel", [3], ["BertModel", "T5Model"]):
        assert foreign_problems({"architectures": names})[0].startswith("architectures: ")


def test_mask_and_padding_must_differ() -> None:
    assert foreign_problems({"pad_token_id": 0, "mask_token_id": 0})[0].startswith("mask_token_id: ")
