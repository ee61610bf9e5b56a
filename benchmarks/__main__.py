"""All benchmarks in one table.

    python -m benchmarks [--quick] [--json]

Each is a program of its own beside this file and says what it measures; they run one after the other, so that
none disturbs another.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from bertwright.cli.console import table

HERE = Path(__file__).parent


def run(name: str, quick: bool) -> dict[str, Any]:
    """The JSON object of one benchmark."""
    command = [sys.executable, str(HERE / f"{name}.py"), "--json", *(["--quick"] if quick else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
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


BENCHMARKS = {
    "instances": instance_rows,
    "vocabulary": vocabulary_rows,
    "pretraining_step": step_rows,
    "scaling": scaling_rows,
    "loading": loading_rows,
    "inference": inference_rows,
}


def machine() -> str:
    """What it ran on, in a line."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def main() -> None:
    """Run all and print one table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about a minute each")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    arguments = parser.parse_args()
    results = {name: run(name, arguments.quick) for name in BENCHMARKS}
    if arguments.json:
        print(json.dumps({"machine": machine(), **results}))
        return
    rows = [row for name, rows_of in BENCHMARKS.items() for row in rows_of(results[name])]
    Console().print(table(machine(), ["what", "ours", "peer", "ratio"], rows))


if __name__ == "__main__":
    main()
