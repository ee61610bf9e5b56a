"""One clear line for each way in which a command line can be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cyclopts

from bertwright.errors import UsageError, did_you_mean, quote


def refuse_unusable(tokens: Sequence[str]) -> None:
    """Refuse what no command can take.

    Raises:
        UsageError: a token holds a NUL character, which no path, text or number may.
    """
    for token in tokens:
        if "\0" in token:
            raise UsageError(f"expected arguments without NUL characters, got {quote(token)}")


def refuse_alone(needed: str, **options: Any) -> None:
    """Refuse options that mean something only with ``needed``; None and False are not given.

    Raises:
        UsageError: naming the first.
    """
    for name, value in options.items():
        if value is not None and value is not False:
            raise UsageError(f"--{name.replace('_', '-')}: expected {needed} with it")


def describe(problem: cyclopts.CycloptsError, commands: Iterable[str]) -> str:
    """``problem`` as one line: which command and option, what was expected, what was found.

    Args:
        problem: what the parser raised.
        commands: names of all commands, for the nearest valid one.
    """
    for kind, sentence in _SENTENCES.items():
        if isinstance(problem, kind):
            return sentence(problem, list(commands))
    return " ".join(str(problem).split()) or type(problem).__name__


def _unknown_command(problem: Any, commands: list[str]) -> str:
    given = problem.unused_tokens[0] if problem.unused_tokens else ""
    valid = commands
    if problem.command_chain:  # a command of a command: `config shw`
        valid = [name for name in problem.app if not name.startswith("-")]
    known = ", ".join(valid)
    return f"unknown command {quote(given)}{did_you_mean(given, valid) or f' (known: {known})'}"


def _unknown_option(problem: Any, _: list[str]) -> str:
    given = (problem.token.keyword or problem.token.value).split("=", 1)[0]
    names = [name for argument in problem.argument_collection if argument.parse for name in argument.names]
    command = _command(problem)
    if given in names:  # an option behind `--`, where it is an argument like any other
        return f"{_prefix(problem)}unexpected argument {quote(given)}"
    guess = did_you_mean(given, names) or f" (bertwright {command} --help lists them)".replace("  ", " ")
    return f"{_prefix(problem)}unknown option {quote(given)}{guess}"


def _missing(problem: Any, _: list[str]) -> str:
    if problem.keyword is None and not problem.argument.tokens:
        name = _name(problem)
        return f"{_prefix(problem)}{name} is missing (bertwright {_command(problem)} --help explains it)"
    keyword = problem.keyword or _name(problem)
    following = _token_after(keyword, problem.root_input_tokens or [])
    if following is None:
        return f"{keyword}: expected a value, got nothing"
    hint = f"write {keyword}=VALUE if it is the value"
    return f"{keyword}: expected a value, got the option {quote(following)} ({hint})"


def _unused(problem: Any, _: list[str]) -> str:
    given = quote((problem.unused_tokens or [""])[0])
    if given.startswith('"-'):
        return f"{_prefix(problem)}unknown option {given}"
    return f"{_prefix(problem)}unexpected argument {given} (bertwright {_command(problem)} --help)"


def _repeated(problem: Any, _: list[str]) -> str:
    return f"{problem.token.keyword}: given more than once (say which value is meant)"


def _coercion(problem: Any, _: list[str]) -> str:
    name = _name(problem)
    if problem.msg is not None:
        return f"{name}: {problem.msg}"
    given = problem.token.value if problem.token else ""
    choices = [str(choice) for choice in problem.argument.get_choices(force=True) or ()]
    if choices:
        return f"{name}: expected {_either(choices)}, got {quote(given)}{_meant(given, choices)}"
    expected = _EXPECTED.get(_plain(problem.target_type), "another value")
    return f"{name}: expected {expected}, got {quote(given)}"


def _meant(given: str, choices: Sequence[str]) -> str:
    """The choice that ``given`` is another name of, or is nearest to; what has a number means that one."""
    if _OTHER_NAMES.get(given.lower()) in choices:
        return f" (did you mean {_OTHER_NAMES[given.lower()]}?)"
    return "" if any(map(str.isdigit, given)) else did_you_mean(given, choices)


def _invalid(problem: Any, _: list[str]) -> str:
    if problem.argument is None:
        return f"{_prefix(problem)}{problem.exception_message}"
    return f"{_name(problem)}: {problem.exception_message}"


_OTHER_NAMES = {"gpu": "cuda", "float32": "fp32", "bfloat16": "bf16"}
"""What others call one of our choices."""

_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "no value: it is a switch",
    "Path": "a path",
}

_SENTENCES: dict[type[cyclopts.CycloptsError], Callable[[Any, list[str]], str]] = {
    cyclopts.UnknownCommandError: _unknown_command,
    cyclopts.UnknownOptionError: _unknown_option,
    cyclopts.MissingArgumentError: _missing,
    cyclopts.UnusedCliTokensError: _unused,
    cyclopts.RepeatArgumentError: _repeated,
    cyclopts.CoercionError: _coercion,
    cyclopts.ValidationError: _invalid,
}


def _command(problem: Any) -> str:
    return " ".join(problem.command_chain or ())


def _prefix(problem: Any) -> str:
    command = _command(problem)
    return f"{command}: " if command else ""


def _name(problem: Any) -> str:
    """The option as the user wrote it, or the placeholder of a positional argument."""
    token = getattr(problem, "token", None)
    tokens = [token] if token is not None else problem.argument.tokens
    for written in tokens:
        if written.keyword:
            return str(written.keyword)
    name: str = problem.argument.name
    return name if name.startswith("-") else name.upper()


def _token_after(keyword: str, tokens: Sequence[str]) -> str | None:
    places = [number for number, token in enumerate(tokens) if token == keyword]
    if places and places[-1] + 1 < len(tokens):
        return tokens[places[-1] + 1]
    return None


def _plain(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))


def _either(choices: Sequence[str]) -> str:
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"
