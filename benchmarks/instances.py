"""How fast pre-training batches are made on one core, from a token store on disk.

    python -m benchmarks.instances [--quick] [--batch-size 256] [--json]

Tokens are those of the finished instances, special ones counted and padding not; seconds are processor
seconds, so that other work on the machine counts little. The plan of an epoch (pairs and shuffling) is
measured by itself and spread over the tokens of its epoch in the first figure. For comparison: this part of
the original program alone needs 8.3 s for 2.2 million tokens of text, 260,000 a second
(golden/pretraining_data/speed.json).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.data import UNCASED, shared_path
from bertwright.data.batches import PretrainingBatches
from bertwright.data.epoch_plan import EpochPlans
from bertwright.data.instance_settings import InstanceSettings
from bertwright.data.prepare import prepare
from bertwright.data.sentence_pairs import PairRule
from bertwright.data.store import TokenStore
from bertwright.tokenization.vocabulary import Vocabulary

CASES = {
    "next sentence, 128": InstanceSettings(max_length=128),
    "next sentence, 128, whole words": InstanceSettings(max_length=128, whole_word=True),
    "next sentence, 512": InstanceSettings(max_length=512),
    "next sentence, 512, whole words": InstanceSettings(max_length=512, whole_word=True),
    "sentence order, 128": InstanceSettings(max_length=128, next_sentence=False, sentence_order=True),
    "single segments, 128": InstanceSettings(max_length=128, next_sentence=False),
}


def measure(
    store: TokenStore, vocabulary: Vocabulary, settings: InstanceSettings, batch_size: int, seconds: float
) -> dict[str, Any]:
    """Figures of one case over at least ``seconds``."""
    batches = PretrainingBatches(store, vocabulary, settings, batch_size, seed=0)
    batches.batch(0)  # compiles the kernels and makes the plan
    count = batches.instances_in_epoch(0)
    plan_seconds = _plan_seconds(store, PairRule.of(settings))
    steps = max(1, count // batch_size)
    tokens = made = 0
    started = time.process_time()
    while time.process_time() - started < seconds:
        tokens += batches.batch(made % steps).num_tokens
        made += 1
    spent = time.process_time() - started
    per_instance = tokens / (made * batch_size)
    with_plan = spent / tokens + plan_seconds / (count * per_instance)
    return {
        "tokens_per_second": round(1 / with_plan),
        "tokens_per_second_without_plan": round(tokens / spent),
        "microseconds_per_batch": round(1e6 * spent / made, 1),
        "plan_sentences_per_second": round(store.num_sentences / plan_seconds),
        "instances_per_epoch": count,
        "tokens_per_instance": round(per_instance, 1),
    }


def _plan_seconds(store: TokenStore, rule: PairRule, epochs: int = 5) -> float:
    plans = EpochPlans(store, rule, seed=0, phase=0)
    plans.plan(0)
    started = time.process_time()
    for epoch in range(1, epochs + 1):
        plans.plan(epoch)
    return (time.process_time() - started) / epochs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="1 MB of text and 1 s a case instead of 54 MB and 5 s"
    )
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    arguments = parser.parse_args()
    corpus = "en_wikipedia_valid.txt" if arguments.quick else "en_wikipedia.txt.xz"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store"
        prepare([shared_path(f"data/corpus/{corpus}")], vocabulary=shared_path(UNCASED), output=path)
        store = TokenStore.open(path)
        vocabulary = store.tokenizer().vocabulary
        results = []
        for name, settings in CASES.items():
            result = measure(
                store, vocabulary, settings, arguments.batch_size, 1.0 if arguments.quick else 5.0
            )
            results.append({"case": name, **result})
            print(
                f"{name}: {result['tokens_per_second'] / 1e6:.1f} M tokens a second a core "
                f"({result['microseconds_per_batch']:,.0f} µs a batch of {arguments.batch_size}; plan: "
                f"{result['plan_sentences_per_second'] / 1e6:.1f} M sentences a second)",
                file=sys.stderr,
            )
    if arguments.json:
        report = {
            "benchmark": "instances",
            "corpus": corpus,
            "tokens": store.num_tokens,
            "batch_size": arguments.batch_size,
            "results": results,
        }
        print(json.dumps(report))


if __name__ == "__main__":
    main()
