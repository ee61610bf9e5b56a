"""How much faster one pre-training step is here than with transformers, on the same batch of real text.

    python -m benchmarks.pretraining_step [--quick] [--size mini] [--precision bf16] [--rows 32]
                                          [--compile] [--json]

A step is forward, both losses, backward and a fused AdamW update, with dropout. The two take turns, step by
step, and the figure is the median of the ratios of neighbouring steps, so that whatever else the machine does
meanwhile falls on both. Same sizes, same initial weights, same tokens, same masks, same activation. Tokens
are counted without padding. The share of the peak is what the network needs in operations, of what square
products of the same precision do in the same time, measured behind each step (PyTorch's: in float32 they are
MKL's, which on some processors do half of what is possible).
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from benchmarks.data import UNCASED, shared_path
from bertwright.checkpoints.conversion import to_hugging_face
from bertwright.data.batches import PretrainingBatches
from bertwright.data.instance_settings import InstanceSettings
from bertwright.data.pretraining_batch import PretrainingBatch
from bertwright.data.sentences import split_sentences
from bertwright.data.store import TokenStore
from bertwright.model.config import BertConfig
from bertwright.model.host_memory import keep_freed_memory
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.model.working_weights import working_weights
from bertwright.pretraining.flops import training_flops
from bertwright.pretraining.step import PretrainingPart, PretrainingStep
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.training.adamw import AdamW
from bertwright.training.gradients import Gradients
from bertwright.training.machine import measured_peak
from bertwright.training.ranks import Ranks

LENGTH = 128
ROWS = {"tiny": 32, "mini": 32, "small": 32, "medium": 16, "base": 8, "large": 4}

Step = Callable[[PretrainingBatch], float]


def instances(length: int, rows: int, seed: int = 0) -> PretrainingBatches:
    """Pre-training instances of a million bytes of English Wikipedia, made as ``pretrain`` makes them."""
    tokenizer = Tokenizer.load(shared_path(UNCASED))
    text = shared_path("data/corpus/en_wikipedia_valid.txt").read_text(encoding="utf-8")
    documents = [
        [
            ids.tolist()
            for ids in tokenizer.encode_ids(split_sentences(document.split("\n"), "en"))
            if len(ids)
        ]
        for document in text.split("\n\n")
    ]
    store = TokenStore.from_documents([d for d in documents if d], len(tokenizer.vocabulary))
    return PretrainingBatches(store, tokenizer.vocabulary, InstanceSettings(max_length=length), rows, seed)


def batches(rows: int, length: int = LENGTH) -> Iterator[PretrainingBatch]:
    """``rows`` instances of at most ``length`` tokens, again and again."""
    made = instances(length, rows)
    return (made.batch(step) for step in itertools.count())


def our_step(
    config: BertConfig, precision: str, compiled: bool, rate: float = 1e-4
) -> tuple[Step, BertForPreTraining]:
    """A training step of this package's model."""
    model = BertForPreTraining(config).train()
    forward = torch.compile(model, dynamic=True) if compiled else model
    losses = PretrainingStep(torch.device("cpu"))
    optimizer = AdamW([{"params": list(model.parameters())}], lr=rate, eps=1e-8)  # as theirs
    gradients = Gradients(model.parameters(), Ranks())
    if precision == "bf16" and not compiled:
        working_weights(model).__enter__()  # as long as the model is there

    def step(batch: PretrainingBatch) -> float:
        part = PretrainingPart(batch, len(batch.masked_labels), len(batch))
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = losses(forward, part).loss
        gradients.expect(last=True)
        loss.backward()
        gradients.reduce()
        optimizer.step()
        gradients.clear()
        return float(loss.detach())

    return step, model


