"""All benchmarks in one table.

    python -m benchmarks [--quick] [--only NAME ...] [--json]

Each is a program of its own beside this file and says what it measures; they run one after the other, so that
none disturbs another. The one for GPUs runs where there is one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from benchmarks.records import mean_and_deviation
from bertwright.cli.console import table
from bertwright.execution import processor

ROOT = Path(__file__).resolve().parents[1]


def run(name: str, quick: bool) -> dict[str, Any] | None:
    """The JSON object of one benchmark; None where it failed, of which it has told."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json", *(["--quick"] if quick else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    if done.returncode:
        return None
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def instance_rows(result: dict[str, Any]) -> Iterator[list[str]]:
    """Making instances; the original's figure is the one of its own documentation of the golden data."""
    for case in result["results"]:
        speed = case["tokens_per_second"]
        yield [
            f"instances: {case['case']}",
            f"{speed / 1e6:,.0f} M tokens/s a core",
            "0.26 M (the original)",
            "",
        ]


def vocabulary_rows(result: dict[str, Any]) -> Iterator[list[str]]:
    """Learning a vocabulary."""
    for case in result["vocabulary"]:
        ours, theirs = case["ours"], case["tokenizers"]
        yield [
            f"vocabulary: {case['text']}, {case['size']:,}",
            f"{ours['pieces_per_word']:.4f} pieces a word",
            f"{theirs['pieces_per_word']:.4f} (tokenizers)",
            f"{case['seconds_ratio']:.2f} of its time",
        ]


def preparation_rows(result: dict[str, Any]) -> Iterator[list[str]]:
    """Text to store, text to instances, and the first step of a run."""
    for case in result["engine"]:
        yield [
            f"text to store: {case['megabytes']} MB, {case['text']}",
            f"{case['seconds']:.1f} s",
            f"{case['their_seconds']:.1f} s (encode_batch_fast, ids dropped)",
            f"{case['ratio']:.2f} times",
        ]
    for case in result["original"]:
        yield [
            f"text to instances: {case['megabytes']} MB, passes: {case['passes']}",
            f"{case['seconds_with_start']:.1f} s",
            f"{case['their_seconds_with_start']:.1f} s (the original, recorded)",
            f"{case['ratio_with_start']:.1f} times",
        ]
    for case in result["size"]:
        yield [
            f"text to store: {case['megabytes']} MB",
            f"{case['tokens_per_second'] / 1e6:.1f} M tokens/s, {case['memory_megabytes']:,} MB of memory",
            "",
            "",
        ]
    for case in result["start"]:
        yield [f"first step on {case['tokens'] / 1e6:,.0f} M tokens", f"{case['seconds']:.1f} s", "", ""]


def engine_rows(result: dict[str, Any]) -> Iterator[list[str]]:
    """The same command by this machine's processes and by a Ray cluster on it."""
    for case in result["results"]:
        for way, ratio in list(case["ratio"].items())[1:]:
            yield [
                f"on Ray, cluster {way}: {case['case']}",
                f"{case['seconds'][way]:.1f} s",
                f"{case['seconds']['local']:.1f} s (local)",
                f"{ratio:.2f} of its time",
            ]


def finetuning_rows(result: dict[str, Any]) -> Iterator[list[str]]:
    """Fine-tuning, model folder and all."""
    for case in result["results"]:
        yield [
            f"fine-tuning: {case['task']}, {case['train_rows']:,} rows",
            f"{mean_and_deviation(case['ours'])} {case['metric'].replace('_', ' ')}",
            f"{mean_and_deviation(case['theirs'])} (Trainer)",
            f"{case['ratio_theirs']:.2f} times",
        ]


def step_rows(result: dict[str, Any]) -> Iterator[list[str]]:
    """A pre-training step."""
    for case in result["results"]:
        yield [
            f"pre-training step: {case['size']}, {case['precision']}",
            f"{case['tokens_per_second']:,} tokens/s",
            f"{case['their_tokens_per_second']:,} (transformers)",
            f"{case['ratio']:.2f} times",
        ]


def loading_rows(result: dict[str, Any]) -> Iterator[list[str]]:
    """Opening a model."""
    for case in result["results"]:
        yield [
            f"loading: {case['size']}",
            f"{case['seconds']['weights']:.2f} s, memory {case['memory']['weights']:.2f} of the weights",
            f"{case['seconds']['load_file_pread']:.2f} s (safetensors, the numbers alone)",
            f"{case['ratio']:.2f} of its time",
        ]


def inference_rows(result: dict[str, Any]) -> Iterator[list[str]]:
    """Vectors of sentences and paragraphs, labels, and the first answer."""
    found = {(case["texts"], case["name"]): case for case in result["results"]}
    for texts in ("STS-B", "SQuAD"):
        for ours, theirs in (
            ("ours fp32", "sentence-transformers fp32"),
            ("ours int8", "sentence-transformers fp32"),
            ("ours int8", "onnxruntime int8"),
            ("ours fp32, labels", "transformers, labels"),
        ):
            case, peer = found[texts, ours], found[texts, theirs]
            ratio = case["ratio_to_onnxruntime_int8" if theirs == "onnxruntime int8" else "ratio"]
            yield [
                f"inference: {texts}, {ours.removeprefix('ours ')}",
                f"{case['texts_per_second']:,.0f} texts/s",
                f"{peer['texts_per_second']:,.0f} ({theirs.removesuffix(', labels')})",
                f"{ratio:.2f} times",
            ]
    first = result["first_answer"]
    ours, theirs = first["ours"], first["sentence-transformers"]
    yield [
        "embed: the first answer",
        f"{ours:.2f} s",
        f"{theirs:.2f} s (sentence-transformers)",
        f"{ours / theirs:.2f} of its time",
    ]


def serving_rows(result: dict[str, Any]) -> Iterator[list[str]]:
    """Single requests to a server."""
    for case in result["results"]:
        ours, theirs = list(case["requests_per_second"].values())[:2]
        yield [
            f"serving: vectors of single sentences, clients: {case['clients']}",
            f"{ours:,} requests/s",
            f"{theirs:,} (FastAPI and sentence-transformers)",
            f"{case['ratio']:.2f} times",
        ]


def gpu_rows(result: dict[str, Any]) -> Iterator[list[str]]:
    """A pre-training step on a GPU."""
    for case in result["results"]:
        yield [
            f"{case['device']}, step: {case['size']}, {case['rows']} x {case['length']}",
            f"{case['tokens_per_second']:,} tokens/s, {case['share_of_peak']:.2f} of the peak",
            f"{case['their_tokens_per_second']:,} (transformers, compiled)",
            f"{case['ratio']:.2f} times",
        ]


def scaling_rows(result: dict[str, Any]) -> Iterator[list[str]]:
    """Two processes against one."""
    several = result["processes"]
    speeds = several["tokens_per_second"]
    for way in list(speeds)[1:]:
        yield [
            f"pre-training by processes: {way}",
            f"{speeds[way]:,} tokens/s",
            f"{speeds['one process']:,} (one process)",
            f"{several['ratio'][way]:.2f} times",
        ]


BENCHMARKS: Mapping[str, Callable[[dict[str, Any]], Iterator[list[str]]]] = {
    "vocabulary": vocabulary_rows,
    "preparation": preparation_rows,
    "engines": engine_rows,
    "instances": instance_rows,
    "pretraining_step": step_rows,
    "scaling": scaling_rows,
    "finetuning_speed": finetuning_rows,
    "loading": loading_rows,
    "inference": inference_rows,
    "serving": serving_rows,
    **({"gpu_step": gpu_rows} if torch.cuda.is_available() else {}),
}


def machine() -> str:
    """What it ran on, in a line."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    versions = f"Python {platform.python_version()}, PyTorch {torch.__version__}"
    return f"{processor.name() or platform.machine()}, {os.cpu_count()} cores, {gpu}, {versions}"


def main() -> None:
    """Run all and print one table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about a minute each")
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    arguments = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(arguments.only, 1):
        print(f"{number} of {len(arguments.only)}: {name}", file=sys.stderr, flush=True)
        if (result := run(name, arguments.quick)) is not None:
            results[name] = result
    if arguments.json:
        print(json.dumps({"machine": machine(), **results}))
    elif results:
        rows = [row for name, result in results.items() for row in BENCHMARKS[name](result)]
        Console().print(table(machine(), ["what", "ours", "peer", "ratio"], rows))
    if failed := [name for name in arguments.only if name not in results]:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
