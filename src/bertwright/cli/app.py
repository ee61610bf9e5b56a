"""``bertwright COMMAND``: the list of commands, and what becomes of errors and signals.

Exit codes: 0 done, 1 failed while running, 2 the request or an input is wrong, 130 and 143 on signals.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import cyclopts

import bertwright
from bertwright import strict_json
from bertwright.errors import BertwrightError, UsageError, one_line

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
    "predict": ("bertwright.cli.predict:predict", "Using a model"),
    "fill-mask": ("bertwright.cli.fill_mask:fill_mask", "Using a model"),
    "next-sentence": ("bertwright.cli.next_sentence:next_sentence", "Using a model"),
    "embed": ("bertwright.cli.embed:embed", "Using a model"),
    "inspect": ("bertwright.cli.inspect:inspect", "Looking"),
    "report": ("bertwright.cli.report:report", "Looking"),
    "config": ("bertwright.cli.config:app", "Looking"),
}


def build() -> cyclopts.App:
    """The application with every command registered lazily."""
    app = cyclopts.App(
        name="bertwright",
        help="Build, train and use your own BERT.",
        version=bertwright.__version__,
        help_format="markdown",
        default_parameter=cyclopts.Parameter(negative=()),
    )
    for name, (target, group) in COMMANDS.items():
        app.command(target, name=name, group=group)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    as_json = "--json" in arguments
    try:
        build()(list(arguments), exit_on_error=False, print_error=False, result_action="return_value")
    except cyclopts.CycloptsError as problem:
        return _fail(UsageError(_usage(problem)), as_json)
    except BertwrightError as problem:
        return _fail(problem, as_json)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone: `bertwright ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0


def main() -> None:
    """Entry point of the ``bertwright`` command."""
    try:
        code = run(sys.argv[1:] or ["--help"])
    except KeyboardInterrupt:  # between the lines of run(): still one line and no traceback
        code = 130
    sys.exit(code)


def _usage(problem: cyclopts.CycloptsError) -> str:
    return " ".join(str(problem).split()) or type(problem).__name__


def _fail(problem: BertwrightError, as_json: bool) -> int:
    if as_json:
        print(strict_json.dump({"error": {"type": type(problem).__name__, "message": problem.message}}), flush=True)
    else:
        print(f"error: {problem.message}" if problem.exit_code < 128 else one_line(problem.message), file=sys.stderr)
    return problem.exit_code
