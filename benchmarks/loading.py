"""How long opening a BERT takes, and how much memory, beside ``safetensors.torch.load_file`` alone.

    python -m benchmarks.loading [--quick] [--size base] [--json]

``load_file`` has two ways. ``pread`` reads the numbers. The default maps the file: it comes back at once,
with nothing read, and each page is fetched when it is first used; so beside that, one pass over the numbers
(a sum) is timed too. Ours reads and copies the numbers, refuses what is not finite, puts query, key and value
into one matrix and builds the network (``weights``); ``whole`` is ``open_model`` with the tokenizer as well.
They take turns, and a figure is the median of the ratios of neighbouring runs. The folder is as transformers
writes it, without a manifest, so no digests are compared; the file stays in the system's cache.

Memory is the largest resident size during the loading, less what the process had before, in a process of its
own, over the size of the weights.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from benchmarks.data import UNCASED, shared_path
from bertwright.checkpoints import members
from bertwright.checkpoints.conversion import from_hugging_face
from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.checkpoints.tensor_files import TensorFiles
from bertwright.model.config import BertConfig
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.tokenization.tokenizer import Tokenizer

Loader = Callable[[Path, BertConfig], object]


def read_by_library(folder: Path, _: BertConfig) -> dict[str, Tensor]:
    """The numbers, read by safetensors."""
    tensors: dict[str, Tensor] = safetensors.torch.load_file(folder / members.WEIGHTS, backend="pread")
    return tensors


def mapped_by_library(folder: Path, _: BertConfig) -> dict[str, Tensor]:
    """The file, mapped by safetensors."""
    tensors: dict[str, Tensor] = safetensors.torch.load_file(folder / members.WEIGHTS)
    return tensors


def mapped_and_used(folder: Path, config: BertConfig) -> float:
    """The same and one pass over the numbers."""
    return sum(float(tensor.sum()) for tensor in mapped_by_library(folder, config).values())


def weights(folder: Path, config: BertConfig) -> BertForPreTraining:
    """Our reading of the same file, up to the network."""
    with TensorFiles([folder / members.WEIGHTS]) as tensors:
        found = from_hugging_face(tensors, config, folder, allow_nonfinite=False)
    network = BertForPreTraining(config, seed=None)
    network.load_state_dict(found.tensors, assign=True)
    return network


def whole(folder: Path, _: BertConfig) -> BertForPreTraining:
    """All of opening a model."""
    return open_model(folder).for_use().pretraining_model()


LOADERS: dict[str, Loader] = {
    "load_file_pread": read_by_library,
    "load_file_mapped": mapped_by_library,
    "load_file_mapped_and_used": mapped_and_used,
    "weights": weights,
    "whole": whole,
}


def make_folder(size: str, path: Path) -> BertConfig:
    """A folder with random weights, as another library would have written it."""
    tokenizer = Tokenizer.load(shared_path(UNCASED))
    config = BertConfig.published(size)
    save_model(path, BertForPreTraining(config), tokenizer, task=None, provenance={})
    (path / members.MANIFEST_NAME).unlink()
    return config


def seconds_of(loader: Loader, folder: Path, config: BertConfig) -> float:
    """Wall time of one loading; what it gave is let go outside of it."""
    started = time.perf_counter()
    loaded = loader(folder, config)
    spent = time.perf_counter() - started
    del loaded
    return spent


def memory_of(name: str, folder: Path) -> int:
    """Bytes that a fresh process needs at most for one loading."""
    command = [sys.executable, __file__, "--peak", name, "--folder", str(folder)]
    return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def peak(name: str, folder: Path) -> int:
    """In this process: the largest resident size while loading, less the size before (Linux)."""
    config = BertConfig.from_dict(json.loads((folder / members.CONFIG).read_text()), folder)
    Tokenizer.load(folder)  # modules that the first use imports
    Path("/proc/self/clear_refs").write_text("5")  # the largest size is counted from here
    before = _status("VmRSS")
    loaded = LOADERS[name](folder, config)
    after = _status("VmHWM")
    del loaded
    return after - before


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(field + ":"))


def measure(size: str, rounds: int) -> dict[str, Any]:
    """All loaders in turn, ``rounds`` times."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        config = make_folder(size, folder)
        stored = (folder / members.WEIGHTS).stat().st_size
        times: dict[str, list[float]] = {name: [] for name in LOADERS}
        for number in range(rounds + 1):
            for name, loader in LOADERS.items():
                spent = seconds_of(loader, folder, config)
                if number:  # the first round warms up
                    times[name].append(spent)
        memory = {name: memory_of(name, folder) / stored for name in LOADERS}
    return {
        "size": size,
        "bytes": stored,
        "rounds": rounds,
        "seconds": {name: round(statistics.median(spent), 4) for name, spent in times.items()},
        "memory": {name: round(share, 3) for name, share in memory.items()},
        "ratio": ratio(times, "weights", "load_file_pread"),
        "ratio_whole": ratio(times, "whole", "load_file_pread"),
        "ratio_to_mapped_and_used": ratio(times, "weights", "load_file_mapped_and_used"),
    }


def ratio(times: dict[str, list[float]], ours: str, theirs: str) -> float:
    """Median of the ratios of neighbouring runs."""
    pairs = zip(times[ours], times[theirs], strict=True)
    return round(statistics.median(mine / other for mine, other in pairs), 3)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", action="append", help="default: base")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--quick", action="store_true", help="5 rounds: half a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--peak", choices=list(LOADERS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        print(peak(arguments.peak, arguments.folder))
        return
    results = []
    for size in arguments.size or ["base"]:
        result = measure(size, 5 if arguments.quick else arguments.rounds)
        results.append(result)
        print(
            f"{size}: {result['seconds']['weights']:.3f} s, {result['ratio']} times load_file(pread), memory "
            f"{result['memory']['weights']} of the weights (load_file {result['memory']['load_file_pread']})",
            file=sys.stderr,
        )
    if arguments.json:
        print(json.dumps({"benchmark": "loading", "results": results}))


if __name__ == "__main__":
    main()
