"""Two ranks are one run: same losses, one death stops all, a restart goes on where the checkpoint was."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch.distributed as dist
from training import toy_run
from training.toy_run import Stopped, Toy, records

from bertwright.errors import RankError, UsageError
from bertwright.training.ranks import Ranks, _meet, require_single_process

STEPS = 50


class Pair:
    """Two ranks under ``torchrun``."""

    def __init__(self, folder: Path, *options: str, restarts: int = 0, patience: float = 60) -> None:
        launcher = [
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node=2",
            f"--max-restarts={restarts}",
        ]
        command = [sys.executable, "-m", *launcher, toy_run.__file__, str(folder), f"steps={STEPS}", *options]
        environment = {**os.environ, "TOY_TIMEOUT": str(patience)}
        self.folder = folder
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )

    def wait_for_step(self, step: int) -> None:
        """Until the log has a record of ``step``."""
        end = time.monotonic() + 90
        while time.monotonic() < end:
            if (self.folder / "metrics.jsonl").exists():
                done = [record["step"] for record in records(self.folder)]
                if done and done[-1] >= step:
                    return
            time.sleep(0.02)
        raise AssertionError(f"step {step} was not reached: {self.finish(1)}")

    def rank(self, number: int) -> int:
        """Process id of a rank."""
        for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            variables = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
            if f"LOCAL_RANK={number}".encode() in variables:
                return int(child)
        raise AssertionError(f"no rank {number}")

    def finish(self, timeout: float = 90) -> str:
        """What was printed, once it is over."""
        try:
            return self.process.communicate(timeout=timeout)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.communicate()[0]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("pair")
    output = Pair(folder, "log_every=1").finish()
    assert "done" in output, output
    yield folder, _fingerprint(output)


def _fingerprint(output: str) -> str:
    return next(line.split()[-1] for line in output.splitlines() if line.startswith("done"))


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The same run with weights, gradients and moments shared out."""
    folder = tmp_path_factory.mktemp("sharded")
    output = Pair(folder, "log_every=1", "shard=1").finish()
    assert "done" in output, output
    yield folder, _fingerprint(output)


def _require_same_losses(first: Path, second: Path) -> None:
    one, two = records(first), records(second)
    assert [(r["step"], r["kind"]) for r in one] == [(r["step"], r["kind"]) for r in two]
    trained = [(a, b) for a, b in zip(one, two, strict=True) if a["kind"] == "train"]
    assert len(trained) == STEPS
    for field in ("loss", "gradient_norm"):
        assert max(abs(a[field] - b[field]) for a, b in trained) < 2e-6


def test_losses_are_those_of_one_process(
    unbroken: tuple[Path, str], sharded: tuple[Path, str], tmp_path: Path
) -> None:
    Toy(tmp_path, steps=STEPS, log_every=1).start().run()
    _require_same_losses(tmp_path, unbroken[0])
    _require_same_losses(tmp_path, sharded[0])


@pytest.mark.slow
def test_a_sharded_run_goes_on_in_one_process_and_back(sharded: tuple[Path, str], tmp_path: Path) -> None:
    """What is saved is whole: after each stretch another number of ranks, sharded or not, takes over."""
    for number, (steps, shard) in enumerate([(12, 1), (24, None), (36, 1), (STEPS, 0)]):
        if shard is None:
            toy = Toy(tmp_path, steps=STEPS, log_every=1, stop_after=steps)
            with pytest.raises(Stopped):
                toy.start("latest").run()
            continue
        stop = f"stop_after={steps}"
        output = Pair(tmp_path, "log_every=1", f"shard={shard}", *([stop] if steps < STEPS else [])).finish()
        assert ("Stopped" if steps < STEPS else "done") in output, (number, output)
    _require_same_losses(tmp_path, sharded[0])


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_rank_of_a_sharded_run_is_restarted(
    rank: int, sharded: tuple[Path, str], tmp_path: Path
) -> None:
    pair = Pair(tmp_path, "log_every=1", "pause=0.01", "shard=1", restarts=1)
    pair.wait_for_step(11)
    os.kill(pair.rank(rank), signal.SIGKILL)
    assert _fingerprint(pair.finish()) == sharded[1]


@pytest.mark.slow
def test_a_dead_rank_stops_the_others_of_a_sharded_run(tmp_path: Path) -> None:
    pair = Pair(tmp_path, "log_every=1", "pause=0.01", "shard=1")
    pair.wait_for_step(5)
    os.kill(pair.rank(1), signal.SIGKILL)
    output = pair.finish()
    assert "RankError: rank 0" in output and "lost rank 1" in output


def _kill_and_restart(folder: Path, rank: int, step: int) -> str:
    pair = Pair(folder, "log_every=1", "pause=0.01", restarts=1)
    pair.wait_for_step(step)
    os.kill(pair.rank(rank), signal.SIGKILL)
    output = pair.finish()
    assert pair.process.returncode == 0, output
    return _fingerprint(output)


def test_a_killed_rank_is_restarted(unbroken: tuple[Path, str], tmp_path: Path) -> None:
    assert _kill_and_restart(tmp_path, 1, 11) == unbroken[1]


@pytest.mark.slow
@pytest.mark.parametrize("step", range(2, 42, 4))
@pytest.mark.parametrize("rank", [0, 1])
def test_any_killed_rank_is_restarted(
    rank: int, step: int, unbroken: tuple[Path, str], tmp_path: Path
) -> None:
    assert _kill_and_restart(tmp_path, rank, step) == unbroken[1]


@pytest.mark.slow
def test_a_dead_rank_stops_the_others(tmp_path: Path) -> None:
    pair = Pair(tmp_path, "log_every=1", "pause=0.01")
    pair.wait_for_step(5)
    os.kill(pair.rank(1), signal.SIGKILL)
    begun = time.monotonic()
    output = pair.finish()
    assert time.monotonic() - begun < 15
    assert "RankError: rank 0" in output and "lost rank 1" in output


