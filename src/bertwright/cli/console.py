"""What a command shows: results on stdout, everything else on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from bertwright import strict_json
from bertwright.cli.arguments import Common
from bertwright.errors import escaped

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import TaskID

_KEPT = "\n\t\u00a0\u202f\u3000\u200c\u200d"
"""Not printable as ``str`` has it, yet shown: line ends, spaces, and the joiners inside words."""


class Console:
    """Output of one command; also the :class:`bertwright.progress.Progress` that draws bars."""

    def __init__(self, common: Common) -> None:
        from rich.console import Console as RichConsole

        self._common = common
        self._out = RichConsole(file=sys.stdout, highlight=False, soft_wrap=False)
        self._err = RichConsole(file=sys.stderr, highlight=False)
        self._progress: Any = None
        self._task: TaskID | None = None
        self._last_line = 0.0
        self._done = 0.0
        self._total: float | None = None
        self._description = ""
        self._unit = ""
        self._started = 0.0

    def __enter__(self) -> Console:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    # -- results ---------------------------------------------------------------------------------------------

    def result(
        self, machine: Mapping[str, Any], human: RenderableType | Sequence[RenderableType] | None = None
    ) -> None:
        """The command's answer: ``machine`` as one JSON line with ``--json``, else ``human`` for people."""
        self._close()
        if self._common.json:
            print(strict_json.dump(dict(machine)), flush=True)
            return
        parts = human if isinstance(human, (list, tuple)) else [human]
        for part in parts:
            if isinstance(part, str):  # plain words: brackets are no markup, and lines are not broken
                self._out.print(displayed(part), markup=False, soft_wrap=True)
            elif part is not None:
                self._out.print(part)

    def line(self, text: str) -> None:
        """One raw line of the answer on stdout (no markup, no wrapping)."""
        sys.stdout.write(text + "\n")

    # -- remarks ---------------------------------------------------------------------------------------------

    def say(self, message: str) -> None:
        """A remark for people on stderr."""
        if not self._common.quiet:
            (self._progress.console if self._progress else self._err).print(
                displayed(message), markup=False, soft_wrap=True
            )

    def warn(self, message: str) -> None:
        """A warning for people on stderr, also with ``--quiet``; it says itself that it is one."""
        (self._progress.console if self._progress else self._err).print(
            displayed(f"warning: {message}"), markup=False, soft_wrap=True
        )

    def show(self, part: RenderableType) -> None:
        """A table or panel for people on stderr."""
        if not self._common.quiet:
            (self._progress.console if self._progress else self._err).print(part)

    # -- progress --------------------------------------------------------------------------------------------

    def start(self, description: str, total: float | None = None, unit: str = "") -> None:
        self.finish()
        self._description, self._total, self._unit = displayed(description), total, unit
        self._done, self._started, self._last_line = 0.0, time.monotonic(), time.monotonic()
        if self._common.quiet or not self._err.is_terminal:
            return
        if self._progress is None:
            self._progress = _bars(self._err)
            self._progress.start()
        self._task = self._progress.add_task(self._description, total=total, unit=unit, note="")

    def advance(self, amount: float = 1, note: str = "") -> None:
        self._done += amount
        if self._task is not None:
            fields = {"note": displayed(note)} if note else {}
            self._progress.update(self._task, advance=amount, **fields)
        elif not self._common.quiet and time.monotonic() - self._last_line > 15:
            # No terminal: a plain line now and then, so that a log shows life.
            self._last_line = time.monotonic()
            self._err.print(self._plain(displayed(note)), markup=False, soft_wrap=True)

    def finish(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def _plain(self, note: str) -> str:
        spent = time.monotonic() - self._started
        rate = self._done / spent if spent else 0.0
        text = f"{self._description}: {self._done:,.0f}"
        if self._total:
            left = max(0.0, self._total - self._done) / rate if rate else 0.0
            text += f" of {self._total:,.0f} {self._unit}, {pace(rate)}, {duration(left)} left"
        else:
            text += f" {self._unit}, {pace(rate)}"
        return text + (f", {note}" if note else "")

    def _close(self) -> None:
        self.finish()
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def displayed(text: object) -> str:
    """``text`` as a terminal may have it: what is not ours can hold characters that would steer it."""
    return escaped(str(text), _KEPT)


def amount(rate: float) -> str:
    """A rate for people: whole above ten, and never a bare 0 for what is slow."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def pace(rate: float) -> str:
    """A rate a second for people, in minutes or hours where it is slow: ``12 a second``, ``5 an hour``."""
    if rate >= 0.1 or rate == 0:
        return f"{amount(rate)} a second"
    return f"{amount(60 * rate)} a minute" if 60 * rate >= 0.5 else f"{amount(3600 * rate)} an hour"


def duration(seconds: float) -> str:
    """A time that is left: seconds up to two minutes, minutes up to two hours, then hours."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()
) -> RenderableType:
    """A table for :meth:`Console.result`; ``right`` lists the columns aligned to the right."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    result = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        justify: Literal["left", "right"] = "right" if number in right else "left"
        result.add_column(Text(displayed(column)), justify=justify, overflow="fold")
    for row in rows:
        result.add_row(*(cell if isinstance(cell, Text) else Text(displayed(cell)) for cell in row))
    # As texts, not strings: brackets in a path are no markup.
    return Group(Text(displayed(title), style="bold"), result) if title else result


def _bars(console: Any) -> Any:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            speed = task.speed or 0.0
            unit = task.fields["unit"]
            if unit == "bytes":
                return Text(f"{speed / 1e6:,.1f} MB/s")
            if 0 < speed < 0.1:
                return Text(pace(speed))
            return Text(f"{speed:,.0f} {unit}/s" if speed >= 10 else f"{speed:,.1f} {unit}/s")

    class Share(MofNCompleteColumn):
        def render(self, task: Any) -> Text:
            if task.total is None:
                return Text(f"{task.completed:,.0f}")
            if task.fields["unit"] == "bytes":
                return Text(f"{task.percentage:3.0f}%")
            return Text(f"{task.completed:,.0f}/{task.total:,.0f}")

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        Share(),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
        console=console,
        transient=True,
        refresh_per_second=4,
    )
