"""Whether the fast ways learn what the plain one learns: the loss over some hundred steps, in one drawing.

    python -m benchmarks.loss_curves [--steps 300] [--quick] [--json] [--plot FOLDER] [-o FILE]

The plain way is ``BertForPreTraining`` of transformers in fp32: padding computed, logits of every token, no
kernel of ours. It runs twice, with dropout drawn otherwise the second time: how far the two lie apart is the
noise that the fast ways, in fp32 and in bf16, are to be judged by. All four have the same initial weights,
batches, masks, rate and optimizer.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track

from benchmarks.pretraining_step import Step, batches, our_step, their_step
from benchmarks.records import Records
from bertwright.checkpoints.conversion import to_hugging_face
from bertwright.cli.console import table
from bertwright.model.config import BertConfig
from bertwright.model.host_memory import keep_freed_memory
from bertwright.reports.curves import Line, draw, smoothed

WAYS: Mapping[str, tuple[str, int]] = {
    "plain": ("", 0),
    "plain, other dropout": ("", 1),
    "ours, fp32": ("fp32", 0),
    "ours, bf16": ("bf16", 0),
}
"""Precision of ours, or none for transformers; and the seed of dropout."""
COLORS = ("#888888", "#bbbbbb", "#1f6feb", "#d1652b")
RATE = 5e-4
LAST = 50
"""Steps at the end whose mean loss is compared."""


def new_step(size: str, precision: str) -> Step:
    """From the same initial weights, whichever way."""
    config = BertConfig.published(size)  # type: ignore[arg-type]
    ours, model = our_step(config, precision or "fp32", compiled=False, rate=RATE)
    if precision:
        return ours
    return their_step(config, "fp32", to_hugging_face(model.state_dict(), config), rate=RATE)


def losses(way: str, size: str, rows: int, steps: int) -> list[float]:
    """The loss of every step."""
    precision, seed = WAYS[way]
    step = new_step(size, precision)
    torch.manual_seed(seed)
    shown = track(islice(batches(rows), steps), way, total=steps, console=Console(stderr=True))
    return [step(batch) for batch in shown]


def outcome(found: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Mean losses at the end, and how far each lies from the plain way's."""
    ends = {way: statistics.fmean(values[-LAST:]) for way, values in found.items()}
    return {
        "steps": len(found["plain"]),
        "loss_at_end": {way: round(loss, 4) for way, loss in ends.items()},
        "difference": {way: round(loss - ends["plain"], 4) for way, loss in ends.items()},
        "losses": {way: [round(loss, 4) for loss in values] for way, values in found.items()},
    }


def plot(found: Mapping[str, Sequence[float]], folder: Path) -> None:
    """All curves, smoothed."""
    lines = [
        Line(way, range(1, len(values) + 1), smoothed(values), color)
        for (way, values), color in zip(found.items(), COLORS, strict=True)
    ]
    svg = draw("Pre-training: the loss, plain and fast", lines)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "loss_curves.svg").write_text(svg, encoding="utf-8")


def main() -> None:
    """Train, print, and draw where asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", default="mini")
    parser.add_argument("--rows", type=int, default=32, help="of a batch, of 128 tokens")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--quick", action="store_true", help="under a minute: 20 steps of tiny")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="write an SVG of the curves")
    parser.add_argument(
        "-o", "--output", type=Path, help="runs as JSON lines; again, it goes on behind the last"
    )
    options = parser.parse_args()
    if options.quick:
        options.size, options.rows, options.steps = "tiny", 8, 20
    keep_freed_memory()
    request = {"size": options.size, "rows": options.rows, "steps": options.steps}
    records = Records(options.output, ["way"], request)
    found: dict[str, list[float]] = {}
    for way in WAYS:
        if (way,) not in records.found:
            records.add({"way": way, "losses": losses(way, **request)})
        found[way] = records.found[way,]["losses"]
    result = outcome(found)
    if options.plot:
        plot(found, options.plot)
    if options.json:
        print(json.dumps({"benchmark": "loss_curves", **result}))
        return
    rows = [
        [way, f"{loss:.4f}", f"{result['difference'][way]:+.4f}"]
        for way, loss in result["loss_at_end"].items()
    ]
    heads = ["way", f"loss, last {min(LAST, options.steps)} steps", "from the plain one"]
    Console().print(table("", heads, rows, right=(1, 2)))


if __name__ == "__main__":
    main()
