"""Vocabularies and token stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bertwright import durable, strict_json
from bertwright.data.store import TokenStore
from bertwright.inference.inspection.findings import Findings, bytes_of, selected, verify_all
from bertwright.progress import Progress
from bertwright.tokenization.tokenizer import Tokenizer

_REPORT = ("pieces_per_word", "unk_rate", "coverage", "measured_on")


def inspect_vocabulary(path: Path, progress: Progress | None = None) -> Findings:
    """A folder with tokenizer files, or a bare ``vocab.txt``.

    Raises:
        VocabularyError: it is malformed.
        DigestError: a file differs from the folder's manifest.
    """
    verified = None
    facts: dict[str, Any] = {}
    if (path / durable.MANIFEST).exists():
        manifest = durable.read_manifest(path)
        verified = verify_all(manifest, progress)
        facts["digest"] = manifest.digest
    facts = {**tokenizer_facts(Tokenizer.load(path)), **facts}
    if (path / "report.json").is_file():
        report = strict_json.load(path / "report.json", max_bytes=64 << 20)
        if isinstance(report, dict) and (found := selected(report, _REPORT)):
            facts["measured"] = found
    notes = () if path.is_dir() else ("a bare vocab.txt stores no settings: it is taken as lower-cased",)
    return Findings("vocabulary", path, facts, verified, notes)


def tokenizer_facts(tokenizer: Tokenizer) -> dict[str, Any]:
    """Size, settings and special ids of a tokenizer."""
    vocabulary = tokenizer.vocabulary
    continuing = sum(token.startswith("##") for token in vocabulary.tokens)
    return {
        "size": len(vocabulary),
        "continuation_pieces": continuing,
        "longest_token": max((token for token in vocabulary.tokens), key=lambda token: (len(token), token)),
        "settings": tokenizer.settings.model_dump(mode="json"),
        "special_ids": {vocabulary.tokens[number]: number for number in sorted(vocabulary.special_ids)},
        "tokenizer_digest": tokenizer.digest,
    }


def inspect_store(path: Path, progress: Progress | None = None) -> Findings:
    """A token store; its shards are compared with their digests and their structure is checked.

    Raises:
        StoreError: no finished store.
        DigestError: a file is missing, cut or changed.
    """
    verified = verify_all(durable.read_manifest(path, "store"), progress)
    store = TokenStore.open(path, verify=False)
    manifest = durable.read_manifest(path, "store")
    facts: dict[str, Any] = {
        "documents": store.num_documents,
        "sentences": store.num_sentences,
        "tokens": store.num_tokens,
        "tokens_per_sentence": round(store.num_tokens / store.num_sentences, 2),
        "sentences_per_document": round(store.num_sentences / store.num_documents, 2),
        "shards": len(manifest.fields["shards"]),
        "bytes": bytes_of(manifest),
        "settings": manifest.fields.get("settings", {}),
        "tokenizer": tokenizer_facts(store.tokenizer()),
        "digest": manifest.digest,
    }
    notes = ("one document: next-sentence prediction needs more",) if store.num_documents == 1 else ()
    return Findings("store", path, facts, verified, notes)
