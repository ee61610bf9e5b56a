"""``bertwright COMMAND``: the list of commands, and what becomes of errors and signals.

Exit codes: 0 done, 1 failed while running, 2 the request or an input is wrong, 130 and 143 on signals.

Everything but ``os`` and ``sys`` is imported inside functions: from the first line of :func:`main` on, Ctrl-C
is one line and exit code 130, also while the rest of the program is still being imported.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import cyclopts

# name -> (function, group); a command's module is imported when it is called or when help is shown.
COMMANDS = {
    "demo": ("bertwright.cli.demo:demo", "Start here"),
    "vocab": ("bertwright.cli.vocab:vocab", "Text"),
    "tokenize": ("bertwright.cli.tokenize:tokenize", "Text"),
    "prepare": ("bertwright.cli.prepare:prepare", "Text"),
    "doctor": ("bertwright.cli.doctor:doctor", "Text"),
    "pretrain": ("bertwright.cli.pretrain:pretrain", "Training"),
    "finetune": ("bertwright.cli.finetune:finetune", "Training"),
    "evaluate": ("bertwright.cli.evaluate:evaluate", "Training"),
    "compare": ("bertwright.cli.compare:compare", "Training"),
    "predict": ("bertwright.cli.predict:predict", "Using a model"),
    "fill-mask": ("bertwright.cli.fill_mask:fill_mask", "Using a model"),
    "next-sentence": ("bertwright.cli.next_sentence:next_sentence", "Using a model"),
    "score": ("bertwright.cli.score:score", "Using a model"),
    "generate": ("bertwright.cli.generate:generate", "Using a model"),
    "embed": ("bertwright.cli.embed:embed", "Using a model"),
    "features": ("bertwright.cli.features:features", "Using a model"),
    "serve": ("bertwright.cli.serve:serve", "Using a model"),
    "convert": ("bertwright.cli.convert:convert", "Using a model"),
    "look": ("bertwright.cli.look:look", "Looking"),
    "inspect": ("bertwright.cli.inspect:inspect", "Looking"),
    "report": ("bertwright.cli.report:report", "Looking"),
    "config": ("bertwright.cli.config:app", "Looking"),
}

USAGE = {
    "vocab": "--output PATH [OPTIONS] CORPUS...",
    "tokenize": "[OPTIONS] VOCABULARY [TEXT...]",
    "prepare": "--vocab PATH --output PATH [OPTIONS] CORPUS...",
    "doctor": "[OPTIONS] PATH...",
    "pretrain": "--data PATH --output PATH [OPTIONS] [RECIPE]",
    "compare": "--output PATH [OPTIONS] KIND [FILE]",
    "generate": "[OPTIONS] MODEL [TEXT]",
    "serve": "[OPTIONS] MODEL...",
    "look": "--output PATH [OPTIONS] MODEL [TEXT...]",
}
"""Of commands whose arguments may be left out or repeated, which the parser's own line does not name."""

OF_EVERY_COMMAND = ("--json", "--quiet")
"""May also stand before the command."""

GROUPS = ("Start here", "Text", "Training", "Using a model", "Looking")


def build(*, listing: bool = False) -> cyclopts.App:
    """The application with every command registered lazily.

    Args:
        listing: the list of commands is asked for: load them all (they are light), for their first lines.
    """
    import cyclopts

    import bertwright

    app = cyclopts.App(
        name="bertwright",
        help="Build, train and use your own BERT.",
        version=bertwright.__version__,
        help_format="markdown",
        suppress_keyboard_interrupt=False,
        # A switch that is off by default, an empty list and None are no news in a help page.
        default_parameter=cyclopts.Parameter(negative=(), show_default=_shown_default),
    )
    groups = {group: cyclopts.Group(group, sort_key=place) for place, group in enumerate(GROUPS, 1)}
    for place, (name, (target, group)) in enumerate(COMMANDS.items()):
        told = {"help": _first_line(target)} if listing else {}
        if name in USAGE:
            told["usage"] = f"Usage: bertwright {name} {USAGE[name]}"
        app.command(target, name=name, group=groups[group], sort_key=place, **told)
    return app


