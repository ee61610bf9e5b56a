"""Every error a user can meet, as one tree.

::

    BertwrightError                 exit code 1
    ├── InputError                  exit code 2: the request or something it names is wrong
    │   ├── UsageError              flags that are missing, unknown or contradict each other
    │   ├── SettingsError           settings: every problem found, reported together
    │   ├── CorpusError             raw text: missing, binary, not UTF-8, cut short, too large
    │   ├── VocabularyError         vocabulary and tokenizer files
    │   ├── StoreError              token stores
    │   ├── TableError              labelled files: columns, rows, labels
    │   ├── ModelError              model folders: config, weights, heads
    │   ├── DigestError             bytes differ from what their manifest says
    │   ├── OutputExistsError       the output is there and --overwrite was not given
    │   ├── OutputBusyError         another live process writes this output
    │   └── ResumeError             what is to be resumed does not fit the request
    └── RunError                    exit code 1: it was right to start, and failed while running
        ├── DiskError               open, write, fsync, rename failed; no space
        ├── NonFiniteError          loss or gradient is NaN or infinite
        ├── WorkerError             a worker process died
        ├── RankError               a rank of a distributed run is missing or differs
        └── Interrupted             SIGINT or SIGTERM (130, 143)

A message is one line: where (file, line, field), what was expected, what was found, what to do.
"""

from __future__ import annotations

import difflib
import errno
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path

_QUOTED_LENGTH = 60
_MESSAGE_LENGTH = 300


def escaped(text: str, keep: str = "") -> str:
    """``text`` with escapes for what is not printable: control characters could steer a terminal.

    Args:
        keep: characters that stay as they are all the same.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape", "backslashreplace").decode()
        for c in text
    )


def encodable(text: str) -> str:
    """``text`` with escapes for lone surrogates, as for the bytes of a file name that are not UTF-8."""
    return text.encode(errors="backslashreplace").decode()


def shortened(text: str, most: int) -> str:
    """``text``, cut to ``most`` characters of which the last one says that it was."""
    return text if len(text) <= most else text[: most - 1] + "…"


def listed(names: Sequence[str], most: int = 8) -> str:
    """The first ``most`` of ``names`` with commas between them, and an ellipsis where there are more."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def quote(value: object) -> str:
    """``value`` for an error message: quoted, control characters escaped, cut at 60 characters."""
    text = value if isinstance(value, str) else repr(value)
    shown = shortened(escaped(text), _QUOTED_LENGTH)
    return f'"{shown}"' if isinstance(value, str) else shown


def one_line(message: str) -> str:
    """``message`` without control characters, at most 300 long; its end, which says what to do, is kept."""
    flat = "".join(c if c.isprintable() else " " for c in message)
    if len(flat) <= _MESSAGE_LENGTH:
        return flat
    half = (_MESSAGE_LENGTH - 3) // 2
    return f"{flat[:half]} … {flat[-half:]}"


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """`` (did you mean X?)``: the valid name that ``name`` is nearest to, in whatever case, or nothing."""
    by_lower = {known.lower(): known for known in valid}
    matches = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    return f" (did you mean {by_lower[matches[0]]}?)" if matches else ""


class BertwrightError(Exception):
    """Root of all errors this package raises on purpose."""

    exit_code = 1

    @property
    def message(self) -> str:
        """The one line shown to people."""
        return one_line(str(self))


class InputError(BertwrightError):
    """The request, or a file that it names, is wrong. Nothing was created, changed or lost."""

    exit_code = 2

    @classmethod
    def at(
        cls,
        path: str | Path,
        expected: str,
        got: object = None,
        *,
        line: int | None = None,
        field: str | None = None,
        hint: str | None = None,
    ) -> InputError:
        """``PATH:LINE: FIELD: expected X, got Y (hint)``; ``line`` counts from 1."""
        where = shown_path(path) + (f":{line}" if line is not None else "")
        parts = [where, *([field] if field else [])]
        message = ": ".join(parts) + f": expected {expected}"
        if got is not None:
            message += f", got {quote(got)}"
        return cls(message + (f" ({hint})" if hint else ""))


def shown_path(path: str | Path) -> str:
    """A path for a message: control characters and undecodable bytes escaped, its end kept when long."""
    text = escaped(str(path))
    return text if len(text) <= 160 else "…" + text[-159:]


def counted(number: int, noun: str) -> str:
    """``1 row``, ``2,000 rows``: a number and what it counts."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


class UsageError(InputError):
    """Flags or arguments are missing, unknown, or contradict each other."""


class SettingsError(InputError):
    """One or more settings are wrong; ``problems`` has one sentence for each."""

    def __init__(self, problems: Sequence[str] | str) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("; ".join(self.problems))

    @property
    def message(self) -> str:
        return "; ".join(one_line(problem) for problem in self.problems)


class CorpusError(InputError):
    """Raw text cannot be read."""


class VocabularyError(InputError):
    """A vocabulary or tokenizer file is malformed, or does not fit."""


class StoreError(InputError):
    """A token store is unfinished, malformed, or was made with other inputs."""


class TableError(InputError):
    """A labelled file has a wrong column, row or label."""


class ModelError(InputError):
    """A model folder is incomplete, malformed, or lacks what was asked of it."""


class DigestError(InputError):
    """A file's bytes are not those its manifest promises."""


class OutputExistsError(InputError):
    """The output exists already."""

    def __init__(
        self, path: str | Path, hint: str = "give --overwrite to replace it, or choose another output"
    ) -> None:
        super().__init__(f"{shown_path(path)}: output exists already ({hint})")


class OutputBusyError(InputError):
    """Another live process is writing this output."""


class ResumeError(InputError):
    """The run to be resumed does not fit what is asked."""


class RunError(BertwrightError):
    """It was right to start, and it failed while running. What existed before still loads."""


class DiskError(RunError):
    """The file system refused: names the path, the error and, when space ran out, how much was free."""

    @classmethod
    def of(
        cls, path: str | Path, error: OSError, *, doing: str = "write", free: int | None = None
    ) -> DiskError:
        """From an ``OSError`` met while ``doing`` something with ``path``."""
        name = errno.errorcode.get(error.errno or 0, "EIO")
        room = f" ({free:,} bytes free)" if free is not None else ""
        return cls(f"{shown_path(path)}: cannot {doing}: {name} {error.strerror or error}{room}")


class NonFiniteError(RunError):
    """Loss or gradient is NaN or infinite; raised before the optimizer touches the weights."""


class WorkerError(RunError):
    """A worker process died or could not be started."""


class RankError(RunError):
    """A rank of a distributed run is missing, hung, or was started differently."""


class Interrupted(RunError):
    """SIGINT or SIGTERM asked the run to stop; what was due has been saved."""

    def __init__(self, signal_number: int, message: str = "stopped") -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number

    @classmethod
    def by(cls, problem: KeyboardInterrupt | Interrupted, message: str) -> Interrupted:
        """The same request to stop, with what is to be said of it now."""
        number = problem.exit_code - 128 if isinstance(problem, Interrupted) else signal.SIGINT
        return cls(number, message)
