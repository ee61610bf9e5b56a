"""What pre-training costs against the work: tokens a second by length, batch, layers and processes.

    python -m benchmarks.scaling [--quick] [--json] [--plot FOLDER]

Every curve is measured in rounds that visit each of its points once, and each point is a median over the
rounds, so that a disturbance falls on all. A step is that of ``pretraining_step.py``, ours alone. Processes:
the same run of ``pretrain`` by one process with two threads, and by two of one thread under ``torchrun``,
each with a whole model or sharded; they take turns, and the figure is the median of the ratios.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.data import UNCASED, shared_path
from benchmarks.pretraining_step import batches, our_step
from bertwright.cli.console import table
from bertwright.model.config import BertConfig
from bertwright.model.host_memory import keep_freed_memory
from bertwright.reports.curves import Line, draw

LENGTH, ROWS, LAYERS = 128, 32, 4
LENGTHS, BATCHES, DEPTHS = (64, 128, 256, 512), (4, 8, 16, 32, 64), (1, 2, 4, 8, 12)
TOKENS = LENGTH * ROWS
"""Of a batch, where its length changes."""

WAYS: Mapping[str, tuple[int, bool]] = {
    "one process": (1, False),
    "two": (2, False),
    "two, sharded": (2, True),
}
"""Processes, and whether they share the weights out."""

Point = Callable[[], float]


@dataclass(frozen=True)
class Curve:
    """Steps of mini (4 layers, 256) with one thing varied."""

    name: str
    points: Mapping[int, Point]
    """What is varied -> tokens a second of one step, padding not counted."""


def curves() -> Iterator[Curve]:
    """One at a time, so that no more than one curve's networks are in memory."""
    mini = BertConfig.published("mini")
    yield Curve("length", {n: point(mini, n, TOKENS // n) for n in LENGTHS})
    yield Curve("batch", {n: point(mini, LENGTH, n) for n in BATCHES})
    yield Curve(
        "layers", {n: point(mini.model_copy(update={"num_hidden_layers": n}), LENGTH, ROWS) for n in DEPTHS}
    )


def point(config: BertConfig, length: int, rows: int) -> Point:
    """A step of ``config`` on batches of real text."""
    step, _ = our_step(config, "fp32", compiled=False)
    stream = batches(rows, length)

    def tokens_per_second() -> float:
        batch = next(stream)
        begun = time.perf_counter()
        step(batch)
        return int(batch.attention_mask.sum()) / (time.perf_counter() - begun)

    tokens_per_second()  # warm up
    return tokens_per_second


def measure(curve: Curve, rounds: int) -> dict[str, Any]:
    """The median speed of every point."""
    seen: dict[int, list[float]] = {value: [] for value in curve.points}
    for _ in range(rounds):
        for value, run in curve.points.items():
            seen[value].append(run())
    speeds = {value: round(statistics.median(found)) for value, found in seen.items()}
    return {"curve": curve.name, "tokens_per_second": speeds}


def processes(rounds: int, steps: int) -> dict[str, Any]:
    """Speeds and losses of one run in each of :data:`WAYS`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = folder / "text.store"
        corpus, vocabulary = shared_path("data/corpus/en_wikipedia_valid.txt"), shared_path(UNCASED)
        _command("prepare", str(corpus), "--vocab", str(vocabulary), "-o", str(store))
        speeds: dict[str, list[float]] = {way: [] for way in WAYS}
        losses: dict[str, list[float]] = {}
        for number in range(rounds):
            for way, (count, shard) in WAYS.items():
                run = folder / f"{number}-{way}"
                speeds[way].append(pretrain(store, run, steps, count, shard=shard))
                losses[way] = losses_of(run)
    one = speeds["one process"]
    return {
        "tokens_per_second": {way: round(statistics.median(found)) for way, found in speeds.items()},
        "ratio": {
            way: round(statistics.median(mine / base for mine, base in zip(found, one, strict=True)), 3)
            for way, found in speeds.items()
        },
        "largest_difference_of_losses": {
            way: max(abs(a - b) for a, b in zip(found, losses["one process"], strict=True))
            for way, found in losses.items()
        },
        "steps": steps,
    }


def pretrain(store: Path, run: Path, steps: int, count: int, *, shard: bool) -> float:
    """Tokens a second of a run while it updates."""
    options = {
        "size": "mini",
        "batch_size": 64,
        "micro_batch_size": 32,
        "long_share": 0,
        "evaluations": 0,
        "evaluation_instances": 32,
        "log_every": 1,
        "device": "cpu",
        "precision": "fp32",
        "shard": str(shard).lower(),
    }
    settings = itertools.chain.from_iterable(("--set", f"{name}={value}") for name, value in options.items())
    arguments = ["pretrain", "--data", str(store), "-o", str(run), "--steps", str(steps), "--json", *settings]
    said: dict[str, Any] = json.loads(_command(*arguments, processes=count))
    return float(said["tokens_per_second"])


def losses_of(run: Path) -> list[float]:
    """The loss of every update."""
    records = map(json.loads, (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    return [record["loss"] for record in records if record["kind"] == "train"]


def _command(*arguments: str, processes: int = 1) -> str:
    launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    start = [sys.executable, "-m", *(launcher if processes > 1 else []), "bertwright", *arguments]
    threads = str(max(1, (os.cpu_count() or 2) // processes))
    done = subprocess.run(
        start, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": threads}
    )
    return done.stdout


def plot(results: Sequence[dict[str, Any]], folder: Path) -> None:
    """A drawing a curve."""
    for result in results:
        speeds = result["tokens_per_second"]
        line = Line("tokens a second", list(speeds), list(speeds.values()), marker=True)
        svg = draw(f"Pre-training: tokens a second by {result['curve']}", [line], x_label=result["curve"])
        (folder / f"scaling_{result['curve']}.svg").write_text(svg, encoding="utf-8")


def main() -> None:
    """Measure, print, and draw where asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="steps of every point of a curve")
    parser.add_argument("--quick", action="store_true", help="under a minute: 2 rounds, 6 updates")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="write an SVG of every curve")
    options = parser.parse_args()
    keep_freed_memory()
    results = [measure(curve, 2 if options.quick else options.rounds) for curve in curves()]
    several = processes(1, 6) if options.quick else processes(3, 40)
    if options.plot:
        plot(results, options.plot)
    if options.json:
        print(json.dumps({"benchmark": "scaling", "results": results, "processes": several}))
        return
    console = Console()
    for result in results:
        rows = [[str(value), f"{speed:,}"] for value, speed in result["tokens_per_second"].items()]
        console.print(table("", [result["curve"], "tokens/s"], rows, right=range(2)))
    rows = [
        [
            way,
            f"{speed:,}",
            f"{several['ratio'][way]:.2f}",
            f"{several['largest_difference_of_losses'][way]:.1e}",
        ]
        for way, speed in several["tokens_per_second"].items()
    ]
    console.print(table("", ["run by", "tokens/s", "ratio", "losses differ by"], rows, right=range(1, 4)))


if __name__ == "__main__":
    main()