def _first_line(target: str) -> str:
    from importlib import import_module

    module, _, name = target.partition(":")
    command = getattr(import_module(module), name)
    return str(getattr(command, "help", None) or command.__doc__).strip().split("\n")[0]


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; whatever goes wrong becomes one line."""
    as_json = "--json" in arguments
    try:
        return _run(list(arguments), as_json)
    except KeyboardInterrupt:
        return _stopped(130, as_json)
    except BrokenPipeError:
        return _unread()
    except SystemExit as problem:
        if isinstance(problem.__context__, BrokenPipeError):  # as rich tells it
            return _unread()
        return problem.code if isinstance(problem.code, int) else 1


def main() -> None:
    """Entry point of the ``bertwright`` command."""
    unanswered_json = "--json" in sys.argv  # an object on stdout is still due
    try:
        from bertwright.cli import interrupts

        interrupts.install()
        for stream in (sys.stdout, sys.stderr):
            # Paths may hold bytes that are no text: shown escaped (valid inside JSON, too), no failure.
            getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
        code = run(sys.argv[1:])
        unanswered_json = False
        sys.stdout.flush()
        interrupts.ignore()  # all is done: Ctrl-C while the interpreter goes away changes nothing
    except KeyboardInterrupt:  # between the lines of run(): still one line and no traceback
        code = _stopped(130, unanswered_json)
    except BrokenPipeError:
        code = _unread()
    except Exception as problem:  # SIGTERM between the lines of run()
        if getattr(problem, "exit_code", 0) != 143:
            raise
        code = _stopped(143, unanswered_json)
    from bertwright.cli.interrupts import leave

    leave(code)


def _run(arguments: list[str], as_json: bool) -> int:
    import cyclopts

    from bertwright.cli import usage
    from bertwright.errors import BertwrightError, RunError, UsageError

    try:
        usage.refuse_unusable(arguments)
        arguments = _command_first(arguments)
        if not arguments or arguments[0] in OF_EVERY_COMMAND:
            if not as_json:
                build(listing=True).help_print([])
            raise UsageError("expected a command, got none (bertwright demo shows the whole story)")
        build(listing=arguments[0] in ("--help", "-h"))(
            arguments, exit_on_error=False, print_error=False, result_action="return_value"
        )
    except cyclopts.CycloptsError as problem:
        return _fail(UsageError(usage.describe(problem, COMMANDS)), as_json)
    except BertwrightError as problem:
        return _fail(problem, as_json)
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as problem:
        if os.environ.get("BERTWRIGHT_TRACEBACK"):
            raise
        return _fail(RunError(_unexpected(problem)), as_json)
    return 0


def _command_first(arguments: list[str]) -> list[str]:
    """``arguments`` with what every command has behind the command's name, if it stood before it."""
    from itertools import takewhile

    leading = list(takewhile(OF_EVERY_COMMAND.__contains__, arguments))
    rest = arguments[len(leading) :]
    names = 2 if rest[:1] == ["config"] else 1
    return [*rest[:names], *leading, *rest[names:]]


def _fail(problem: Any, as_json: bool) -> int:
    from bertwright import strict_json
    from bertwright.errors import one_line

    if as_json:
        print(
            strict_json.dump({"error": {"type": type(problem).__name__, "message": problem.message}}),
            flush=True,
        )
    else:
        interrupted = problem.exit_code >= 128
        print(one_line(problem.message) if interrupted else f"error: {problem.message}", file=sys.stderr)
    return int(problem.exit_code)


def _unexpected(problem: Exception) -> str:
    text = " ".join(str(problem).split())
    if isinstance(problem, MemoryError) or "can't allocate memory" in text or "out of memory" in text:
        return f"out of memory: {text or type(problem).__name__}"
    if isinstance(problem, OSError):
        return text
    return (
        f"unexpected {type(problem).__name__}: {text} (a mistake in bertwright: please report it with the "
        "traceback that BERTWRIGHT_TRACEBACK=1 shows)"
    )


def _stopped(code: int, as_json: bool) -> int:
    if as_json:  # as of an Interrupted, whose module is perhaps not yet there
        print('{"error": {"type": "Interrupted", "message": "stopped"}}', flush=True)
    else:
        print("stopped", file=sys.stderr)
    return code


def _unread() -> int:
    """The reader of our output has gone (``bertwright ... | head``): what is still buffered goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141


def _shown_default(value: Any) -> str | None:
    return None if value is None or value is False or value in ("", (), []) else str(value)
