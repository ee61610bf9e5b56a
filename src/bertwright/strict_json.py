"""JSON as the standard has it: no duplicate keys, no NaN, bounded depth and size, one error type."""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

from bertwright.errors import InputError

MAX_BYTES = 1 << 20
"""Of JSON that others may have written, where nothing else is said."""
OWN_BYTES = 64 << 20
"""Of JSON that we write for ourselves, to read it again: :func:`dump_for` keeps to it."""
MAX_DEPTH = 64
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse(
    data: bytes | str,
    source: str | Path,
    *,
    line: int | None = None,
    error: type[InputError] = InputError,
    max_bytes: int = MAX_BYTES,
    surrogates: bool = True,
) -> Any:
    """The value in ``data``.

    Args:
        data: JSON text; bytes must be UTF-8 without a byte order mark.
        source: path or name for messages; ``line`` (from 1) when ``data`` is one line of it.
        error: the error class to raise.
        max_bytes: larger input is refused before parsing.
        surrogates: let half of a surrogate pair through, for a reader that names the field which has it
            (:func:`lone_surrogate`).

    Raises:
        error: not UTF-8, not JSON, a duplicate key, NaN or Infinity (also as a number that is too large for
            a float), nested deeper than 64, too large, half of a surrogate pair unless ``surrogates``.
    """

    def refuse(expected: str, got: object = None, hint: str | None = None, at: int | None = line) -> NoReturn:
        raise error.at(source, expected, got, line=at, hint=hint)

    if len(data) > max_bytes:
        refuse(f"at most {max_bytes:,} bytes of JSON", len(data))
    if isinstance(data, bytes):
        if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
            refuse("JSON in UTF-8 without a byte order mark", hint="save the file as plain UTF-8")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as problem:
            refuse("JSON in UTF-8", f"byte 0x{data[problem.start]:02x} at offset {problem.start}")
    else:
        text = data
    if _depth(text) > MAX_DEPTH:
        refuse(f"JSON nested at most {MAX_DEPTH} deep", "deeper")
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except _Refused as problem:
        refuse(problem.expected, problem.got)
    except json.JSONDecodeError as problem:
        place = f"column {problem.colno}: {problem.msg}" if problem.lineno == 1 or line else problem.msg
        refuse("JSON", place, at=line if line is not None else problem.lineno)
    except (ValueError, RecursionError) as problem:  # a number of more than 4,300 digits
        refuse("JSON", str(problem))
    if not surrogates and _ESCAPED_SURROGATE.search(text) and (found := lone_surrogate(value)):
        refuse("JSON of Unicode text", found)
    return value


def load(path: str | Path, *, error: type[InputError] = InputError, max_bytes: int = MAX_BYTES) -> Any:
    """The value in the file ``path``; see :func:`parse`.

    Raises:
        error: also when it is not there, cannot be read, is no regular file, or has half of a surrogate pair.
    """
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):  # a pipe that nobody writes to would be waited for
            raise error.at(path, "a JSON file", "a directory" if stat.S_ISDIR(mode) else "a special file")
        with Path(path).open("rb") as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise error.at(path, "a JSON file", "nothing there") from None
    except OSError as problem:
        raise error.at(path, "a readable JSON file", problem.strerror or str(problem)) from None
    return parse(data, path, error=error, max_bytes=max_bytes, surrogates=False)


def lone_surrogate(value: object) -> str | None:
    """The first half of a surrogate pair in ``value``, for a message; None where all of it is Unicode text.

    JSON can spell it (``"\\ud83d"`` alone), and UTF-8, so no file and no terminal, can hold it.
    """
    if isinstance(value, str):
        if value.isascii():
            return None
        try:
            value.encode()
        except UnicodeEncodeError as problem:
            return f"the lone surrogate U+{ord(value[problem.start]):04X}"
        return None
    if isinstance(value, dict):
        parts: Iterable[object] = chain(value.keys(), value.values())
    elif isinstance(value, (list, tuple)):
        parts = value
    else:
        return None
    return next((found for part in parts if (found := lone_surrogate(part))), None)


def dump(value: Any) -> str:
    """``value`` as one line of JSON: UTF-8 text kept as it is, no NaN."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def dump_for(path: str | Path, value: Any, *, max_bytes: int = OWN_BYTES) -> str:
    """As :func:`dump`, for a file that :func:`load` is to read again with the same ``max_bytes``.

    Raises:
        InputError: it would be refused there.
    """
    text = dump(value)
    if (size := len(text.encode())) > max_bytes:
        raise InputError.at(path, f"at most {max_bytes:,} bytes of JSON to be written", size)
    return text


class _Refused(Exception):
    def __init__(self, expected: str, got: str) -> None:
        self.expected, self.got = expected, got


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Refused("each key once", key)
            seen.add(key)
    return result


def _no_constant(name: str) -> NoReturn:
    raise _Refused("finite numbers", name)


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise _Refused("finite numbers", number)
    return value


_STRING = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""One that does not end takes the rest of the text with it."""
_BRACKET = re.compile(r"[\[\]{}]")


def _depth(text: str) -> int:
    """How deep arrays and objects nest; brackets inside strings do not count."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        if bracket.group() in "[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest
