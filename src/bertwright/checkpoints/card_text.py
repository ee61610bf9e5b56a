"""Values of others in Markdown and YAML: escaped, so that no file name or label means anything there."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bertwright.errors import shortened

_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$])")
_LONGEST = 200


def plain(value: object) -> str:
    """``value`` as one line of text that Markdown and HTML show letter for letter, cut at 200 characters."""
    text = shortened("".join(c if c.isprintable() else " " for c in str(value)), _LONGEST)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", text)


def number(value: object) -> str:
    """A number for people; anything else as :func:`plain` has it."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4f}" if 0.001 <= abs(value) < 1000 else f"{value:.4g}"
    return plain(value)


def scalar(value: object) -> str:
    """A string as YAML of either version reads it: double quotes, all but printable ASCII escaped."""
    return f'"{"".join(map(_escaped, str(value)))}"'


def _escaped(character: str) -> str:
    code = ord(character)
    if character in '"\\':
        return "\\" + character
    if 0x20 <= code < 0x7F:
        return character
    if 0xD800 <= code < 0xE000:  # half a surrogate pair is no character
        return "\\ufffd"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines of a Markdown table, numbers shown by :func:`number`."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return [*lines, *("| " + " | ".join(map(number, row)) + " |" for row in rows), ""]


def fenced(values: Mapping[str, Any]) -> list[str]:
    """Lines of a block of JSON, which no value can end: each line begins with a bracket, or with blanks and a
    quotation mark or bracket."""
    return ["```json", json.dumps(values, ensure_ascii=False, indent=2, sort_keys=True), "```", ""]


def finite(metrics: object) -> dict[str, float]:
    """The numbers among ``metrics`` that are finite, by name."""
    if not isinstance(metrics, Mapping):
        return {}
    return {
        str(name): float(value)
        for name, value in metrics.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
