"""``tokenizer.json``, the file of the Rust engine, as far as it describes a BERT tokenizer."""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any, NoReturn

from bertwright import strict_json
from bertwright.errors import VocabularyError
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.vocabulary import (
    CLS,
    CONTINUATION,
    MAX_BYTES,
    MAX_TOKENS,
    SEP,
    SPECIAL_TOKENS,
    UNK,
    Vocabulary,
)

VERSION = "1.0"


def contents(vocabulary: Vocabulary, settings: TokenizerSettings) -> dict[str, Any]:
    """The object to write: BERT's normalizer and pre-tokenizer, WordPiece, ``[CLS] A [SEP] B [SEP]``."""
    return {
        "version": VERSION,
        "truncation": None,
        "padding": None,
        "added_tokens": [
            _added(token, vocabulary.id(token)) for token in sorted(SPECIAL_TOKENS, key=vocabulary.id)
        ],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": settings.tokenize_chinese_chars,
            "strip_accents": settings.strip_accents,
            "lowercase": settings.do_lower_case,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": _template(vocabulary),
        "decoder": {"type": "WordPiece", "prefix": CONTINUATION, "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": UNK,
            "continuing_subword_prefix": CONTINUATION,
            "max_input_chars_per_word": settings.max_input_chars_per_word,
            "vocab": vocabulary.ids(),
        },
    }


def dump(vocabulary: Vocabulary, settings: TokenizerSettings) -> str:
    """The file as text.

    The lines of the vocabulary are put in here: with indentation ``json`` writes in plain Python, and takes
    longer over them than a small store takes for its text.
    """
    whole = contents(vocabulary, settings)
    whole["model"]["vocab"] = {}
    before, after = json.dumps(whole, ensure_ascii=False, indent=2).split('"vocab": {}')
    lines = [f"      {encode_basestring(token)}: {index}" for token, index in vocabulary.ids().items()]
    listed = ",\n".join(lines)
    return f'{before}"vocab": {{\n{listed}\n    }}{after}\n'


def read(path: Path) -> tuple[Vocabulary, dict[str, Any]]:
    """The vocabulary and the settings (names of :class:`TokenizerSettings`) in ``path``.

    Raises:
        VocabularyError: not JSON, not a WordPiece of BERT's kind, or ids that are not 0, 1, 2, … each once.
    """
    data = strict_json.load(path, error=VocabularyError, max_bytes=MAX_BYTES)
    model = _object(data if isinstance(data, dict) else {"model": data}, "model", path)
    kind = model.get("type") or ("BPE" if "merges" in model else "WordPiece")
    if kind != "WordPiece":
        _refuse(
            path,
            "model.type",
            "WordPiece",
            kind,
            "BERT's tokenizer is a WordPiece; learn one with: bertwright vocab",
        )
    for name, value in (("unk_token", UNK), ("continuing_subword_prefix", CONTINUATION)):
        if model.get(name, value) != value:
            _refuse(path, f"model.{name}", value, model[name])
    longest = model.get("max_input_chars_per_word", 100)
    if not _is_whole(longest) or not 1 <= longest <= 100_000:
        _refuse(path, "model.max_input_chars_per_word", "a whole number from 1 to 100,000", longest)
    vocabulary = Vocabulary(_tokens(_object(model, "vocab", path, "model."), path), path)
    check_added(data.get("added_tokens") or [], vocabulary, path)
    return vocabulary, {"max_input_chars_per_word": longest, **_normalizer(data, path)}


def _normalizer(data: dict[str, Any], path: Path) -> dict[str, Any]:
    normalizer = _object(data, "normalizer", path)
    if normalizer.get("type") != "BertNormalizer":
        _refuse(path, "normalizer.type", "BertNormalizer", normalizer.get("type"))
    if _object(data, "pre_tokenizer", path).get("type") != "BertPreTokenizer":
        _refuse(path, "pre_tokenizer.type", "BertPreTokenizer", data["pre_tokenizer"].get("type"))
    if normalizer.get("clean_text", True) is not True:
        _refuse(path, "normalizer.clean_text", "true", normalizer["clean_text"])
    found: dict[str, Any] = {}
    for theirs, ours in (
        ("lowercase", "do_lower_case"),
        ("strip_accents", "strip_accents"),
        ("handle_chinese_chars", "tokenize_chinese_chars"),
    ):
        value = normalizer.get(theirs)
        if theirs not in normalizer:
            continue
        if not isinstance(value, bool) and not (theirs == "strip_accents" and value is None):
            _refuse(path, f"normalizer.{theirs}", "true or false", value)
        found[ours] = value
    return found


def _tokens(vocab: dict[str, Any], path: Path) -> list[str]:
    """The tokens in the order of their ids."""
    if len(vocab) > MAX_TOKENS:
        _refuse(path, "model.vocab", f"at most {MAX_TOKENS:,} tokens", len(vocab))
    tokens: list[str | None] = [None] * len(vocab)
    for token, index in vocab.items():
        if not _is_whole(index) or index < 0:
            _refuse(path, "model.vocab", f"a whole number of at least 0 as id of {token!r}", index)
        if index >= len(tokens):
            _refuse(
                path, "model.vocab", f"ids from 0 to {len(tokens) - 1} without gaps", index, f"id of {token}"
            )
        if tokens[index] is not None:
            _refuse(path, "model.vocab", "each id once", index, f"of {tokens[index]} and {token}")
        tokens[index] = token
    return [token for token in tokens if token is not None]


def check_added(added: Any, vocabulary: Vocabulary, path: Path) -> None:
    """Refuses added tokens (objects with ``id`` and ``content``) that are not in the vocabulary as such."""
    if not isinstance(added, list) or not all(isinstance(token, dict) for token in added):
        _refuse(path, "added_tokens", "a list of objects", type(added).__name__)
    for token in added:
        index, content = token.get("id"), token.get("content")
        if not _is_whole(index) or index < 0 or not isinstance(content, str):
            _refuse(path, "added_tokens", "content and id of every token", token)
        if index < len(vocabulary) and vocabulary.tokens[index] != content:
            hint = f"the vocabulary has {vocabulary.tokens[index]} there"
            _refuse(path, "added_tokens", f"an id of its own for {content!r}", index, hint)
        if index >= len(vocabulary):
            _refuse(
                path,
                "added_tokens",
                "tokens of the vocabulary",
                content,
                "tokens added to it are not supported",
            )


def _template(vocabulary: Vocabulary) -> dict[str, Any]:
    def piece(kind: str, name: str, type_id: int) -> dict[str, Any]:
        return {kind: {"id": name, "type_id": type_id}}

    single = [piece("SpecialToken", CLS, 0), piece("Sequence", "A", 0), piece("SpecialToken", SEP, 0)]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, piece("Sequence", "B", 1), piece("SpecialToken", SEP, 1)],
        "special_tokens": {
            token: {"id": token, "ids": [vocabulary.id(token)], "tokens": [token]} for token in (CLS, SEP)
        },
    }


def _added(token: str, index: int) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": index, "content": token, **flags}


def _object(parent: dict[str, Any], name: str, path: Path, prefix: str = "") -> dict[str, Any]:
    value = parent.get(name)
    if not isinstance(value, dict):
        _refuse(path, prefix + name, "an object", value if value is None else type(value).__name__)
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _refuse(path: Path, field: str, expected: str, got: object, hint: str | None = None) -> NoReturn:
    raise VocabularyError.at(path, expected, "nothing" if got is None else got, field=field, hint=hint)
