"""Fine-tuning: a pre-trained encoder and one new output layer, all trained on labels (paper, section 3.2)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from bertwright import __version__
from bertwright.checkpoints.model_folder import ModelFolder, open_model, save_model
from bertwright.config.settings import flatten
from bertwright.durable import lock, require_absent
from bertwright.errors import SettingsError, UsageError
from bertwright.progress import Progress, Silent
from bertwright.tasks.batches import unknown_share
from bertwright.tasks.columns import Columns
from bertwright.tasks.examples import ExampleFile, overlap_warning
from bertwright.tasks.kinds import task_kind
from bertwright.tasks.run import Learned, Materials, Run, better, run_seed
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.summary import FinetuneSummary
from bertwright.tasks.task import Posed, Task

MUCH_UNKNOWN = 0.1
"""Share of unknown pieces in the training rows that is worth a warning."""


def finetune(
    model: str | Path,
    *,
    kind: str = "classify",
    train: str | Path,
    dev: str | Path,
    output: str | Path,
    columns: Columns | None = None,
    settings: FinetuneSettings | None = None,
    seeds: Sequence[int] = (0,),
    format: str = "auto",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> FinetuneSummary:
    """Adapt a pre-trained model to a task and save the best of its epochs and seeds.

    Args:
        model: a model folder.
        kind: the kind of task, see :data:`bertwright.tasks.kinds.KINDS`.
        train, dev: labelled files (TSV, CSV, JSON lines, Parquet); ``dev`` decides which epoch and seed is
            best.
        output: the new model folder.
        columns: which columns are text and label; guessed when there is only one way to read ``train``.
        settings: the recipe.
        seeds: one run each.
        format: of ``train`` and ``dev``; by default from their names.
        overwrite: replace a model folder that is there.
        progress: is told what was guessed, what is odd about the data, and how the runs go.

    Raises:
        InputError: something named here is wrong (see the subclasses); nothing was written.
        NonFiniteError: the training diverged; nothing was written.
        DiskError: the model could not be written.
    """
    begun = time.monotonic()
    model, train, dev, output = Path(model), Path(train), Path(dev), Path(output)
    settings, progress = settings or FinetuneSettings(), progress or Silent()
    _check_request(seeds, output, (model, train, dev), overwrite)
    with lock(output):
        folder = open_model(model)
        cls = task_kind(kind)
        length = settings.length_for(folder.config, cls.default_length)
        posed = cls.pose(train, columns or Columns(), folder.tokenizer, length, format, settings)
        labelled = posed.task.read(dev, format=format)
        materials = _materials(folder, posed, labelled, settings)
        warnings = _tell(materials, posed, labelled, progress)
        runs, best, learned = _run_seeds(materials, seeds, progress)
        summary = FinetuneSummary(
            kind=kind,
            metric=materials.metric,
            runs=runs,
            best=best,
            baseline=posed.task.baseline(materials.train, materials.dev),
            rows=len(labelled),
            truncated=_truncated(materials.dev),
            train_rows=len(posed.train),
            train_truncated=_truncated(materials.train),
            learning_rate=settings.rate_for(folder.config),
            warnings=warnings,
            seconds=time.monotonic() - begun,
            output=output,
        )
        _save(materials, summary, learned, (train, dev), overwrite)
    return summary


def _check_request(seeds: Sequence[int], output: Path, inputs: Sequence[Path], overwrite: bool) -> None:
    if len(set(seeds)) != len(seeds):
        raise UsageError(f"expected each seed once, got {', '.join(map(str, seeds))}")
    for path in inputs:
        if output.resolve() == path.resolve():
            raise UsageError.at(output, "an output other than the inputs", path.name)
    require_absent(output, overwrite)


def _metric(settings: FinetuneSettings, task: Task[Any]) -> str:
    metric = settings.metric or task.metric_names[0]
    if metric not in task.metric_names:
        raise SettingsError(f"metric: expected one of {', '.join(task.metric_names)}, got {metric}")
    return metric


def _tell(
    materials: Materials, posed: Posed[Any], dev: ExampleFile[Any], progress: Progress
) -> tuple[str, ...]:
    """Say what was guessed and what is odd; the warnings are also part of the summary."""
    warnings = [*posed.train.warnings, *posed.warnings, *dev.warnings, *overlap_warning(posed.train, dev)]
    unknown = unknown_share(materials.train, materials.task.tokenizer.vocabulary.unk_id)
    if unknown > MUCH_UNKNOWN:
        what = f"{unknown:.0%} of the pieces are unknown to the model's vocabulary"
        warnings.append(f"{posed.train.path.name}: {what}: is it another language or casing?")
    for remark in (*materials.folder.notes, *posed.remarks):
        progress.say(remark)
    for warning in warnings:
        progress.say(f"warning: {warning}")
    return tuple(warnings)


def _materials(
    folder: ModelFolder, posed: Posed[Any], dev: ExampleFile[Any], settings: FinetuneSettings
) -> Materials:
    task: Task[Any] = posed.task
    return Materials(
        folder=folder,
        task=task,
        settings=settings,
        metric=_metric(settings, task),
        train=task.encode(posed.train.examples),
        dev=task.encode(dev.examples),
        dev_examples=dev.examples,
        device=_device(settings),
    )


def _device(settings: FinetuneSettings) -> torch.device:
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("device: expected a GPU for cuda, got a machine without one (use device = cpu)")
    return torch.device("cpu" if settings.device == "cpu" or not torch.cuda.is_available() else "cuda")


def _run_seeds(
    materials: Materials, seeds: Sequence[int], progress: Progress
) -> tuple[tuple[Run, ...], Run, Learned]:
    """Every run, the best of them, and the weights of that one; the others' are given up at once."""
    runs: list[Run] = []
    best: Run | None = None
    learned: Learned | None = None
    for number, seed in enumerate(seeds, 1):
        run, found = run_seed(materials, seed, f"fine-tuning, seed {number} of {len(seeds)}", progress)
        runs.append(run)
        if best is None or better(materials.metric, run.metrics, best.metrics):
            best, learned = run, found
    if best is None or learned is None:
        raise UsageError("expected at least one seed")
    return tuple(runs), best, learned


