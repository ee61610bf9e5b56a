"""The base of all settings, and how they are put together from defaults, a TOML file and flags."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from bertwright import strict_json
from bertwright.errors import SettingsError, did_you_mean, quote, shown_path

_FILE_LIMIT = 1 << 20
_DEEPEST = 64


class Settings(BaseModel):
    """Frozen, without unknown keys; the string under each field is its documentation.

    Types are taken at their word: "10", true and 1.0 are no whole numbers, "yes" is no truth value. Only a
    whole number is accepted as a number with decimals.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        validate_default=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Resolved(Generic[S]):
    """Settings with the origin of each value."""

    value: S
    origins: dict[str, str] = field(default_factory=dict)
    """Dotted name -> ``"default"``, the file's name, or ``"flag"``."""


def load(
    cls: type[S], *, file: Path | None = None, overrides: Mapping[str, object] | None = None
) -> Resolved[S]:
    """Settings of class ``cls``: defaults < ``file`` (TOML) < ``overrides`` (dotted name -> value).

    Raises:
        SettingsError: with one sentence for every mistake in the file and in the overrides.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    if file is not None:
        values = read_toml(file)
        origins.update(dict.fromkeys(leaves(values), str(file)))
    problems: list[str] = []
    for name, value in (overrides or {}).items():
        problem = _put(values, name, value)
        if problem:
            problems.append(problem)
        for old in [n for n in origins if n == name or n.startswith(name + ".")]:
            del origins[old]
        origins[name] = "flag"
    try:
        resolved = cls.model_validate(values)
    except ValidationError as error:
        problems += [_sentence(cls, problem, origins) for problem in error.errors(include_url=False)]
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    everything = leaves(resolved.model_dump())
    problems = [_unwritable(name, value) for name, value in everything.items() if _is_unwritable(value)]
    if problems:
        raise SettingsError(problems)
    return Resolved(resolved, {name: origins.get(name, _inherited(name, origins)) for name in everything})


def parse_assignments(assignments: Sequence[str]) -> dict[str, object]:
    """``["a.b=1", "c=text"]`` (``--set``) as dotted names; values are read as TOML, else as plain text.

    Raises:
        SettingsError: an assignment without ``=``, a name given twice, more than one value, or a value
            that no parser takes (nested too deep, a number of thousands of digits).
    """
    result: dict[str, object] = {}
    problems = []
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name.strip():
            problems.append(f"--set: expected NAME=VALUE, got {quote(assignment)}")
        elif name.strip() in result:
            problems.append(f"--set: {name.strip()} is given twice")
        elif name.count(".") > _DEEPEST:
            problems.append(f"--set: expected names at most {_DEEPEST} deep, got {quote(name)}")
        else:
            try:
                result[name.strip()] = _toml_value(text.strip())
            except ValueError as problem:
                problems.append(f"--set: {quote(name.strip())}: {problem}")
    if problems:
        raise SettingsError(problems)
    return result


def flatten(settings: Settings) -> dict[str, Any]:
    """Dotted name -> plain value (what JSON can hold)."""
    return leaves(settings.model_dump(mode="json"))


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """``name: old -> new`` for every dotted name whose value differs."""
    names = sorted(set(old) | set(new))
    return [f"{n}: {_shown(old.get(n))} -> {_shown(new.get(n))}" for n in names if old.get(n) != new.get(n)]


def from_json(cls: type[S], data: Mapping[str, Any], source: str | Path) -> S:
    """Settings that were stored with ``model_dump(mode="json")``.

    Raises:
        SettingsError: naming ``source`` and every mistake.
    """
    try:
        return cls.model_validate(dict(data))
    except ValidationError as error:
        where = dict.fromkeys(leaves(dict(data)), str(source))
        raise SettingsError([_sentence(cls, p, where) for p in error.errors(include_url=False)]) from None


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def read_toml(file: Path) -> dict[str, Any]:
    """What a settings file says.

    Raises:
        SettingsError: it is missing, unreadable, empty, too large, not UTF-8, or not TOML.
    """
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise SettingsError(f"{shown_path(file)}: expected a TOML file, got nothing there") from None
    except IsADirectoryError:
        raise SettingsError(f"{shown_path(file)}: expected a TOML file, got a directory") from None
    except OSError as problem:
        raise SettingsError(f"{shown_path(file)}: cannot be read: {problem.strerror}") from None
    if len(data) > _FILE_LIMIT:
        raise SettingsError(f"{shown_path(file)}: expected at most {_FILE_LIMIT:,} bytes, got {len(data):,}")
    if not data.strip():
        raise SettingsError(f"{shown_path(file)}: expected settings in TOML, got an empty file")
    try:
        values = tomllib.loads(data.decode("utf-8"))
        leaves(values)
    except UnicodeDecodeError as problem:
        raise SettingsError(
            f"{shown_path(file)}: expected UTF-8, got byte 0x{data[problem.start]:02x}"
            f" at offset {problem.start}"
        ) from None
    except RecursionError:
        raise SettingsError(f"{shown_path(file)}: expected TOML that is nested less deep") from None
    except ValueError as problem:  # not TOML, or a number of thousands of digits
        raise SettingsError(f"{shown_path(file)}: expected TOML: {problem}") from None
    return values


def _toml_value(text: str) -> object:
    try:
        found = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    except RecursionError:
        raise ValueError("expected a value that is nested less deep") from None
    if len(found) > 1:
        raise ValueError(f"expected one value, got {quote(text)}")
    return found["value"]


def leaves(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted name; an empty group is a value."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        dotted = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            result.update(leaves(value, dotted + "."))
        else:
            result[dotted] = value
    return result


def _put(values: dict[str, Any], dotted: str, value: object) -> str | None:
    *path, last = dotted.split(".")
    here = values
    for step in path:
        inner = here.setdefault(step, {})
        if not isinstance(inner, dict):
            return f"{dotted}: {step} is a value, not a group of settings"
        here = inner
    here[last] = value
    return None


def _is_unwritable(value: object) -> bool:
    return isinstance(value, (str, Path)) and strict_json.lone_surrogate(str(value)) is not None


def _unwritable(name: str, value: object) -> str:
    """Settings are stored: the name of a file, given by a flag, may be what no UTF-8 can write."""
    return f"{name}: expected text that can be written in UTF-8, got {quote(str(value))} (rename the file)"


def _inherited(name: str, origins: Mapping[str, str]) -> str:
    """A value inside a list or group that was set as a whole has that whole's origin."""
    while "." in name:
        name = name.rpartition(".")[0]
        if name in origins:
            return origins[name]
    return "default"


