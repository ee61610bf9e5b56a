"""A folder with tokenizer files, laid out as Hugging Face's: read strictly, written so that both open it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bertwright import strict_json
from bertwright.durable import MANIFEST, look_at, member, read_manifest, verify
from bertwright.errors import VocabularyError, quote
from bertwright.tokenization import tokenizer_json
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.vocabulary import CLS, MASK, PAD, SEP, UNK, Vocabulary

VOCAB_TXT = "vocab.txt"
TOKENIZER_JSON = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS_MAP = "special_tokens_map.json"
ADDED_TOKENS = "added_tokens.json"  # read, never written

_READ = (VOCAB_TXT, TOKENIZER_JSON, TOKENIZER_CONFIG, ADDED_TOKENS)

_MANIFESTS = ("bertwright.json", MANIFEST)  # of a model folder, and of all others
_NAMED = {"unk_token": UNK, "sep_token": SEP, "pad_token": PAD, "cls_token": CLS, "mask_token": MASK}
_ONLY: Mapping[str, tuple[Any, ...]] = {
    "do_basic_tokenize": (True,),
    "do_subword_tokenize": (True,),
    "word_tokenizer_type": ("basic", None),
    "subword_tokenizer_type": ("wordpiece", None),
    "never_split": (None, []),
}
"""Key of ``tokenizer_config.json`` -> the values with which text is cut as it is here."""
_OTHERS = ("BertJapaneseTokenizer",)
"""Classes that cut text otherwise."""
_SETTINGS = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")


def read(path: Path) -> tuple[Vocabulary, TokenizerSettings]:
    """Vocabulary and settings of a folder or of a bare ``vocab.txt``; see :meth:`Tokenizer.load`."""
    look_at(path, VocabularyError)
    if not path.exists():
        expected, maker = f"a vocabulary folder or a {VOCAB_TXT}", "bertwright vocab makes one of text"
        raise VocabularyError.at(path, expected, "nothing there", hint=maker)
    if not path.is_dir():
        return Vocabulary.load(path), TokenizerSettings()
    names = [name for name in _READ if os.path.lexists(path / name)]
    if VOCAB_TXT not in names and TOKENIZER_JSON not in names:
        inner = path / "model"  # of a run
        hint = f"{inner} has one" if (inner / VOCAB_TXT).exists() else None
        raise VocabularyError.at(path, f"a folder with {VOCAB_TXT} or {TOKENIZER_JSON}", "neither", hint=hint)
    for name in names:
        member(path, name, VocabularyError)
    _verify(path, names)
    vocabulary: Vocabulary | None = None
    settings: dict[str, Any] = {}
    if TOKENIZER_JSON in names:
        vocabulary, settings = tokenizer_json.read(path / TOKENIZER_JSON)
    if VOCAB_TXT in names:
        vocabulary = _agreed(Vocabulary.load(path / VOCAB_TXT), vocabulary, path)
    if vocabulary is None:
        raise VocabularyError.at(path, "a vocabulary", "none")
    if TOKENIZER_JSON not in names and TOKENIZER_CONFIG not in names:
        settings["do_lower_case"] = not is_cased(vocabulary)
    if TOKENIZER_CONFIG in names:
        settings |= _read_config(path / TOKENIZER_CONFIG, vocabulary)
    if ADDED_TOKENS in names:
        added = _read_object(path / ADDED_TOKENS)
        listed = [{"content": token, "id": index} for token, index in added.items()]
        tokenizer_json.check_added(listed, vocabulary, path / ADDED_TOKENS)
    return vocabulary, TokenizerSettings(**settings)


def is_cased(vocabulary: Vocabulary) -> bool:
    """Whether a token has a capital letter, so that lower-cased text would never be cut into it."""
    return any(token != token.lower() for token in vocabulary.tokens if token[:1] != "[")


def files(
    vocabulary: Vocabulary, settings: TokenizerSettings, model_max_length: int | None = None
) -> dict[str, bytes]:
    """File name -> contents; see :meth:`Tokenizer.files`."""
    config: dict[str, Any] = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": settings.do_lower_case,
        "strip_accents": settings.strip_accents,
        "tokenize_chinese_chars": settings.tokenize_chinese_chars,
        "clean_up_tokenization_spaces": False,
        **_NAMED,
    }
    if model_max_length is not None:
        config["model_max_length"] = model_max_length
    return {
        VOCAB_TXT: vocabulary.to_text().encode(),
        TOKENIZER_JSON: tokenizer_json.dump(vocabulary, settings).encode(),
        TOKENIZER_CONFIG: _json(config),
        SPECIAL_TOKENS_MAP: _json(_NAMED),
    }


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _verify(path: Path, names: list[str]) -> None:
    """Compares the files with the folder's manifest, where it has one of ours."""
    for name in _MANIFESTS:
        if (path / name).exists() and not _is_foreign(path / name):
            manifest = read_manifest(path, manifest_name=name, error=VocabularyError)
            verify(manifest, [name for name in names if name in manifest.files])


