"""What ``preparation.py`` measures, each in a process of its own, so that memory and threads are its own.

    python -m benchmarks.preparation_parts store CORPUS VOCABULARY LANGUAGE OUTPUT PASSES [warm]
    python -m benchmarks.preparation_parts engine CORPUS VOCABULARY

Each prints one JSON object. LANGUAGE is that of the sentences, or ``lines`` where each line is one.
``warm``: a small text goes the same way before, untimed.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.clock import processor_seconds
from benchmarks.data import shared_path

SMALL = "data/corpus/bert_sample_text.txt"
BATCH = (
    10_000  # lines that the engine gets at once; 1,000 and all of them take the same time to a few per cent
)


def own_peak() -> int:
    """Peak memory of this process in KiB; ``ru_maxrss`` may be that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def store(corpus: Path, vocabulary: Path, language: str, output: Path, passes: int) -> dict[str, float]:
    """Prepare ``corpus``, then make the instances of so many epochs; seconds of each, without imports."""
    from bertwright.data.prepare import prepare

    started, worked = time.perf_counter(), processor_seconds()
    summary = prepare(
        [corpus],
        vocabulary=vocabulary,
        output=output,
        one_sentence_per_line=language == "lines",
        language="en" if language == "lines" else language,
    )
    prepared, worked = time.perf_counter(), processor_seconds() - worked
    made = instances(output, passes) if passes else 0
    ended = time.perf_counter()
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    cores = len(os.sched_getaffinity(0))
    return {
        "seconds": prepared - started,
        "processor_seconds": worked,
        "instance_seconds": ended - prepared,
        "all_processor_seconds": processor_seconds(),
        "instance_tokens": made,
        "tokens": summary.counts.tokens,
        "bytes": summary.counts.bytes,
        "memory": 1024 * (own_peak() + cores * workers),
    }


def instances(path: Path, epochs: int) -> int:
    """The tokens of all instances of ``epochs`` passes over the store, at the original's length of 128."""
    from bertwright.data.batches import PretrainingBatches
    from bertwright.data.instance_settings import InstanceSettings
    from bertwright.data.store import TokenStore

    opened = TokenStore.open(path)
    size = 256
    batches = PretrainingBatches(
        opened, opened.tokenizer().vocabulary, InstanceSettings(max_length=128), size, seed=0
    )
    count = sum(batches.instances_in_epoch(epoch) for epoch in range(epochs))
    return sum(batches.batch(step).num_tokens for step in range(-(-count // size)))


def engine(corpus: Path, vocabulary: Path) -> dict[str, float]:
    """The engine alone: lines that are in memory are encoded, by all cores, and nothing is kept."""
    from tokenizers import BertWordPieceTokenizer

    tokenizer = BertWordPieceTokenizer(str(vocabulary))._tokenizer
    lines = [line for line in corpus.read_text(encoding="utf-8").split("\n") if line]
    started, worked = time.perf_counter(), processor_seconds()
    tokens = 0
    for start in range(0, len(lines), BATCH):
        encodings = tokenizer.encode_batch_fast(lines[start : start + BATCH], add_special_tokens=False)
        tokens += sum(map(len, encodings))
    return {
        "seconds": time.perf_counter() - started,
        "processor_seconds": processor_seconds() - worked,
        "tokens": tokens,
    }


def main() -> None:
    """Run one part."""
    kind, *arguments = sys.argv[1:]
    if kind == "engine":
        result = engine(Path(arguments[0]), Path(arguments[1]))
    else:
        corpus, vocabulary, language, output, passes, *warm = arguments
        if warm:
            with tempfile.TemporaryDirectory() as folder:
                store(shared_path(SMALL), Path(vocabulary), language, Path(folder) / "store", int(passes))
        result = store(Path(corpus), Path(vocabulary), language, Path(output), int(passes))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
