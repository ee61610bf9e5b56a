"""Fine-tuning: a pre-trained encoder and one new output layer, all trained on labels (paper, section 3.2)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from bertwright import __version__
from bertwright.checkpoints.labels import require_room
from bertwright.checkpoints.members import check_output
from bertwright.checkpoints.model_folder import ModelFolder, open_model, save_model
from bertwright.config.settings import flatten
from bertwright.durable import UnfinishedWork, digest_of_file, require_elsewhere
from bertwright.errors import UsageError, encodable
from bertwright.model.topped_model import ToppedModel
from bertwright.progress import Progress, Silent
from bertwright.tables.columns import Columns
from bertwright.tasks.batches import unknown_share
from bertwright.tasks.devices import device_named
from bertwright.tasks.examples import ExampleFile
from bertwright.tasks.feature_based import VECTORS, FeatureResults, learn_on_features
from bertwright.tasks.feature_model import FILE, METHOD
from bertwright.tasks.jobs import Jobs, Results
from bertwright.tasks.kinds import task_kind
from bertwright.tasks.networks import FILE as TOP_FILE
from bertwright.tasks.networks import TOP, description, new_network, top_tensors
from bertwright.tasks.presets import Preset, preset_of
from bertwright.tasks.run import Materials
from bertwright.tasks.settings import FREE_TO_CHANGE, FinetuneSettings, check_recipe, deciding_metric
from bertwright.tasks.summary import FinetuneSummary
from bertwright.tasks.task import Posed, Task
from bertwright.training.ranks import require_single_process

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
    search: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> FinetuneSummary:
    """Adapt a pre-trained model to a task and save the best of its epochs and seeds.

    What is done so far stands in ``OUTPUT.partial`` until ``output`` is there, and can be gone on from.

    Args:
        model: a model folder.
        kind: the kind of task (:data:`bertwright.tasks.kinds.KINDS`), or the name of a published one, whose
            columns and metric are then known (:data:`bertwright.tasks.presets.PRESETS`).
        train, dev: labelled files (TSV, CSV, JSON lines, Parquet); ``dev`` decides which epoch and seed is
            best.
        output: the new model folder.
        columns: which columns are text and label; guessed when there is only one way to read ``train``.
        settings: the recipe.
        seeds: one run each.
        format: of ``train`` and ``dev``; by default from their names.
        search: try the grid ``settings.search`` with the first seed, and go on with its best point.
        resume: go on with the unfinished work of an earlier call with the same arguments, if there is any.
        overwrite: replace a model folder that is there, and unfinished work.
        progress: is told what was guessed, what is odd about the data, and how the runs go.

    Raises:
        InputError: something named here is wrong (see the subclasses); nothing was written.
        NonFiniteError: the training diverged; nothing was written.
        DiskError: the model could not be written.
        Interrupted: a signal asked to stop; says how to go on.
    """
    begun = time.monotonic()
    model, train, dev, output = Path(model), Path(train), Path(dev), Path(output)
    settings, progress = settings or FinetuneSettings(), progress or Silent()
    require_single_process("finetune")
    _check_request(seeds, output, (model, train, dev), overwrite)
    if search and settings.method == "features":
        raise UsageError("search: expected method finetune, which alone has a grid, got features")
    folder = open_model(model)
    folder = replace(folder, config=folder.config.with_dropout(settings.dropout))
    if settings.method == "finetune":
        folder.require_trainable()
    preset = preset_of(kind)
    settings, columns = preset.settings_for(settings), preset.columns_for(columns or Columns())
    cls = task_kind(preset.kind)
    length = settings.length_for(folder.config, cls.default_length)
    posed = cls.pose(train, columns, folder.tokenizer, length, format, settings)
    check_recipe(settings, posed.task, folder.config)
    require_room(posed.task.to_dict(), train)
    posed = posed.drawn(settings.rows)
    labelled = posed.task.read(dev, format=format)
    materials = _materials(folder, posed, labelled, settings, preset)
    files = _Source.of(train), _Source.of(dev)
    request = _request(materials, files, seeds, search)
    work = UnfinishedWork(output, request, "runs.jsonl")
    with work.held(resume=resume, overwrite=overwrite, worth_keeping=lambda: _has_work(work)):
        warnings = _tell(materials, posed, labelled, progress)
        if settings.method == "features":
            results: Results | FeatureResults = learn_on_features(materials, seeds, work, progress)
        else:
            results = Jobs(materials, seeds, search, work, progress).run()
        summary = _summary(materials, posed, results, warnings, output, begun - work.earlier_seconds)
        _save(materials, summary, results, files, overwrite)
    return summary


@dataclass(frozen=True)
class _Source:
    """A labelled file, and which bytes it had."""

    file: str
    sha256: str

    @classmethod
    def of(cls, path: Path) -> _Source:
        return cls(encodable(path.name), digest_of_file(path))


def _request(
    materials: Materials, files: tuple[_Source, _Source], seeds: Sequence[int], search: bool
) -> dict[str, Any]:
    """Everything that the result depends on."""
    train, dev = files
    settings = flatten(materials.settings)
    return {
        "version": __version__,
        "model": materials.folder.digest,
        "train": train.sha256,
        "dev": dev.sha256,
        "task": _named(materials.task, materials.preset),
        "settings": {name: value for name, value in settings.items() if name not in FREE_TO_CHANGE},
        "seeds": list(seeds),
        "search": search,
    }


def _summary(
    materials: Materials,
    posed: Posed[Any],
    results: Results | FeatureResults,
    warnings: tuple[str, ...],
    output: Path,
    begun: float,
) -> FinetuneSummary:
    return FinetuneSummary(
        kind=materials.task.kind,
        metric=materials.metric,
        runs=results.runs,
        best=results.best,
        points=results.points,
        baseline=materials.task.baseline(materials.train, materials.dev),
        rows=len(materials.dev_examples),
        truncated=_truncated(materials.dev),
        train_rows=len(posed.train),
        train_truncated=_truncated(materials.train),
        method=materials.settings.method,
        batch_size=results.settings.batch_size,
        num_epochs=results.settings.epochs,
        learning_rate=results.learning_rate,
        warnings=warnings,
        seconds=time.monotonic() - begun,
        output=output,
    )


def _has_work(work: UnfinishedWork) -> bool:
    """Whether there is more to go on from than the request."""
    left = ("run-*/attempt-*/checkpoints/step-*", "run-*/checkpoints/step-*", f"{VECTORS}/*/manifest.json")
    return bool(work.records) or any(any(work.directory.glob(pattern)) for pattern in left)


def _check_request(seeds: Sequence[int], output: Path, inputs: Sequence[Path], overwrite: bool) -> None:
    if not seeds:
        raise UsageError("expected at least one seed")
    if len(set(seeds)) != len(seeds):
        raise UsageError(f"expected each seed once, got {', '.join(map(str, seeds))}")
    for path in inputs:
        require_elsewhere(output, path)
    check_output(output, overwrite)


def _tell(
    materials: Materials, posed: Posed[Any], dev: ExampleFile[Any], progress: Progress
) -> tuple[str, ...]:
    """Say what was guessed and what is odd; the warnings are also part of the summary."""
    warnings = posed.oddities(dev)
    unknown = unknown_share(materials.train, materials.task.tokenizer.vocabulary.unk_id)
    if unknown > MUCH_UNKNOWN:
        what = f"{unknown:.0%} of the pieces are unknown to the model's vocabulary"
        warnings.append(f"{posed.train.path.name}: {what}: is it another language or casing?")
    for remark in (*materials.folder.notes, *posed.remarks):
        progress.say(remark)
    for warning in warnings:
        progress.warn(warning)
    return tuple(map(encodable, warnings))


def _materials(
    folder: ModelFolder,
    posed: Posed[Any],
    dev: ExampleFile[Any],
    settings: FinetuneSettings,
    preset: Preset,
) -> Materials:
    task: Task[Any] = posed.task
    return Materials(
        folder=folder,
        task=task,
        settings=settings,
        metric=deciding_metric(settings, task),
        train=posed.encoded,
        dev=task.encode(dev.examples),
        dev_examples=dev.examples,
        device=device_named(settings.device),
        preset=preset.name,
    )


def _named(task: Task[Any], preset: str) -> dict[str, Any]:
    """The task as stored, with the name of the published one that it is."""
    return task.to_dict() | ({"preset": preset} if preset else {})


def _truncated(features: Sequence[Any]) -> int:
    return len({row.example for row in features if row.truncated})


def _save(
    materials: Materials,
    summary: FinetuneSummary,
    results: Results | FeatureResults,
    files: tuple[_Source, _Source],
    overwrite: bool,
) -> None:
    module, stored, more = _trained(materials, results)
    save_model(
        summary.output,
        module,
        materials.folder.tokenizer,
        task=stored | {"metric": summary.metric, "metrics": summary.metrics},
        provenance=_provenance(materials, summary, files),
        more=more,
        overwrite=overwrite,
    )


def _trained(
    materials: Materials, results: Results | FeatureResults
) -> tuple[nn.Module, dict[str, Any], dict[str, dict[str, Tensor]]]:
    """The network to be saved, its task as it is stored, and tensors in files of their own."""
    if isinstance(results, FeatureResults):
        model = results.model
        task = _named(results.task, materials.preset)
        task |= {"method": METHOD, "features": model.description}
        return model.encoder, task, {FILE: dict(model.small.state_dict())}
    module = new_network(materials.task, materials.folder, results.settings, seed=0, from_scratch=True)
    module.load_state_dict(results.learned.weights)
    task = _named(results.learned.task.sealed(module), materials.preset)
    if isinstance(module, ToppedModel):
        return module, task | {TOP: description(module)}, {TOP_FILE: dict(top_tensors(module))}
    return module, task, {}


def _provenance(
    materials: Materials, summary: FinetuneSummary, files: tuple[_Source, _Source]
) -> dict[str, Any]:
    train, dev = (asdict(file) for file in files)
    return {
        "made_by": f"bertwright {__version__} finetune",
        "from_model": materials.folder.manifest.get("digest", encodable(materials.folder.path.name)),
        "train": train | {"rows": summary.train_rows, "truncated": summary.train_truncated},
        "dev": dev | {"rows": summary.rows, "truncated": summary.truncated},
        "settings": flatten(materials.settings) | summary.recipe,
        "baseline": summary.baseline,
        "best_seed": summary.best.seed,
        "seeds": [run.to_dict() for run in summary.runs],
        "search": [point.to_dict() for point in summary.points],
        "warnings": list(summary.warnings),
    }
