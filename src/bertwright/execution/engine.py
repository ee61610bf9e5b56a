"""Where parts of work are done: the one seam between what a command does and the machines that do it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Need:
    """What one part of work takes of the machine that does it."""

    threads: int = 1
    gpus: int = 0
    paths: tuple[Path, ...] = ()
    """Files and folders that must be there on every machine."""


class Engine(Protocol):
    """Does parts of work, here or elsewhere; whoever hands them in cannot tell where from what comes out."""

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        describe: Callable[[Item], str] = str,
        need: Need | None = None,
    ) -> Generator[Result, None, None]:
        """``map(function, items)``, results in the order of ``items``, each once.

        Args:
            function: picklable, and free to be called twice with an item: a part that is lost with its
                machine is done again.
            items: picklable; drawn only a little ahead of the results.
            describe: an item's name for messages.
            need: of one item; where nothing is said, one thread.

        Raises:
            BertwrightError: what ``function`` raised on purpose, as it was.
            WorkerError: a part cannot be done: its workers die, or it raised something unexpected.
        """
        ...
