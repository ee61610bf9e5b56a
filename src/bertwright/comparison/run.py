"""A comparison from its settings to its table."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bertwright import strict_json
from bertwright.checkpoints.model_folder import open_model
from bertwright.comparison.cells import Bench, Cell
from bertwright.comparison.encoders import Trained, configurations, trained
from bertwright.comparison.members import KIND, LARGEST_RECORD, RECORD, model_of
from bertwright.comparison.paper import published_name
from bertwright.comparison.plan import Arm, Column, Plan
from bertwright.comparison.planning import plan_of
from bertwright.comparison.result import Comparison, Score
from bertwright.comparison.settings import ComparisonSettings
from bertwright.comparison.tasks import require_readable
from bertwright.comparison.text import identity_of, prepared
from bertwright.comparison.work import Work
from bertwright.data.store import TokenStore
from bertwright.durable import NewDirectory, check_new_directory, link
from bertwright.progress import Progress, Silent
from bertwright.statistics.measures import Measure
from bertwright.statistics.paired import Difference
from bertwright.statistics.runs import differences_of_runs
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.training.ranks import require_single_process


def compare(
    kind: str,
    settings: ComparisonSettings,
    output: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> Comparison:
    """Make one of the paper's comparisons; ``output`` then holds ``comparison.json`` and the encoders.

    What is done so far stands in ``OUTPUT.partial`` until ``output`` is there, and is gone on from with
    ``resume``: also with other tasks, seeds or rows, for which only what is new is done.

    Args:
        kind: ``pretraining``, ``masking``, ``size``, ``features`` or ``steps``.
        output: the new folder.
        resume: go on with the unfinished work of an earlier call on the same text, if there is any.
        overwrite: replace a comparison that is there, and unfinished work.
        workers: fine-tunings at the same time, each in a process with its share of the threads. Small models
            leave most of many cores idle. Where a sum is divided among threads, its last digits are those of
            so many threads.

    Raises:
        InputError: something named here is wrong; nothing was written.
        NonFiniteError, DiskError, RunError: it failed while running; what was finished is kept.
        Interrupted: a signal asked to stop; what was done is kept.
    """
    begun, output, progress = time.monotonic(), Path(output), progress or Silent()
    require_single_process("compare")
    plan = plan_of(kind, settings)
    check_new_directory(output, KIND, overwrite)
    learning = any(encoder.settings is not None for encoder in plan.encoders)
    work = Work(output, kind, identity_of(settings) if learning else {})
    with work.held(resume=resume, overwrite=overwrite):
        store = prepared(settings, work, progress) if learning else None
        tokenizer = _tokenizer(plan, store)
        warnings = require_readable(plan, tokenizer, configurations(plan, tokenizer), progress)
        encoders = {encoder.name: trained(plan, encoder, store, work, progress) for encoder in plan.encoders}
        bench = Bench(plan, settings.seeds, work, progress, workers)
        cells = bench.cells(encoders)
        of_rows = _of_cells(cells.values(), warnings)
        for warning in of_rows:
            progress.warn(warning)
        warnings += of_rows
        result = Comparison(
            plan=plan,
            settings=settings,
            figures={arm.name: encoders[arm.encoder].figures_at(arm) for arm in plan.arms},
            scores=_scores(bench, cells, encoders, settings),
            warnings=warnings,
            seconds=time.monotonic() - begun + work.earlier_seconds,
            output=output,
        )
        _write(result, encoders, overwrite)
    return result


def _tokenizer(plan: Plan, store: Path | None) -> Tokenizer:
    """The one that the first row reads with."""
    if store is not None:
        return TokenStore.open(store).tokenizer()
    return open_model(plan.encoders[0].model or "").tokenizer


def _of_cells(cells: Iterable[Cell], told: Sequence[str]) -> list[str]:
    """What was odd about the data once rows learned from it, as where the vocabulary of one is of another
    language; what all of them found is told once."""
    arms: dict[str, list[str]] = {}
    found: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        column, title = cell.column.name, cell.arm.title
        arms.setdefault(column, []).append(title)
        said = {warning for record in cell.records for warning in record.get("warnings", ())}
        for warning in sorted(said):
            if f"{column}: {warning}" not in told:
                found.setdefault((column, warning), []).append(title)
    return [
        f"{'all rows' if titles == arms[column] else '; '.join(titles)}, {column}: {warning}"
        for (column, warning), titles in found.items()
    ]


def _scores(
    bench: Bench,
    cells: Mapping[tuple[str, str], Cell],
    encoders: Mapping[str, Trained],
    settings: ComparisonSettings,
) -> dict[tuple[str, str], Score]:
    """Every cell beside the one that it is compared with, column by column."""
    measures: dict[str, dict[str, list[Measure]]] = {column.name: {} for column in bench.plan.columns}
    for arm in bench.plan.arms:
        opened = encoders[arm.encoder].open(arm)
        for name, found_there in measures.items():
            found_there[arm.name] = bench.measures(cells[arm.name, name], opened)
    scores = {}
    for column in bench.plan.columns:
        bench.progress.say(f"testing the differences on {column.title}")
        for arm in bench.plan.arms:
            cell = cells[arm.name, column.name]
            there = measures[column.name]
            found = None if arm.against is None else _tested(there, arm, cell.metric, settings)
            scores[arm.name, column.name] = Score(cell, found, _paper(bench.plan, arm, column))
    return scores


def _tested(
    measures: Mapping[str, Sequence[Measure]], arm: Arm, metric: str, settings: ComparisonSettings
) -> Difference | None:
    found = differences_of_runs(
        measures[arm.name],
        measures[arm.against or ""],
        confidence=settings.confidence,
        resamples=settings.resamples,
        shuffles=4 * settings.resamples,
    )
    return found.get(metric)


def _paper(plan: Plan, arm: Arm, column: Column) -> float | None:
    method = column.finetuning.get("method")
    return plan.paper.value(arm.name, published_name(column.kind) + (f"-{method}" if method else ""))


def _write(result: Comparison, encoders: Mapping[str, Trained], overwrite: bool) -> None:
    """The table, and the encoders that were made for it."""
    path = result.output / RECORD
    record = strict_json.dump_for(path, result.to_dict(), max_bytes=LARGEST_RECORD)
    with NewDirectory(result.output, kind=KIND, overwrite=overwrite) as new:
        new.write(RECORD, record + "\n")
        for name, made in encoders.items():
            if made.run is not None:
                _adopt(new, made.model(1.0), model_of(name))


def _adopt(new: NewDirectory, model: Path, folder: str) -> None:
    """Take in the files of a model folder, without copying where the file system has links."""
    (new.path / folder).mkdir()
    for file in sorted(model.iterdir()):
        name = f"{folder}/{file.name}"
        if link(file, new.path / name):
            new.adopt(name)
        else:
            new.write(name, file.read_bytes())
