"""``tokenizer.json``: what is refused in it, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer as RustTokenizer

from bertwright.errors import VocabularyError
from bertwright.tokenization import TokenizerSettings, Vocabulary, tokenizer_json
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS

SMALL = Vocabulary.from_tokens([*SPECIAL_TOKENS, "the", "##s"])


def edited(**changes: Any) -> dict[str, Any]:
    """A good file with values replaced: ``model__vocab`` is ``["model"]["vocab"]``."""
    record = tokenizer_json.contents(SMALL, TokenizerSettings())
    for name, value in changes.items():
        *groups, last = name.split("__")
        here = record
        for group in groups:
            here = here[group]
        here[last] = value
    return record


def read(tmp_path: Path, record: object) -> tuple[Vocabulary, dict[str, Any]]:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(record), "utf-8")
    return tokenizer_json.read(path)


def refusal(tmp_path: Path, record: object) -> str:
    with pytest.raises(VocabularyError) as caught:
        read(tmp_path, record)
    assert caught.value.message.startswith(f"{tmp_path / 'tokenizer.json'}: ")
    return caught.value.message.removeprefix(f"{tmp_path / 'tokenizer.json'}: ")


def vocab(**changes: Any) -> dict[str, Any]:
    return {**SMALL.ids(), **changes}


def test_a_good_file(tmp_path: Path) -> None:
    found, settings = read(tmp_path, edited())
    assert found == SMALL and TokenizerSettings(**settings) == TokenizerSettings()


@pytest.mark.parametrize("tokens", [[], ['"', "\\", "##é", "𠀀", '"vocab":', "{"]])
def test_the_file_is_what_json_would_write(tokens: list[str]) -> None:
    vocabulary = Vocabulary.from_tokens([*SPECIAL_TOKENS, *tokens])
    expected = json.dumps(
        tokenizer_json.contents(vocabulary, TokenizerSettings()), ensure_ascii=False, indent=2
    )
    assert tokenizer_json.dump(vocabulary, TokenizerSettings()) == expected + "\n"


def test_the_rust_engine_reads_what_is_written(tmp_path: Path) -> None:
    engine = RustTokenizer.from_str(json.dumps(edited()))
    encoding = engine.encode("Thes", "the")
    assert encoding.tokens == ["[CLS]", "the", "##s", "[SEP]", "the", "[SEP]"]
    assert encoding.type_ids == [0, 0, 0, 0, 1, 1]
    assert engine.decode(encoding.ids) == "thes the"


def test_ids_in_any_order_of_the_file(tmp_path: Path) -> None:
    assert read(tmp_path, edited(model__vocab=dict(reversed(SMALL.ids().items()))))[0] == SMALL


def test_an_older_file_without_the_type_of_its_model(tmp_path: Path) -> None:
    record = edited()
    del record["model"]["type"]
    assert read(tmp_path, record)[0] == SMALL


@pytest.mark.parametrize("kind", ["BPE", "Unigram", "WordLevel", "wordpiece", 1])
def test_another_kind_of_model(tmp_path: Path, kind: object) -> None:
    assert refusal(tmp_path, edited(model__type=kind)).startswith("model.type: expected WordPiece, got ")


def test_an_older_byte_pair_file(tmp_path: Path) -> None:
    record = {"model": {"vocab": {"a": 0}, "merges": []}}
    assert refusal(tmp_path, record).startswith('model.type: expected WordPiece, got "BPE" (')


@pytest.mark.parametrize("value", [-1, 1.5, True, "5", None, [], 2**70])
def test_an_id_that_is_none(tmp_path: Path, value: object) -> None:
    assert refusal(tmp_path, edited(model__vocab=vocab(the=value))).startswith("model.vocab: expected ")


def test_ids_with_a_gap(tmp_path: Path) -> None:
    message = refusal(tmp_path, edited(model__vocab=vocab(the=9)))
    assert message == "model.vocab: expected ids from 0 to 6 without gaps, got 9 (id of the)"


def test_an_id_given_twice(tmp_path: Path) -> None:
    assert refusal(tmp_path, edited(model__vocab=vocab(the=2))).startswith(
        "model.vocab: expected each id once, got 2"
    )


@pytest.mark.parametrize("special", SPECIAL_TOKENS)
def test_a_missing_special_token(tmp_path: Path, special: str) -> None:
    tokens = ["other" if token == special else token for token in SMALL.tokens]
    ids = {token: index for index, token in enumerate(tokens)}
    assert refusal(tmp_path, edited(model__vocab=ids)).startswith(f"expected the special token {special}")


@pytest.mark.parametrize("value", [None, [], "x", {}])
def test_no_vocabulary(tmp_path: Path, value: object) -> None:
    assert "expected" in refusal(tmp_path, edited(model__vocab=value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model__unk_token", "<unk>"),
        ("model__continuing_subword_prefix", "@@"),
        ("model__max_input_chars_per_word", 0),
        ("model__max_input_chars_per_word", True),
        ("normalizer", None),
        ("normalizer__type", "NFC"),
        ("normalizer__lowercase", "yes"),
        ("normalizer__lowercase", None),
        ("normalizer__strip_accents", 0),
        ("normalizer__clean_text", False),
        ("pre_tokenizer__type", "Whitespace"),
        ("pre_tokenizer", None),
    ],
)
def test_what_is_not_berts(tmp_path: Path, name: str, value: object) -> None:
    assert refusal(tmp_path, edited(**{name: value})).startswith(name.replace("__", "."))


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ({"id": 5, "content": "<e>"}, "expected an id of its own"),
        ({"id": 7, "content": "<e>"}, "expected tokens of the vocabulary"),
        ({"id": "5", "content": "the"}, "expected content and id"),
        ({"content": "the"}, "expected content and id"),
        ("the", "expected a list of objects"),
    ],
)
def test_added_tokens(tmp_path: Path, token: object, expected: str) -> None:
    assert refusal(tmp_path, edited(added_tokens=[token])).startswith(f"added_tokens: {expected}")


@pytest.mark.parametrize("token", ["two words", "line\n", ""])
def test_a_token_that_no_vocabulary_file_can_hold(tmp_path: Path, token: str) -> None:
    assert refusal(tmp_path, edited(model__vocab={**SMALL.ids(), token: 7})).startswith(
        "id 7: expected a token"
    )


def test_half_of_a_surrogate_pair_as_a_token(tmp_path: Path) -> None:
    told = refusal(tmp_path, edited(model__vocab={**SMALL.ids(), "\ud800": 7}))
    assert told.startswith('expected JSON of Unicode text, got "the lone surrogate U+D800"')


def test_added_tokens_of_the_vocabulary(tmp_path: Path) -> None:
    assert read(tmp_path, edited(added_tokens=[{"id": 5, "content": "the"}]))[0] == SMALL
    assert read(tmp_path, edited(added_tokens=None))[0] == SMALL
