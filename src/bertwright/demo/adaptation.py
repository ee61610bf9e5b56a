"""Four ways to learn the demo's task: guessing, from scratch, features of the frozen model, fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bertwright import durable, strict_json
from bertwright.checkpoints.model_folder import open_model
from bertwright.demo.labelled_task import LabelledTask, Row
from bertwright.features.extraction import extract
from bertwright.features.linear import fit_linear
from bertwright.progress import Progress
from bertwright.reports.run_folder import Adaptation, AdaptationRow
from bertwright.tasks.columns import Columns
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.kinds import task_kind
from bertwright.tasks.settings import FinetuneSettings

EPOCHS = 6
"""More than the paper's 2 to 4: the rows are few and the model is small."""
COLUMNS = Columns(text="text", label="label")

FINE_TUNED = "fine-tuned, pre-trained"
FEATURES = "frozen features, pre-trained"
SCRATCH = "from scratch, same model"
MAJORITY = "one answer for all"


def adapt(
    model: Path, task: LabelledTask, folder: Path, seeds: Sequence[int], progress: Progress
) -> Adaptation:
    """Learn ``task`` in each way with each seed (another sample of training rows) and score it on dev.

    The fine-tuned model of seed s is left in ``folder/seed-s``.
    """
    scores: dict[str, list[float]] = {SCRATCH: [], FEATURES: [], FINE_TUNED: []}
    dev = _write_rows(folder / "dev.jsonl", task.dev)
    for seed in seeds:
        train = _write_rows(folder / f"train-{seed}.jsonl", task.train(seed))
        scores[FEATURES].append(_features(model, train, dev, progress))
        for name, from_scratch in ((SCRATCH, True), (FINE_TUNED, False)):
            output = folder / f"{'scratch' if from_scratch else 'seed'}-{seed}"
            summary = finetune(
                model,
                train=train,
                dev=dev,
                output=output,
                columns=COLUMNS,
                settings=FinetuneSettings(epochs=EPOCHS, from_scratch=from_scratch),
                seeds=[seed],
                progress=progress,
            )
            scores[name].append(summary.best.metrics["accuracy"])
    rows = [AdaptationRow(MAJORITY, (task.majority,))]
    rows += [AdaptationRow(name, tuple(scores[name])) for name in (SCRATCH, FEATURES, FINE_TUNED)]
    return Adaptation(_told(task), "accuracy", tuple(rows))


def _told(task: LabelledTask) -> str:
    labels = ", ".join(task.labels)
    return (
        f"{task.question} {len(task.labels)} answers ({labels}); {len(task.train(0))} rows to learn from, "
        f"{len(task.dev)} to judge by, which pre-training never saw."
    )


def _write_rows(path: Path, rows: Sequence[Row]) -> Path:
    lines = (strict_json.dump({"text": row.text, "label": row.label}) + "\n" for row in rows)
    durable.write_file(path, "".join(lines))
    return path


def _features(model: Path, train: Path, dev: Path, progress: Progress) -> float:
    """Accuracy of a logistic regression on the mean vectors of the last layer of the frozen encoder."""
    opened = open_model(model)
    kind = task_kind("classify")
    posed = kind.pose(train, COLUMNS, opened.tokenizer, opened.config.max_position_embeddings, "auto")
    task = posed.task
    train_rows, dev_rows = task.encode(posed.train.examples), task.encode(task.read(dev, COLUMNS).examples)
    encoder = opened.encoder()
    train_vectors = extract(encoder, train_rows, progress=progress)
    dev_vectors = extract(encoder, dev_rows, progress=progress)
    train_classes, dev_classes = ([int(row.target) for row in rows] for rows in (train_rows, dev_rows))
    linear = fit_linear(train_vectors, train_classes, dev_vectors, dev_classes, len(set(train_classes)))
    return float((linear.logits(dev_vectors).argmax(axis=1) == dev_classes).mean())
