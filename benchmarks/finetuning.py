"""Majority, from scratch, frozen features and fine-tuned, on real tasks, with the spread over seeds.

    python benchmarks/finetuning.py RUN/model --rows 3000 --seeds 3 [--tasks SST-2 agnews]

Training files are cut to their first ``--rows`` rows; development files are whole.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bertwright.tasks.columns import Columns
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.summary import FinetuneSummary

GUESSED = Columns()


@dataclass(frozen=True)
class LabelledData:
    """One task of the shared data."""

    folder: str
    columns: Columns = GUESSED
    train: str = "train.tsv"
    dev: str = "dev.tsv"
    metric: str = "accuracy"


TASKS = {
    "SST-2": LabelledData("glue/SST-2"),
    "MRPC": LabelledData("glue/MRPC"),
    "RTE": LabelledData("glue/RTE"),
    "QNLI": LabelledData("glue/QNLI"),
    "QQP": LabelledData("glue/QQP"),
    "CoLA": LabelledData("glue/CoLA", Columns("4", None, "2"), metric="matthews_correlation"),
    "agnews": LabelledData("agnews", Columns("1", None, "2")),
    "SICK": LabelledData("sick"),
    "chnsenticorp": LabelledData("zh/chnsenticorp"),
    "lcqmc": LabelledData("zh/lcqmc", Columns("1", "2", "3")),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=["SST-2", "MRPC", "RTE", "agnews"])
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--max-length", type=int, default=64)
    parser.add_argument("--learning-rate", type=float)
    options = parser.parse_args()
    heads = f"{'majority':>9} {'features':>16} {'scratch':>16} {'fine-tuned':>16} {'s':>5}"
    print(f"{'task':14} {'metric':21} {heads}")
    for name in options.tasks:
        with tempfile.TemporaryDirectory() as folder:
            print(row(name, TASKS[name], Path(folder), options), flush=True)


def row(name: str, task: LabelledData, folder: Path, options: argparse.Namespace) -> str:
    """The four ways on one task."""
    begun = time.monotonic()
    source, dev = options.data / task.folder / task.train, options.data / task.folder / task.dev
    train = folder / task.train
    header = int(task.columns.has_header)
    with source.open(encoding="utf-8", newline="\n") as lines:
        train.write_text("".join(line for line, _ in zip(lines, range(options.rows + header), strict=False)))
    features, scratch, tuned = (
        tune(task, train, dev, folder / way, way, options) for way in ("features", "scratch", "tuned")
    )
    majority = features.baseline.get(task.metric, 0.0)
    figures = " ".join(map(shown, (features, scratch, tuned)))
    return f"{name:14} {task.metric:21} {majority:9.3f} {figures} {time.monotonic() - begun:5.0f}"


def tune(
    task: LabelledData, train: Path, dev: Path, output: Path, way: str, options: argparse.Namespace
) -> FinetuneSummary:
    """Learn with every seed; from scratch the encoder has new weights, as features it stays as it is."""
    settings = FinetuneSettings(max_length=options.max_length, metric=task.metric, method="features")
    if way != "features":
        settings = FinetuneSettings(
            epochs=options.epochs,
            max_length=options.max_length,
            learning_rate=options.learning_rate,
            metric=task.metric,
            from_scratch=way == "scratch",
            restarts=0 if way == "scratch" else 2,
        )
    return finetune(
        options.model,
        train=train,
        dev=dev,
        output=output,
        columns=task.columns,
        settings=settings,
        seeds=range(options.seeds),
    )


def shown(summary: FinetuneSummary) -> str:
    """Mean and standard deviation of the deciding metric."""
    spread = summary.spread[summary.metric]
    deviation = "" if spread.deviation is None else f" ± {spread.deviation:.3f}"
    return f"{spread.mean:.3f}{deviation}".rjust(16)


if __name__ == "__main__":
    main()