def _truncated(features: Sequence[Any]) -> int:
    return len({row.example for row in features if row.truncated})


def _save(
    materials: Materials,
    summary: FinetuneSummary,
    learned: Learned,
    files: tuple[Path, Path],
    overwrite: bool,
) -> None:
    module = materials.task.new_model(materials.folder, seed=0, from_scratch=True)
    module.load_state_dict(learned.weights)
    task = learned.task.sealed(module)
    save_model(
        summary.output,
        module,
        materials.folder.tokenizer,
        task=task.to_dict() | {"metric": summary.metric, "metrics": summary.metrics},
        provenance=_provenance(materials, summary, files),
        overwrite=overwrite,
    )


def _provenance(materials: Materials, summary: FinetuneSummary, files: tuple[Path, Path]) -> dict[str, Any]:
    train, dev = files
    return {
        "made_by": f"bertwright {__version__} finetune",
        "from_model": materials.folder.manifest.get("digest", materials.folder.path.name),
        "train": {"file": train.name, "rows": summary.train_rows, "truncated": summary.train_truncated},
        "dev": {"file": dev.name, "rows": summary.rows, "truncated": summary.truncated},
        "settings": flatten(materials.settings) | {"learning_rate": summary.learning_rate},
        "baseline": summary.baseline,
        "best_seed": summary.best.seed,
        "seeds": [_brief(run) for run in summary.runs],
    }


def _brief(run: Run) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "epoch": run.epoch,
        "attempts": run.attempts,
        "stuck": run.stuck,
        "metrics": run.metrics,
        "epochs": list(run.epochs),
    }