def _is_foreign(path: Path) -> bool:
    """Whether a manifest is another program's; ours has both keys, also when one of them was damaged."""
    source = member(path.parent, path.name, VocabularyError)
    record = strict_json.load(source, error=VocabularyError, max_bytes=strict_json.OWN_BYTES)
    return not isinstance(record, dict) or not {"format", "files"} & record.keys()


def _agreed(text: Vocabulary, other: Vocabulary | None, path: Path) -> Vocabulary:
    """The vocabulary of ``vocab.txt``, which must be that of ``tokenizer.json``."""
    if other is None or other == text:
        return text
    if len(other) != len(text):
        raise VocabularyError.at(
            path / TOKENIZER_JSON, f"the {len(text):,} tokens of {VOCAB_TXT}", f"{len(other):,} tokens"
        )
    line = next(i for i, (a, b) in enumerate(zip(text.tokens, other.tokens, strict=True)) if a != b)
    raise VocabularyError.at(
        path / VOCAB_TXT,
        f"the tokens of {TOKENIZER_JSON} in the same order",
        text.tokens[line],
        line=line + 1,
        hint=f"there id {line} is {other.tokens[line]}",
    )


def _read_config(path: Path, vocabulary: Vocabulary) -> dict[str, Any]:
    """The settings in ``tokenizer_config.json``; keys that mean nothing here are passed over."""
    config = _read_object(path)
    _refuse_others(config, path)
    found: dict[str, Any] = {}
    for name in _SETTINGS:
        value = config.get(name)
        if name in config and not isinstance(value, bool) and not (name == "strip_accents" and value is None):
            raise VocabularyError.at(path, "true or false", value, field=name)
        if name in config:
            found[name] = value
    for name, token in _NAMED.items():
        value = config.get(name, token)
        content = value.get("content") if isinstance(value, dict) else value
        if content != token:
            hint = "other special tokens are not supported"
            raise VocabularyError.at(path, token, content, field=name, hint=hint)
    decoder = config.get("added_tokens_decoder", {})
    if not isinstance(decoder, dict) or not all(isinstance(token, dict) for token in decoder.values()):
        raise VocabularyError.at(
            path, "an object of tokens", type(decoder).__name__, field="added_tokens_decoder"
        )
    listed = [{**token, "id": int(i) if i.isdecimal() and len(i) < 10 else i} for i, token in decoder.items()]
    tokenizer_json.check_added(listed, vocabulary, path)
    return found


def _refuse_others(config: Mapping[str, Any], path: Path) -> None:
    """A tokenizer that would cut text into other pieces than this one is refused."""
    hint = "text would be cut into other pieces than the model was trained on"
    for name, allowed in _ONLY.items():
        value = config.get(name, allowed[0])
        if not any(type(value) is type(one) and value == one for one in allowed):
            raise VocabularyError.at(path, quote(allowed[0]), value, field=name, hint=hint)
    if config.get("tokenizer_class") in _OTHERS:
        raise VocabularyError.at(
            path, "BertTokenizer", config["tokenizer_class"], field="tokenizer_class", hint=hint
        )


def _read_object(path: Path) -> dict[str, Any]:
    record = strict_json.load(path, error=VocabularyError)
    if not isinstance(record, dict):
        raise VocabularyError.at(path, "a JSON object", type(record).__name__)
    return record
