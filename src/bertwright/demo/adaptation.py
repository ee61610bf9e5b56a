"""Four ways to learn the demo's task: guessing, from scratch, features of the frozen model, fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bertwright import durable, strict_json
from bertwright.demo.labelled_task import LabelledTask, Row
from bertwright.progress import Progress
from bertwright.reports.run_records import Adaptation, AdaptationRow
from bertwright.tables.columns import Columns
from bertwright.tasks.evaluation import evaluate
from bertwright.tasks.feature_settings import FeatureSettings
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.settings import FinetuneSettings

SETTINGS = FinetuneSettings(epochs=12, batch_size=16, learning_rate=1e-3)
"""More and longer steps than the paper's: the rows are few and the model is small (docs/log.md)."""
FROZEN = FinetuneSettings(
    method="features", features=FeatureSettings(layers="last", batch_size=16, learning_rate=3e-3)
)
"""One linear layer on the mean of the last layer's vectors."""
COLUMNS = Columns(text="text", label="label")

FINE_TUNED = "fine-tuned, pre-trained"
FEATURES = "frozen features, pre-trained"
SCRATCH = "from scratch, same model"
MAJORITY = "one answer for all"


def adapt(
    model: Path, task: LabelledTask, folder: Path, seeds: Sequence[int], progress: Progress
) -> Adaptation:
    """Learn ``task`` in each way with each seed (another sample of training rows).

    The dev rows choose the best epoch, and the test rows judge it: on the rows that chose it, a way with more
    epochs to choose from would look better.

    The fine-tuned model of seed s is left in ``folder/seed-s``, the others beside it.
    """
    ways = (
        (SCRATCH, "scratch", SETTINGS.model_copy(update={"from_scratch": True})),
        (FEATURES, "features", FROZEN),
        (FINE_TUNED, "seed", SETTINGS),
    )
    scores: dict[str, list[float]] = {name: [] for name, _, _ in ways}
    dev = _write_rows(folder / "dev.jsonl", task.dev)
    test = _write_rows(folder / "test.jsonl", task.test)
    for seed in seeds:
        train = _write_rows(folder / f"train-{seed}.jsonl", task.train(seed))
        for name, short, settings in ways:
            summary = finetune(
                model,
                train=train,
                dev=dev,
                output=folder / f"{short}-{seed}",
                columns=COLUMNS,
                settings=settings,
                seeds=[seed],
                progress=progress,
            )
            judged = evaluate(summary.output, test, progress=progress)
            scores[name].append(judged.metrics["accuracy"])
    rows = [AdaptationRow(MAJORITY, (task.majority,))]
    rows += [AdaptationRow(name, tuple(found)) for name, found in scores.items()]
    return Adaptation(_told(task), "accuracy", tuple(rows))


def _told(task: LabelledTask) -> str:
    labels = ", ".join(task.labels)
    return (
        f"{task.question} {len(task.labels)} answers ({labels}); {len(task.train(0))} rows to learn from, "
        f"{len(task.dev)} to choose the best epoch by, {len(task.test)} to judge by; pre-training never saw "
        "the last two."
    )


def _write_rows(path: Path, rows: Sequence[Row]) -> Path:
    lines = (strict_json.dump({"text": row.text, "label": row.label}) + "\n" for row in rows)
    durable.write_file(path, "".join(lines))
    return path
