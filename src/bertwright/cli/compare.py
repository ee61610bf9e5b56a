"""``bertwright compare``: one of the paper's comparisons on one's own text, tasks and budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from bertwright.cli.arguments import Common, Count, Real, Whole
from bertwright.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bertwright.comparison.settings import ComparisonSettings


def compare(
    kind: Annotated[
        Literal["pretraining", "masking", "size", "features", "steps"],
        Parameter(help="Which table: 5, 8, 6, 7 of the paper, or figure 5."),
    ],
    file: Annotated[Path | None, Parameter(help="Settings in a TOML file; flags override them.")] = None,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The folder to be made.")],
    model: Annotated[
        Path | None, Parameter(help="features: a model folder, instead of pre-training one.")
    ] = None,
    budget: Annotated[
        str | None, Parameter(help="Of pre-training a row: as much time for each, such as 20m or 90s,")
    ] = None,
    steps: Annotated[Count | None, Parameter(help="or as many updates,")] = None,
    epochs: Annotated[Real | None, Parameter(help="or as many passes over the text,")] = None,
    tokens: Annotated[Count | None, Parameter(help="or as many tokens.")] = None,
    only: Annotated[
        list[str], Parameter(help="These rows alone; the first is compared with.", consume_multiple=True)
    ] = [],  # noqa: B006  (cyclopts reads the default; it is never changed)
    seeds: Annotated[Count | None, Parameter(help="Fine-tuning runs of every cell; 3 by default.")] = None,
    seed: Annotated[Whole | None, Parameter(help="The first of them; 0 by default.")] = None,
    workers: Annotated[
        Count, Parameter(help="Fine-tunings at once, which share the cores: for small models.")
    ] = 1,
    set: Annotated[
        list[str],
        Parameter(
            help="Any other setting as NAME=VALUE (bertwright config show --recipe compare lists them)."
        ),
    ] = [],  # noqa: B006
    resume: Annotated[bool, Parameter(help="Go on with work that was interrupted.")] = False,
    overwrite: Annotated[bool, Parameter(help="Replace OUTPUT, and unfinished work.")] = False,
    common: Common = Common(),
) -> None:
    """Repeat a comparison of the BERT paper on your text, your tasks and your budget.

    pretraining: what next sentences and both directions are worth. masking: how masked words are shown.
    size: depth, width, heads. features: the layers of a frozen encoder against fine-tuning. steps: what
    longer pre-training is worth.

    Every row is pre-trained with the same budget and adapted to the same tasks with several seeds.
    OUTPUT/report.html shows means, spread, paired tests and the paper's own figures beside them;
    OUTPUT/model-ROW are the encoders. Interrupted work goes on with --resume, part by part.

        bertwright compare pretraining comparison.toml --budget 20m -o comparison
        bertwright compare features comparison.toml --model published-model -o layers
    """
    from bertwright.cli.console import Console
    from bertwright.comparison.run import compare as run
    from bertwright.reports.comparison_report import write_comparison

    _require_file(file, set)
    options: dict[str, object] = {
        "pretraining.budget": budget,
        "pretraining.steps": steps,
        "pretraining.epochs": epochs,
        "tokens": tokens,
        "model": None if model is None else str(model),
        "only": only or None,
    }
    options["seeds"] = _seeds(file, options, set, seed, seeds)
    settings = _settings(file, options, set)
    with Console(common) as console:
        result = run(
            kind,
            settings,
            output,
            resume=resume,
            overwrite=overwrite,
            workers=workers,
            progress=console,
        )
        report = write_comparison(output)
        record = result.to_dict()
        console.result(record | {"output": str(output), "report": str(report)}, _shown(record, report))


def _require_file(file: Path | None, assignments: Sequence[str]) -> None:
    """Refuse a comparison of which nothing says what to compare on."""
    if file is None and not assignments:
        raise UsageError(
            "FILE: expected a file of settings in TOML, got none (docs/comparisons.md shows one)"
        )


def _settings(
    file: Path | None, options: Mapping[str, object], assignments: Sequence[str]
) -> ComparisonSettings:
    """Defaults < file < options."""
    from bertwright.cli.given import given_settings
    from bertwright.comparison.settings import LENGTHS, ComparisonSettings
    from bertwright.config.settings import load

    given = given_settings(options, assignments, LENGTHS)
    return load(ComparisonSettings, file=file, overrides=given).value


def _seeds(
    file: Path | None,
    options: Mapping[str, object],
    assignments: Sequence[str],
    first: int | None,
    count: int | None,
) -> list[int] | None:
    """The seeds, where the command line says anything of them: as many as the file has, unless it says.

    Args:
        options: the others, without which the file may not be whole.
    """
    if first is None and count is None:
        return None
    start = first or 0
    return list(range(start, start + (count or len(_settings(file, options, assignments).seeds))))


def _shown(record: Mapping[str, Any], report: Path) -> list[RenderableType]:
    from bertwright.cli.console import table
    from bertwright.reports.comparison_table import headings, legend, lines

    right = range(1, len(headings(record)))
    return [
        table(record["title"], headings(record), lines(record), right=list(right)),
        legend(record),
        f"{record['seconds']:,.0f} s; {report}",
    ]
