"""A pre-training step on a GPU: the share of its peak, and the speed against transformers at its best.

    python -m benchmarks.gpu_step [--quick] [--json]

A step is forward with dropout, both losses, backward and a fused AdamW update, in bf16, on real text; both
sides compiled, theirs with SDPA. They take turns, a few steps each; the figure is the median of the ratios.
Useful operations only are counted: those of tokens and masked positions, none of padding.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks.pretraining_step import instances
from bertwright.checkpoints.conversion import to_hugging_face
from bertwright.data.pretraining_batch import PretrainingBatch
from bertwright.model.config import BertConfig
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.pretraining.flops import training_flops
from bertwright.pretraining.step import PretrainingPart, PretrainingStep
from bertwright.training.machine import matmul_peak

CASES = [("base", 128, 256), ("base", 512, 64), ("large", 512, 32)]
"""Size, length, rows."""
TURN = 5
KEPT = 12
"""Batches that are made before; ``data_share`` is the time of making one, which a run does between steps."""
CUDA = torch.device("cuda")


def our_step(model: BertForPreTraining, compiled: bool) -> Callable[[PretrainingBatch], None]:
    """A step as the loop of ``pretrain`` does it."""
    forward: nn.Module = torch.compile(model) if compiled else model  # type: ignore[assignment]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    loss_of = PretrainingStep(CUDA)

    def step(batch: PretrainingBatch) -> None:
        with torch.autocast("cuda", torch.bfloat16):
            loss = loss_of(
                forward, PretrainingPart(batch, len(batch.masked_labels), len(batch.input_ids))
            ).loss
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def their_step(model: BertForPreTraining) -> Callable[[PretrainingBatch], None]:
    """The same step with transformers' ``BertForPreTraining``: SDPA, compiled, logits of all tokens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import transformers

    config = transformers.BertConfig(**model.config.to_dict(), attn_implementation="sdpa")
    theirs = transformers.BertForPreTraining(config).train()
    theirs.load_state_dict(to_hugging_face(model.state_dict(), model.config), strict=False)
    theirs.to(CUDA)
    forward = torch.compile(theirs)
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=1e-4, fused=True)

    def moved(array: Any) -> torch.Tensor:
        return torch.as_tensor(array, dtype=torch.int64).pin_memory().to(CUDA, non_blocking=True)

    def step(batch: PretrainingBatch) -> None:
        labels = torch.full(batch.input_ids.shape, -100)
        labels.view(-1)[torch.as_tensor(batch.masked_positions)] = torch.as_tensor(batch.masked_labels)
        with torch.autocast("cuda", torch.bfloat16):
            output = forward(
                input_ids=moved(batch.input_ids),
                token_type_ids=moved(batch.token_type_ids),
                attention_mask=moved(batch.attention_mask),
                labels=moved(labels),
                next_sentence_label=moved(batch.next_sentence_labels),
            )
        output.loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def turn(step: Callable[[PretrainingBatch], None], part: list[PretrainingBatch]) -> float:
    """Seconds for the steps of ``part``."""
    torch.cuda.synchronize()
    begun = time.perf_counter()
    for batch in part:
        step(batch)
    torch.cuda.synchronize()
    return time.perf_counter() - begun


def measure(size: str, length: int, rows: int, seconds: float, compiled: bool) -> dict[str, Any]:
    """One case."""
    torch.compiler.reset()
    config = BertConfig.published(size)  # type: ignore[arg-type]
    model = BertForPreTraining(config).train()
    theirs = their_step(model)
    model.to(CUDA)
    ours = our_step(model, compiled)
    made = instances(length, rows)
    began = time.perf_counter()
    stream = itertools.cycle([made.batch(step) for step in range(KEPT)])
    making = (time.perf_counter() - began) / KEPT
    began = time.perf_counter()
    for step in (ours, theirs):
        turn(step, list(itertools.islice(stream, 6)))  # compiles
    warm = time.perf_counter() - began
    ratios, shares, speeds, waits = [], [], [], []
    end = time.perf_counter() + seconds
    peak = matmul_peak("cuda", "bf16")
    while time.perf_counter() < end or len(ratios) < 3:
        part = list(itertools.islice(stream, TURN))
        mine, other = turn(ours, part), turn(theirs, part)
        tokens = sum(int(batch.attention_mask.sum()) for batch in part)
        operations = sum(
            training_flops(config, rows, length, len(batch.masked_labels), int(batch.attention_mask.sum()))
            for batch in part
        )
        ratios.append(other / mine)
        shares.append(operations / mine / peak)
        speeds.append((tokens / mine, tokens / other))
        waits.append(making / (making + mine / TURN))
    return {
        "size": size,
        "length": length,
        "rows": rows,
        "compiled": compiled,
        "ratio": round(statistics.median(ratios), 3),
        "share_of_peak": round(statistics.median(shares), 3),
        "data_share": round(statistics.median(waits), 4),
        "tokens_per_second": round(statistics.median(mine for mine, _ in speeds)),
        "their_tokens_per_second": round(statistics.median(other for _, other in speeds)),
        "peak_teraflops": round(peak / 1e12, 1),
        "gigabytes": round(torch.cuda.max_memory_allocated() / 1e9, 1),
        "warm_up_seconds": round(warm, 1),
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the first case only")
    parser.add_argument("--eager", action="store_true", help="ours not compiled")
    parser.add_argument("--seconds", type=float, default=15, help="for each case")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("no GPU on this machine: nothing was measured", file=sys.stderr)
        sys.exit(2)
    results = []
    for case in CASES[:1] if options.quick else CASES:
        results.append(measure(*case, options.seconds, not options.eager))
        print(json.dumps(results[-1]), file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps({"benchmark": "gpu_step", "results": results}))


if __name__ == "__main__":
    main()
