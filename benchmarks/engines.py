"""What it costs to do the same work by another engine: this machine's processes, or a Ray cluster.

    python -m benchmarks.engines [--quick] [--sizes 100 1000] [--ways local joined] [--rounds N] [--json]

Whole commands, the start of the process included, take turns, in one order and the other; ratios are medians
over the rounds. The cluster is this machine again, with all its cores: what is measured is the price of Ray,
not the gain of more machines. ``joined`` goes to a cluster that runs already, ``started`` has one started for
the command. The outputs are compared to the byte each time.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import lzma
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.data import UNCASED, shared_path
from bertwright.checkpoints.model_folder import save_model
from bertwright.cli.console import table
from bertwright.model.config import BertConfig
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.tokenization.tokenizer import Tokenizer

CHARACTERS = 200
"""Of a text that becomes a vector."""

WAYS: Mapping[str, Sequence[str]] = {
    "local": [],
    "joined": ["--engine", "ray", "--ray-address", "{}"],
    "started": ["--engine", "ray", "--ray-address", "local"],
}


@dataclass(frozen=True)
class Case:
    """A command without its output and engine."""

    name: str
    command: Sequence[str]
    output: str


def cases(folder: Path, sizes: Sequence[int], texts: int) -> Iterator[Case]:
    """``prepare`` of each size in MB, and ``embed`` of so many texts by a network of 4 layers, 256 wide."""
    text = lzma.decompress(shared_path("data/corpus/en_wikipedia.txt.xz").read_bytes())
    vocabulary = shared_path(UNCASED)
    for size in sizes:
        corpus = folder / f"{size}.txt"
        with corpus.open("wb") as file:
            left = size * 1_000_000
            while left > 0:
                left -= file.write(text[:left])
        yield Case(f"prepare, {size:,} MB", ["prepare", str(corpus), "--vocab", str(vocabulary)], "store")
        corpus.unlink()
    if not texts:
        return
    tokenizer = Tokenizer.load(vocabulary)
    config = BertConfig.published("mini").model_copy(update={"vocab_size": len(tokenizer.vocabulary)})
    save_model(folder / "model", BertForPreTraining(config, seed=0), tokenizer, task=None, provenance={})
    lines = [line[:CHARACTERS] for line in text.decode().splitlines() if line.strip()]
    rows = folder / "texts.txt"
    rows.write_text("".join(f"{line}\n" for line in islice(cycle(lines), texts)), encoding="utf-8")
    yield Case(f"embed, {texts:,} texts", ["embed", str(folder / "model"), str(rows)], "vectors.npy")


def measure(case: Case, folder: Path, ways: Mapping[str, Sequence[str]], rounds: int) -> dict[str, Any]:
    """Seconds of every way, and their ratio to the first (local, by default)."""
    seen: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds):
        outputs: list[Path] = []
        for way in list(ways)[:: -1 if number % 2 else 1]:  # each goes first as often as last
            output = folder / way / case.output
            output.parent.mkdir()
            os.sync()  # what was written before is no matter of this one
            begun = time.perf_counter()
            command = [
                sys.executable,
                "-m",
                "bertwright",
                *case.command,
                "-o",
                str(output),
                "--quiet",
                "--json",
            ]
            subprocess.run([*command, *ways[way]], stdout=subprocess.DEVNULL, check=True)
            seen[way].append(time.perf_counter() - begun)
            outputs.append(output)
            if len(outputs) > 1:
                require_same(outputs[0], outputs.pop())
                shutil.rmtree(output.parent)
        shutil.rmtree(outputs[0].parent)
    first = seen[next(iter(ways))]
    return {
        "case": case.name,
        "seconds": {way: round(statistics.median(found), 2) for way, found in seen.items()},
        "ratio": {
            way: round(statistics.median(mine / base for mine, base in zip(found, first, strict=True)), 3)
            for way, found in seen.items()
        },
        "rounds": rounds,
    }


def require_same(one: Path, other: Path) -> None:
    """Two files, or two folders of files, with the same bytes."""
    if one.is_dir():
        names = sorted(entry.name for entry in one.iterdir())
        assert names == sorted(entry.name for entry in other.iterdir())
        assert filecmp.cmpfiles(one, other, names, shallow=False) == (names, [], [])
    else:
        assert filecmp.cmp(one, other, shallow=False)


@contextmanager
def cluster() -> Iterator[str]:
    """The address of a cluster of this machine alone."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_TMPDIR"] = folder = tempfile.mkdtemp(prefix="ray")
    nodes = Cluster()
    try:
        nodes.add_node(num_cpus=os.cpu_count(), include_dashboard=False)
        nodes.wait_for_nodes()
        yield str(nodes.address)
    finally:
        nodes.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 1000], help="of corpora, in MB")
    parser.add_argument("--texts", type=int, default=16_384, help="that become vectors; 0 for none")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="about a minute: 20 MB, 4,096 texts, one round")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    if options.quick:
        options.sizes, options.texts, options.rounds = [20], 4_096, 1
    results = []
    with tempfile.TemporaryDirectory() as name, cluster() as address:
        folder = Path(name)
        ways = {way: [flag.format(address) for flag in WAYS[way]] for way in options.ways}
        for case in cases(folder, options.sizes, options.texts):
            results.append(measure(case, folder, ways, options.rounds))
            print(f"{case.name}: {results[-1]['seconds']} s", file=sys.stderr)
    if options.json:
        print(json.dumps({"benchmark": "engines", "results": results}))
        return
    rows = [
        [case["case"], way, f"{seconds:.1f}", f"{case['ratio'][way]:.2f}"]
        for case in results
        for way, seconds in case["seconds"].items()
    ]
    Console().print(table("", ["work", "engine", "seconds", "ratio"], rows, right=(2, 3)))


if __name__ == "__main__":
    main()