def reason_of(problem: Mapping[str, Any]) -> str:
    """What is wrong, of one of pydantic's errors, without the words that it puts before ours."""
    message: str = problem["msg"]
    for prefix in ("Value error, ", "Input should be ", "Assertion failed, "):
        message = message.removeprefix(prefix)
    return message


def _sentence(cls: type[BaseModel], problem: Any, origins: Mapping[str, str]) -> str:
    location = [str(part) for part in problem["loc"]]
    name = ".".join(location)
    origin = origins.get(name) or _inherited(name, origins)
    if origin == "default" and name:  # a group of settings that contradict each other
        origin = next((o for n, o in origins.items() if n.startswith(name + ".")), origin)
    where = f"{shown_path(origin)}: " if origin not in ("default", "flag") else ""
    if problem["type"] == "extra_forbidden":
        valid = list(_fields_at(cls, location[:-1]))
        guess = did_you_mean(location[-1], valid) or f" (known: {', '.join(valid)})"
        return f"{where}{name}: unknown setting{guess}"
    got = problem.get("input")
    if isinstance(got, float) and not math.isfinite(got):
        return f"{where}{name}: expected a finite number, got {got}"
    message = reason_of(problem)
    if problem["type"] == "value_error":
        return f"{where}{name + ': ' if name else ''}{message}"
    if problem["type"] == "missing":
        return f"{where}{name}: required and not given"
    return f"{where}{name}: expected {message}, got {quote(got)}"


def _fields_at(cls: type[BaseModel], path: Sequence[str]) -> Mapping[str, FieldInfo]:
    here: type[BaseModel] = cls
    for step in path:
        info = here.model_fields.get(step)
        if info is None:
            continue
        candidates = [info.annotation, *get_args(info.annotation)]
        inner = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if inner:
            here = inner[0]
    return here.model_fields