def their_step(config: BertConfig, precision: str, weights: dict[str, Tensor], rate: float = 1e-4) -> Step:
    """The same step with transformers' ``BertForPreTraining``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import transformers

    model = transformers.BertForPreTraining(transformers.BertConfig(**config.to_dict())).train()
    model.load_state_dict(weights, strict=False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, fused=True)

    def step(batch: PretrainingBatch) -> float:
        labels = np.full_like(batch.input_ids, -100)
        labels.ravel()[batch.masked_positions] = batch.masked_labels
        given = {
            "input_ids": batch.input_ids,
            "token_type_ids": batch.token_type_ids,
            "attention_mask": batch.attention_mask.astype(np.int64),
            "labels": labels,
            "next_sentence_label": batch.next_sentence_labels,
        }
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            output = model(**{name: torch.as_tensor(numbers) for name, numbers in given.items()})
        output.loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(output.loss.detach())

    return step


def measure(size: str, precision: str, rows: int, seconds: float, compiled: bool) -> dict[str, object]:
    """Ratios of speed (theirs / ours in time) over about ``seconds``."""
    config = BertConfig.published(size)
    ours, model = our_step(config, precision, compiled)
    theirs = their_step(config, precision, to_hugging_face(model.state_dict(), config))
    stream = batches(rows)
    for _ in range(4 if compiled else 2):  # warm up, compile
        batch = next(stream)
        losses = ours(batch), theirs(batch)
    ratios, speeds, shares = [], [], []
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or len(ratios) < 3:
        batch = next(stream)
        tokens = int(batch.attention_mask.sum())
        mine, other = _timed(ours, batch), _timed(theirs, batch)
        needed = training_flops(config, *batch.input_ids.shape, len(batch.masked_labels), tokens)
        shares.append(needed / mine / measured_peak("cpu", "bf16" if precision == "bf16" else "fp32", 0.1))
        ratios.append(other / mine)
        speeds.append((tokens / mine, tokens / other))
    return {
        "size": size,
        "precision": precision,
        "compiled": compiled,
        "rows": rows,
        "length": LENGTH,
        "steps": len(ratios),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_quartiles": [round(quartile, 3) for quartile in statistics.quantiles(ratios, n=4)[::2]],
        "share_of_peak": round(statistics.median(shares), 3),
        "tokens_per_second": round(statistics.median(mine for mine, _ in speeds)),
        "their_tokens_per_second": round(statistics.median(other for _, other in speeds)),
        "losses_after_warm_up": [round(loss, 4) for loss in losses],
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _timed(step: Step, batch: PretrainingBatch) -> float:
    start = time.perf_counter()
    step(batch)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", action="append", choices=list(ROWS), help="default: mini and base")
    parser.add_argument("--precision", action="append", choices=["fp32", "bf16"], help="default: both")
    parser.add_argument("--rows", type=int, help="of a batch; by default fewer for larger networks")
    parser.add_argument("--seconds", type=float, default=60, help="for each measurement")
    parser.add_argument("--quick", action="store_true", help="mini only, 15 s each: under a minute")
    parser.add_argument("--compile", action="store_true", help="torch.compile for ours (not for theirs)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    arguments = parser.parse_args()
    if arguments.rows is not None and arguments.rows < 1:
        parser.error(f"--rows: expected a number from 1 on, got {arguments.rows}")
    sizes = arguments.size or (["mini"] if arguments.quick else ["mini", "base"])
    seconds = 15.0 if arguments.quick else arguments.seconds
    keep_freed_memory()  # helps both
    results = []
    for size in sizes:
        for precision in arguments.precision or ["fp32", "bf16"]:
            rows = ROWS[size] if arguments.rows is None else arguments.rows
            result = measure(size, precision, rows, seconds, arguments.compile)
            results.append(result)
            print(
                f"{size} {precision}, {rows} rows: {result['ratio']} times transformers "
                f"({result['tokens_per_second']:,} against {result['their_tokens_per_second']:,} tokens/s, "
                f"{result['share_of_peak']:.0%} of the peak, {result['steps']} steps)",
                file=sys.stderr,
            )
    if arguments.json:
        print(json.dumps({"benchmark": "pretraining_step", "results": results}))


if __name__ == "__main__":
    main()
