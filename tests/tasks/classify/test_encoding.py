"""Rows for the model: by hand, and equal to the original's convert_single_example."""

from __future__ import annotations

from collections import defaultdict

import pytest
from shared import json_lines, shared_path

from bertwright.tasks.classify.encoding import encode_rows
from bertwright.tokenization import Tokenizer, TokenizerSettings, Vocabulary

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##s"]


def test_by_hand() -> None:
    tokenizer = Tokenizer(Vocabulary.from_tokens(TOKENS))
    single, pair, cut = encode_rows(
        ["The cats", ("cat", "the cat sat"), ("the cat", "sat sat sat")], tokenizer, 7, [1, 0, None]
    )
    assert single.input_ids.tolist() == [2, 5, 6, 8, 3] and single.token_type_ids.tolist() == [0] * 5
    assert (single.truncated, single.example, single.target) == (False, 0, 1)
    assert pair.input_ids.tolist() == [2, 6, 3, 5, 6, 7, 3] and pair.token_type_ids.tolist() == [
        0,
        0,
        0,
        1,
        1,
        1,
        1,
    ]
    assert not pair.truncated
    assert cut.input_ids.tolist() == [2, 5, 6, 3, 7, 7, 3]
    assert (cut.truncated, cut.example, cut.target) == (True, 2, None)


def test_special_tokens_in_a_text_are_text() -> None:
    tokenizer = Tokenizer(Vocabulary.from_tokens(TOKENS))
    (row,) = encode_rows(["the [SEP] cat"], tokenizer, 16)
    assert 3 not in row.input_ids[1:-1].tolist()


def test_golden_rows() -> None:
    cases = json_lines("golden/classifier_inputs/examples.jsonl.gz")
    assert len(cases) > 300
    groups = defaultdict(list)
    for case in cases:
        groups[case["vocab"], case["do_lower_case"], case["max_seq_length"]].append(case)
    tokenizers = {
        (name, lower): Tokenizer(
            Vocabulary.load(shared_path(f"data/vocab/{name}-vocab.txt")),
            TokenizerSettings(do_lower_case=lower),
        )
        for name, lower, _ in groups
    }
    for (name, lower, length), group in groups.items():
        rows = encode_rows(
            [(case["text_a"], case["text_b"]) for case in group], tokenizers[name, lower], length
        )
        for case, row in zip(group, rows, strict=True):
            assert row.input_ids.tolist() == case["input_ids"], case
            assert row.token_type_ids.tolist() == case["segment_ids"], case
            assert len(row) == case["length"]


@pytest.mark.parametrize("length,expected", [(3, 1), (4, 2), (100, 50)])
def test_a_single_text_is_cut_at_its_end(length: int, expected: int) -> None:
    tokenizer = Tokenizer(Vocabulary.from_tokens(TOKENS))
    (row,) = encode_rows(["cat " * 50], tokenizer, length)
    assert len(row) == expected + 2
    assert row.truncated == (expected < 50)
