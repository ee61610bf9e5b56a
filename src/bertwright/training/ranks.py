"""The processes of one run: how they meet, share a batch, and notice that one of them is gone.

Started by ``torchrun``, which sets RANK, WORLD_SIZE and the address of its store. Without it a run is one
rank, which agrees with itself and waits for nobody.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from bertwright.config.settings import differences
from bertwright.errors import BertwrightError, RankError, UsageError

TIMEOUT_SECONDS = 120.0
JOIN_SECONDS = 60.0
SAVING_SECONDS = 1800.0
"""How long the ranks wait for the first one to save: a large model on a slow disk takes minutes."""

_joins = itertools.count()
"""How often this process has joined others."""


@dataclass
class Ranks:
    """One rank's view of all ranks.

    What all of them hold whole is added up by :meth:`sum`, gradients as one flat buffer after the last
    micro-batch. Unlike the bucketed hooks of ``DistributedDataParallel`` its order of additions depends on
    nothing but the number of ranks, so that the same run on the same number of ranks gives the same bits;
    accumulation needs no special case. Of a sharded model FSDP adds up the gradients.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    attempt: int = 0
    """How often ``torchrun`` has restarted the ranks."""
    store: Any = field(default=None, repr=False)
    """Keys of this attempt."""
    launch: Any = field(default=None, repr=False)
    """Keys of the whole launch, where ``torchrun`` has a store that outlives the ranks."""
    saving: Any = field(default=None, repr=False)
    """The group in which the ranks wait for a save."""
    _compared: Iterator[int] = field(default_factory=itertools.count, repr=False, compare=False)
    """Numbers for what is compared: the same on every rank, as all of them compare the same things."""

    @property
    def first(self) -> bool:
        """True on the one rank that writes files and shows progress."""
        return self.rank == 0

    @classmethod
    @contextlib.contextmanager
    def join(cls, *, timeout: float = TIMEOUT_SECONDS, join_timeout: float = JOIN_SECONDS) -> Iterator[Ranks]:
        """The group that the environment describes; left when the block ends.

        The key prefix of the store carries the restart count, and how often this process has joined: workers
        restarted by ``torchrun``, or a second run of theirs, would otherwise read what was left in it.

        Args:
            timeout: seconds after which a silent rank counts as lost.
            join_timeout: seconds in which all ranks must have come.

        Raises:
            RankError: the environment is incomplete, or a rank did not join in time.
        """
        size = _number("WORLD_SIZE", 1)
        attempt = _number("TORCHELASTIC_RESTART_COUNT", 0)
        if size <= 1:
            yield cls(attempt=attempt, launch=_lone_launch(timeout))
            return
        ranks = cls(_number("RANK"), size, _number("LOCAL_RANK", 0), attempt)
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        try:
            ranks.launch = _base_store(size, timeout, server=ranks.first and not _has_agent_store())
            ranks.store = _meet(ranks, join_timeout)
            dist.init_process_group(
                backend,
                store=ranks.store,
                rank=ranks.rank,
                world_size=size,
                timeout=timedelta(seconds=timeout),
            )
            ranks.saving = dist.new_group(backend="gloo", timeout=timedelta(seconds=SAVING_SECONDS))
        except (RuntimeError, ValueError) as problem:
            raise RankError(f"rank {ranks.rank} of {size} could not join: {problem}") from problem
        try:
            yield ranks
            # A thread of the group may still hold tensors of the last sum; leaving together lets it finish
            # before the interpreter goes away beneath it.
            with contextlib.suppress(RuntimeError):
                dist.barrier()
        finally:
            with contextlib.suppress(RuntimeError):  # after a lost peer there is nothing left to tear down
                dist.destroy_process_group()

    def mine(self, parts: int) -> range:
        """Indices of this rank's micro-batches among the ``parts`` of a global batch.

        Raises:
            RankError: there are fewer parts than ranks.
        """
        if parts < self.size:
            raise RankError(f"{self.size} ranks cannot share {parts} micro-batch(es): lower micro_batch_size")
        return range(parts * self.rank // self.size, parts * (self.rank + 1) // self.size)

    def sum(self, tensor: Tensor) -> None:
        """Add ``tensor`` over the ranks, in place."""
        if self.size > 1:
            with self._exchanging("adding up"):
                dist.all_reduce(tensor)

    def agree(self, step: int, stop: int, elapsed: float) -> tuple[int, float]:
        """The signal that any rank received (or 0), and the first rank's clock."""
        if self.size == 1:
            return stop, elapsed
        with self._exchanging("agreeing on the next step"):
            self.store.set(f"step/{self.rank}", str(step))
            shared = torch.tensor([float(stop), elapsed if self.first else 0.0], dtype=torch.float64)
            dist.all_reduce(shared, dist.ReduceOp.MAX)
        return int(shared[0]), float(shared[1])

    def first_says(self, value: float) -> float:
        """The first rank's ``value``, on every rank."""
        if self.size == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64)
        with self._exchanging("listening to the first rank"):
            dist.broadcast(shared, src=0)
        return float(shared)

    def all_well(self, well: bool) -> bool:
        """True if every rank says so."""
        if self.size == 1:
            return well
        flag = torch.tensor(int(well))
        with self._exchanging("saving"):
            dist.all_reduce(flag, dist.ReduceOp.MIN, group=self.saving)
        return bool(flag.item())

    def write_together(self, write: Callable[[], None]) -> None:
        """Call ``write`` on every rank, which writes files on the first one; the others wait to hear of it.

        What takes all ranks, such as gathering a sharded model, is to come before anything that may fail on
        the first rank alone.

        Raises:
            BertwrightError: what went wrong on this rank.
            RankError: it went wrong on another one.
        """
        problem: BertwrightError | None = None
        try:
            write()
        except BertwrightError as error:
            problem = error
        if not self.all_well(problem is None):
            raise problem or RankError("another rank could not save: see its message")

    def remember(self, what: str) -> None:
        """Note that this launch has done something, for the ranks that ``torchrun`` may start after us."""
        if self.launch is not None:
            with self._exchanging("noting what was done"):
                self.launch.set(f"done/{what}", "1")

    def remembers(self, what: str) -> bool:
        """Whether an earlier attempt of this launch has noted ``what``, as the first rank finds it.

        To be asked once: the answer is kept for the ranks that come to ask.
        """
        with self._exchanging("asking what was done"):
            found = bool(self.attempt and self.launch is not None and self.launch.check([f"done/{what}"]))
            if self.size == 1:
                return found
            if self.first:
                self.store.set("remembered", str(int(found)))
            return bool(self.store.get("remembered") == b"1")

    def require_equal(self, facts: Mapping[str, Any]) -> None:
        """Refuse to go on if a rank has other settings, data, code or weights.

        Args:
            facts: name -> what JSON can hold.

        Raises:
            RankError: naming a rank that differs, and each difference.
        """
        if self.size == 1:
            return
        place, own = f"facts/{next(self._compared)}", json.dumps(dict(facts))
        with self._exchanging("comparing settings"):
            self.store.set(f"{place}/{self.rank}", own)
            for other in range(self.size):
                theirs = self.store.get(f"{place}/{other}").decode()
                if changed := differences(json.loads(own), json.loads(theirs)):
                    raise RankError(
                        f"rank {self.rank} and rank {other} differ: {'; '.join(changed)} "
                        "(start every rank with the same arguments, data and code)"
                    )
            dist.barrier()

    @contextlib.contextmanager
    def watched(self, doing: str) -> Iterator[None]:
        """Around work that may take all ranks: a lost connection in it is told as the rank that is lost.

        Raises:
            RankError: naming that rank.
        """
        try:
            yield
        except RuntimeError as problem:
            if self.size == 1 or not _of_a_connection(problem):
                raise
            raise self._lost(doing, problem) from problem

    @contextlib.contextmanager
    def _exchanging(self, doing: str) -> Iterator[None]:
        """Around an exchange and nothing else: torch has no narrower class for all that may break in it."""
        try:
            yield
        except RuntimeError as problem:
            raise self._lost(doing, problem) from problem

    def _lost(self, doing: str, problem: RuntimeError) -> RankError:
        cause = str(problem).splitlines()[0]
        return RankError(f"rank {self.rank}, {doing}: lost {self._missing()} ({cause})")

    def _missing(self) -> str:
        others = [other for other in range(self.size) if other != self.rank]
        with contextlib.suppress(RuntimeError):
            steps = {
                r: int(self.store.get(f"step/{r}"))
                for r in range(self.size)
                if self.store.check([f"step/{r}"])
            }
            behind = [other for other in others if steps.get(other, -1) < steps.get(self.rank, -1)]
            others = behind or others
        return "rank " + " or ".join(map(str, others))


