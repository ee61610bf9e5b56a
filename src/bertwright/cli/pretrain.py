"""``bertwright pretrain``: a token store -> a pre-trained model folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from bertwright.cli.arguments import Common, Count, Real, TrainingDevice, Whole

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bertwright.pretraining.config import PretrainingSettings
    from bertwright.pretraining.run import PretrainingSummary

Seed = Annotated[Whole | None, Parameter(help="By default 12345; everything random is a function of it.")]

OtherSettings = Annotated[
    list[str], Parameter(help="Any other setting as NAME=VALUE (bertwright config show lists them).")
]
"""Of ``--set``."""


def pretrain(
    recipe: Annotated[Path | None, Parameter(help="Settings in a TOML file; flags override them.")] = None,
    /,
    *,
    data: Annotated[Path, Parameter(help="The token store that `bertwright prepare` made.")],
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The run's folder.")],
    init: Annotated[
        Path | None, Parameter(help="A model folder to go on from; its sizes are the network's.")
    ] = None,
    size: Annotated[
        str | None,
        Parameter(
            help="tiny, mini, small, medium, base or large; by default base, or what learns most in --budget."
        ),
    ] = None,
    objective: Annotated[
        str | None,
        Parameter(help="mlm+nsp (default), mlm, mlm+sop, clm: left-to-right, or bilm: two LSTMs, as ELMo."),
    ] = None,
    steps: Annotated[Count | None, Parameter(help="Length of the run in updates,")] = None,
    epochs: Annotated[Real | None, Parameter(help="or in passes over the text,")] = None,
    budget: Annotated[str | None, Parameter(help="or in time: 30m, 1h30m, 90s, or seconds.")] = None,
    batch_size: Annotated[Count | None, Parameter(help="Instances of an update; by default by size.")] = None,
    learning_rate: Annotated[Real | None, Parameter(help="Highest rate; by default by size.")] = None,
    seed: Seed = None,
    device: TrainingDevice = None,
    set: OtherSettings = [],  # noqa: B006  (cyclopts reads the default; it is never changed)
    resume: Annotated[
        list[Literal["latest", "latest-valid"]] | None,
        Parameter(
            consume_multiple=(0, 1),
            help="Go on from the newest checkpoint; latest-valid passes over damaged ones.",
        ),
    ] = None,
    overwrite: Annotated[bool, Parameter(help="Replace the run in OUTPUT.")] = False,
    common: Common = Common(),
) -> None:
    """Pre-train a BERT: masked language model and next sentence; or one of the models it is compared with.

    OUTPUT/model is the model folder, OUTPUT/report.html the report, OUTPUT/metrics.jsonl the log. Ctrl-C
    saves and stops; --resume goes on exactly as if nothing had happened, and takes its settings from
    OUTPUT.

        bertwright pretrain --data text.store -o RUN --budget 30m

        bertwright pretrain --data text.store -o RUN --init published-model --epochs 3

        torchrun --standalone --nproc-per-node 2 -m bertwright pretrain --data text.store -o RUN --steps 10000
    """
    from bertwright.cli.console import Console
    from bertwright.errors import UsageError
    from bertwright.pretraining.run import pretrain as run

    if resume is not None and overwrite:
        raise UsageError("--resume and --overwrite: expected one of them, got both")
    if init is not None and size is not None:
        raise UsageError("--init and --size: expected one of them, got both (the model has its size)")
    options = {
        "init": None if init is None else str(init),
        "size": size,
        "objective": objective,
        "steps": steps,
        "epochs": epochs,
        "budget": budget,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
        "device": device,
    }
    settings = _settings(recipe, options, set, output if resume is not None else None)
    speaks = _speaks()
    mode = None if resume is None else (resume or ["latest"])[0]
    with Console(common) as console:
        watch = console if speaks else None
        summary = run(data, output, settings, resume=mode or False, overwrite=overwrite, progress=watch)
        if speaks:
            from bertwright.reports.run_report import write_report  # draws, which the start need not wait for

            report = write_report(output)
            console.result({**summary.to_dict(), "report": str(report)}, _shown(summary, report))


def _speaks() -> bool:
    """One voice for all ranks; a single process speaks whatever RANK a batch system may have set."""
    return os.environ.get("WORLD_SIZE", "1") == "1" or os.environ.get("RANK", "0") == "0"


def _settings(
    recipe: Path | None, options: Mapping[str, object], assignments: Sequence[str], resumed: Path | None
) -> PretrainingSettings:
    """Defaults < recipe < options; a resumed run without a recipe starts from its own settings."""
    from bertwright.cli.given import given_settings
    from bertwright.config.settings import flatten, load
    from bertwright.pretraining.config import LENGTHS, PretrainingSettings
    from bertwright.pretraining.run_folder import RunFolder

    given = given_settings(options, assignments, LENGTHS)
    if resumed is not None and recipe is None:
        stored = flatten(RunFolder(resumed).stored_settings())
        return load(PretrainingSettings, overrides={**stored, **given}).value
    return load(PretrainingSettings, file=recipe, overrides=given).value


def _shown(summary: PretrainingSummary, report: Path) -> list[RenderableType]:
    from bertwright.cli.console import table

    rows: list[list[object]] = [
        [name.replace("_", " "), f"{guess.accuracy:.1%}", f"{guess.loss:.3f}"]
        for name, guess in summary.baselines.items()
    ]
    rows.append(["this model", f"{summary.words.accuracy:.1%}", f"{summary.words.loss:.3f}"])
    asked = f"{summary.predicted.guessed.capitalize()} of held-out text"
    shown: list[Any] = [table(asked, ["", "right", "loss"], rows, right=(1, 2))]
    if summary.nsp_accuracy is not None:
        told = f"Pairs of sentences told apart: {summary.nsp_accuracy:.1%}"
        shown.append(f"{told} (always the same answer: {summary.nsp_majority:.1%})")
    shown += [
        f"{summary.steps:,} steps, {summary.tokens / 1e6:,.1f} million tokens in {summary.seconds:,.0f} s "
        f"({summary.tokens_per_second:,.0f} tokens/s, {summary.precision})",
        f"Model: {summary.model}",
        f"Report: {report}",
    ]
    return shown