@pytest.mark.slow
def test_a_hung_rank_is_named(tmp_path: Path) -> None:
    pair = Pair(tmp_path, "log_every=1", "pause=0.01", patience=8)
    pair.wait_for_step(5)
    hung = pair.rank(1)
    os.kill(hung, signal.SIGSTOP)
    try:
        output = pair.finish(80)
    finally:
        with contextlib.suppress(ProcessLookupError):  # the launcher may have killed it already
            os.kill(hung, signal.SIGKILL)
    assert "lost rank 1" in output


@pytest.mark.slow
def test_a_signal_to_the_launcher_saves_on_all_ranks(unbroken: tuple[Path, str], tmp_path: Path) -> None:
    pair = Pair(tmp_path, "log_every=1", "pause=0.01")
    pair.wait_for_step(5)
    pair.process.send_signal(signal.SIGTERM)
    pair.finish()
    newest = max(int(path.name.removeprefix("step-")) for path in (tmp_path / "checkpoints").iterdir())
    assert newest == records(tmp_path)[-1]["step"]
    assert _fingerprint(Pair(tmp_path, "log_every=1").finish()) == unbroken[1]


@pytest.mark.slow
def test_ranks_that_differ_do_not_start(tmp_path: Path) -> None:
    output = Pair(tmp_path, "odd=1").finish()
    assert re.search(r'rank [01] and rank [01] differ: settings: "[01]" -> "[01]" \(start every', output), (
        output
    )
    assert not (tmp_path / "checkpoints").exists()


def test_trouble_with_a_milestone_is_told_to_all_ranks(tmp_path: Path) -> None:
    """It is no lost connection to them."""
    output = Pair(tmp_path, "milestone=0.5", "milestone_fails=1").finish()
    assert "DiskError: no room for the milestone" in output
    assert "lost rank" not in output


@pytest.mark.slow
def test_ranks_wait_for_a_slow_milestone(tmp_path: Path) -> None:
    """Longer than a silent rank is waited for: a large model on a slow disk takes minutes."""
    pair = Pair(tmp_path, "milestone=0.5", "milestone_pause=13", patience=8)
    output = pair.finish(120)
    assert pair.process.returncode == 0, output
    assert (tmp_path / "milestone-0.5").read_text() == str(STEPS // 2)


def test_a_rank_that_never_comes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RankError, match="rank 1 of 2 did not join"), Ranks.join(join_timeout=0.5):
        pass


@pytest.mark.parametrize(("name", "value"), [("RANK", "x"), ("RANK", "-1"), ("WORLD_SIZE", "two")])
def test_an_environment_that_is_wrong(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, right in {"WORLD_SIZE": "2", "RANK": "0", "MASTER_PORT": "0"}.items():
        monkeypatch.setenv(key, value if key == name else right)
    with pytest.raises(RankError, match=name), Ranks.join():
        pass


def test_micro_batches_are_shared_out_whole() -> None:
    for size in range(1, 6):
        for parts in range(size, 20):
            shares = [list(Ranks(rank, size).mine(parts)) for rank in range(size)]
            assert [index for share in shares for index in share] == list(range(parts))
            assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_fewer_micro_batches_than_ranks() -> None:
    with pytest.raises(RankError, match="3 ranks cannot share 2"):
        Ranks(0, 3).mine(2)


def test_one_process_needs_no_group() -> None:
    with Ranks.join() as ranks:
        assert (ranks.rank, ranks.size, ranks.first) == (0, 1, True)
        assert ranks.agree(3, 15, 1.5) == (15, 1.5)
        assert ranks.all_well(False) is False
        assert ranks.first_says(1.5) == 1.5
        ranks.require_equal({"anything": "x"})


def test_each_difference_of_a_rank_is_named() -> None:
    store, ours = dist.HashStore(), {"seed": 1, "resume": None, "size": "base"}
    store.set("facts/0/1", json.dumps({"seed": 7, "resume": "latest", "size": "base"}))
    with pytest.raises(RankError, match='rank 0 and rank 1 differ: resume: null -> "latest"; seed: 1 -> 7 '):
        Ranks(0, 2, store=store).require_equal(ours)


def test_a_process_may_join_again() -> None:
    """What the ranks of the first time have said is none of the second time's."""
    launch = dist.HashStore()
    for _ in range(2):
        store = _meet(Ranks(0, 1, launch=launch), 1.0)
        assert not store.check(["step/0"])
        store.set("step/0", "3")


def test_what_shares_nothing_out_is_no_work_for_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    require_single_process("compare")
    monkeypatch.setenv("WORLD_SIZE", "1")
    require_single_process("compare")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(
        UsageError, match=r"compare: expected a single process, got one of 2 \(start it without"
    ):
        require_single_process("compare")


def test_a_restart_remembers_what_its_launch_did(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one rank too: ``torchrun`` counts its restarts, and keeps a store."""
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    variables = {"WORLD_SIZE": "1", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port)}
    for name, value in {**variables, "TORCHELASTIC_USE_AGENT_STORE": "True"}.items():
        monkeypatch.setenv(name, value)
    for attempt, known in enumerate([False, False, True]):
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(attempt))
        with Ranks.join() as ranks:
            assert ranks.attempt == attempt
            assert ranks.remembers("run") is known
            if attempt == 1:
                ranks.remember("run")
            assert ranks.remembers("another run") is False


def test_a_restart_without_a_store_remembers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    with Ranks.join() as ranks:
        assert ranks.attempt == 1
        ranks.remember("run")
        assert ranks.remembers("run") is False