def require_single_process(command: str) -> None:
    """Refuse ``torchrun`` for what shares nothing out: each of its ranks would do the whole work.

    Raises:
        UsageError: this is one of several ranks.
    """
    size = _number("WORLD_SIZE", 1)
    if size > 1:
        raise UsageError(
            f"{command}: expected a single process, got one of {size} (start it without torchrun)"
        )


def _of_a_connection(problem: RuntimeError) -> bool:
    """Whether a peer is the trouble (gloo's own errors have no class)."""
    return isinstance(problem, dist.DistError) or "gloo" in str(problem)


def _has_agent_store() -> bool:
    """Whether ``torchrun`` itself keeps the store, so that it outlives the ranks."""
    return os.environ.get("TORCHELASTIC_USE_AGENT_STORE", "") == "True"


def _lone_launch(timeout: float) -> Any:
    """The store of a launch of one rank; None without one (it only serves a restart)."""
    with contextlib.suppress(RuntimeError, RankError):
        return _base_store(1, timeout, server=False) if _has_agent_store() else None
    return None


def _base_store(size: int, timeout: float, *, server: bool) -> Any:
    return dist.TCPStore(  # type: ignore[attr-defined]
        os.environ.get("MASTER_ADDR", "127.0.0.1"),
        _number("MASTER_PORT"),
        world_size=None if _has_agent_store() else size,
        is_master=server,
        timeout=timedelta(seconds=timeout),
        wait_for_workers=False,
    )


def _meet(ranks: Ranks, join_timeout: float) -> Any:
    """A store of this attempt's and this meeting's own, in which every rank has signed."""
    prefix = f"attempt_{ranks.attempt}/join_{next(_joins)}"
    store = dist.PrefixStore(prefix, ranks.launch)  # type: ignore[attr-defined]
    store.set(f"joined/{ranks.rank}", "1")
    deadline = time.monotonic() + join_timeout
    for other in range(ranks.size):
        while not store.check([f"joined/{other}"]):
            if time.monotonic() > deadline:
                raise RankError(f"rank {other} of {ranks.size} did not join in {join_timeout:.0f} s")
            time.sleep(0.05)
    return store


def _number(name: str, default: int | None = None) -> int:
    text = os.environ.get(name)
    if text is None and default is not None:
        return default
    if text is None or not text.isascii() or not text.isdigit():
        raise RankError(
            f"{name}: expected a whole number in the environment (start with torchrun), got {text!r}"
        )
    return int(text)
