"""The flags that say where work is done, and the engine they ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from bertwright.errors import UsageError

if TYPE_CHECKING:
    from bertwright.execution.engine import Engine

EngineName = Annotated[
    Literal["local", "ray"], Parameter(help="Where the work is done: this machine, or a Ray cluster.")
]
"""Of ``--engine``."""

RayAddress = Annotated[
    str | None,
    Parameter(
        help="The cluster: HOST:PORT, auto or local; else what RAY_ADDRESS says, or the one that runs here, "
        "or one started for this command."
    ),
]
"""Of ``--ray-address``."""


@contextmanager
def chosen_engine(
    name: str, address: str | None, say: Callable[[str], None], *, workers: int | None = None
) -> Iterator[Engine | None]:
    """The engine ``name``; None for the command's own way on this machine.

    Args:
        address: of the cluster; only with ``ray``.
        say: told of machines that are lost.
        workers: parts at work at once on a cluster.

    Raises:
        UsageError: an address without ``ray``, no Ray, or no such cluster.
    """
    if name == "local":
        if address is not None:
            raise UsageError("--ray-address: expected --engine ray with it, got --engine local")
        yield None
        return
    from bertwright.execution.ray_cluster import RayCluster

    with RayCluster(address, at_once=workers, say=say) as cluster:
        yield cluster
