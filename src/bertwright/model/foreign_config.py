"""What a ``config.json`` made elsewhere may not say, because it would change the network or run code.

Everything else that is not a field of ours (``transformers_version``, ``torch_dtype``, ``use_cache`` ...) is
read past: neither refused nor acted on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bertwright.errors import ModelError, quote

_NAMES_CODE = ("_attn_implementation_internal", "trust_remote_code", "custom_pipelines")
"""Fields by which other libraries import code (CVE-2026-4372 for the first)."""

_ONLY: Mapping[str, tuple[Any, ...]] = {
    "model_type": ("bert",),
    "position_embedding_type": ("absolute",),
    "add_cross_attention": (False,),
    "is_encoder_decoder": (False,),
    "pruned_heads": ({}, None),
    "quantization_config": (None,),
}
"""Field -> the values under which the network is the one built here."""


def foreign_problems(values: Mapping[str, Any]) -> list[str]:
    """Why the network described by ``values`` is not ours; one sentence each."""
    found = [f"{name}: names code to run, which is never done" for name in _NAMES_CODE if values.get(name)]
    for name, allowed in _ONLY.items():
        if name in values and not any(values[name] is a or _same(values[name], a) for a in allowed):
            found.append(f"{name}: only {quote(allowed[0])} is supported, got {quote(values[name])}")
    return found + _architecture(values) + _files(values) + _special_ids(values)


def foreign_notes(values: Mapping[str, Any]) -> list[str]:
    """What ``values`` say that is not followed, and ought to be known."""
    if not values.get("auto_map"):
        return []
    return ["auto_map names code that comes with the folder: it is ignored, nothing of it is read or run"]


def stated_architecture(values: Mapping[str, Any], source: str | Path) -> str | None:
    """What ``config.json`` calls the network: the first of its ``architectures``; None where it does not.

    Raises:
        ModelError: they are no list of names.
    """
    names = values.get("architectures")
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ModelError.at(source, "a list of class names", names, field="architectures")
    return names[0] if names else None


def _same(value: Any, allowed: Any) -> bool:
    return type(value) is type(allowed) and value == allowed


def _architecture(values: Mapping[str, Any]) -> list[str]:
    names = values.get("architectures")
    if names is None or "model_type" in values:
        return []
    if isinstance(names, list) and all(isinstance(name, str) and name.startswith("Bert") for name in names):
        return []
    return [f"architectures: expected names of BERT classes, got {quote(names)}"]


def _files(values: Mapping[str, Any]) -> list[str]:
    """No field may lead to a file outside the folder."""
    return [
        f"{name}: expected a file name inside the folder, got {quote(value)}"
        for name, value in values.items()
        if name.endswith("_file") and value is not None and not _plain_name(value)
    ]


def _plain_name(value: Any) -> bool:
    return isinstance(value, str) and value not in ("", ".", "..") and not set(value) & set("/\\\0")


def _special_ids(values: Mapping[str, Any]) -> list[str]:
    pad, mask = values.get("pad_token_id"), values.get("mask_token_id")
    if mask is None or pad != mask:
        return []
    return [f"mask_token_id: expected an id other than pad_token_id, got {quote(mask)} for both"]
