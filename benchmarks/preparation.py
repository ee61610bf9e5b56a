"""Text to store, and store to instances: against the Rust engine, the original program, and the size.

    python -m benchmarks.preparation [--quick] [--json] [--only CASE ...] [--folder FOLDER] [--plot FOLDER]

* ``engine``: the whole way from a file of text to a finished store, workers' start included, by all cores,
  against ``encode_batch_fast`` of `tokenizers` by all cores on lines that are in memory already and whose ids
  are dropped. Lines are taken for sentences, as the engine takes them; with sentences found it is measured
  beside. Both take turns, each in a process of its own; figures are medians of the ratios of neighbours, of
  wall time and, on a machine with other work more to be trusted, of processor time.
* ``original``: text to instances of length 128, for one pass and for ten, against the original's
  ``create_pretraining_data.py`` as its times are recorded (golden/pretraining_data/speed.json: one thread of
  another machine, since it needs TensorFlow), in proportion for larger text. Once with all start-up of both
  (ours: imports, loading compiled kernels), once without.
* ``size``: seconds and peak memory (of all processes) by the size of the corpus.
* ``start``: from the start of ``bertwright pretrain`` to its first finished step, by the size of the store.

Larger text is made of the shared corpora (``large_text.py``); ``--folder`` keeps it for the next time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.data import shared_path
from benchmarks.large_text import VOCABULARIES, write_text
from bertwright.cli.console import table
from bertwright.reports.curves import Line, draw

RECORDED = "golden/pretraining_data/speed.json"
"""Of the original."""
MILLION = 1_000_000
PASSES = 10  # the original's dupe_factor

Row = dict[str, Any]


def part(*arguments: object) -> Row:
    """One measurement of ``preparation_parts.py``, with the wall time of its whole process."""
    command = [sys.executable, "-m", "benchmarks.preparation_parts", *map(str, arguments)]
    cores = str(len(os.sched_getaffinity(0)))
    settings = {"TOKENIZERS_PARALLELISM": "true", "RAYON_NUM_THREADS": cores}
    started = time.perf_counter()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **settings}
    )
    return {**json.loads(done.stdout), "whole_seconds": time.perf_counter() - started}


class Bench:
    """The cases, over text in ``folder``."""

    def __init__(self, folder: Path, quick: bool) -> None:
        self._folder, self._quick = folder, quick
        self._store = folder / "store"

    def _text(self, language: str, megabytes: int) -> Path:
        path = self._folder / f"{language}-{megabytes}.txt"
        return write_text(path, language, megabytes * MILLION)

    def _prepared(
        self, language: str, corpus: Path, sentences: bool, passes: int = 0, *options: object
    ) -> Row:
        shutil.rmtree(self._store, ignore_errors=True)
        way = language if sentences else "lines"
        return part("store", corpus, shared_path(VOCABULARIES[language]), way, self._store, passes, *options)

    def engine(self) -> list[Row]:
        """Ours and the engine in turn."""
        sizes = (
            (("en", 10, 1), ("zh", 5, 1)) if self._quick else (("en", 50, 3), ("zh", 25, 3), ("en", 500, 1))
        )
        rows = []
        for language, megabytes, rounds in sizes:
            corpus = self._text(language, megabytes)
            ours, theirs, sentences = [], [], []
            for _ in range(rounds):
                theirs.append(part("engine", corpus, shared_path(VOCABULARIES[language])))
                ours.append(self._prepared(language, corpus, sentences=False))
                sentences.append(self._prepared(language, corpus, sentences=True))
            rows.append(
                {
                    "text": language,
                    "megabytes": megabytes,
                    "tokens": ours[0]["tokens"],
                    "their_tokens": theirs[0]["tokens"],
                    "seconds": _median(ours),
                    "their_seconds": _median(theirs),
                    "ratio": _ratio(theirs, ours, "seconds"),
                    "ratio_with_sentences": _ratio(theirs, sentences, "seconds"),
                    "processor_ratio": _ratio(theirs, ours, "processor_seconds"),
                    "processor_ratio_with_sentences": _ratio(theirs, sentences, "processor_seconds"),
                }
            )
        return rows

    def original(self) -> list[Row]:
        """One pass and ten, and one over more text."""
        recorded = json.loads(shared_path(RECORDED).read_text(encoding="utf-8"))
        cases = ((10, 1), (10, PASSES)) if self._quick else ((10, 1), (10, PASSES), (50, 1))
        return [self._against_original(recorded, megabytes, passes) for megabytes, passes in cases]

    def _against_original(self, recorded: Row, megabytes: int, passes: int) -> Row:
        corpus, rounds = self._text("en", megabytes), range(1 if self._quick else 3)
        cold = [self._prepared("en", corpus, False, passes) for _ in rounds]
        warm = [self._prepared("en", corpus, False, passes, "warm") for _ in rounds]
        tokens = cold[0]["tokens"]
        whole = statistics.median(row["whole_seconds"] for row in cold)
        inside = statistics.median(row["seconds"] + row["instance_seconds"] for row in warm)
        processor = statistics.median(row["all_processor_seconds"] for row in cold)
        phases = next(case for case in recorded["by_phase_without_start_up"] if case["lines"] == "sentence")
        once, making, writing = (
            statistics.mean(phases[name]) for name in ("tokenize_s", "create_instances_s", "write_s")
        )
        each = making + writing
        start_up = statistics.mean(recorded["whole_program"][0]["seconds"]) - once - each
        theirs = (once + passes * each) * tokens / recorded["wordpiece_tokens"]
        return {
            "megabytes": megabytes,
            "passes": passes,
            "tokens": tokens,
            "seconds": round(inside, 2),
            "seconds_with_start": round(whole, 2),
            "their_seconds": round(theirs, 1),
            "their_seconds_with_start": round(theirs + start_up, 1),
            "processor_seconds_with_start": round(processor, 2),
            "ratio": round(theirs / inside, 1),
            "ratio_with_start": round((theirs + start_up) / whole, 1),
            "processor_ratio_with_start": round((theirs + start_up) / processor, 1),
            "instance_tokens_per_second": round(warm[0]["instance_tokens"] / warm[0]["instance_seconds"]),
        }

    def size(self) -> list[Row]:
        """By the size of the corpus."""
        rows = []
        for megabytes in (2, 10) if self._quick else (10, 100, 1000):
            found = self._prepared("en", self._text("en", megabytes), sentences=True)
            rows.append(
                {
                    "megabytes": megabytes,
                    "tokens": found["tokens"],
                    "seconds": round(found["seconds"], 2),
                    "tokens_per_second": round(found["tokens"] / found["seconds"]),
                    "memory_megabytes": round(found["memory"] / MILLION),
                }
            )
        return rows

    def start(self) -> list[Row]:
        """Until the first step of a run."""
        rows = []
        for megabytes in (2, 10) if self._quick else (10, 500):
            found = self._prepared("en", self._text("en", megabytes), sentences=False)
            seconds = [_first_step(self._store, self._folder / "run") for _ in range(1 if self._quick else 3)]
            rows.append({"tokens": found["tokens"], "seconds": round(statistics.median(seconds), 2)})
        return rows


def _first_step(store: Path, run: Path) -> float:
    shutil.rmtree(run, ignore_errors=True)
    options = ("--size", "tiny", "--steps", "100000", "--set", "log_every=1", "--set", "evaluations=0")
    command = [sys.executable, "-m", "bertwright", "pretrain", "--data", str(store), "-o", str(run), *options]
    log = run / "metrics.jsonl"
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (log.exists() and log.stat().st_size):
        time.sleep(0.01)
    seconds = time.perf_counter() - started
    if process.poll() is not None:
        raise RuntimeError(f"pretrain ended with {process.returncode} before its first step")
    process.kill()
    process.wait()
    return seconds


def _median(rows: Sequence[Row]) -> float:
    return round(statistics.median(row["seconds"] for row in rows), 2)


def _ratio(theirs: Sequence[Row], ours: Sequence[Row], key: str) -> float:
    return round(statistics.median(a[key] / b[key] for a, b in zip(theirs, ours, strict=True)), 2)


def plot(rows: Sequence[Row], folder: Path) -> None:
    """Speed and memory by the size of the corpus."""
    sizes = [row["megabytes"] for row in rows]
    for name, title, unit in (
        ("tokens_per_second", "million tokens a second", MILLION),
        ("memory_megabytes", "peak memory of all processes, GB", 1000),
    ):
        line = Line(title, sizes, [row[name] / unit for row in rows], marker=True)
        svg = draw(f"Preparing: {title}", [line], x_label="megabytes of text")
        (folder / f"preparation_{name}.svg").write_text(svg, encoding="utf-8")


def show(name: str, rows: Sequence[Row]) -> None:
    """A table of one case, a column a run."""
    heads = [name, *(" " for _ in rows)]
    cells = [[key.replace("_", " "), *(_shown(row[key]) for row in rows)] for key in rows[0]]
    Console().print(table("", heads, cells, right=range(1, len(heads))))


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = ("engine", "original", "size", "start")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--quick", action="store_true", help="small texts, once each: under a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--folder", type=Path, help="where text is made and kept")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="write SVGs of speed and memory by size")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        bench = Bench(options.folder or Path(scratch), options.quick)
        cases: dict[str, Callable[[], list[Row]]] = {name: getattr(bench, name) for name in options.only}
        results = {name: case() for name, case in cases.items()}
    if options.plot and "size" in results:
        plot(results["size"], options.plot)
    if options.json:
        print(json.dumps({"benchmark": "preparation", **results}))
        return
    for name, rows in results.items():
        show(name, rows)


if __name__ == "__main__":
    main()
